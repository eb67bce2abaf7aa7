//! `xen save`: a domain becomes an image.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::cli::render::json::line;
use ia64save::document::name::XenSaveName;
use ia64save::document::transfer::SavedDocument;
use ia64save::document::xen::XenSave;
use ia64save::files::{OutputFile, is_stdout};
use ia64save::signals::{self, Guard};
use ia64save_codec::envelope::{ByteOrder, DeviceModelKind, device_model_header, xend_header};
use ia64save_codec::transfer::ports::{Domain as _, Sink as _};
use ia64save_codec::transfer::resume::{ResumeMode, resume};
use ia64save_codec::transfer::save::{Options, Save as Engine, Saved};
use ia64save_codec::transfer::{Cancel, Cause};
use ia64save_xen::Toolstack;
use ia64save_xen::hypervisor::Hypervisor as _;

use super::args::{Afterwards, Save};
use super::host::{self, Hyper};
use super::sink::Written;
use super::unfinished::Unfinished;
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::spare_terminal;
use crate::cli::progress::Progress;
use crate::cli::render::size::{counted, human};
use crate::cli::render::{account, style};

/// Bytes of a configuration, and of a device model's state, that are taken for one.
const LARGEST: u64 = 64 << 20;

/// Runs the command.
pub fn run(args: &Save) -> Result<Outcome, Failure> {
    let unfinished = Unfinished::of(&args.host);
    unfinished.offer();
    let mut xen = host::open(&args.host)?;
    host::savable(&mut xen, args.domain, &args.suspending)?;
    let toolstack = host::toolstack(&args.suspending)?;
    let done = save(args, xen, toolstack, &unfinished)?;
    // Standard output may hold the image, or the words of a dialogue.
    match args.format {
        Format::Text => writeln!(style::stderr(), "{}", done.text(args))?,
        _ if args.suspending.suspend_dialogue => {
            writeln!(io::stderr(), "{}", line(&done.document(args))?)?;
        }
        format => account::print(Some(&args.out), format, String::new, || done.document(args))?,
    }
    Ok(Outcome::Fine)
}

/// A save that was made.
pub(super) struct Done {
    saved: Saved,
    page_size: u64,
    /// Log-dirty was on already.
    found_log_dirty: bool,
}

/// What is said where log-dirty was on already.
pub(super) const FOUND_LOG_DIRTY: &str = "log-dirty was on already, left by a save that was killed or lost its way to the host: it was begun anew";

impl Done {
    /// For people.
    pub(super) fn text(&self, args: &Save) -> String {
        let saved = &self.saved;
        let note = if self.found_log_dirty {
            format!("{FOUND_LOG_DIRTY}\n")
        } else {
            String::new()
        };
        format!(
            "{note}domain {}: {} ({}) sent in {}, {}; down for {:.3} s; {}",
            args.domain,
            counted(saved.sent, "page"),
            human(saved.sent.saturating_mul(self.page_size)),
            counted(saved.passes.into(), "pass"),
            counted(saved.bytes, "byte"),
            saved.downtime().as_secs_f64(),
            match args.then {
                Afterwards::Suspended => "it is suspended",
                Afterwards::Resume => "it goes on",
                Afterwards::Destroy => "it is destroyed",
            },
        )
    }

    /// For scripts.
    pub(super) fn document(&self, args: &Save) -> XenSave {
        XenSave {
            schema: XenSaveName,
            file: args.out.display().to_string(),
            domain: args.domain,
            fate: match args.then {
                Afterwards::Suspended => "suspended",
                Afterwards::Resume => "runs",
                Afterwards::Destroy => "destroyed",
            },
            notes: self
                .found_log_dirty
                .then_some(FOUND_LOG_DIRTY)
                .into_iter()
                .collect(),
            live: args.live,
            policy: args.transfer.policy.name(),
            saved: SavedDocument::from(&self.saved),
        }
    }
}

