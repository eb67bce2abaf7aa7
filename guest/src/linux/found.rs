//! What can be known without the kernel's file.

use std::io::Read as _;

use flate2::read::GzDecoder;
use ia64save_codec::memory::{Finder, Memory};

use super::Line;
use super::kernel::lossy;
use super::log::lines;

/// What every Linux begins its banner with.
const BANNER: &[u8] = b"Linux version ";
/// What stands before a kernel's packed configuration.
const CONFIGURATION: &[u8] = b"IKCFG_ST";
/// How the lines of a log follow each other.
const NEXT_LINE: &[u8] = b"\n<";
/// Banners and configurations that are looked at: files in the page cache have them too.
const PLACES: usize = 256;
/// The longest line, and the longest banner.
const LONGEST: usize = 1024;
/// The largest log.
const LOG: usize = 1 << 24;
/// The largest configuration, unpacked and packed.
const UNPACKED: u64 = 4 << 20;
const PACKED: usize = 1 << 20;

/// What was found in memory, without knowing that it is what it looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The banner, and the guest physical address where it stands.
    pub banner: Option<(u64, String)>,
    /// The longest run of lines that look like a log's, and where it stands.
    pub log: Option<(u64, Vec<Line>)>,
    /// The kernel's configuration (CONFIG_IKCONFIG), and where it stands.
    pub configuration: Option<(u64, String)>,
}

/// Looks through a guest's memory.
pub fn found(memory: &Memory<'_>) -> Found {
    Found {
        banner: banner(memory),
        log: log(memory),
        configuration: configuration(memory),
    }
}

/// Places of some bytes, in guest physical addresses.
fn places(memory: &Memory<'_>, needle: &[u8], mut tell: impl FnMut(u64) -> bool) {
    if let Some(finder) = Finder::new(needle) {
        finder.search(memory, &mut |hit| hit.address.is_none_or(&mut tell));
    }
}

/// What stands at a guest physical address, page behind page, while it is wanted.
fn bytes(memory: &Memory<'_>, address: u64, most: usize, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let size = memory.page_size().max(1);
    let mut bytes = Vec::new();
    let mut at = address;
    while let Some(page) = memory.page(at / size) {
        let part = page.get((at % size) as usize..).unwrap_or_default();
        let part = &part[..part.len().min(most - bytes.len())];
        let end = part.iter().position(|&byte| !wanted(byte));
        bytes.extend_from_slice(&part[..end.unwrap_or(part.len())]);
        match at.checked_add(size - at % size) {
            Some(next) if end.is_none() && bytes.len() < most => at = next,
            _ => break,
        }
    }
    bytes
}

fn byte(memory: &Memory<'_>, address: u64) -> Option<u8> {
    let size = memory.page_size().max(1);
    let page = memory.page(address / size)?;
    page.get((address % size) as usize).copied()
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\t' | 0x20..=0x7e | 0x80..)
}

/// The first banner that stands alone: in a log it has a level or a time in front.
fn banner(memory: &Memory<'_>) -> Option<(u64, String)> {
    let mut found = None;
    let mut left = PLACES;
    places(memory, BANNER, |address| {
        let before = |back| address.checked_sub(back).and_then(|at| byte(memory, at));
        let is_logged =
            before(1) == Some(b'>') || (before(2), before(1)) == (Some(b']'), Some(b' '));
        if !is_logged {
            let text = bytes(memory, address, LONGEST, is_text);
            found = Some((address, lossy(&text)));
        }
        left -= 1;
        found.is_none() && left > 0
    });
    found
}

/// The most lines of a log that stand together, the oldest first.
fn log(memory: &Memory<'_>) -> Option<(u64, Vec<Line>)> {
    /// Beginnings of lines: the first, the last, and how many.
    #[derive(Clone, Copy)]
    struct Run {
        first: u64,
        last: u64,
        lines: u64,
    }
    let mut longest: Option<Run> = None;
    let mut current: Option<Run> = None;
    places(memory, NEXT_LINE, |address| {
        let start = address.wrapping_add(1);
        let line = Line::parse(&bytes(memory, start, 40, |byte| byte != b'\n'));
        if line.level.is_none() || line.time.is_none() {
            return true;
        }
        let run = match current {
            Some(run) if start - run.last <= LONGEST as u64 => Run {
                last: start,
                lines: run.lines + 1,
                ..run
            },
            _ => Run {
                first: start,
                last: start,
                lines: 1,
            },
        };
        if longest.is_none_or(|longest| run.lines >= longest.lines) {
            longest = Some(run);
        }
        current = Some(run);
        true
    });
    let run = longest?;
    // What stands before the first line that follows another is one too, or the rest of one.
    let mut first = run.first;
    while run.first - first < LONGEST as u64 {
        match first.checked_sub(1).and_then(|at| byte(memory, at)) {
            Some(before) if is_text(before) => first -= 1,
            _ => break,
        }
    }
    let text = bytes(memory, first, LOG, is_text);
    let mut lines = lines(&text);
    // In a ring the newest stand before the oldest: time goes back once.
    let stamp = |line: &Line| line.time.as_ref()?.parse::<f64>().ok();
    let times: Vec<f64> = lines
        .iter()
        .scan(0.0, |last, line| {
            *last = stamp(line).unwrap_or(*last);
            Some(*last)
        })
        .collect();
    let seam = times.windows(2).position(|pair| pair[1] < pair[0]);
    if let Some(seam) = seam {
        lines.rotate_left(seam + 1);
    }
    Some((first, lines))
}

/// The kernel's configuration, packed behind a mark.
fn configuration(memory: &Memory<'_>) -> Option<(u64, String)> {
    let mut found = None;
    let mut left = PLACES;
    places(memory, CONFIGURATION, |address| {
        let packed = address.wrapping_add(CONFIGURATION.len() as u64);
        if byte(memory, packed) == Some(0x1f) {
            let packed = bytes(memory, packed, PACKED, |_| true);
            found = unpack(&packed).map(|text| (address, text));
        }
        left -= 1;
        found.is_none() && left > 0
    });
    found
}

fn unpack(packed: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    let unpacking = GzDecoder::new(packed).take(UNPACKED).read_to_end(&mut text);
    let text = lossy(&text);
    (unpacking.is_ok() && text.contains("CONFIG_")).then_some(text)
}
