//! Every generic call, as it succeeds and as it fails.

use ia64save_codec::transfer::ports::Errno;
use ia64save_xen::transport::{Argument, Buffer, DomainId, Hypercall, Layout, Link};

use crate::guest::{self, PAGES};
use crate::report::{Failure, Outcome, Test, equal, holds, refused};
use crate::x86::{ABSENT, INTERFACE, PAGE, Shadow, Xen, put64, u64_at};

/// The tests.
pub const TESTS: &[Test] = &[
    ("call/version", version),
    ("call/interface_version", interface_version),
    ("call/unsound", unsound),
    ("call/create", create),
    ("call/getdomaininfo", getdomaininfo),
    ("call/getdomaininfolist", getdomaininfolist),
    ("call/max_vcpus", max_vcpus),
    ("call/paging_pool", paging_pool),
    ("call/max_mem", max_mem),
    ("call/populate", populate),
    ("call/decrease_reservation", decrease),
    ("call/maximum_gpfn", maximum_gpfn),
    ("call/foreign_pages", foreign_pages),
    ("call/foreign_pages_records", foreign_pages_records),
    ("call/hvm_param", hvm_param),
    ("call/hvm_context", hvm_context),
    ("call/getvcpuinfo", getvcpuinfo),
    ("call/getvcpucontext", getvcpucontext),
    ("call/log_dirty", log_dirty),
    ("call/pause", pause),
    ("call/shutdown", shutdown),
    ("call/resume", resume),
    ("call/event_channel", event_channel),
    ("call/destroy", destroy),
];

/// Runs a test on a domain, which is gone afterwards without a trace however the test went.
pub fn with(
    xen: &mut Xen<'_>,
    domain: DomainId,
    test: impl FnOnce(&mut Xen<'_>, DomainId) -> Outcome,
) -> Outcome {
    let outcome = test(xen, domain);
    let gone = gone(xen, domain);
    outcome.and(gone)
}

fn gone(xen: &mut Xen<'_>, domain: DomainId) -> Outcome {
    match xen.destroy(domain) {
        Ok(()) => {}
        Err(error) if error.errno == Errno::ESRCH => {}
        Err(error) => return Err(error.into()),
    }
    guest::wait("the domain is gone", || {
        Ok(xen.list(domain)?.iter().all(|info| info.domain != domain))
    })
}

/// A test on a domain that may have `pages` pages and has none.
fn empty(
    xen: &mut Xen<'_>,
    pages: u64,
    test: impl FnOnce(&mut Xen<'_>, DomainId) -> Outcome,
) -> Outcome {
    let domain = guest::empty(xen, pages)?;
    with(xen, domain, test)
}

/// A test on the guest before its first step.
fn built(xen: &mut Xen<'_>, test: impl FnOnce(&mut Xen<'_>, DomainId) -> Outcome) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, test)
}

fn version(xen: &mut Xen<'_>) -> Outcome {
    equal("version", xen.version()?, (4, 17))
}

fn interface_version(xen: &mut Xen<'_>) -> Outcome {
    xen.probe(INTERFACE)?;
    for other in [3, 5, 8, INTERFACE - 1, INTERFACE + 1] {
        refused("another version", xen.probe(other), Errno::EACCES)?;
    }
    Ok(())
}

/// What cannot be carried out is refused before anything reaches the kernel.
fn unsound(xen: &mut Xen<'_>) -> Outcome {
    let mut bytes = [0; 16];
    let mut attempt = |arguments: [Argument; 5], links: &[Link]| {
        let mut buffers = [Buffer::in_out(&mut bytes)];
        xen.transport.hypercall(&mut Hypercall {
            number: 17,
            arguments,
            buffers: &mut buffers,
            links,
        })
    };
    let none = Argument::Value(0);
    let absent = [none, Argument::Buffer(1), none, none, none];
    equal("no such buffer", attempt(absent, &[]), Err(Errno::EINVAL))?;
    let link = Link {
        holder: 0,
        offset: 9,
        target: 0,
    };
    let whole = [none, Argument::Buffer(0), none, none, none];
    equal("a link beyond", attempt(whole, &[link]), Err(Errno::EINVAL))?;
    let mut out = vec![0; PAGE];
    let found = xen.transport.read_foreign(
        0,
        &[0, 1],
        &mut out,
        Layout::packed(PAGE),
        &mut [Ok(()), Ok(())],
    );
    equal("pages that do not fit", found, Err(Errno::EINVAL))
}

