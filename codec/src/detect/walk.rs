//! Walking a candidate's grammar over the tail, and looking past a checkpoint's end.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::judge::{self, Eras, Tail, VcpuBytes};
use super::rank::{Detection, Score, rank};
use super::signs::{self, Signs};
use super::{Head, names};
use crate::code::Code;
use crate::dialect::{Dialect, Guest, MagicPfn};
use crate::envelope;
use crate::era::Era;
use crate::grammar::{self, PAGES_END, Part, Shape, u64_at};
use crate::limits::Limits;
use crate::size::index;

/// Vcpus that a detection looks at; more change nothing.
pub(crate) const VCPUS: usize = 64;

/// A way to walk the tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    dialect: Dialect,
    /// Magic pfns in their order (HVM); within a dialect, eras may differ in it.
    magic_pfns: &'static [MagicPfn],
}

impl Candidate {
    /// Those of a dialect, oldest first.
    fn of(dialect: Dialect, guest: Guest) -> impl Iterator<Item = Candidate> {
        let mut last = None;
        Era::of(dialect).filter_map(move |era| {
            let magic_pfns: &[MagicPfn] = match guest {
                Guest::Pv => &[],
                Guest::Hvm => era.magic_pfns(),
            };
            (last.replace(magic_pfns) != Some(magic_pfns)).then_some(Candidate {
                dialect,
                magic_pfns,
            })
        })
    }

    fn eras(self, guest: Guest) -> Eras {
        Era::of(self.dialect)
            .filter(|era| guest == Guest::Pv || era.magic_pfns() == self.magic_pfns)
            .collect()
    }
}

/// Looks at the tail. `Err` holds the bytes of tail that have to be there first, unless the input
/// ends before; then `Ok(None)` says that no candidate makes sense of it.
pub(crate) fn detect(
    head: &Head,
    limits: &Limits,
    tail: &[u8],
    end: bool,
) -> Result<Option<Detection>, usize> {
    let dialects = head.candidates();
    let candidates = dialects
        .iter()
        .flat_map(|dialect| Candidate::of(*dialect, head.guest));
    let mut all = Vec::with_capacity(dialects.len() + 1);
    all.extend(candidates);
    let candidates: Vec<Candidate> = all;
    let mut window = 0;
    for candidate in &candidates {
        window = window.max(extent(head, limits, *candidate, tail, end)?);
    }
    // One more byte than the longest candidate and a signature take tells whether the input ends
    // with one of them.
    window += envelope::SIGNATURE_SIZE + 1;
    if tail.len() < window && !end {
        return Err(window);
    }
    let ends = tail.len() < window;
    let tail = &tail[..tail.len().min(window)];
    let scores = candidates
        .iter()
        .map(|candidate| score(head, limits, *candidate, tail, ends))
        .collect();
    let evidence = alloc::vec![
        alloc::format!("the version word is {}", head.version as u64),
        alloc::format!(
            "arch_setup.flags is {}: {}",
            head.flags,
            match head.guest {
                Guest::Pv => "paravirtual",
                Guest::Hvm => "fully virtualised",
            }
        ),
    ];
    Ok(rank(scores, head.guest, evidence))
}

/// Bytes of tail that the candidate is judged by; `Err` where it takes more to compute that.
fn extent(
    head: &Head,
    limits: &Limits,
    Candidate {
        dialect,
        magic_pfns,
    }: Candidate,
    tail: &[u8],
    end: bool,
) -> Result<usize, usize> {
    let spec = dialect.spec();
    let shape = Shape {
        dialect,
        guest: head.guest,
    };
    let page = head.page_size;
    let before_map = if shape.tail() == Part::SharedInfo {
        page
    } else {
        0
    };
    if !dialect.has_vcpumap(head.guest) {
        return Ok(spec.context.size() + 2 * page);
    }
    let Some(after) = tail.get(before_map..) else {
        return if end {
            Ok(before_map + 8)
        } else {
            Err(before_map + 8)
        };
    };
    let (map, vcpus) = match grammar::vcpumap(spec.vcpumap, limits)(after) {
        Ok((_, map)) => (8 + map.bytes.len(), map.online().take(VCPUS).count()),
        Err(nom::Err::Incomplete(nom::Needed::Size(more))) if !end => {
            return Err(tail.len() + more.get());
        }
        Err(_) => return Ok(before_map + 8),
    };
    Ok(match head.guest {
        Guest::Pv => map + vcpus * (spec.context.size() + page) + page,
        // As far as the magic number of the blob's HEADER.
        Guest::Hvm => before_map + map + vcpus * spec.context.size() + magic_pfns.len() * 8 + 24,
    })
}

