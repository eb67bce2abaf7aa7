//! `xen restore`: an image becomes a domain.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use ia64save::document::name::XenRestoreName;
use ia64save::document::word::Hex;
use ia64save::document::xen::XenRestore;
use ia64save::migration::random;
use ia64save::progress::Task;
use ia64save::signals::{self, Guard};
use ia64save::{Loaded, open};
use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Domain as _, Errno};
use ia64save_codec::transfer::restore::{Options, Restore as Engine, Restored};
use ia64save_codec::transfer::{Cancel, Cause, Fate, TransferError};
use ia64save_xen::XenDomain;
use ia64save_xen::abi::domctl;
use ia64save_xen::abi::numbers::CONTROL_DOMAIN;
use ia64save_xen::hypervisor::Hypervisor as _;
use ia64save_xen::machine::Ia64;
use ia64save_xen::transport::{DomainId, Transport as _};
use serde_json::json;

use super::args::Restore;
use super::host::{self, Domain, Hyper};
use super::unfinished::{Record, Unfinished};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::options;
use crate::cli::progress::Progress;
use crate::cli::render::json::print_json;
use crate::cli::render::size::counted;
use crate::cli::render::style;

/// Bytes that a restore is shown at a time.
const STEP: usize = 4 << 20;
/// Pages that a domain may have beyond those that its image names: what the hypervisor makes itself.
const SPARE: u64 = 64;

/// Runs the command.
pub fn run(args: &Restore) -> Result<Outcome, Failure> {
    // The host first: an image may take long to read.
    let unfinished = Unfinished::of(&args.host);
    unfinished.offer();
    let xen = host::open(&args.host)?;
    let done = restore(args, xen, &unfinished)?;
    report(args, &done)?;
    Ok(Outcome::Fine)
}

/// A domain that was restored.
pub(super) struct Done {
    domain: DomainId,
    restored: Restored,
    /// Its event channels to xenstore and console.
    channels: (u32, u32),
}

/// Restores an image.
pub(super) fn restore(
    args: &Restore,
    mut xen: Hyper,
    unfinished: &Unfinished,
) -> Result<Done, Failure> {
    let wanted = options(&args.reading).random_access(true);
    let loaded = open(&args.image, &wanted)?;
    if let Some(error) = &loaded.image().error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    let guard = Guard::new(
        "the restore; the new domain is destroyed",
        "a half-built domain may be left; `ia64save xen recover` finds it",
    )?;
    let (domain, record) = match args.into {
        Some(domain) => (taken(&mut xen, domain)?, begin(unfinished, domain)),
        None => made(args, &mut xen, &loaded, unfinished)?,
    };
    guard.leaves(&format!(
        "domain {domain} is left half-built; {} destroys it",
        unfinished.remedy(domain)
    ));
    // Channels of a domain that is made here go with it.
    let mut channel = |given: Option<u32>| match given {
        Some(port) => Ok(port),
        None => xen.alloc_unbound(domain, CONTROL_DOMAIN),
    };
    let channels = channel(args.store_evtchn)
        .and_then(|store| channel(args.console_evtchn).map(|console| (store, console)));
    let (store_evtchn, console_evtchn) = match channels {
        Ok(channels) => channels,
        Err(errno) => {
            let why = format!("domain {domain}: event channels: {errno}");
            return Err(match args.into {
                Some(_) => io::Error::other(why).into(),
                None => undone(&mut xen, domain, record, unfinished, &why),
            });
        }
    };
    let options = Options::default()
        .dialect(args.reading.dialect.or(loaded.image().read_as()))
        .guest(args.reading.guest)
        .store_evtchn(store_evtchn)
        .console_evtchn(console_evtchn);
    let machine = Ia64::new(xen.release().era());
    let mut target = XenDomain::new(xen, machine, domain);
    let restored = feed(&loaded, &mut target, options);
    host::name_leftover(&target);
    let restored = match restored {
        Ok(restored) => restored,
        Err(error) => {
            if error.fate == Fate::HalfBuilt {
                record.keep();
            }
            let name = loaded.name.clone();
            return Err(failed(name, domain, &mut target, error));
        }
    };
    // A domain of a toolstack's own has the limit that the toolstack wants.
    if args.into.is_none()
        && let Err(errno) = target.fit_limit(restored.p2m_size)
    {
        let why = format!(
            "domain {domain}: the host makes its limit no {}: {errno}",
            counted(restored.p2m_size, "page")
        );
        return Err(undone(
            target.hypervisor(),
            domain,
            record,
            unfinished,
            &why,
        ));
    }
    if let Err(error) = loaded.verify() {
        // What was restored is not what the file says now.
        return Err(match target.destroy() {
            Ok(()) => error.into(),
            Err(_) => undone(
                target.hypervisor(),
                domain,
                record,
                unfinished,
                &error.to_string(),
            ),
        });
    }
    if signals::is_asked() {
        let why = format!("by {}", signals::name());
        return Err(undone(
            target.hypervisor(),
            domain,
            record,
            unfinished,
            &why,
        ));
    }
    if args.start {
        target.unpause().map_err(host::failed(domain))?;
    }
    drop((record, guard));
    Ok(Done {
        domain,
        restored,
        channels: (store_evtchn, console_evtchn),
    })
}