fn create(xen: &mut Xen<'_>) -> Outcome {
    refused("without vcpus", xen.create(0), Errno::EINVAL)?;
    refused("with too many vcpus", xen.create(4096), Errno::EINVAL)?;
    let domain = xen.create(2)?;
    with(xen, domain, |xen, domain| {
        let info = xen.info(domain)?;
        holds("HVM", info.hvm())?;
        holds("paused", info.paused())?;
        holds(
            "neither dying nor shut down",
            !info.dying() && info.shutdown().is_none(),
        )?;
        equal("pages", info.tot_pages, 0)
    })
}

fn getdomaininfo(xen: &mut Xen<'_>) -> Outcome {
    let own = xen.info(0)?;
    equal("own number", own.domain, 0)?;
    holds("the control domain is paravirtual", !own.hvm())?;
    equal("online vcpus", own.online_vcpus, 1)?;
    refused("of an absent domain", xen.info(ABSENT), Errno::ESRCH)?;
    empty(xen, 256, |xen, domain| {
        xen.populate(domain, &[0, 1, 2], 0)?;
        equal(
            "shared_info",
            xen.info(domain)?.shared_info_frame,
            guest::SHARED_INFO,
        )?;
        let info = xen.info(domain)?;
        equal("number", info.domain, domain)?;
        equal("pages", (info.tot_pages, info.max_pages), (3, 256))?;
        equal("highest vcpu", info.max_vcpu_id, 0)
    })
}

fn getdomaininfolist(xen: &mut Xen<'_>) -> Outcome {
    let before = xen.list(0)?;
    equal("the control domain alone", before.len(), 1)?;
    empty(xen, 1, |xen, domain| {
        let list: Vec<_> = xen.list(0)?.iter().map(|info| info.domain).collect();
        equal("domains", list, vec![0, domain])?;
        equal("from the domain on", xen.list(domain)?.len(), 1)?;
        equal("behind it", xen.list(domain + 1)?.len(), 0)
    })
}

fn max_vcpus(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.max_vcpus(ABSENT, 1), Errno::ESRCH)?;
    let domain = xen.create(2)?;
    with(xen, domain, |xen, domain| {
        refused("none", xen.max_vcpus(domain, 0), Errno::EINVAL)?;
        refused(
            "other than created",
            xen.max_vcpus(domain, 3),
            Errno::EINVAL,
        )?;
        xen.max_vcpus(domain, 2)?;
        equal("highest vcpu", xen.info(domain)?.max_vcpu_id, 1)
    })
}

fn paging_pool(xen: &mut Xen<'_>) -> Outcome {
    refused("absent", xen.set_paging_pool(ABSENT, 1 << 20), Errno::ESRCH)?;
    let domain = xen.create(1)?;
    with(xen, domain, |xen, domain| {
        xen.set_paging_pool(domain, 4 << 20)?;
        equal("bytes", xen.paging_pool(domain)?, 4 << 20)?;
        refused(
            "half a page",
            xen.set_paging_pool(domain, 2048),
            Errno::EINVAL,
        )
    })
}

fn max_mem(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.max_mem(ABSENT, 4), Errno::ESRCH)?;
    empty(xen, 4, |xen, domain| {
        equal("four pages", xen.info(domain)?.max_pages, 4)?;
        xen.max_mem(domain, 32)?;
        equal("eight pages", xen.info(domain)?.max_pages, 8)
    })
}

fn populate(xen: &mut Xen<'_>) -> Outcome {
    // No error: nothing was done, as where there is no memory.
    equal("absent domain", xen.populate(ABSENT, &[0], 0)?, 0)?;
    empty(xen, 600, |xen, domain| {
        equal("no page", xen.populate(domain, &[], 0)?, 0)?;
        equal("pages", xen.populate(domain, &[5, 6, 9], 0)?, 3)?;
        equal("a superpage", xen.populate(domain, &[512], 9)?, 1)?;
        equal("all", xen.info(domain)?.tot_pages, 3 + 512)?;
        equal("no room for another", xen.populate(domain, &[1024], 9)?, 0)?;
        let pages = xen.read(domain, &[5, 7, 9, 512, 1023, 1024])?;
        let there: Vec<_> = pages.results.iter().map(Result::is_ok).collect();
        equal("there", there, vec![true, false, true, true, true, false])
    })
}

