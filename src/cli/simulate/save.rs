//! `simulate save`: a domain of a simulated host becomes an image.

use std::io::{self, Write};
use std::time::Duration;

use ia64save::document::name::SimulateSaveName;
use ia64save::document::simulate::SimulateSave;
use ia64save::files::OutputFile;
use ia64save::signals::{self, Guard};
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::transfer::Cancel;
use ia64save_codec::transfer::save::{Options, Save as Engine};
use ia64save_sim::SimSource;

use super::args::{PolicyName, Save};
use super::domain::{self, Made};
use super::sink::Writing;
use super::summary::{Summary, Watch};
use crate::cli::args::EnvelopeKind;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::spare_terminal;
use crate::cli::progress::Progress;
use crate::cli::render::account;
use crate::cli::render::style::{HEADING, Painted};

/// Runs the command.
pub fn run(args: &Save) -> Result<Outcome, Failure> {
    spare_terminal(&args.out)?;
    let made = Made::new(&args.domain, &args.transfer)?;
    if args.remus > 0 && !args.domain.dialect.dialect().spec().checkpoints {
        let text = format!("--remus: {} knows no checkpoints", args.domain.dialect);
        return Err(Failure::Usage(text));
    }
    let file = OutputFile::create(&args.out, !args.no_clobber)?;
    // Whoever reads a pipe may have stopped: a signal ends that.
    let file = file.patiently(Duration::MAX)?;
    let mut file = file.packed(args.packing.of(&args.out))?;
    let guard = Guard::new("the save", "the simulated domain goes with the process")?;
    file.write_all(&before(args, &made)?)?;
    let progress = Progress::new("simulate save", None);
    let page_size = made.host.machine().page_size;
    let mut watch = Watch::new(&progress, page_size, args.remus);
    let mut source = SimSource::new(&made.host, made.domid);
    let mut writing = Writing::new(&mut file);
    let options = Options::default().live(args.live);
    let saved = {
        let mut sink = domain::link(&args.transfer, &made.host, &mut writing);
        Engine::new(&mut source, &mut sink)
            .options(options)
            .policy(domain::policy(&args.transfer).as_mut())
            .observer(&mut watch)
            .cancel(Cancel::on(signals::flag()))
            .run()
    };
    if let Some(error) = writing.error.take() {
        return Err(Failure::Io(error));
    }
    let name = args.out.display().to_string();
    let saved = saved.map_err(|error| Failure::Transfer(name.clone(), Box::new(error)))?;
    file.write_all(&after(args, &made)?)?;
    if signals::is_asked() {
        return Err(Failure::Io(io::Error::other(format!(
            "by {}",
            signals::name()
        ))));
    }
    file.commit_safely()?;
    drop(guard);
    let stretches = std::mem::take(&mut watch.stretches);
    drop(progress);
    let summary = Summary {
        policy: args.transfer.policy.name(),
        workload: (args.transfer.workload.name(), args.transfer.rate),
        live: args.live,
        saved: &saved,
        stretches: &stretches,
        page_size,
    };
    let text = || format!("{}\n\n{summary}", Painted(HEADING, &name));
    let value = || SimulateSave {
        schema: SimulateSaveName,
        file: name.clone(),
        save: summary.document(),
    };
    account::print(Some(&args.out), args.format, text, value)?;
    Ok(Outcome::Fine)
}

impl PolicyName {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            PolicyName::Xen => "xen",
            PolicyName::Adaptive => "adaptive",
        }
    }
}

/// What stands in front of the stream.
fn before(args: &Save, made: &Made) -> Result<Vec<u8>, Failure> {
    Ok(match args.envelope {
        EnvelopeKind::Bare => Vec::new(),
        EnvelopeKind::Xend => xend_header(made.config())?,
        EnvelopeKind::Xl => xl_header(ByteOrder::Little, 0, None)?,
    })
}

/// What stands behind it.
fn after(args: &Save, made: &Made) -> Result<Vec<u8>, Failure> {
    let Some(record) = made.device_model() else {
        return Ok(Vec::new());
    };
    Ok(match args.envelope {
        EnvelopeKind::Bare => Vec::new(),
        EnvelopeKind::Xend => record,
        EnvelopeKind::Xl => {
            let state = &record[DeviceModelKind::Qemu.header_size()..];
            let kind = DeviceModelKind::DeviceModel0002;
            let mut out = device_model_header(kind, state.len() as u64, ByteOrder::Little)?;
            out.extend_from_slice(state);
            out
        }
    })
}