fn score(head: &Head, limits: &Limits, candidate: Candidate, tail: &[u8], ends: bool) -> Score {
    let dialect = candidate.dialect;
    let mut signs = Signs::default();
    signs::head(&mut signs, head, dialect);
    let mut seen = Tail::default();
    let rest = walk(&mut signs, &mut seen, head, limits, candidate, tail);
    let whole = rest.is_some();
    let exact = match rest {
        // An HVM tail is looked at up to its blob, which says its own size.
        Some(_) if head.guest == Guest::Hvm => false,
        Some(rest) => (ends && rest.is_empty()) || envelope::DeviceModelKind::of(rest).is_some(),
        None => false,
    };
    if exact {
        let text = alloc::format!(
            "the stream ends where a context of {} bytes puts its end",
            dialect.spec().context.size()
        );
        signs.note(true, 3, text);
    }
    let pool = candidate.eras(head.guest);
    let against = judge::signs(pool, Some(head), head.guest, &seen);
    Score {
        dialect,
        whole,
        exact,
        evidence: signs.all,
        standings: judge::standings(pool, &against),
        against,
    }
}

/// Follows the candidate's order through the tail; `None` where bytes are missing.
fn walk<'a>(
    signs: &mut Signs,
    seen: &mut Tail<'a>,
    head: &Head,
    limits: &Limits,
    Candidate {
        dialect,
        magic_pfns,
    }: Candidate,
    mut rest: &'a [u8],
) -> Option<&'a [u8]> {
    let spec = dialect.spec();
    let shape = Shape {
        dialect,
        guest: head.guest,
    };
    let mut online: Vec<u32> = alloc::vec![0];
    let mut vcpu = 0;
    let mut part = shape.tail();
    loop {
        let size = match part {
            Part::Context => spec.context.size(),
            Part::Privregs | Part::SharedInfo => head.page_size,
            Part::MagicPfns => magic_pfns.len() * 8,
            Part::HvmContext => 24,
            Part::Vcpumap => {
                let (after, map) = grammar::vcpumap(spec.vcpumap, limits)(rest).ok()?;
                online = map.online().take(VCPUS).collect();
                // An empty map fits anything; no saver wrote one.
                if online.is_empty() || map.bytes.get(8).is_some_and(|byte| *byte != 0) {
                    let text = String::from("the vcpumap has no vcpu, or bits above its last");
                    signs.note(false, 2, text);
                }
                part = shape.after_vcpu(part, !online.is_empty());
                rest = after;
                continue;
            }
            _ => return Some(rest),
        };
        if rest.len() < size {
            if part == Part::Context {
                signs::registers(signs, dialect, online[vcpu], rest);
            }
            return None;
        }
        let (bytes, after) = rest.split_at(size);
        rest = after;
        part = match part {
            Part::Context => {
                signs.repeats = vcpu > 0;
                signs::context(signs, head, dialect, online[vcpu], bytes);
                seen.vcpus.push(VcpuBytes {
                    id: online[vcpu],
                    layout: spec.context,
                    context: bytes,
                    privregs: None,
                });
                let more = vcpu + 1 < online.len();
                let next = shape.after_vcpu(part, more);
                if next != Part::Privregs {
                    vcpu += 1;
                }
                next
            }
            Part::Privregs => {
                signs::privregs(signs, head, online[vcpu], bytes);
                if let Some(last) = seen.vcpus.last_mut() {
                    last.privregs = Some(bytes);
                }
                vcpu += 1;
                shape.after_vcpu(part, vcpu < online.len())
            }
            Part::SharedInfo => {
                signs.repeats = false;
                signs::shared_info(signs, head, bytes);
                shape.after_shared_info()
            }
            Part::MagicPfns => {
                signs.repeats = false;
                signs::magic_pfns(signs, magic_pfns, bytes);
                Part::HvmContext
            }
            _ => {
                let size = u64_at(bytes, 0).unwrap_or(0);
                signs::hvm_context(signs, online.len() as u64, size, &bytes[8..]);
                seen.hvm_size = Some(size);
                return Some(rest);
            }
        };
    }
}

/// What stands behind a whole checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Nothing.
    End,
    /// Pages of a further checkpoint (Remus).
    Checkpoint,
    /// A device-model record, and pages of a further checkpoint behind it.
    DeviceModel(envelope::Record),
    /// A device-model record, or bytes that belong to nobody.
    Trailing,
}