/// A domain that a toolstack has made. One that has anything in it is none: a restore that fails
/// destroys its target.
fn taken(xen: &mut Hyper, domain: DomainId) -> Result<DomainId, Failure> {
    host::require(xen, domain)?;
    let info = xen
        .domain_info(domain)
        .map_err(|errno| host::refused(domain, &errno))?;
    let fresh = info.flags & domctl::PAUSED != 0
        && info.flags & (domctl::SHUTDOWN | domctl::DYING) == 0
        && info.tot_pages == 0;
    if fresh {
        return Ok(domain);
    }
    let text = format!(
        "domain {domain} is not fresh ({}): a restore into it could destroy what it is",
        counted(info.tot_pages, "page")
    );
    Err(Failure::Usage(text))
}

/// Writes down that a domain is half-built from here on.
fn begin(unfinished: &Unfinished, domain: DomainId) -> Record {
    let mut record = unfinished.begin("restore", domain);
    record.add(&json!({ "half_built": true }));
    record
}

/// Destroys a domain that will not be one. Where that fails it is named, with what to do.
fn undone(
    xen: &mut Hyper,
    domain: DomainId,
    record: Record,
    unfinished: &Unfinished,
    why: &str,
) -> Failure {
    let text = match xen.destroy(domain) {
        Ok(()) | Err(Errno::ESRCH) => format!("{why}; domain {domain} has been destroyed"),
        Err(errno) => {
            record.keep();
            let remedy = unfinished.remedy(domain);
            format!("{why}; then {errno}: domain {domain} is left half-built; {remedy} destroys it")
        }
    };
    io::Error::other(text).into()
}

/// A new domain as the image wants it.
fn made(
    args: &Restore,
    xen: &mut Hyper,
    loaded: &Loaded,
    unfinished: &Unfinished,
) -> Result<(DomainId, Record), Failure> {
    let image = loaded.image();
    let guest = args.reading.guest.or(image.guest()).unwrap_or(Guest::Pv);
    let vcpus = args.vcpus.unwrap_or_else(|| loaded.vcpus_wanted());
    let pages: u64 = image.checkpoints.iter().map(|c| c.pages.len() as u64).sum();
    let p2m_size = image.prologue.map_or(0, |prologue| prologue.p2m_size);
    let most = p2m_size
        .min(pages.saturating_mul(64))
        .max(pages)
        .saturating_add(SPARE);
    let kib = most.saturating_mul(xen.page_size() as u64 / 1024);
    let handle = handle()?;
    let why = |errno: Errno| {
        format!(
            "the host makes no {guest} domain of {} and {}: {errno}",
            counted(vcpus.into(), "vcpu"),
            counted(most, "page")
        )
    };
    let domain = match xen.create_domain(guest == Guest::Hvm, handle) {
        Ok(domain) => domain,
        Err(errno) => {
            let mut text = why(errno);
            if let Some(broken) = xen.transport().failure() {
                // Nobody knows its number, if there is one.
                let _ = write!(
                    text,
                    ": {broken}; it may have made one all the same: `ia64save xen list` shows it, paused and \
                     without memory, and `ia64save xen recover` with its number and --destroy destroys it"
                );
            }
            return Err(io::Error::other(text).into());
        }
    };
    let record = begin(unfinished, domain);
    let sized = xen
        .set_max_vcpus(domain, vcpus)
        .and_then(|()| xen.set_max_mem(domain, kib));
    match sized {
        Ok(()) => Ok((domain, record)),
        Err(errno) => Err(undone(xen, domain, record, unfinished, &why(errno))),
    }
}

