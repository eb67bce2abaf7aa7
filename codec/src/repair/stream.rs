//! Streams that end early or lost their way.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{Choice, Note, Patient, Repair, Splice, tail};
use crate::code::Code;
use crate::dialect::Guest;
use crate::grammar::PAGES_END;
use crate::image::{Checkpoint, Image};

/// Shorter lists that are tried where a count is absurd.
const COUNTS: u64 = 24;
/// Records in front of the first strange one that may be no records either.
const STRIDES: usize = 16;
/// `max_virt_cpus` of every saver.
const MAX_VIRT_CPUS: u64 = 64;

/// What may be done about a stream that cannot be read to its end.
pub(super) fn broken(patient: &mut Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    let rounds = image.checkpoints.iter().filter(|c| c.complete).count();
    if rounds > 0 {
        // A checkpoint before is whole: what came after it is what Remus itself would drop.
        out.push(without_torn(patient, rounds));
        return;
    }
    misread(patient, out);
    if let (Some(prologue), Some(section)) = (image.prologue, &image.memmap)
        && prologue.version >= 2
        && section.bytes.len() != image.page_size
    {
        count_of_memmap(section.offset - 4, out);
    } else if image
        .error
        .as_ref()
        .is_some_and(|e| e.path.starts_with("memmap"))
    {
        let setup = image.arch_setup.as_ref().map(crate::image::Section::end);
        if let Some(offset) = setup {
            count_of_memmap(offset, out);
        }
    }
    if let Some(checkpoint) = image.checkpoints.last() {
        terminator(image, checkpoint, out);
        shorter_list(checkpoint, out);
        tail::hvm_size(patient, checkpoint, out);
    }
}

/// What may be done where the version word or the size of the vcpumap led the reader astray, whether
/// or not it came to an end.
pub(super) fn misread(patient: &mut Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    let map = [
        Code::VcpumapMax,
        Code::VcpumapSize,
        Code::DialectNone,
        Code::LimitExceeded,
        Code::VcpumapEmpty,
    ];
    if let Some(checkpoint) = image.checkpoints.last()
        && patient.has_any(&map)
    {
        vcpumap(image, checkpoint, out);
        other_list(patient, out);
    }
    // A stream that was cut off is no stream of another version: its pages were where they belong.
    let version = [
        Code::VersionUnknown,
        Code::DialectNone,
        Code::PageOutsideRam,
    ];
    if !patient.has_any(&version) {
        return;
    }
    let at = image.stream_offset + 8;
    let word = (patient.read)(at, 8);
    if let Ok(word) = <[u8; 8]>::try_from(word) {
        let found = u64::from_le_bytes(word);
        let answer = patient.answers.version.map(|version| version as u64);
        let mut values = [3u64, 2, 1];
        // The nearest first; of a wiped word, none is nearer.
        let is_wiped = found == 0 || found == u64::MAX;
        let bits = |version: u64| (!is_wiped).then(|| (version ^ found).count_ones());
        values.sort_by_key(|version| bits(*version));
        for version in values {
            if version == found || answer.is_some_and(|answer| answer != version) {
                continue;
            }
            let what = "which explains the stream".into();
            let mut repair = Repair::put(at, &version.to_le_bytes(), "version", what);
            repair.choice = Some(Choice {
                path: "version",
                value: version,
                bits: bits(version),
            });
            out.push(repair);
        }
    }
}

/// Drops the round that is not whole. Where it ended so early that nothing of it was read, reading
/// stopped at its beginning.
fn without_torn(patient: &Patient<'_>, rounds: usize) -> Repair {
    let image = &patient.file.image;
    let torn = image.checkpoints.last().filter(|last| !last.complete);
    let from = torn.map_or(image.end, |torn| torn.pages.offset());
    let size = patient.file.size.saturating_sub(from);
    let what = format!(
        "{} page records and what else there was of round {rounds}, {size} bytes: it is not whole, and \
         the checkpoint before it is",
        torn.map_or(0, |torn| torn.pages.len())
    );
    Repair::drop(from, size, &format!("checkpoint[{rounds}]"), what)
}