fn decrease(xen: &mut Xen<'_>) -> Outcome {
    equal("absent domain", xen.decrease(ABSENT, &[0])?, 0)?;
    empty(xen, 8, |xen, domain| {
        xen.populate(domain, &[0, 1, 2, 3], 0)?;
        equal("two", xen.decrease(domain, &[1, 2])?, 2)?;
        equal("left", xen.info(domain)?.tot_pages, 2)?;
        let there = xen.read(domain, &[0, 1, 2, 3])?.results;
        let there: Vec<_> = there.iter().map(Result::is_ok).collect();
        equal("there", there, vec![true, false, false, true])
    })
}

fn maximum_gpfn(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.maximum_gpfn(ABSENT), Errno::ESRCH)?;
    empty(xen, 8, |xen, domain| {
        xen.populate(domain, &[3, 0x1234], 0)?;
        equal("highest", xen.maximum_gpfn(domain)?, 0x1234)?;
        xen.decrease(domain, &[0x1234])?;
        equal("it never falls", xen.maximum_gpfn(domain)?, 0x1234)
    })
}

fn foreign_pages(xen: &mut Xen<'_>) -> Outcome {
    const MANY: u64 = 1024;
    let absent = xen.read(ABSENT, &[0, 1]);
    holds(
        "no page of an absent domain",
        absent.is_err() || absent.is_ok_and(|pages| pages.results.iter().all(Result::is_err)),
    )?;
    empty(xen, MANY, |xen, domain| {
        let frames: Vec<u64> = (0..MANY).map(|n| n * 2).collect();
        equal("populated", xen.populate(domain, &frames, 0)?, MANY)?;
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|frame| (*frame).to_le_bytes().repeat(PAGE / 8))
            .collect();
        let written = xen.write(domain, &frames, &bytes)?;
        holds("all written", written.iter().all(Result::is_ok))?;
        let back = xen.read(domain, &frames)?;
        holds("all read", back.results.iter().all(Result::is_ok))?;
        holds("the same bytes", back.bytes == bytes)?;

        // Every other page is a hole.
        let mixed: Vec<u64> = (0..64).collect();
        let back = xen.read(domain, &mixed)?;
        for (frame, result) in mixed.iter().zip(&back.results) {
            equal("a page's result", result.is_ok(), frame % 2 == 0)?;
        }
        let (even, _) = back.bytes.as_chunks::<{ 2 * PAGE }>();
        for (index, pages) in even.iter().enumerate() {
            equal("a page beside holes", u64_at(pages, 0), index as u64 * 2)?;
        }
        let results = xen.write(domain, &mixed, &vec![0xff; mixed.len() * PAGE])?;
        equal(
            "written beside holes",
            results.iter().filter(|r| r.is_ok()).count(),
            32,
        )?;
        let results = xen.clear(domain, &mixed)?;
        equal(
            "cleared beside holes",
            results.iter().filter(|r| r.is_ok()).count(),
            32,
        )?;
        let back = xen.read(domain, &[0, 62, 64])?.bytes;
        holds("zeros", back[..2 * PAGE].iter().all(|byte| *byte == 0))?;
        equal("the next page", u64_at(&back, 2 * PAGE), 64)?;

        let none = xen.read(domain, &[])?;
        equal("no page", none.results.len(), 0)
    })
}

/// Pages come out of records and go into records, whose heads stay as they are.
fn foreign_pages_records(xen: &mut Xen<'_>) -> Outcome {
    const STRIDE: usize = 8 + PAGE;
    empty(xen, 8, |xen, domain| {
        let frames = [3, 1, 2];
        xen.populate(domain, &frames, 0)?;
        let mut records = vec![0x55; 3 * STRIDE];
        for (index, frame) in frames.iter().enumerate() {
            put64(&mut records, index * STRIDE, *frame);
            records[index * STRIDE + 8..][..PAGE].fill(*frame as u8);
        }
        let layout = Layout {
            at: 8,
            stride: STRIDE,
        };
        let mut results = [Ok(()); 3];
        let wrong = |errno: Errno| Failure(format!("a batch as a whole: {errno}"));
        xen.transport
            .write_foreign(domain, &frames, &records, layout, &mut results)
            .map_err(wrong)?;
        equal("written", results, [Ok(()); 3])?;
        let mut back = records.clone();
        for record in back.chunks_exact_mut(STRIDE) {
            record[8..].fill(0xaa);
        }
        xen.transport
            .read_foreign(domain, &frames, &mut back, layout, &mut results)
            .map_err(wrong)?;
        equal("read", results, [Ok(()); 3])?;
        holds("the same records", back == records)?;
        let pages = xen.read(domain, &[1, 2, 3])?.bytes;
        let firsts = [pages[0], pages[PAGE], pages[2 * PAGE]];
        equal("each in its place", firsts, [1, 2, 3])
    })
}