/// A UUID that no other domain has: random ones carry their version in two places.
fn handle() -> std::io::Result<[u8; 16]> {
    let mut handle: [u8; 16] = random()?;
    handle[6] = handle[6] & 0x0f | 0x40;
    handle[8] = handle[8] & 0x3f | 0x80;
    Ok(handle)
}

/// Shows the stream to a restore. Where that fails the domain has been destroyed.
fn feed(loaded: &Loaded, target: &mut Domain, options: Options) -> Result<Restored, TransferError> {
    let image = loaded.image();
    let data = image.data.clone().unwrap_or_default();
    let stream = data.get(image.stream_offset as usize..).unwrap_or(&[]);
    let progress = Progress::new("xen restore", Some(stream.len() as u64));
    let mut engine = Engine::new(target, options)
        .starting_at(image.stream_offset)
        .cancel(Cancel::on(signals::flag()));
    let (mut begin, mut length) = (0, STEP);
    loop {
        let end = stream.len().min(begin + length);
        let fed = engine.feed(&stream[begin..end], end == stream.len())?;
        begin += fed.consumed;
        length = STEP.max(fed.wanted);
        progress.add(fed.consumed as u64);
        if fed.done {
            return engine.finish();
        }
    }
}

/// Why a restore failed: the image, the host, the way there, a signal.
fn failed(name: String, domain: DomainId, target: &mut Domain, error: TransferError) -> Failure {
    if error.cause == Cause::Cancelled || target.hypervisor().transport().failure().is_some() {
        return host::transfer(domain, target, error);
    }
    Failure::Transfer(name, Box::new(error))
}

/// What `xc_restore` said, and a little more.
fn report(args: &Restore, done: &Done) -> Result<(), Failure> {
    let Done {
        domain,
        restored,
        channels: (store_evtchn, console_evtchn),
    } = done;
    match args.format {
        Format::Text => {
            let mut out = style::stdout();
            writeln!(out, "domain {domain}")?;
            for (name, frame) in [
                ("store-mfn", restored.store_mfn),
                ("console-mfn", restored.console_mfn),
            ] {
                if let Some(frame) = frame {
                    writeln!(out, "{name} {frame}")?;
                }
            }
            let text = format!(
                "domain {domain}: {} read, {} populated{}, {}; {}",
                counted(restored.records, "page"),
                restored.populated.len(),
                match restored.decreased.len() {
                    0 => String::new(),
                    given => format!(", {given} of them given back"),
                },
                counted(restored.consumed, "byte"),
                if args.start {
                    "it runs"
                } else {
                    "it is paused"
                },
            );
            writeln!(style::stderr(), "{text}")?;
        }
        format => {
            let document = XenRestore {
                schema: XenRestoreName,
                domain: *domain,
                guest: restored.guest.map(Guest::name),
                store_mfn: restored.store_mfn.map(Hex),
                console_mfn: restored.console_mfn.map(Hex),
                store_evtchn: *store_evtchn,
                console_evtchn: *console_evtchn,
                num_records: restored.records,
                populated_count: restored.populated.len(),
                decreased_count: restored.decreased.len(),
                consumed: restored.consumed,
                running: args.start,
            };
            print_json(&document, format)?;
        }
    }
    Ok(())
}