/// Looks past a whole checkpoint (spec 11.1 to 11.3). `Err` holds the bytes that have to be there
/// first. `order` is that of a record's length.
pub(crate) fn follows(
    head: &Head,
    dialect: Dialect,
    limits: &Limits,
    order: envelope::ByteOrder,
    rest: &[u8],
    end: bool,
) -> Result<Follow, usize> {
    if rest.is_empty() {
        return if end { Ok(Follow::End) } else { Err(1) };
    }
    if rest.len() < envelope::SIGNATURE_SIZE && !end {
        return Err(envelope::SIGNATURE_SIZE);
    }
    if !dialect.spec().checkpoints {
        return Ok(Follow::Trailing);
    }
    if envelope::DeviceModelKind::of(rest).is_none() {
        return Ok(if is_round(head, rest, end)? {
            Follow::Checkpoint
        } else {
            Follow::Trailing
        });
    }
    // One that is not whole, or too large to look behind, is the business of whoever reads what trails.
    let record = match envelope::parse_tail(rest, end, 0, order) {
        Ok(envelope::Tail::NeedMore(wanted)) => return Err(wanted),
        Ok(envelope::Tail::Record(record)) => record,
        _ => return Ok(Follow::Trailing),
    };
    let Some(length) = record.length.filter(|n| *n <= limits.device_model_bytes) else {
        return Ok(Follow::Trailing);
    };
    let size = record.kind.header_size().saturating_add(index(length));
    let behind = rest.get(size..).unwrap_or(&[]);
    match is_round(head, behind, end) {
        Ok(true) => Ok(Follow::DeviceModel(record)),
        Ok(false) => Ok(Follow::Trailing),
        Err(wanted) => Err(size.saturating_add(wanted)),
    }
}

/// Whether a Remus round begins here. `Err` holds the bytes that have to be there first.
///
/// It has no mark. It is told by its first two page records: their pfns are RAM and ascend, as the
/// pages of one pass do; or by a terminator that comes at once, with a list that the domain has room
/// for. Zeros and ones, such as the padding of a block device, are neither; nor is what ends before it
/// has two words to tell it by.
fn is_round(head: &Head, rest: &[u8], end: bool) -> Result<bool, usize> {
    let want = |n: usize| {
        if rest.len() < n && !end {
            Err(n)
        } else {
            Ok(())
        }
    };
    want(8)?;
    let Some(first) = u64_at(rest, 0) else {
        return Ok(false);
    };
    if first == PAGES_END {
        // The count of a list that the domain has no room for is none: ones may be padding too.
        want(12)?;
        let behind = &rest[8..rest.len().min(12)];
        let count = match behind.first_chunk() {
            Some(word) => u64::from(u32::from_le_bytes(*word)),
            // The input ends inside it.
            None if behind.iter().all(|byte| *byte == 0xff) && !behind.is_empty() => u64::MAX,
            None => 0,
        };
        return Ok(count <= head.ram.visited().saturating_add(head.p2m_size));
    }
    if !head.ram.contains(first) {
        return Ok(false);
    }
    want(16 + head.page_size)?;
    Ok(match u64_at(rest, 8 + head.page_size) {
        Some(PAGES_END) => true,
        Some(second) => head.ram.rank(first) < head.ram.rank(second),
        None => false,
    })
}

/// The complaint that no candidate makes sense of the tail.
pub(crate) fn none(head: &Head, offset: u64, tail: &[u8]) -> crate::Error {
    let candidates = head.candidates();
    let version = head.version as u64;
    if candidates.is_empty() {
        let offset = head.flags_offset;
        return crate::Error::new(Code::GuestUnsupported, offset, "arch_setup.flags")
            .length(8)
            .expected(alloc::format!("a paravirtual guest in version {version}"))
            .found(alloc::format!("flags {:#x}", head.flags));
    }
    let mut found = String::from("contexts, privregs and shared_info where none of them has them");
    let before_map = match head.guest {
        Guest::Pv => 0,
        Guest::Hvm => head.page_size,
    };
    // A wrong size of the vcpumap shifts all that follows, and is the likeliest cause.
    let mapped = candidates
        .iter()
        .any(|dialect| dialect.has_vcpumap(head.guest));
    if let (true, Some(max)) = (mapped, u64_at(tail, before_map))
        && max != 64
    {
        let _ = write!(
            found,
            "; max_virt_cpus would be {max}, where every saver wrote 64"
        );
    }
    crate::Error::new(Code::DialectNone, offset, "tail")
        .expected(alloc::format!("the tail of {}", names(&candidates)))
        .found(found)
}
