//! Whole saves and restores against what real hypervisors said: 24 recordings of this driver's agent, linked
//! into a control domain without an operating system.
//!
//! Every call is compared byte by byte, in its order, and every answer is the recorded one; so are the frames
//! of the pages that the agent mapped. What a recording does not hold, the pages themselves and the ends of
//! long answers, is made up here, or comes from the image that was restored.

use std::collections::BTreeMap;
use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::transfer::ports::{Domain as _, Errno, Sink, SinkError, SourceDomain as _};
use ia64save_codec::transfer::{Adaptive, Restore, Save, Saved, restore, save};
use ia64save_corpus::{Golden, golden};
use ia64save_xen::XenDomain;
use ia64save_xen::abi::numbers::CONTROL_DOMAIN;
use ia64save_xen::fake::recorded::Recorded;
use ia64save_xen::fake::{Other, Replay, World};
use ia64save_xen::hypervisor::{Direct, Hypervisor as _};
use ia64save_xen::machine::Ia64;

use super::session::{Asks, Session, is};
use Other::{Less, More};

/// Takes a stream as slowly as the recorded one went.
struct Slow {
    bytes: Vec<u8>,
    space: Vec<u8>,
}

impl Sink for Slow {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        self.space.resize(bytes, 0);
        Ok(&mut self.space)
    }
    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        self.bytes.extend_from_slice(&self.space[..bytes]);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn now(&mut self) -> Duration {
        Duration::from_nanos(self.bytes.len() as u64 * 100)
    }
}

type Xen = XenDomain<Direct<Replay>, Ia64>;

/// Saves the recorded domain; what became of it, and its image.
fn saved(session: &Session, live: bool) -> (Replay, Xen, Saved, Vec<u8>) {
    let (replay, mut xen) = session.open(session.world());
    let domain = session.domain();
    xen.domain_info(domain).unwrap();
    let machine = Ia64::new(session.release.era());
    let mut source = XenDomain::new(xen, machine, domain).with_toolstack(Asks);
    let mut sink = Slow {
        bytes: Vec::new(),
        space: Vec::new(),
    };
    let options = save::Options::default().live(live);
    let mut policy = Adaptive::default();
    let saved = Save::new(&mut source, &mut sink)
        .options(options)
        .policy(&mut policy)
        .run()
        .unwrap_or_else(|error| panic!("{}: {error}", session.name));
    (replay, source, saved, sink.bytes)
}

/// The image has what the hypervisor said.
fn image_is_whole(session: &Session, bytes: Vec<u8>, saved: &Saved) {
    let options = Options::default().era(Some(session.release.era()));
    let image = Image::parse(&bytes.into(), &options);
    assert_eq!(image.error, None, "{}", session.name);
    let checkpoint = &image.checkpoints[0];
    assert_eq!(
        checkpoint.pages.len() as u64,
        saved.sent,
        "{}",
        session.name
    );
    assert_eq!(
        checkpoint.pages.passes(image.ram().unwrap()).len(),
        saved.passes as usize,
        "{}",
        session.name
    );
    let kept = |call: &Recorded| call.read[1].0.bytes.clone();
    let gets = session.calls.iter().filter(|call| is(call, 13)).map(kept);
    for (vcpu, given) in checkpoint.vcpus.iter().zip(gets) {
        assert_eq!(
            vcpu.context.bytes[..given.len()],
            given[..],
            "{}",
            session.name
        );
    }
}

/// What follows a save.
#[derive(PartialEq, Eq)]
enum Then {
    Nothing,
    Resume,
    /// There is no such call before 3.1.
    ResumeInVain,
    Destroy,
}

fn saves(name: &'static str, live: bool, sent: u64, then: &Then, others: &[Other]) {
    let session = Session::new(name);
    let (replay, mut source, saved, bytes) = saved(&session, live);
    match then {
        Then::Nothing => {}
        Then::Resume => source.resume().unwrap(),
        Then::ResumeInVain => {
            assert_eq!(source.resume().unwrap_err().errno, Errno::ENOSYS);
        }
        Then::Destroy => source.destroy().unwrap(),
    }
    drop(source);
    session.ended(&replay, others);
    assert_eq!(saved.sent, sent, "{name}");
    image_is_whole(&session, bytes, &saved);
}

