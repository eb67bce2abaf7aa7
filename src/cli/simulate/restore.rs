//! `simulate restore`: an image becomes a domain of a simulated host.

use std::path::Path;
use std::time::Duration;

use ia64save::document::failure::Failure as Why;
use ia64save::document::name::SimulateRestoreName;
use ia64save::document::simulate::{RestoreError, SimulateRestore};
use ia64save::files::{self, OutputFile, is_stdout};
use ia64save::progress::Task;
use ia64save::signals::{self, Guard};
use ia64save::{Loaded, open};
use ia64save_codec::transfer::policy::Xen;
use ia64save_codec::transfer::ports::Domain as _;
use ia64save_codec::transfer::restore::{Options, Restore as Engine, Restored};
use ia64save_codec::transfer::save::{self, Save as SaveEngine};
use ia64save_codec::transfer::{Cancel, Cause, TransferError};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::link::Link;
use ia64save_sim::{DomId, Era, Host, Machine, Registers, SimSource, SimTarget};

use super::args::Restore;
use super::left::left;
use super::sink::Writing;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare, spare_terminal};
use crate::cli::progress::Progress;
use crate::cli::render::account;
use crate::cli::render::size::{counted, grouped, human};
use crate::cli::render::style::{ERROR, HEADING, OK, Painted};
use crate::cli::render::table::{Block, Cell};

/// Bytes that a restore is shown at a time.
const STEP: usize = 4 << 20;
/// Pages that a domain may have beyond those that its image names.
const SPARE: u64 = 64;
/// Pages of the largest domain that is taken for one: 128 GiB.
const LARGEST: u64 = 1 << 23;

/// Runs the command.
pub fn run(args: &Restore) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading).random_access(true);
    // Before the domain is made: it may take a while.
    if let Some(out) = &args.resave {
        spare_terminal(out)?;
        if args.no_clobber && !is_stdout(out) && out.symlink_metadata().is_ok() {
            return Err(files::kept(out).into());
        }
    }
    let loaded = open(&args.image, &wanted)?;
    if let Some(out) = &args.resave {
        spare(&loaded, out)?;
    }
    let (host, mut target) = target(args, &loaded)?;
    let guard = Guard::new("the restore", "the simulated domain goes with the process")?;
    let (restored, error) = restore(args, &loaded, &mut target);
    loaded.verify()?;
    let calls = host.counts().total();
    let mut document = SimulateRestore {
        schema: SimulateRestoreName,
        file_size: loaded.file.size,
        stream_offset: loaded.image().stream_offset,
        stream_size: stream_size(&loaded),
        host: host.machine().era.to_string(),
        left: left(&mut target, &restored),
        hypercalls: calls,
        errors: error.iter().map(error_document).collect(),
        resaved_bytes: None,
    };
    if let (None, Some(out)) = (&error, &args.resave) {
        document.resaved_bytes = Some(resave(&host, target.domid(), out, args)?);
    }
    drop(guard);
    let screen = screen(&loaded, &restored, &document, error.is_none());
    account::print(args.resave.as_deref(), args.format, || screen, || document)?;
    match error {
        None => Ok(Outcome::Fine),
        Some(error) => Err(Failure::Transfer(loaded.name.clone(), Box::new(error))),
    }
}

/// A host of the image's era with a fresh domain, as the image describes it.
fn target(args: &Restore, loaded: &Loaded) -> Result<(Host, SimTarget), Failure> {
    let image = loaded.image();
    let era = match (args.host, args.reading.dialect.or(image.read_as())) {
        (Some(era), _) => era,
        (None, Some(dialect)) => Era::from(dialect),
        // What the head leaves open, the newest of its version decides.
        (None, None) => {
            let version = image.version();
            let newest = version.and_then(|version| Dialect::of_version(version).last());
            let broken = || {
                let error = image.error.clone();
                error.map_or_else(
                    || Failure::Usage(format!("{}: name a --dialect", loaded.name)),
                    |error| Failure::Invalid(loaded.name.clone(), error),
                )
            };
            Era::from(newest.ok_or_else(broken)?)
        }
    };
    let guest = args.reading.guest.or(image.guest()).unwrap_or(Guest::Pv);
    let vcpus = args.vcpus.unwrap_or_else(|| loaded.vcpus_wanted());
    let host = Host::new(Machine {
        page_size: args.reading.page_size,
        registers: Registers::Verbatim,
        ..Machine::new(era)
    });
    let p2m_size = image.prologue.map_or(0, |prologue| prologue.p2m_size);
    let mut pages = p2m_size.saturating_add(SPARE);
    if pages > LARGEST {
        // No host gave it so much: as many as come, then.
        pages = image
            .checkpoints
            .iter()
            .map(|c| c.pages.len() as u64)
            .sum::<u64>()
            + SPARE;
    }
    let target = SimTarget::create(&host, guest, vcpus, pages)
        .map_err(|errno| Failure::Usage(format!("the host makes no such domain: {errno}")))?;
    Ok((host, target))
}

