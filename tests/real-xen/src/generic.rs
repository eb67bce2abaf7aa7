//! The driver's own generic calls, typed, over each of its back ends: hypercalls as bytes, and
//! libxenctrl.
//!
//! What a domain needs on x86 before they can be called is made by [`x86`](crate::x86).

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::Errno;
use ia64save_xen::hypervisor::Hypervisor;
use ia64save_xen::transport::Layout;

use crate::calls::with;
use crate::guest::{self, FRAMES, PAGES};
use crate::report::{Failure, Outcome, equal, holds};
use crate::x86::{ABSENT, PAGE, Xen, u64_at};

/// A test of a back end.
pub type Test = (
    &'static str,
    fn(&mut Xen<'_>, &mut dyn Hypervisor) -> Outcome,
);

/// The tests.
pub const TESTS: &[Test] = &[
    ("domains", domains),
    ("limits", limits),
    ("memory", memory),
    ("foreign_pages", foreign_pages),
    ("hvm_param", hvm_param),
    ("hvm_context", hvm_context),
    ("vcpus", vcpus),
    ("log_dirty", log_dirty),
    ("pause_and_suspend", pause_and_suspend),
    ("event_channel", event_channel),
    ("destroy", destroy),
];

/// The value, or why there is none.
fn told<T>(what: &str, result: Result<T, Errno>) -> Result<T, Failure> {
    result.map_err(|errno| Failure(format!("{what}: {errno}")))
}

fn refused<T: std::fmt::Debug>(what: &str, result: Result<T, Errno>, with: Errno) -> Outcome {
    match result {
        Err(errno) if errno == with => Ok(()),
        other => Err(Failure(format!("{what}: expected {with}, found {other:?}"))),
    }
}

fn domains(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    equal("page size", driver.page_size(), PAGE)?;
    refused("absent", driver.domain_info(ABSENT), Errno::ESRCH)?;
    refused("none behind it", driver.next_domain(ABSENT), Errno::ESRCH)?;
    let domain = guest::empty(xen, 8)?;
    with(xen, domain, |xen, domain| {
        xen.populate(domain, &[0, 1], 0)?;
        let info = told("info", driver.domain_info(domain))?;
        let raw = xen.info(domain)?;
        equal("number", info.domain, domain)?;
        equal("flags", info.flags, u64::from(raw.flags))?;
        equal("pages", (info.tot_pages, info.max_pages), (2, 8))?;
        equal("shared_info", info.shared_info_frame, guest::SHARED_INFO)?;
        equal("highest vcpu", info.max_vcpu_id, 0)?;
        let all = told("domains", driver.domains())?;
        let all: Vec<_> = all.iter().map(|info| info.domain).collect();
        equal("all", all, vec![0, domain])
    })
}

fn limits(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused(
        "vcpus, absent",
        driver.set_max_vcpus(ABSENT, 1),
        Errno::ESRCH,
    )?;
    refused(
        "memory, absent",
        driver.set_max_mem(ABSENT, 4),
        Errno::ESRCH,
    )?;
    let domain = xen.create(2)?;
    with(xen, domain, |_, domain| {
        refused("too many", driver.set_max_vcpus(domain, 3), Errno::EINVAL)?;
        told("vcpus", driver.set_max_vcpus(domain, 2))?;
        told("memory", driver.set_max_mem(domain, 64))?;
        let info = told("info", driver.domain_info(domain))?;
        equal("both", (info.max_vcpu_id, info.max_pages), (1, 16))
    })
}

fn memory(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("highest, absent", driver.maximum_gpfn(ABSENT), Errno::ESRCH)?;
    let domain = guest::empty(xen, 10)?;
    with(xen, domain, |xen, domain| {
        let frames: Vec<u64> = (0..16).collect();
        let populated = told("populate", driver.populate(domain, &frames))?;
        equal("as far as it goes", populated.done, 10)?;
        holds("and why not further", populated.error.is_some())?;
        equal("pages", xen.info(domain)?.tot_pages, 10)?;
        // It goes on behind a page that is not there.
        let taken = told(
            "decrease",
            driver.decrease_reservation(domain, &[0, 12, 1, 13, 2]),
        )?;
        equal("taken", taken, 3)?;
        equal("left", xen.info(domain)?.tot_pages, 7)?;
        let populated = told("populate", driver.populate(domain, &[0x900]))?;
        equal("one", (populated.done, populated.error), (1, None))?;
        equal(
            "highest",
            told("highest", driver.maximum_gpfn(domain))?,
            0x900,
        )
    })
}

fn foreign_pages(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    let domain = guest::empty(xen, 1024)?;
    with(xen, domain, |xen, domain| {
        let frames: Vec<u64> = (0..1024).collect();
        xen.populate(domain, &frames, 0)?;
        let layout = Layout {
            at: 8,
            stride: 8 + PAGE,
        };
        let mut records = vec![0; frames.len() * layout.stride];
        for (frame, record) in frames.iter().zip(records.chunks_exact_mut(layout.stride)) {
            record.fill(*frame as u8);
        }
        let mut results = vec![Err(Errno::EIO); frames.len()];
        told(
            "write",
            driver.write_foreign(domain, &frames, &records, layout, &mut results),
        )?;
        holds("all written", results.iter().all(Result::is_ok))?;
        let mut back = records.clone();
        for record in back.chunks_exact_mut(layout.stride) {
            record[8..].fill(0);
        }
        results.fill(Err(Errno::EIO));
        told(
            "read",
            driver.read_foreign(domain, &frames, &mut back, layout, &mut results),
        )?;
        holds("all read", results.iter().all(Result::is_ok))?;
        holds("the same", back == records)?;

        let mut results = [Ok(()); 3];
        let holes = [1023, 1024, 5];
        told("clear", driver.clear_foreign(domain, &holes, &mut results))?;
        let there = results.map(|result| result.is_ok());
        equal("cleared", there, [true, false, true])?;
        let mut page = vec![1; PAGE];
        let mut result = [Ok(())];
        let packed = Layout::packed(PAGE);
        told(
            "read one",
            driver.read_foreign(domain, &[5], &mut page, packed, &mut result),
        )?;
        holds("zeros", page.iter().all(|byte| *byte == 0))
    })
}

fn hvm_param(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("absent", driver.hvm_param(ABSENT, 1), Errno::ESRCH)?;
    let domain = guest::empty(xen, 1)?;
    with(xen, domain, |xen, domain| {
        told("set", driver.set_hvm_param(domain, 1, 0x39001))?;
        equal("get", told("get", driver.hvm_param(domain, 1))?, 0x39001)?;
        equal("raw", xen.param(domain, 1)?, 0x39001)?;
        refused("beyond", driver.hvm_param(domain, 1000), Errno::EINVAL)?;
        refused(
            "set beyond",
            driver.set_hvm_param(domain, 1000, 1),
            Errno::EINVAL,
        )
    })
}

fn hvm_context(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("absent", driver.hvm_context_size(ABSENT), Errno::ESRCH)?;
    refused(
        "get, absent",
        driver.hvm_context(ABSENT, 8192),
        Errno::ESRCH,
    )?;
    refused(
        "set, absent",
        driver.set_hvm_context(ABSENT, &[0; 64]),
        Errno::ESRCH,
    )?;
    let domain = guest::build(xen)?;
    with(xen, domain, |_, domain| {
        let size = told("size", driver.hvm_context_size(domain))?;
        let context = told("get", driver.hvm_context(domain, size))?;
        holds("not longer than the bound", context.len() <= size)?;
        refused("too small", driver.hvm_context(domain, 64), Errno::ENOSPC)?;
        told("set", driver.set_hvm_context(domain, &context))?;
        refused(
            "junk",
            driver.set_hvm_context(domain, &[0x5a; 64]),
            Errno::ENODATA,
        )
    })
}

fn vcpus(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    const BYTES: usize = 5168;
    refused("absent", driver.vcpu_info(ABSENT, 0), Errno::ESRCH)?;
    refused(
        "context, absent",
        driver.vcpu_context(ABSENT, 0, BYTES),
        Errno::ESRCH,
    )?;
    let domain = guest::empty(xen, 1)?;
    with(xen, domain, |_, domain| {
        holds(
            "offline",
            !told("info", driver.vcpu_info(domain, 0))?.online,
        )?;
        refused("absent vcpu", driver.vcpu_info(domain, 7), Errno::EINVAL)?;
        refused(
            "never ran",
            driver.vcpu_context(domain, 0, BYTES),
            Errno::ENODATA,
        )
    })?;
    let domain = guest::build(xen)?;
    with(xen, domain, |_, domain| {
        holds("online", told("info", driver.vcpu_info(domain, 0))?.online)?;
        let context = told("context", driver.vcpu_context(domain, 0, BYTES))?;
        equal("where it begins", u64_at(&context, 512 + 8 + 128), 0x1000)
    })
}

fn log_dirty(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("absent", driver.enable_log_dirty(ABSENT), Errno::ESRCH)?;
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        let mut dirty = PfnBitmap::new(FRAMES + 1);
        told("on", driver.enable_log_dirty(domain))?;
        refused("on twice", driver.enable_log_dirty(domain), Errno::EINVAL)?;
        told("clean", driver.clean_dirty(domain, &mut dirty))?;
        xen.unpause(domain)?;
        guest::steps(xen, domain, 100)?;
        let state = guest::suspend(xen, domain)?;
        told("peek", driver.peek_dirty(domain, &mut dirty))?;
        let swept = (u64::from(state.counter >> guest::STEPS) + 1).min(512);
        equal("dirty", dirty.len(), 1 + 32 + swept)?;
        holds("a hot page", dirty.contains(guest::HOT.start))?;
        let peeked = dirty.clone();
        told("clean", driver.clean_dirty(domain, &mut dirty))?;
        equal("the same", &dirty, &peeked)?;
        told("peek", driver.peek_dirty(domain, &mut dirty))?;
        equal("none", dirty.len(), 0)?;
        told("off", driver.disable_log_dirty(domain))
    })
}

