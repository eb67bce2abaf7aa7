//! A guest that can be foretold: 97 bytes of code, 8 MiB of memory, one vcpu, no paging.
//!
//! It counts. At step `c` it writes `c` into page `c % 32` of the *hot* pages, having looked that the
//! value it wrote there 32 steps before is still there, and into page `c / 65536 % 512` of the *sweep*.
//! So what every page holds follows from the counter alone, a page that a live save lost is noticed by
//! the guest itself, and the set of dirty pages is known. All other pages hold a pattern and stay as
//! they are.
//!
//! ```text
//!  0      1     2        3     ..  0x10  ..  0xa0  0xc0 ..  0x100  ..  ..  0x7fc  0x800
//!         code  control  mail      hot       hole            sweep          magic  shared_info
//! ```
//!
//! It suspends itself by a hypercall when the number in the mail page, which only the control domain
//! writes, is larger than any it has seen.

use std::ops::Range;
use std::time::{Duration, Instant};

use ia64save_xen::transport::DomainId;

use crate::report::{Failure, Outcome, equal, holds};
use crate::x86::{PAGE, Xen, put32, put64, u32_at};

/// Pages from 0 to here, but for the hole.
pub const FRAMES: u64 = 0x800;
/// Where a PC's screen would be: no memory.
pub const HOLE: Range<u64> = 0xa0..0xc0;
/// Pages that it has.
pub const PAGES: u64 = FRAMES - (HOLE.end - HOLE.start);
/// The page that only the control domain writes.
pub const MAIL: u64 = 3;
/// Pages that are written to all the time.
pub const HOT: Range<u64> = 0x10..0x30;
/// Pages that are written to one after the other.
pub const SWEEP: Range<u64> = 0x100..0x300;

/// Pages for devices that it does not have: zeros.
pub const MAGIC: [u64; 4] = [0x7fc, 0x7fd, 0x7fe, 0x7ff];
/// Where its shared_info page is: beyond its memory.
pub const SHARED_INFO: u64 = FRAMES;

const CODE: u64 = 1;
const CONTROL: u64 = 2;
/// log2 of the steps that go into one page of the sweep.
pub const STEPS: u32 = 16;

/// The program, for address 0x1000.
#[rustfmt::skip]
const PROGRAM: [u8; 97] = [
    0xbe, 0x00, 0x20, 0x00, 0x00,             //       mov esi, CONTROL
    0x8b, 0x06,                               // next: mov eax, [esi]          ; c
    0x40,                                     //       inc eax
    0x89, 0xc3,                               //       mov ebx, eax
    0x83, 0xe3, 0x1f,                         //       and ebx, 31
    0xc1, 0xe3, 0x0c,                         //       shl ebx, 12
    0x89, 0xc1,                               //       mov ecx, eax
    0x83, 0xe9, 0x20,                         //       sub ecx, 32
    0x76, 0x0b,                               //       jbe good                ; not written before
    0x39, 0x8b, 0x00, 0x00, 0x01, 0x00,       //       cmp [ebx+HOT], ecx
    0x74, 0x03,                               //       je  good
    0xff, 0x46, 0x0c,                         //       inc dword [esi+12]      ; a page was lost
    0x89, 0x83, 0x00, 0x00, 0x01, 0x00,       // good: mov [ebx+HOT], eax
    0x89, 0xc3,                               //       mov ebx, eax
    0xc1, 0xeb, STEPS as u8,                  //       shr ebx, STEPS
    0x81, 0xe3, 0xff, 0x01, 0x00, 0x00,       //       and ebx, 511
    0xc1, 0xe3, 0x0c,                         //       shl ebx, 12
    0x89, 0x83, 0x00, 0x00, 0x10, 0x00,       //       mov [ebx+SWEEP], eax
    0x89, 0x06,                               //       mov [esi], eax
    0x8b, 0x15, 0x00, 0x30, 0x00, 0x00,       //       mov edx, [MAIL]
    0x3b, 0x56, 0x04,                         //       cmp edx, [esi+4]
    0x76, 0xbc,                               //       jbe next
    0x89, 0x56, 0x04,                         //       mov [esi+4], edx
    0xb8, 0x1d, 0x00, 0x00, 0x00,             //       mov eax, 29             ; sched_op
    0xbb, 0x02, 0x00, 0x00, 0x00,             //       mov ebx, 2              ; shutdown
    0x8d, 0x4e, 0x10,                         //       lea ecx, [esi+16]       ; reason: suspend
    0x0f, 0x01, 0xd9,                         //       vmmcall
    0xff, 0x46, 0x08,                         //       inc dword [esi+8]       ; and on
    0xeb, 0xa4,                               //       jmp next
];