/// Saves a domain.
pub(super) fn save(
    args: &Save,
    xen: Hyper,
    mut toolstack: Box<dyn Toolstack>,
    unfinished: &Unfinished,
) -> Result<Done, Failure> {
    let mode = args.way_back.mode(args.domain, toolstack.as_mut())?;
    let to_stdout = is_stdout(&args.out);
    if to_stdout && args.suspending.suspend_dialogue {
        let text =
            "the image and the words of --suspend-dialogue cannot both be on standard output";
        return Err(Failure::Usage(text.into()));
    }
    let page_size = xen.page_size() as u64;
    let front = match &args.config {
        None => Vec::new(),
        Some(path) => xend_header(&contents(path)?)?,
    };
    spare_terminal(&args.out)?;
    let file = OutputFile::create(&args.out, !args.no_clobber)?;
    // Whoever reads a pipe may stop, and the guest stands still meanwhile.
    let file = file.patiently(Duration::from_secs(args.wait))?;
    let mut file = file.packed(args.packing.of(&args.out))?;
    if args.then == Afterwards::Destroy && !args.trust_output {
        safe(args, &file)?;
    }
    let domain = args.domain;
    let guard = Guard::new(
        &format!("the save of domain {domain}, which goes on"),
        &format!(
            "domain {domain} may stay suspended, with log-dirty on; {} mends it",
            unfinished.remedy(domain)
        ),
    )?;
    let record = unfinished.begin("save", domain);
    let mut source = host::source(xen, domain, toolstack, &args.suspending);
    let progress = Progress::new("xen save", None);
    let saved = write(args, &mut file, &front, (&mut source, mode), &progress);
    drop(progress);
    let saved = saved.and_then(|saved| {
        if signals::is_asked() {
            let text = format!("domain {domain}: by {}: it goes on", signals::name());
            return Err(io::Error::other(text).into());
        }
        let committed = match args.then {
            Afterwards::Destroy => file.commit_safely(),
            Afterwards::Suspended | Afterwards::Resume => file.commit(),
        };
        Ok(committed.map(|()| saved)?)
    });
    let saved = match saved {
        Ok(saved) => saved,
        Err(failure) => {
            // The engine has seen to a save that failed; what failed later has not been.
            if let Err(error) = resume(&mut source, mode) {
                let remedy = unfinished.remedy(domain);
                let text = format!("{failure}; then {error}: {remedy} lets domain {domain} go on");
                record.keep();
                return Err(io::Error::other(text).into());
            }
            return Err(failure);
        }
    };
    let remedy = unfinished.remedy(domain);
    let failed = |error: Cause| {
        let text = format!(
            "domain {domain} is saved, and stays suspended: {error}; {remedy} lets it go on"
        );
        io::Error::other(text)
    };
    match args.then {
        Afterwards::Suspended => {}
        Afterwards::Resume => {
            if let Err(error) = resume(&mut source, mode) {
                record.keep();
                return Err(failed(error).into());
            }
        }
        Afterwards::Destroy => {
            if let Err(error) = source.destroy() {
                record.keep();
                return Err(host::undestroyed(source.hypervisor(), domain, &error));
            }
        }
    }
    let found_log_dirty = source.found_log_dirty();
    drop((record, guard));
    Ok(Done {
        saved,
        page_size,
        found_log_dirty,
    })
}

/// Whether what will be written outlives the machine: nothing is destroyed for less.
fn safe(args: &Save, file: &OutputFile) -> Result<(), Failure> {
    let Some(kind) = file.unsafe_kind()? else {
        return Ok(());
    };
    let name = args.out.display();
    Err(Failure::Usage(format!(
        "{name} is {kind}: nobody can say that an image is safe there, and --then destroy would leave nothing \
         else of domain {}; write to a file or a block device, or say --trust-output",
        args.domain
    )))
}

fn write(
    args: &Save,
    file: &mut OutputFile,
    front: &[u8],
    (source, mode): (&mut host::Domain, Option<ResumeMode>),
    progress: &Progress,
) -> Result<Saved, Failure> {
    let mut sink = Written::new(file, progress);
    // The error of the file, which it names, says more than the engine's.
    let broken = |sink: &mut Written<'_, &mut OutputFile>| {
        let error = sink.error.take()?;
        Some(Failure::Io(io::Error::other(error.to_string())))
    };
    if let Err(error) = sink.write(front) {
        return Err(broken(&mut sink).unwrap_or_else(|| host::refused(args.domain, &error)));
    }
    let options = Options::default()
        .live(args.live)
        .skip_unreadable(args.transfer.skip_unreadable)
        .resume_mode(mode)
        .needs_way_back(args.then == Afterwards::Resume && !args.accept_loss);
    let saved = Engine::new(source, &mut sink)
        .options(options)
        .policy(host::policy(&args.transfer).as_mut())
        .cancel(Cancel::on(signals::flag()))
        .run();
    let saved = match saved {
        Ok(saved) => saved,
        Err(error) => {
            let broken = broken(&mut sink);
            return Err(broken.unwrap_or_else(|| host::transfer(args.domain, source, error)));
        }
    };
    if let Some(path) = &args.device_model {
        let state = device_model(path)?;
        if let Err(error) = sink.write(&state).and_then(|()| sink.flush()) {
            return Err(broken(&mut sink).unwrap_or_else(|| host::refused(args.domain, &error)));
        }
    }
    Ok(saved)
}

/// The device model's state as xend puts it behind the stream.
pub fn device_model(path: &Path) -> Result<Vec<u8>, Failure> {
    let state = contents(path)?;
    let mut record =
        device_model_header(DeviceModelKind::Qemu, state.len() as u64, ByteOrder::Little)?;
    record.extend(state);
    Ok(record)
}

/// A file that is no longer than it may be.
pub fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    let named = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(named)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(named)?;
    if bytes.len() as u64 > LARGEST {
        let text = format!("{}: longer than {LARGEST} bytes", path.display());
        return Err(Failure::Usage(text));
    }
    Ok(bytes)
}