fn count_of_memmap(offset: u64, out: &mut Vec<Repair>) {
    let what = "which every saver wrote";
    let bytes = 1u32.to_le_bytes();
    out.push(Repair::put(offset, &bytes, "memmap.num_pages", what.into()));
}

/// The records ran into the tail: the terminator belongs in front of the first that cannot be one.
fn terminator(image: &Image, checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let pages = &checkpoint.pages;
    let (None, Some(ram)) = (pages.terminator(), image.ram()) else {
        return;
    };
    let Some(strange) = pages.pfns().iter().position(|pfn| !ram.contains(*pfn)) else {
        return;
    };
    // The count of the list may look like a pfn, and so may what stands in a context.
    for record in (strange.saturating_sub(STRIDES)..=strange).rev() {
        out.push(Repair {
            splices: vec![Splice {
                offset: pages.record_offset(record),
                remove: 0,
                insert: PAGES_END.to_le_bytes().to_vec(),
            }],
            notes: vec![Note {
                lost: false,
                path: "pages.terminator".into(),
                offset: pages.record_offset(record),
                number: None,
                what: format!("put behind {record} page records, where a whole tail follows"),
            }],
            choice: None,
        });
    }
}

/// A count that the file cannot hold: the list ends where the tail begins.
fn shorter_list(checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let Some(list) = &checkpoint.unallocated else {
        return;
    };
    if u64::from(list.count) == list.len() {
        return;
    }
    // Pfns ascend; what does not is no list any more.
    let mut ascending = 0;
    let mut last = None;
    for pfn in list.pfns() {
        if last.is_some_and(|last| pfn <= last) {
            break;
        }
        last = Some(pfn);
        ascending += 1;
        if ascending > u64::from(u32::MAX) {
            break;
        }
    }
    for count in (ascending.saturating_sub(COUNTS)..=ascending).rev() {
        let Ok(word) = u32::try_from(count) else {
            continue;
        };
        let what = "behind which a whole tail follows".into();
        let bytes = word.to_le_bytes();
        out.push(Repair::put(
            list.count_offset,
            &bytes,
            "unallocated.count",
            what,
        ));
    }
}

/// A count that moves the tail: of the lists a little shorter or longer, those behind which the word stands that
/// every saver wrote, the nearest first.
fn other_list(patient: &mut Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    let Some(list) = image
        .checkpoints
        .last()
        .and_then(|c| c.unallocated.as_ref())
    else {
        return;
    };
    let (count, offset, count_offset) = (u64::from(list.count), list.offset, list.count_offset);
    let behind = match image.guest() {
        Some(Guest::Hvm) => image.page_size as u64,
        _ => 0,
    };
    for distance in 1..=COUNTS {
        for count in [count.checked_sub(distance), count.checked_add(distance)] {
            let Some((count, word)) = count.and_then(|c| Some((c, u32::try_from(c).ok()?))) else {
                continue;
            };
            let found = (patient.read)(offset + count * 8 + behind, 8);
            if found != MAX_VIRT_CPUS.to_le_bytes() {
                continue;
            }
            let what = "behind which the vcpumap begins".into();
            out.push(Repair::put(
                count_offset,
                &word.to_le_bytes(),
                "unallocated.count",
                what,
            ));
        }
    }
}

/// The word in front of the vcpumap, wherever the tail has it.
fn vcpumap(image: &Image, checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let Some(list) = &checkpoint.unallocated else {
        return;
    };
    let tail = list.offset + list.len() * 8;
    let (at, found) = match (&checkpoint.vcpumap, image.guest()) {
        (Some(map), _) => (map.max_virt_cpus_offset, Some(map.max_virt_cpus)),
        (None, Some(Guest::Hvm)) => (tail + image.page_size as u64, None),
        (None, _) => (tail, None),
    };
    if found != Some(MAX_VIRT_CPUS) {
        let what = "which every saver wrote".into();
        let bytes = MAX_VIRT_CPUS.to_le_bytes();
        out.push(Repair::put(at, &bytes, "vcpumap.max_virt_cpus", what));
    }
}