/// What the control page says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Steps it has gone.
    pub counter: u32,
    /// The largest number it has seen in the mail page.
    pub seen: u32,
    /// How many times it went on after it had suspended itself.
    pub resumed: u32,
    /// Pages that did not hold what it had written there.
    pub lost: u32,
}

impl State {
    fn read(page: &[u8]) -> State {
        State {
            counter: u32_at(page, 0),
            seen: u32_at(page, 4),
            resumed: u32_at(page, 8),
            lost: u32_at(page, 12),
        }
    }

    /// What the page of the guest's memory holds in this state, at the end of a step.
    pub fn page(&self, frame: u64) -> Vec<u8> {
        let mut page = match frame {
            CODE | CONTROL | MAIL => vec![0; PAGE],
            magic if MAGIC.contains(&magic) => vec![0; PAGE],
            _ => pattern(frame),
        };
        match frame {
            CODE => page[..PROGRAM.len()].copy_from_slice(&PROGRAM),
            CONTROL => {
                put32(&mut page, 0, self.counter);
                put32(&mut page, 4, self.seen);
                put32(&mut page, 8, self.resumed);
                put32(&mut page, 12, self.lost);
                put32(&mut page, 16, 2);
            }
            MAIL => put32(&mut page, 0, self.seen),
            _ => {}
        }
        if let Some(value) = self.written(frame) {
            put32(&mut page, 0, value);
        }
        page
    }

    /// What the program wrote last into a page; `None` where it wrote nothing.
    fn written(&self, frame: u64) -> Option<u32> {
        let counter = u64::from(self.counter);
        let value = if HOT.contains(&frame) {
            let behind = (counter + 32 - (frame - HOT.start)) % 32;
            counter.checked_sub(behind)?
        } else if SWEEP.contains(&frame) {
            let pages = SWEEP.end - SWEEP.start;
            let window = counter >> STEPS;
            let behind = (window + pages - (frame - SWEEP.start)) % pages;
            if behind == 0 {
                counter
            } else {
                (window.checked_sub(behind)? << STEPS) + (1 << STEPS) - 1
            }
        } else {
            return None;
        };
        // The first step is 1: a zero was never written.
        (value > 0).then_some(value as u32)
    }
}

/// Every frame that is memory, ascending.
pub fn frames() -> Vec<u64> {
    (0..HOLE.start).chain(HOLE.end..FRAMES).collect()
}

/// A page that looks like no other.
fn pattern(frame: u64) -> Vec<u8> {
    let mut word = (frame + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut page = Vec::with_capacity(PAGE);
    for _ in 0..PAGE / 8 {
        page.extend_from_slice(&word.to_le_bytes());
        word = word.rotate_left(5).wrapping_add(frame);
    }
    page
}

/// A domain that has all a guest of `pages` pages needs, shared_info included, and no page yet.
pub fn empty(xen: &mut Xen<'_>, pages: u64) -> Result<DomainId, Failure> {
    let domain = xen.create(1)?;
    let rest = |xen: &mut Xen<'_>| {
        xen.set_paging_pool(domain, 4 << 20)?;
        xen.max_vcpus(domain, 1)?;
        xen.max_mem(domain, pages * PAGE as u64 / 1024)?;
        xen.place_shared_info(domain, SHARED_INFO)
    };
    if let Err(refused) = rest(xen) {
        let _ = xen.destroy(domain);
        return Err(refused.into());
    }
    Ok(domain)
}

/// The guest, paused before its first step.
pub fn build(xen: &mut Xen<'_>) -> Result<DomainId, Failure> {
    let domain = empty(xen, PAGES)?;
    if let Err(failure) = fill(xen, domain) {
        let _ = xen.destroy(domain);
        return Err(failure);
    }
    Ok(domain)
}

fn fill(xen: &mut Xen<'_>, domain: DomainId) -> Outcome {
    let frames = frames();
    equal(
        "pages populated",
        xen.populate(domain, &frames, 0)?,
        frames.len() as u64,
    )?;
    let fresh = State::default();
    for some in frames.chunks(256) {
        let bytes: Vec<u8> = some.iter().flat_map(|frame| fresh.page(*frame)).collect();
        let results = xen.write(domain, some, &bytes)?;
        holds("every page written", results.iter().all(Result::is_ok))?;
    }
    for (index, frame) in [1, 5, 6, 17].into_iter().zip(MAGIC) {
        xen.set_param(domain, index, frame)?;
    }
    let context = context(xen, domain)?;
    xen.set_context(domain, &context)?;
    Ok(())
}