fn hvm_param(xen: &mut Xen<'_>) -> Outcome {
    refused("of an absent domain", xen.param(ABSENT, 1), Errno::ESRCH)?;
    refused("set there", xen.set_param(ABSENT, 1, 0), Errno::ESRCH)?;
    empty(xen, 1, |xen, domain| {
        for (index, value) in [(1, 0x39001), (2, 7), (17, 0x39002)] {
            equal("before", xen.param(domain, index)?, 0)?;
            xen.set_param(domain, index, value)?;
            equal("after", xen.param(domain, index)?, value)?;
        }
        refused("beyond", xen.param(domain, 1000), Errno::EINVAL)?;
        refused("set beyond", xen.set_param(domain, 1000, 0), Errno::EINVAL)
    })?;
    refused("of a paravirtual domain", xen.param(0, 1), Errno::EINVAL)
}

fn hvm_context(xen: &mut Xen<'_>) -> Outcome {
    refused("size, absent", xen.context_size(ABSENT), Errno::ESRCH)?;
    refused(
        "set, absent",
        xen.set_context(ABSENT, &[0; 8]),
        Errno::ESRCH,
    )?;
    built(xen, |xen, domain| {
        let size = xen.context_size(domain)?;
        let context = xen.context(domain, size)?;
        refused("too small", xen.context(domain, 64), Errno::ENOSPC)?;
        let cpu = xen.context_record(domain, 2, 0, 1032)?;
        equal("where it begins", u64_at(&cpu, 640), 0x1000)?;
        holds(
            "the record is in the context",
            context.windows(cpu.len()).any(|window| window == cpu),
        )?;
        let absent = xen.context_record(domain, 2, 1, 1032);
        holds("no record of an absent vcpu", absent.is_err())?;
        xen.set_context(domain, &context)?;
        let again = xen.context(domain, size)?;
        equal("as long as before", again.len(), context.len())
    })
}

fn getvcpuinfo(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.vcpu(ABSENT, 0), Errno::ESRCH)?;
    built(xen, |xen, domain| {
        let before = xen.vcpu(domain, 0)?;
        holds("online once it has a context", before.online)?;
        refused("absent vcpu", xen.vcpu(domain, 1), Errno::EINVAL)?;
        xen.unpause(domain)?;
        guest::steps(xen, domain, 1000)?;
        holds(
            "it has run",
            xen.vcpu(domain, 0)?.cpu_time > before.cpu_time,
        )
    })?;
    empty(xen, 1, |xen, domain| {
        holds("offline before", !xen.vcpu(domain, 0)?.online)
    })
}

fn getvcpucontext(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.vcpu_context(ABSENT, 0), Errno::ESRCH)?;
    empty(xen, 1, |xen, domain| {
        refused("it never ran", xen.vcpu_context(domain, 0), Errno::ENODATA)?;
        refused("absent vcpu", xen.vcpu_context(domain, 1), Errno::EINVAL)
    })?;
    built(xen, |xen, domain| {
        let context = xen.vcpu_context(domain, 0)?;
        equal("where it begins", u64_at(&context, 512 + 8 + 128), 0x1000)
    })
}

