//! A source goes on after a failure in the way that its kernel wants, on every release; where it cannot, it
//! is not suspended, or stays suspended and can be saved again.
//!
//! The guests bind their VIRQs again when their suspend call has returned 0, and stop in a BUG where those
//! are bound.

use ia64save_codec::transfer::ports::{
    Errno, Introduction, NoWayBack, PortCall, ShutdownReason, SourceDomain as _,
};
use ia64save_codec::transfer::resume::resume;
use ia64save_codec::transfer::save::{Options, Save};
use ia64save_codec::transfer::{Cause, Fate, ResumeMode, Saved, TransferError, Xen};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::hypervisor::{Fault, Kernel};
use ia64save_sim::link::Link;
use ia64save_sim::{DomId, Era, GuestSpec, Host, Machine};

use crate::common::{DomainState, host, restore, state};
use crate::ports::{self, SimSource};

const PAGES: u64 = 40;
const KERNELS: [(Kernel, ResumeMode); 2] = [
    (Kernel::Cancels, ResumeMode::Cancel),
    (Kernel::Restarts, ResumeMode::Reset),
];

/// A host whose control domain passes everything on, and a guest with that kernel. Pages are whole ones:
/// shared_info has to say where start_info is.
fn guest(era: Era, kernel: Kernel) -> (Host, DomId) {
    let host = Host::new(Machine {
        passes_reset: true,
        ..Machine::new(era)
    });
    let domid = GuestSpec::new(Guest::Pv, PAGES).build(&host).unwrap();
    host.set_kernel(domid, kernel).unwrap();
    (host, domid)
}

fn eras() -> impl Iterator<Item = Era> {
    Era::all().filter(|era| ports::reach(*era))
}

fn save(host: &Host, domid: DomId, options: Options) -> Result<(Saved, Vec<u8>), TransferError> {
    let mut source = SimSource::new(host, domid);
    let mut link = Link::new(host, 1 << 24, std::time::Duration::ZERO, Vec::new());
    let mut policy = Xen::default();
    let save = Save::new(&mut source, &mut link).options(options);
    let saved = save.policy(&mut policy).run()?;
    Ok((saved, link.into_receiver()))
}

fn options(live: bool, mode: Option<ResumeMode>, needs_way_back: bool) -> Options {
    Options::default()
        .live(live)
        .resume_mode(mode)
        .needs_way_back(needs_way_back)
}

/// The last context of a save cannot be read: the domain is suspended then.
fn break_the_tail(host: &Host) {
    let nth = host.faults(|faults| faults.calls(PortCall::VcpuContext));
    host.faults(|faults| faults.add(Fault::at(PortCall::VcpuContext, nth, Errno::EIO)));
}

/// What of a domain must not change: start_info may, in the way of a reset.
fn same(one: &DomainState, other: &DomainState, but: Option<u64>) -> bool {
    let page = |state: &DomainState, pfn: u64| state.memory.get(&pfn).cloned();
    let changed = one
        .memory
        .keys()
        .filter(|pfn| page(one, **pfn) != page(other, **pfn));
    one.vcpus == other.vcpus && changed.copied().all(|pfn| Some(pfn) == but)
}

#[test]
fn the_original_s_way_back_kills_both_kernels() {
    for era in eras().filter(|era| ports::can_resume(*era)) {
        for (kernel, _) in KERNELS {
            let (host, domid) = guest(era, kernel);
            let mut source = SimSource::new(&host, domid);
            source.suspend().unwrap();
            // The call alone, which leaves 0 for the guest.
            source.resume().unwrap();
            let info = host.domain_info(domid).unwrap();
            assert_eq!(
                info.shutdown,
                Some(ShutdownReason::Crash),
                "{era} {kernel:?}"
            );
        }
    }
}