/// Restores an image as it was restored when this was recorded.
fn restores(name: &'static str, image: &str, others: &[Other]) {
    let session = Session::new(name);
    let golden = golden(image);
    let hvm = golden.guest() == Guest::Hvm;
    let (replay, mut xen) = session.open(session.target(hvm));
    let handle = session.first(1).written[0].bytes[20..36]
        .try_into()
        .unwrap();
    let domain = xen.create_domain(hvm, handle).unwrap();
    let parsed = Image::parse(&golden.bytes(), &Options::default());
    let vcpus = parsed.checkpoints[0].vcpus.len() as u32;
    xen.set_max_vcpus(domain, vcpus).unwrap();
    let pages = parsed.checkpoints[0].pages.len() as u64;
    let p2m_size = parsed.prologue.unwrap().p2m_size;
    let most = p2m_size.min(pages * 64).max(pages) + 64;
    xen.set_max_mem(domain, most * 16).unwrap();
    let channels = [0; 2].map(|_| xen.alloc_unbound(domain, CONTROL_DOMAIN).unwrap());
    let options = restore::Options::default()
        .dialect(Some(golden.dialect()))
        .store_evtchn(channels[0])
        .console_evtchn(channels[1]);
    let mut target = XenDomain::new(xen, Ia64::new(session.release.era()), domain);
    let mut engine = Restore::new(&mut target, options);
    engine
        .feed(&golden.bytes(), true)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let done = engine.finish().unwrap();
    assert!(done.leftovers.is_empty(), "{name}");
    target.fit_limit(p2m_size).unwrap();
    drop(target);
    session.ended(&replay, others);
    pages_are_those_of(&golden, &parsed, &replay, &session);
}

/// The image's pages are in the domain, but for what a restore writes anew.
fn pages_are_those_of(golden: &Golden, image: &Image, replay: &Replay, session: &Session) {
    let bytes = golden.bytes();
    let pages = &image.checkpoints[0].pages;
    let last: BTreeMap<u64, usize> = pages
        .pfns()
        .iter()
        .enumerate()
        .map(|(at, pfn)| (*pfn, at))
        .collect();
    let first = session.machine();
    let mut others = 0;
    for (pfn, record) in last {
        let frame = first.map_or(pfn, |first| first - pfn);
        let at = pages.page_offset(record) as usize;
        let same = replay.page(frame).as_deref() == Some(&bytes[at..at + 16384]);
        others += u32::from(!same);
    }
    // start_info; the three or four pages of an HVM domain's devices.
    let most = if golden.guest() == Guest::Hvm { 4 } else { 1 };
    assert!(others <= most, "{}: {others} pages differ", session.name);
}

/// A domain that is not there: one question, and no more.
fn absent(name: &'static str) {
    let session = Session::new(name);
    let (replay, mut xen) = session.open(World::default());
    let refused = xen.domain_info(session.domain());
    assert_eq!(refused, Err(Errno::ESRCH), "{name}");
    session.ended(&replay, &[]);
}

#[test]
fn restores_are_what_real_hypervisors_answered() {
    restores("xen-3.0.3-restore", "real310-pv", &[]);
    restores("xen-3.0.4-restore", "real310-pv", &[]);
    // The limit was not made to fit yet.
    let fits = [More("getdomaininfo"), More("max_mem")];
    restores("xen-3.1.0-restore", "real310-pv", &fits);
    // Nobody asked how the host lays register stacks out.
    let asked = [More("scratch domain")];
    restores("xen-3.2.0-restore", "real320-pv", &asked);
    restores("xen-3.4.0-restore", "real340-pv-2vcpu", &asked);
    restores("xen-3.4.0-hvm-2vcpu-restore", "real340-hvm-2vcpu", &asked);
    restores("xen-4.0.0-restore", "real340-pv-2vcpu", &asked);
}

#[test]
fn cold_saves_are_what_real_hypervisors_answered() {
    saves("xen-3.0.3-save", false, 253, &Then::Nothing, &[]);
    saves("xen-3.0.4-save", false, 253, &Then::Nothing, &[]);
    saves("xen-3.1.0-save-destroy", false, 253, &Then::Destroy, &[]);
    // The call was tried where there is none.
    let tried = [Less("get_memmap")];
    saves("xen-3.2.0-save-fixed", false, 253, &Then::Nothing, &tried);
    saves("xen-3.4.0-save-destroy", false, 253, &Then::Destroy, &[]);
    saves("xen-3.4.0-hvm-2vcpu-save", false, 253, &Then::Nothing, &[]);
    saves("xen-4.0.0-save-destroy", false, 253, &Then::Destroy, &[]);
}

#[test]
fn live_saves_are_what_real_hypervisors_answered() {
    let mapped = [Less("add_physmap_with_gmfn")];
    saves("xen-3.0.3-live-save", true, 270, &Then::Nothing, &mapped);
    saves("xen-3.0.4-live-save", true, 270, &Then::ResumeInVain, &[]);
    saves("xen-3.1.0-live-save-resume", true, 270, &Then::Resume, &[]);
    let tried = [Less("get_memmap")];
    saves(
        "xen-3.3.0-live-save-resume-fixed",
        true,
        278,
        &Then::Resume,
        &tried,
    );
    saves("xen-3.4.0-live-save-resume", true, 294, &Then::Resume, &[]);
    saves("xen-4.0.0-live-save-resume", true, 270, &Then::Resume, &[]);
    saves("xen-4.0.0-hvm-live-save", true, 254, &Then::Nothing, &[]);
}

#[test]
fn a_domain_that_is_not_there_is_asked_after_once() {
    absent("xen-3.1.0-save-absent");
    absent("xen-3.4.0-save-absent");
    absent("xen-4.0.0-save-absent");
}