fn log_dirty(xen: &mut Xen<'_>) -> Outcome {
    let on = Shadow::EnableLogDirty;
    refused("absent domain", xen.shadow(ABSENT, on), Errno::ESRCH)?;
    built(xen, |xen, domain| {
        xen.shadow(domain, on)?;
        xen.dirty(domain, Shadow::Clean, guest::FRAMES)?;
        let (bitmap, pages) = xen.dirty(domain, Shadow::Peek, guest::FRAMES)?;
        equal("pages spoken of", pages, guest::FRAMES)?;
        equal("before it runs", set(&bitmap), vec![])?;

        // It writes to the hot pages, to the first of the sweep and to its control page; the mail page is
        // written by us. That is all.
        xen.unpause(domain)?;
        guest::steps(xen, domain, 200)?;
        let state = guest::suspend(xen, domain)?;
        let swept = u64::from(state.counter >> guest::STEPS) + 1;
        let expected: Vec<u64> = std::iter::once(2)
            .chain(guest::HOT)
            .chain(guest::SWEEP.take(swept.min(512) as usize))
            .collect();
        let (peeked, _) = xen.dirty(domain, Shadow::Peek, guest::FRAMES)?;
        equal("peek", set(&peeked), expected.clone())?;
        let (cleaned, _) = xen.dirty(domain, Shadow::Clean, guest::FRAMES)?;
        equal("clean", set(&cleaned), expected)?;
        let (after, _) = xen.dirty(domain, Shadow::Peek, guest::FRAMES)?;
        equal("after the clean", set(&after), vec![])?;
        xen.shadow(domain, Shadow::Off)?;
        guest::verify(xen, domain).map(|_| ())
    })
}

/// The frames in a bitmap.
pub fn set(bitmap: &[u8]) -> Vec<u64> {
    (0..bitmap.len() as u64 * 8)
        .filter(|bit| bitmap[*bit as usize / 8] >> (bit % 8) & 1 == 1)
        .collect()
}

fn pause(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.pause(ABSENT), Errno::ESRCH)?;
    refused("unpause there", xen.unpause(ABSENT), Errno::ESRCH)?;
    refused("oneself", xen.pause(0), Errno::EINVAL)?;
    built(xen, |xen, domain| {
        xen.unpause(domain)?;
        guest::steps(xen, domain, 100)?;
        xen.pause(domain)?;
        let stands = guest::state(xen, domain)?;
        std::thread::sleep(std::time::Duration::from_millis(20));
        equal("it stands still", guest::state(xen, domain)?, stands)?;
        holds("and is called paused", xen.info(domain)?.paused())?;
        xen.unpause(domain)?;
        refused("unpaused once more", xen.unpause(domain), Errno::EINVAL)?;
        guest::steps(xen, domain, 100)
    })
}

fn shutdown(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.shutdown(ABSENT, 0), Errno::ESRCH)?;
    built(xen, |xen, domain| {
        xen.unpause(domain)?;
        guest::steps(xen, domain, 10)?;
        equal("it runs", xen.info(domain)?.shutdown(), None)?;
        xen.shutdown(domain, 3)?;
        guest::wait("it has shut down", || {
            Ok(xen.info(domain)?.shutdown() == Some(3))
        })
    })
}

fn resume(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.resume(ABSENT), Errno::ESRCH)?;
    built(xen, |xen, domain| {
        xen.unpause(domain)?;
        guest::steps(xen, domain, 1000)?;
        let first = guest::suspend(xen, domain)?;
        xen.resume(domain)?;
        guest::steps(xen, domain, 1000)?;
        let second = guest::suspend(xen, domain)?;
        equal("it went on", second.resumed, first.resumed + 1)?;
        guest::verify(xen, domain).map(|_| ())
    })
}

fn event_channel(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.alloc_unbound(ABSENT), Errno::ESRCH)?;
    empty(xen, 1, |xen, domain| {
        let port = xen.alloc_unbound(domain)?;
        holds("a port", port > 0)?;
        equal("unbound", xen.evtchn_status(domain, port)?, 1)?;
        let beyond = xen.evtchn_status(domain, 1 << 30);
        refused("beyond all ports", beyond, Errno::EINVAL)
    })
}

fn destroy(xen: &mut Xen<'_>) -> Outcome {
    refused("absent domain", xen.destroy(ABSENT), Errno::ESRCH)?;
    refused("oneself", xen.destroy(0), Errno::EINVAL)?;
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        equal("pages", xen.info(domain)?.tot_pages, PAGES)?;
        xen.unpause(domain)?;
        guest::steps(xen, domain, 100)?;
        xen.destroy(domain)?;
        guest::wait("it is gone", || Ok(xen.info(domain).is_err()))?;
        refused("once more", xen.destroy(domain), Errno::ESRCH)?;
        equal("no memory for it", xen.populate(domain, &[0], 0)?, 0)
    })
}