#[test]
fn a_source_goes_on_in_the_way_of_its_kernel() {
    for era in eras().filter(|era| ports::can_resume(*era)) {
        for (kernel, mode) in KERNELS {
            for live in [false, true] {
                let (host, domid) = guest(era, kernel);
                let before = state(&host, domid);
                break_the_tail(&host);
                let error = save(&host, domid, options(live, Some(mode), true)).unwrap_err();
                let what = format!("{era} {kernel:?} live {live}");
                assert_eq!(
                    (error.fate, &error.cleanup[..]),
                    (Fate::Resumed, &[][..]),
                    "{what}"
                );
                assert!(host.runs(domid), "{what}");
                let start_info = PAGES - 3;
                assert!(
                    same(&before, &state(&host, domid), Some(start_info)),
                    "{what}"
                );
                // Twice, and once more.
                host.faults(ia64save_sim::hypervisor::Faults::clear);
                save(&host, domid, options(live, Some(mode), true)).unwrap();
                resume(&mut SimSource::new(&host, domid), Some(mode)).unwrap();
                assert!(host.runs(domid), "{what}");
                let left = host.leftovers();
                assert_eq!(
                    (left.exposed_p2ms, left.log_dirty, left.domains),
                    (0, 0, 1),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn the_wrong_way_is_no_way() {
    let era = ports::era(Dialect::D11);
    // A kernel that takes cancels takes a reset too: it is restored then.
    for (kernel, mode, goes_on) in [
        (Kernel::Cancels, ResumeMode::Reset, true),
        (Kernel::Restarts, ResumeMode::Cancel, false),
    ] {
        let (host, domid) = guest(era, kernel);
        let mut source = SimSource::new(&host, domid);
        source.suspend().unwrap();
        resume(&mut source, Some(mode)).unwrap();
        assert_eq!(host.runs(domid), goes_on, "{kernel:?}");
    }
}

#[test]
fn without_a_way_back_nothing_is_suspended_or_it_stays_so() {
    for era in eras() {
        for (kernel, mode) in KERNELS {
            for live in [false, true] {
                let call = ports::can_resume(era);
                for (mode, passes_reset, missing) in [
                    (Some(mode), true, None),
                    (None, true, Some(NoWayBack::UnknownKernel)),
                    (Some(ResumeMode::Reset), false, Some(NoWayBack::NoReset)),
                ] {
                    let missing = if call {
                        missing
                    } else {
                        Some(NoWayBack::NoCall)
                    };
                    let Some(why) = missing else { continue };
                    let host = Host::new(Machine {
                        passes_reset,
                        ..Machine::new(era)
                    });
                    let domid = GuestSpec::new(Guest::Pv, PAGES).build(&host).unwrap();
                    host.set_kernel(domid, kernel).unwrap();
                    let before = state(&host, domid);
                    let what = format!("{era} {kernel:?} live {live} {mode:?}");
                    let error = save(&host, domid, options(live, mode, true)).unwrap_err();
                    assert_eq!(
                        (error.cause, error.fate),
                        (Cause::NoWayBack(why), Fate::Untouched),
                        "{what}"
                    );
                    assert!(host.runs(domid) && state(&host, domid) == before, "{what}");
                    // Who accepts that has it suspended after a failure,
                    break_the_tail(&host);
                    let error = save(&host, domid, options(live, mode, false)).unwrap_err();
                    assert_eq!(error.fate, Fate::NoWayBack(why), "{what}");
                    let info = host.domain_info(domid).unwrap();
                    assert_eq!(info.shutdown, Some(ShutdownReason::Suspend), "{what}");
                    // and nothing of it is lost: saved again, it runs on elsewhere.
                    host.faults(ia64save_sim::hypervisor::Faults::clear);
                    let (_, image) = save(&host, domid, options(false, mode, false)).unwrap();
                    runs_elsewhere(era, kernel, &image, &what);
                }
            }
        }
    }
}

/// An image is restored, connected and let run, and its guest goes on.
fn runs_elsewhere(era: Era, kernel: Kernel, image: &[u8], what: &str) {
    let there = host(era, 16384);
    let (domid, restored) = restore(&there, Guest::Pv, 1, PAGES, image, 1 << 20).unwrap();
    let set = restored.start_info.unwrap();
    assert_eq!(there.alloc_unbound(domid), Ok(set.store_evtchn), "{what}");
    assert_eq!(there.alloc_unbound(domid), Ok(set.console_evtchn), "{what}");
    let told = Introduction {
        store_mfn: set.store_mfn,
        store_port: set.store_evtchn,
        console_mfn: set.console_mfn,
        console_port: set.console_evtchn,
    };
    there.introduce(domid, &told).unwrap();
    // Before fast calls nothing in a context says that its vcpu stands in one.
    if era.meaning() >= ia64save_codec::Era::D1bB {
        there.set_kernel(domid, kernel).unwrap();
    }
    there.unpause(domid).unwrap();
    assert!(there.runs(domid), "{what}");
}

/// A way back that fails leaves the call as it was: what is saved then does not believe that nothing
/// happened.
#[test]
fn an_image_after_a_failed_way_back_is_restored_as_any_other() {
    let era = ports::era(Dialect::D11);
    let (host, domid) = guest(era, Kernel::Cancels);
    let mut source = SimSource::new(&host, domid);
    source.suspend().unwrap();
    for nth in 0..2 {
        host.faults(|faults| faults.add(Fault::at(PortCall::Resume, nth, Errno::EIO)));
    }
    assert!(resume(&mut source, Some(ResumeMode::Cancel)).is_err());
    drop(source);
    let (_, image) = save(&host, domid, options(false, None, false)).unwrap();
    runs_elsewhere(era, Kernel::Cancels, &image, "after a failed way back");
    resume(&mut SimSource::new(&host, domid), Some(ResumeMode::Cancel)).unwrap();
    assert!(host.runs(domid));
}
