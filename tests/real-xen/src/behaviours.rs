//! What a real Xen does and a mock would not: nine behaviours that the driver and the engine must live
//! with. A Xen that behaves otherwise fails here, so that what was built upon is known to hold.

use ia64save_codec::transfer::ports::Errno;

use crate::calls::{set, with};
use crate::guest::{self, FRAMES, HOT, MAIL, PAGES};
use crate::report::{Outcome, Test, equal, holds, refused};
use crate::x86::{PAGE, Shadow, Xen};

/// The tests; the fifth is with [`crate::ioctls`].
pub const TESTS: &[Test] = &[
    (
        "behaviour/1_dirty_without_log_dirty_is_empty",
        without_log_dirty,
    ),
    ("behaviour/2_populated_is_not_tracked", populated),
    ("behaviour/3_foreign_writes_are_not_tracked", foreign_writes),
    (
        "behaviour/4_a_batch_succeeds_with_failed_pages",
        failed_pages,
    ),
    ("behaviour/6_populate_stops_half_way", half_way),
    ("behaviour/6_decrease_of_a_hole_does_nothing", hole),
    ("behaviour/7_context_size_is_an_upper_bound", context_size),
    ("behaviour/8_bitmap_beyond_the_p2m", long_bitmap),
    ("behaviour/9_errors", errors),
];

/// Peek and clean with log-dirty off succeed, with nothing in the set, whatever the guest writes.
fn without_log_dirty(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        xen.unpause(domain)?;
        guest::steps(xen, domain, 1000)?;
        for op in [Shadow::Peek, Shadow::Clean] {
            let (bitmap, _) = xen.dirty(domain, op, FRAMES)?;
            equal("dirty pages", set(&bitmap), vec![])?;
        }
        // Off again, after it was on: the same.
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        xen.shadow(domain, Shadow::Off)?;
        guest::steps(xen, domain, 1000)?;
        let (bitmap, _) = xen.dirty(domain, Shadow::Clean, FRAMES)?;
        equal("dirty pages afterwards", set(&bitmap), vec![])
    })
}

/// A page populated while log-dirty is on may be written to unseen until the next clean.
fn populated(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        xen.unpause(domain)?;
        guest::steps(xen, domain, 1000)?;
        xen.pause(domain)?;
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        xen.dirty(domain, Shadow::Clean, FRAMES)?;
        let new = HOT.start;
        equal("given back", xen.decrease(domain, &[new])?, 1)?;
        equal("populated", xen.populate(domain, &[new], 0)?, 1)?;

        xen.unpause(domain)?;
        guest::steps(xen, domain, 1000)?;
        let (first, _) = xen.dirty(domain, Shadow::Clean, FRAMES)?;
        let first = set(&first);
        holds("the others are tracked", first.contains(&(new + 1)))?;
        holds("the new page is not", !first.contains(&new))?;
        let (then, _) = {
            guest::steps(xen, domain, 1000)?;
            xen.dirty(domain, Shadow::Clean, FRAMES)?
        };
        holds("after a clean it is", set(&then).contains(&new))
    })
}

/// What others write through their mappings is never in the set.
fn foreign_writes(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        xen.dirty(domain, Shadow::Clean, FRAMES)?;
        let written = xen.write(domain, &[MAIL, 0x400], &vec![1; 2 * PAGE])?;
        holds("written", written.iter().all(Result::is_ok))?;
        xen.clear(domain, &[0x401])?;
        for op in [Shadow::Peek, Shadow::Clean] {
            let (bitmap, _) = xen.dirty(domain, op, FRAMES)?;
            equal("dirty pages", set(&bitmap), vec![])?;
        }
        Ok(())
    })
}

/// A batch of mappings succeeds as a whole though some, or all, of its pages failed.
fn failed_pages(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::empty(xen, 2)?;
    with(xen, domain, |xen, domain| {
        xen.populate(domain, &[4], 0)?;
        let some = xen.read(domain, &[3, 4, 5])?;
        let there: Vec<_> = some.results.iter().map(Result::is_ok).collect();
        equal("some", there, vec![false, true, false])?;
        let none = xen.read(domain, &[1, 2])?;
        equal("errors", none.results, vec![Err(Errno::EINVAL); 2])
    })
}

/// Beyond the domain's limit some of a batch is populated, and the count says how many.
fn half_way(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::empty(xen, 10)?;
    with(xen, domain, |xen, domain| {
        let frames: Vec<u64> = (0..16).collect();
        equal("populated", xen.populate(domain, &frames, 0)?, 10)?;
        equal("pages", xen.info(domain)?.tot_pages, 10)?;
        equal("and none more", xen.populate(domain, &frames[10..], 0)?, 0)
    })
}

/// To take away what is not there is no error, and counts as none.
fn hole(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::empty(xen, 10)?;
    with(xen, domain, |xen, domain| {
        xen.populate(domain, &[0, 1], 0)?;
        equal("of a hole", xen.decrease(domain, &[5])?, 0)?;
        // It stops at the hole.
        equal("up to a hole", xen.decrease(domain, &[0, 5, 1])?, 1)?;
        equal("left", xen.info(domain)?.tot_pages, 1)
    })
}

/// The size that is asked for first is an upper bound; the second call says how many bytes there are.
fn context_size(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        let bound = xen.context_size(domain)?;
        let context = xen.context(domain, bound)?;
        holds("not more than the bound", context.len() <= bound as usize)?;
        holds("less than the bound", context.len() < bound as usize)?;
        // Records, of which the last ends them: nothing is missing.
        let mut at = 0;
        loop {
            let typecode = crate::x86::u16_at(&context, at);
            at += 8 + crate::x86::u32_at(&context, at + 4) as usize;
            if typecode == 0 {
                break;
            }
        }
        equal("records end", at, context.len())
    })
}

/// A bitmap longer than the p2m is said to be filled to the length that was asked for.
fn long_bitmap(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        for op in [Shadow::Peek, Shadow::Clean] {
            let (bitmap, pages) = xen.dirty(domain, op, FRAMES * 4)?;
            equal("pages spoken of", pages, FRAMES * 4)?;
            holds(
                "nothing beyond the p2m",
                set(&bitmap).iter().all(|frame| *frame < FRAMES),
            )?;
        }
        Ok(())
    })
}

/// The errors that the engine judges by.
fn errors(xen: &mut Xen<'_>) -> Outcome {
    let domain = guest::build(xen)?;
    with(xen, domain, |xen, domain| {
        equal("pages", xen.info(domain)?.tot_pages, PAGES)?;
        xen.shadow(domain, Shadow::EnableLogDirty)?;
        let twice = xen.shadow(domain, Shadow::EnableLogDirty);
        refused("log-dirty twice", twice, Errno::EINVAL)?;
        let junk = xen.set_context(domain, &[0x5a; 64]);
        refused("a context of junk", junk, Errno::ENODATA)?;
        refused("an absent vcpu", xen.vcpu(domain, 9), Errno::EINVAL)?;
        xen.destroy(domain)?;
        guest::wait("it is gone", || Ok(xen.info(domain).is_err()))?;
        refused("a second destroy", xen.destroy(domain), Errno::ESRCH)
    })
}
