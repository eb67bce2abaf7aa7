//! The crown: a running guest is saved, restored, saved live and migrated, by the engine and this driver, and
//! goes on with its memory as it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ia64save_codec::image::{self, Image};
use ia64save_codec::transfer::policy::{self, Plan, View};
use ia64save_codec::transfer::ports::{Sink, SinkError, SourceDomain, TargetDomain};
use ia64save_codec::transfer::{
    Adaptive, Fate, Observer, Pass, Policy, Restore, Restored, Save, Saved, restore, save,
};
use ia64save_xen::transport::DomainId;

use crate::calls::with;
use crate::guest::{self, HOT, PAGES, State};
use crate::profile::{self, DIALECT, Open};
use crate::report::{Failure, Outcome, equal, holds};
use crate::x86::{PAGE, Shadow, Xen};

/// A test that needs several ways.
pub type Test = (&'static str, fn(&mut Xen<'_>, Open<'_>) -> Outcome);

/// The tests.
pub const TESTS: &[Test] = &[
    ("save_restore", save_restore),
    ("save_and_go_on", save_and_go_on),
    ("live_as_the_original", live_as_the_original),
    ("live_adaptive", live_adaptive),
    ("given_back_pages", given_back),
    ("migration", migration),
    ("save_fails", save_fails),
    ("restore_fails", restore_fails),
];

/// Those that say whether a way to the hypervisor carries a transfer.
pub const WAY: &[Test] = &[
    ("save_restore", save_restore),
    ("live_as_the_original", live_as_the_original),
];

/// Pages that a restore needs beyond those of the guest: I/O pages where ia64 has them.
const MORE: u64 = 4;
/// Bytes a second of the link that live saves go over: the guest has time to write.
const LINK: u64 = 16 << 20;

/// A stream in memory, as fast as a link of so many bytes a second, up to a length.
struct Memory {
    bytes: Vec<u8>,
    filled: usize,
    began: Instant,
    speed: Option<u64>,
    most: usize,
}

impl Memory {
    fn new(speed: Option<u64>) -> Self {
        Memory {
            bytes: Vec::new(),
            filled: 0,
            began: Instant::now(),
            speed,
            most: usize::MAX,
        }
    }

    fn taken(mut self) -> Vec<u8> {
        self.bytes.truncate(self.filled);
        self.bytes
    }
}

impl Sink for Memory {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        if self.filled + bytes > self.most {
            return Err(SinkError {
                reason: "the link is broken".into(),
            });
        }
        self.bytes.resize(self.filled + bytes, 0);
        Ok(&mut self.bytes[self.filled..])
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        self.filled += bytes;
        if let Some(speed) = self.speed {
            let due = Duration::from_micros(self.filled as u64 * 1_000_000 / speed);
            std::thread::sleep(due.saturating_sub(self.began.elapsed()));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn now(&mut self) -> Duration {
        self.began.elapsed()
    }
}

/// Pages that each pass sent.
#[derive(Default)]
struct Passes(Vec<u64>);

impl Observer for Passes {
    fn passed(&mut self, pass: &Pass) {
        self.0.push(pass.sent);
    }
}

/// The guest, running for a while.
fn running(xen: &mut Xen<'_>) -> Result<DomainId, Failure> {
    let domain = guest::build(xen)?;
    let started = xen
        .unpause(domain)
        .map_err(Failure::from)
        .and_then(|()| guest::steps(xen, domain, 5000));
    match started {
        Ok(()) => Ok(domain),
        Err(failure) => {
            let _ = xen.destroy(domain);
            Err(failure)
        }
    }
}

/// Saves a domain into memory.
fn save(
    domain: &mut impl SourceDomain,
    sink: &mut impl Sink,
    live: Option<&mut dyn Policy>,
) -> Result<Saved, Failure> {
    let options = save::Options::default().live(live.is_some());
    let mut passes = Passes::default();
    let save = Save::new(domain, sink)
        .options(options)
        .observer(&mut passes);
    let saved = match live {
        Some(policy) => save.policy(policy).run(),
        None => save.run(),
    };
    let saved = saved.map_err(|error| Failure(format!("save: {error}")))?;
    equal("leftovers of the save", saved.leftovers.clone(), vec![])?;
    equal("pages of the passes", passes.0.iter().sum(), saved.sent)?;
    if options.live {
        println!(
            "      {} pages in {:.2} s, suspended for {:.2} s; passes of {:?}",
            saved.sent,
            saved.total().as_secs_f64(),
            saved.downtime().as_secs_f64(),
            passes.0
        );
    }
    Ok(saved)
}

fn options() -> restore::Options {
    restore::Options::default().dialect(Some(DIALECT))
}

/// Restores an image, in pieces as they come over a link.
fn restore(target: &mut impl TargetDomain, image: &[u8]) -> Result<Restored, Failure> {
    let failed = |error| Failure(format!("restore: {error}"));
    let mut restore = Restore::new(target, options());
    let mut held = Vec::new();
    for piece in image.chunks(1 << 20) {
        held.extend_from_slice(piece);
        let fed = restore.feed(&held, false).map_err(failed)?;
        held.drain(..fed.consumed);
    }
    let fed = restore.feed(&held, true).map_err(failed)?;
    holds(
        "the whole image was taken",
        fed.done && fed.consumed == held.len(),
    )?;
    let restored = restore.finish().map_err(failed)?;
    equal(
        "leftovers of the restore",
        restored.leftovers.clone(),
        vec![],
    )?;
    Ok(restored)
}

/// Restores into a new domain, looks that its memory is that of `before`, and has it go on. It is gone
/// afterwards.
fn lives_on(xen: &mut Xen<'_>, open: Open<'_>, image: &[u8], before: State) -> Outcome {
    let domain = guest::empty(xen, PAGES + MORE)?;
    with(xen, domain, |xen, domain| {
        let mut target = profile::domain(open, domain)?;
        restore(&mut target, image)?;
        goes_on(xen, domain, before)
    })
}

/// Looks that a new domain's memory is that of `before`, and that it goes on from there.
fn goes_on(xen: &mut Xen<'_>, domain: DomainId, before: State) -> Outcome {
    equal("state", guest::verify(xen, domain)?, before)?;
    xen.unpause(domain)?;
    guest::steps(xen, domain, 200_000)?;
    let after = guest::suspend(xen, domain)?;
    equal("it went on once more", after.resumed, before.resumed + 1)?;
    holds("it counts on", after.counter > before.counter + 200_000)?;
    guest::verify(xen, domain).map(|_| ())
}

/// Looks that the last copy of each page in an image is what the guest had.
fn image_of(bytes: &[u8], state: State) -> Result<Image, Failure> {
    let options = image::Options::default()
        .page_size(PAGE)
        .dialect(Some(DIALECT));
    let image = Image::parse(&Bytes::from(bytes.to_vec()), &options);
    if let Some(error) = &image.error {
        return Err(Failure(format!("the image: {error}")));
    }
    for frame in guest::frames() {
        if let Some((_, page)) = image.page_of(0, frame)
            && page != state.page(frame)
            && frame != guest::MAIL
        {
            return Err(Failure(format!(
                "the image's page {frame:#x} is not the guest's"
            )));
        }
    }
    Ok(image)
}

/// Suspended, saved, the old domain destroyed, restored.
fn save_restore(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let domain = running(xen)?;
    let mut saved = Vec::new();
    let mut before = State::default();
    with(xen, domain, |xen, domain| {
        let mut source = profile::domain(open, domain)?;
        let mut sink = Memory::new(None);
        let report = save(&mut source, &mut sink, None)?;
        equal("pages sent", report.sent, PAGES)?;
        equal("vcpus", report.vcpus, vec![0])?;
        before = guest::verify(xen, domain)?;
        saved = sink.taken();
        image_of(&saved, before).map(|_| ())
    })?;
    lives_on(xen, open, &saved, before)
}

/// The old domain goes on as if nothing had been.
fn save_and_go_on(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let domain = running(xen)?;
    with(xen, domain, |xen, domain| {
        let mut source = profile::domain(open, domain)?;
        save(&mut source, &mut Memory::new(None), None)?;
        let before = guest::verify(xen, domain)?;
        source.resume()?;
        guest::steps(xen, domain, 10_000)?;
        let after = guest::suspend(xen, domain)?;
        equal("it went on", after.resumed, before.resumed + 1)?;
        guest::verify(xen, domain).map(|_| ())
    })
}

/// The original's decisions as from 3.4 on: the last pass sends what is dirty. In the time of the
/// profile's dialect it sent everything again, which would hide a lost page.
#[derive(Default)]
struct Original(policy::Xen);

impl Policy for Original {
    fn next<'a>(&'a mut self, view: &View<'_>) -> Plan<'a> {
        self.0.next(view)
    }

    fn enough(&mut self, pass: &Pass, view: &View<'_>) -> bool {
        self.0.enough(pass, view)
    }
}

fn live_as_the_original(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    live(xen, open, &mut Original::default())
}

fn live_adaptive(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    live(xen, open, &mut Adaptive::default())
}

/// Saved while it runs: pages that it writes to meanwhile are sent again, and nothing is lost.
fn live(xen: &mut Xen<'_>, open: Open<'_>, policy: &mut dyn Policy) -> Outcome {
    let domain = running(xen)?;
    let mut saved = Vec::new();
    let mut before = State::default();
    with(xen, domain, |xen, domain| {
        let began = guest::state(xen, domain)?;
        let mut source = profile::domain(open, domain)?;
        let mut sink = Memory::new(Some(LINK));
        let report = save(&mut source, &mut sink, Some(policy))?;
        before = guest::verify(xen, domain)?;
        holds(
            "it ran while it was saved",
            before.counter > began.counter + 1000,
        )?;
        holds("several passes", report.passes > 1)?;
        holds("pages were sent again", report.sent > PAGES)?;
        saved = sink.taken();

        let image = image_of(&saved, before)?;
        let pages = &image.checkpoints[0].pages;
        equal("every page is in the image", pages.distinct() as u64, PAGES)?;
        let mut copies: BTreeMap<u64, usize> = BTreeMap::new();
        for pfn in pages.pfns() {
            *copies.entry(*pfn).or_default() += 1;
        }
        for hot in HOT {
            holds(
                "a hot page was sent in the last pass",
                copies.contains_key(&hot),
            )?;
        }
        holds(
            "a page was sent twice",
            copies.values().any(|copies| *copies > 1),
        )?;

        // Log-dirty is off again: it can be switched on.
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        xen.shadow(domain, Shadow::Off)?;
        Ok(())
    })?;
    lives_on(xen, open, &saved, before)
}

/// Pages that the guest has given back are in the list, and the new domain does not have them.
fn given_back(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let gone: Vec<u64> = (0x500..0x540).collect();
    let domain = running(xen)?;
    let mut saved = Vec::new();
    let mut before = State::default();
    with(xen, domain, |xen, domain| {
        equal(
            "given back",
            xen.decrease(domain, &gone)?,
            gone.len() as u64,
        )?;
        let mut source = profile::domain(open, domain)?;
        let mut sink = Memory::new(None);
        let report = save(&mut source, &mut sink, None)?;
        equal("pages sent", report.sent, PAGES - gone.len() as u64)?;
        equal(
            "in the list",
            u64::from(report.unallocated),
            gone.len() as u64,
        )?;
        before = guest::state(xen, domain)?;
        saved = sink.taken();
        let image = image_of(&saved, before)?;
        let list = image.checkpoints[0].unallocated.as_ref();
        let listed: Vec<u64> = list.map_or_else(Vec::new, |list| list.pfns().collect());
        equal("the list", listed, gone.clone())
    })?;
    let domain = guest::empty(xen, PAGES + MORE)?;
    with(xen, domain, |xen, domain| {
        let mut target = profile::domain(open, domain)?;
        restore(&mut target, &saved)?;
        let there = xen.read(domain, &gone)?.results;
        holds("none of them", there.iter().all(Result::is_err))?;
        xen.unpause(domain)?;
        guest::steps(xen, domain, 10_000)?;
        let after = guest::suspend(xen, domain)?;
        equal("pages that the guest missed", after.lost, 0)
    })
}

/// A stream that a restore takes as it comes: what is sent is in the new domain at once.
struct Wire<'r, 't, T: TargetDomain> {
    restore: &'r mut Restore<'t, T>,
    memory: Memory,
    fed: usize,
    done: bool,
}

impl<T: TargetDomain> Sink for Wire<'_, '_, T> {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        self.memory.space(bytes)
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        self.memory.commit(bytes)?;
        let fed = self
            .restore
            .feed(&self.memory.bytes[self.fed..self.memory.filled], false)
            .map_err(|error| SinkError {
                reason: error.to_string(),
            })?;
        self.fed += fed.consumed;
        self.done = fed.done;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn now(&mut self) -> Duration {
        self.memory.now()
    }
}

/// Two domains at once, the stream between them.
fn migration(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let domain = running(xen)?;
    with(xen, domain, |xen, old| {
        let new = guest::empty(xen, PAGES + MORE)?;
        with(xen, new, |xen, new| {
            let mut source = profile::domain(open, old)?;
            let mut target = profile::domain(open, new)?;
            let mut restore = Restore::new(&mut target, options());
            let mut wire = Wire {
                restore: &mut restore,
                memory: Memory::new(Some(LINK)),
                fed: 0,
                done: false,
            };
            save(&mut source, &mut wire, Some(&mut Original::default()))?;
            holds("the new domain is whole", wire.done)?;
            restore
                .finish()
                .map_err(|error| Failure(format!("restore: {error}")))?;
            let before = guest::verify(xen, old)?;
            xen.destroy(old)?;
            goes_on(xen, new, before)
        })
    })
}

/// A link that breaks: the domain runs on, and log-dirty is off.
fn save_fails(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let domain = running(xen)?;
    with(xen, domain, |xen, domain| {
        let mut source = profile::domain(open, domain)?;
        for most in [100, 1 << 20, 9 << 20] {
            let mut sink = Memory::new(Some(4 * LINK));
            sink.most = most;
            let Err(error) = Save::new(&mut source, &mut sink).run() else {
                return Err(Failure(format!("saved over a link of {most} bytes")));
            };
            equal(
                "what went wrong with cleaning up",
                error.cleanup.clone(),
                vec![],
            )?;
            holds(
                "it runs on",
                matches!(error.fate, Fate::Untouched | Fate::Resumed),
            )?;
            equal("not shut down", xen.info(domain)?.shutdown(), None)?;
            guest::steps(xen, domain, 10_000)?;
            xen.shadow(domain, Shadow::EnableLogDirty)?;
            xen.shadow(domain, Shadow::Off)?;
        }
        guest::suspend(xen, domain)?;
        guest::verify(xen, domain).map(|_| ())
    })
}

/// An image that ends early: the new domain is gone, without a trace.
fn restore_fails(xen: &mut Xen<'_>, open: Open<'_>) -> Outcome {
    let domain = running(xen)?;
    let mut saved = Vec::new();
    with(xen, domain, |_, domain| {
        let mut source = profile::domain(open, domain)?;
        let mut sink = Memory::new(None);
        save(&mut source, &mut sink, None)?;
        saved = sink.taken();
        Ok(())
    })?;
    for length in [0, 100, saved.len() / 2, saved.len() - 1] {
        let domain = guest::empty(xen, PAGES + MORE)?;
        with(xen, domain, |xen, domain| {
            let mut target = profile::domain(open, domain)?;
            let mut restore = Restore::new(&mut target, options());
            let Err(error) = restore.feed(&saved[..length], true) else {
                return Err(Failure(format!("{length} bytes were taken for whole")));
            };
            equal("fate", error.fate, Fate::Destroyed)?;
            drop(restore);
            guest::wait("the new domain is gone", || Ok(xen.info(domain).is_err()))
        })?;
    }
    Ok(())
}