/// Shows the stream to a restore; how far it came, and what stopped it.
fn restore(
    args: &Restore,
    loaded: &Loaded,
    target: &mut SimTarget,
) -> (Restored, Option<TransferError>) {
    let image = loaded.image();
    let data = image.data.clone().unwrap_or_default();
    let stream = data.get(image.stream_offset as usize..).unwrap_or(&[]);
    let options = Options::default()
        .dialect(args.reading.dialect.or(image.read_as()))
        .guest(args.reading.guest)
        .store_evtchn(args.store_evtchn)
        .console_evtchn(args.console_evtchn);
    let label = format!("{}: restore", loaded.name);
    let progress = Progress::new(&label, Some(stream.len() as u64));
    let mut engine = Engine::new(target, options)
        .starting_at(image.stream_offset)
        .cancel(Cancel::on(signals::flag()));
    let mut begin = 0;
    let mut length = STEP;
    // The domain has its memory twice otherwise: its own, and what is resident of the file.
    let mut passing = loaded.passing();
    loop {
        let end = stream.len().min(begin + length);
        match engine.feed(&stream[begin..end], end == stream.len()) {
            Ok(fed) => {
                begin += fed.consumed;
                passing.over(fed.consumed);
                length = STEP.max(fed.wanted);
                progress.add(fed.consumed as u64);
                if fed.done {
                    break;
                }
            }
            Err(error) => return (engine.restored().clone(), Some(error)),
        }
    }
    let restored = engine.restored().clone();
    (restored, engine.finish().err())
}

/// Lets the domain run for as long as it takes to suspend it again, and saves it as the original would.
fn resave(host: &Host, domid: DomId, out: &Path, args: &Restore) -> Result<u64, Failure> {
    let file = OutputFile::create(out, !args.no_clobber)?.patiently(Duration::MAX)?;
    let mut file = file.packed(args.packing.of(out))?;
    let mut source = SimSource::new(host, domid);
    source.unpause().map_err(|error| failed(out, &error))?;
    let mut writing = Writing::new(&mut file);
    let options = save::Options::default().live(false);
    let saved = {
        let mut sink = Link::new(host, 0, Duration::ZERO, &mut writing);
        SaveEngine::new(&mut source, &mut sink)
            .options(options)
            .policy(&mut Xen::default())
            .cancel(Cancel::on(signals::flag()))
            .run()
    };
    if let Some(error) = writing.error.take() {
        return Err(Failure::Io(error));
    }
    let saved = saved.map_err(|error| failed(out, &error))?;
    file.commit_safely()?;
    Ok(saved.bytes)
}

fn failed(out: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{}: {error}", out.display()))
}

fn error_document(error: &TransferError) -> RestoreError {
    RestoreError {
        error: match &error.cause {
            Cause::Stream(error) => Why::from(&**error),
            cause => Why {
                offset: Some(error.offset),
                ..Why::said(cause)
            },
        },
        part: error.part.name(),
        cleanup: error.cleanup.iter().map(ToString::to_string).collect(),
    }
}

/// Bytes of the stream alone: those that a restore could take.
fn stream_size(loaded: &Loaded) -> u64 {
    let image = loaded.image();
    let behind = image.trailing.as_ref().map(|trailing| trailing.offset);
    let end = behind.unwrap_or(loaded.file.size);
    end.saturating_sub(image.stream_offset)
}

/// One screen for a person.
fn screen(loaded: &Loaded, restored: &Restored, said: &SimulateRestore, whole: bool) -> String {
    let page_size = loaded.image().page_size as u64;
    let pages = |pages: u64| {
        format!(
            "{} ({})",
            grouped(pages),
            human(pages.saturating_mul(page_size))
        )
    };
    let mut block = Block::new(2);
    block.row("host", format!("simulated, {}", said.host));
    if let Some(guest) = restored.guest {
        block.row("guest", guest.name());
    }
    block.row(
        "read",
        format!(
            "{} of {}",
            grouped(restored.consumed),
            counted(said.stream_size, "byte")
        ),
    );
    block.row("page records", grouped(restored.records));
    block.row("populated", pages(restored.populated.len()));
    if !restored.decreased.is_empty() {
        block.row("given back", pages(restored.decreased.len()));
    }
    if !restored.cleared.is_empty() {
        let list: Vec<_> = restored
            .cleared
            .iter()
            .map(|pfn| format!("{pfn:#x}"))
            .collect();
        block.row("cleared", list.join("  "));
    }
    let mut vcpus: Vec<_> = restored
        .vcpus_set
        .iter()
        .map(|set| set.vcpu.to_string())
        .collect();
    vcpus.dedup();
    if !vcpus.is_empty() {
        block.row("vcpus", vcpus.join(" "));
    }
    for (param, set) in &restored.hvm_params {
        block.row(param.name(), format!("{set:#x}"));
    }
    if let Some(blob) = &restored.hvm_context {
        let context = said.left.hvm_context.as_ref();
        let records = context.map_or(0, |context| context.records.len());
        block.row(
            "HVM context",
            format!(
                "{}, {}",
                counted(blob.len() as u64, "byte"),
                counted(records as u64, "record")
            ),
        );
    }
    if let Some(start_info) = &restored.start_info {
        let text = format!(
            "at pfn {:#x}: nr_pages {}, store event channel {}, console event channel {}",
            restored.start_info_pfn,
            start_info.nr_pages,
            start_info.store_evtchn,
            start_info.console_evtchn
        );
        block.row("start_info", text);
    }
    for (label, frame) in [
        ("store ring", restored.store_mfn),
        ("console ring", restored.console_mfn),
    ] {
        if let Some(frame) = frame {
            block.row(label, format!("pfn {frame:#x}"));
        }
    }
    block.row("hypercalls", grouped(said.hypercalls));
    if let Some(bytes) = said.resaved_bytes {
        block.row("saved again", counted(bytes, "byte"));
    }
    let domain = said.left.domain.as_ref();
    let tot_pages = domain.and_then(|domain| domain.tot_pages).unwrap_or(0);
    block.row(
        "domain",
        if whole {
            Cell::styled(
                OK,
                format!("restored, paused, {}", counted(tot_pages, "page")),
            )
        } else {
            Cell::styled(ERROR, "destroyed")
        },
    );
    format!("{}\n\n{block}", Painted(HEADING, &loaded.name))
}