fn pause_and_suspend(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("pause, absent", driver.pause(ABSENT), Errno::ESRCH)?;
    refused("unpause, absent", driver.unpause(ABSENT), Errno::ESRCH)?;
    refused("resume, absent", driver.resume(ABSENT), Errno::ESRCH)?;
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        told("unpause", driver.unpause(domain))?;
        guest::steps(xen, domain, 1000)?;
        told("pause", driver.pause(domain))?;
        holds("paused", xen.info(domain)?.paused())?;
        told("unpause", driver.unpause(domain))?;
        guest::suspend(xen, domain)?;
        told("resume", driver.resume(domain))?;
        guest::steps(xen, domain, 1000)?;
        told("shut down", driver.shut_down(domain, 3))?;
        guest::wait("it has shut down", || {
            Ok(xen.info(domain)?.shutdown() == Some(3))
        })
    })
}

fn event_channel(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("absent", driver.alloc_unbound(ABSENT, 0), Errno::ESRCH)?;
    let domain = guest::empty(xen, 1)?;
    with(xen, domain, |xen, domain| {
        let port = told("port", driver.alloc_unbound(domain, 0))?;
        equal("unbound", xen.evtchn_status(domain, port)?, 1)
    })
}

fn destroy(xen: &mut Xen<'_>, driver: &mut dyn Hypervisor) -> Outcome {
    refused("absent", driver.destroy(ABSENT), Errno::ESRCH)?;
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        equal("pages", xen.info(domain)?.tot_pages, PAGES)?;
        told("destroy", driver.destroy(domain))?;
        guest::wait("it is gone", || Ok(xen.info(domain).is_err()))?;
        refused("once more", driver.destroy(domain), Errno::ESRCH)
    })
}