/// The HVM context of a vcpu that begins the program: what `xl` sets for a PVH guest.
fn context(xen: &mut Xen<'_>, domain: DomainId) -> Result<Vec<u8>, Failure> {
    // The header is the hypervisor's own: a descriptor and 24 bytes.
    let size = xen.context_size(domain)?;
    let mut context = xen.context(domain, size)?;
    context.truncate(8 + 24);

    let mut cpu = vec![0; 1032];
    put64(&mut cpu, 640, CODE * PAGE as u64); // rip
    put64(&mut cpu, 648, 2); // rflags
    put64(&mut cpu, 656, 0x11); // cr0: protected mode, no paging
    put64(&mut cpu, 720, 0xffff_0ff0); // dr6
    put64(&mut cpu, 728, 0x400); // dr7
    for limit in [768, 772, 776, 780, 784, 788] {
        put32(&mut cpu, limit, u32::MAX);
    }
    put32(&mut cpu, 792, 0x67); // of tr
    put32(&mut cpu, 888, 0xc9b); // cs: 32 bits, code
    for data in [892, 896, 900, 904, 908] {
        put32(&mut cpu, data, 0xc93);
    }
    put32(&mut cpu, 912, 0x8b); // tr: a busy 32-bit task
    put32(&mut cpu, 916, 0x82); // ldtr: a table
    let mut record = |typecode: u16, bytes: &[u8]| {
        context.extend_from_slice(&typecode.to_le_bytes());
        context.extend_from_slice(&0u16.to_le_bytes());
        context.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        context.extend_from_slice(bytes);
    };
    record(2, &cpu);
    record(0, &[]);
    Ok(context)
}

/// What the control page says now.
pub fn state(xen: &mut Xen<'_>, domain: DomainId) -> Result<State, Failure> {
    let pages = xen.read(domain, &[CONTROL])?;
    equal("the control page", pages.results[0], Ok(()))?;
    Ok(State::read(&pages.bytes))
}

/// Waits until it has gone `steps` steps further.
pub fn steps(xen: &mut Xen<'_>, domain: DomainId, steps: u32) -> Outcome {
    let from = state(xen, domain)?.counter;
    wait("the guest goes on", || {
        Ok(state(xen, domain)?.counter >= from.saturating_add(steps))
    })
}

/// Asks it to suspend itself; the number that it will have seen then.
pub fn ask(xen: &mut Xen<'_>, domain: DomainId) -> Result<u32, Failure> {
    let seen = state(xen, domain)?.seen;
    let mut mail = vec![0; PAGE];
    put32(&mut mail, 0, seen + 1);
    equal(
        "the mail page",
        xen.write(domain, &[MAIL], &mail)?[0],
        Ok(()),
    )?;
    Ok(seen + 1)
}

/// Asks it to suspend itself, and waits until it has.
pub fn suspend(xen: &mut Xen<'_>, domain: DomainId) -> Result<State, Failure> {
    let asked = ask(xen, domain)?;
    wait("the guest suspends itself", || {
        Ok(xen.info(domain)?.shutdown().is_some())
    })?;
    equal("shutdown reason", xen.info(domain)?.shutdown(), Some(2))?;
    let state = state(xen, domain)?;
    equal("number seen", state.seen, asked)?;
    Ok(state)
}

/// Waits for something, half a minute at most.
pub fn wait(what: &str, mut done: impl FnMut() -> Result<bool, Failure>) -> Outcome {
    let end = Instant::now() + Duration::from_secs(30);
    while !done()? {
        if Instant::now() > end {
            return Err(Failure(format!("waited in vain: {what}")));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Compares every page of a guest that stands still with what it must be.
pub fn verify(xen: &mut Xen<'_>, domain: DomainId) -> Result<State, Failure> {
    let now = state(xen, domain)?;
    equal("pages that the guest missed", now.lost, 0)?;
    for some in frames().chunks(256) {
        let pages = xen.read(domain, some)?;
        for ((frame, page), result) in some
            .iter()
            .zip(pages.bytes.chunks_exact(PAGE))
            .zip(&pages.results)
        {
            equal("a page's result", *result, Ok(()))?;
            if page != now.page(*frame) {
                return Err(Failure(format!(
                    "page {frame:#x} at step {}: begins with {:#x}, must begin with {:#x}",
                    now.counter,
                    u32_at(page, 0),
                    u32_at(&now.page(*frame), 0)
                )));
            }
        }
    }
    Ok(now)
}
