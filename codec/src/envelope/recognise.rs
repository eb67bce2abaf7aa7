//! What is not ours, recognised by its first bytes.

use nom::bytes::complete::tag;
use nom::number::complete::{be_u16, be_u32};
use nom::{IResult, Parser};

use super::foreign::{Compression, Foreign};
use super::header::{ByteOrder, Kind, XEND_MAGIC};
use super::magic;
use super::relocation;

/// Looks at the first bytes of a stream. `inside` says what the stream is in.
pub(super) fn of_stream(window: &[u8], inside: Kind) -> Option<Foreign> {
    if let Ok((_, found)) = libxc_v2(window, inside) {
        return Some(found);
    }
    if let Ok((_, found)) = libxl_v2(window, inside) {
        return Some(found);
    }
    if looks_like_ia64(window) {
        return None;
    }
    x86_bits(window).map(|bits| Foreign::X86Legacy { bits, inside })
}

/// Looks at the first bytes of a file that has no envelope.
pub(super) fn of_file(window: &[u8]) -> Option<Foreign> {
    if window.is_empty() {
        return Some(Foreign::Empty);
    }
    if let Some(found) = of_stream(window, Kind::Bare) {
        return Some(found);
    }
    if looks_like_ia64(window) {
        return None;
    }
    if let Some(found) = elf(window) {
        return Some(found);
    }
    for (magic, compression) in [
        (&b"\x1f\x8b\x08"[..], Compression::Gzip),
        (b"\x28\xb5\x2f\xfd", Compression::Zstd),
        (b"\xfd7zXZ\0", Compression::Xz),
    ] {
        if window.starts_with(magic) {
            return Some(Foreign::Compressed(compression));
        }
    }
    if let Some(found) = magic::recognise(window) {
        return Some(Foreign::Known(found));
    }
    for request in relocation::REQUESTS {
        if let Some(rest) = window.strip_prefix(request)
            && rest.starts_with(XEND_MAGIC)
        {
            return Some(Foreign::Relocation {
                image_offset: request.len() as u64,
            });
        }
    }
    // Eight letters cannot be a p2m_size; fewer could be what is left of one.
    let text = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    (window.len() >= 8 && window.iter().all(text)).then_some(Foreign::Text)
}

/// Looks at more of a file that has no envelope, and of which the first bytes say nothing: `None` where
/// it may still be a damaged ia64 stream.
pub(super) fn of_rest(file: &[u8]) -> Option<Foreign> {
    if looks_like_ia64(file) {
        return None;
    }
    if let Some(found) = magic::recognise(file) {
        return Some(Foreign::Known(found));
    }
    (!could_be_ia64(file)).then_some(Foreign::Unknown)
}

/// Whether the first bytes settle what a file is, or whether more should be looked at.
pub(super) fn is_settled(window: &[u8]) -> bool {
    looks_like_ia64(window)
}

/// Whether anything of the head of an ia64 stream is there. Zeros and noise have nothing of it; a head of
/// which one word is whole has. What ends within it may be one cut short.
fn could_be_ia64(window: &[u8]) -> bool {
    let Some(size) = word64(window, 0) else {
        return true;
    };
    let size = size != 0 && size < 1 << 36;
    let Some(version) = word64(window, 8) else {
        return size;
    };
    if word64(window, 16).is_none() {
        return size || (1..=3).contains(&version);
    }
    let hypercall_imm = [48, 56]
        .iter()
        .any(|&at| word32(window, at) == Some(0x1000));
    // What was put in or is missing before them moves them all: then one alone may be chance.
    let moved =
        marks(window.get(8..).unwrap_or(&[])) >= 2 || marks(&[&[0; 8], window].concat()) >= 2;
    marks(window) >= 1 || (size && hypercall_imm) || moved
}

/// Words of a head that hardly anything else has where they stand: the version, the flags, and where the
/// guest finds shared_info, an address of region 7.
fn marks(head: &[u8]) -> usize {
    let any = |places: &[usize], is: fn(u64) -> bool| {
        let mut words = places.iter().filter_map(|&at| word64(head, at));
        usize::from(words.any(is))
    };
    // The oldest dialect has a domid before the rest (spec 3.3).
    any(&[8], |word| (1..=3).contains(&word))
        + any(&[16, 24], |word| matches!(word, 2 | 3))
        + any(&[40, 48], |word| word >> 60 == 0xf && word << 8 == 0)
}

fn word16(window: &[u8], at: usize) -> Option<u16> {
    let bytes = window.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn word32(window: &[u8], at: usize) -> Option<u32> {
    let bytes = window.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

fn word64(window: &[u8], at: usize) -> Option<u64> {
    let bytes = window.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Two of three marks make an ia64 stream: a p2m_size that memory can have, a version, and the flags
/// of arch_setup. Any one of them may be damaged.
fn looks_like_ia64(window: &[u8]) -> bool {
    let size = word64(window, 0).is_some_and(|size| size < 1 << 36);
    let version = word64(window, 8).is_some_and(|version| (1..=3).contains(&version));
    // The oldest dialect has a domid before the flags (spec 3.3).
    let flags = [16, 24]
        .iter()
        .any(|&at| matches!(word64(window, at), Some(2 | 3)));
    u8::from(size) + u8::from(version) + u8::from(flags) >= 2
}

fn libxc_v2(window: &[u8], inside: Kind) -> IResult<&[u8], Foreign> {
    let (rest, _) = tag(&b"\xff\xff\xff\xff\xff\xff\xff\xffXENF"[..]).parse(window)?;
    let words: IResult<&[u8], (u32, u16)> = (be_u32, be_u16).parse(rest);
    let words = words.ok().map(|(_, words)| words);
    let found = Foreign::LibxcV2 {
        version: words.map(|(version, _)| version),
        byteorder: words.map(|(_, options)| match options & 1 {
            0 => ByteOrder::Little,
            _ => ByteOrder::Big,
        }),
        inside,
    };
    Ok((rest, found))
}

fn libxl_v2(window: &[u8], inside: Kind) -> IResult<&[u8], Foreign> {
    let (rest, _) = tag(&b"LibxlFmt"[..]).parse(window)?;
    let version: IResult<&[u8], u32> = be_u32.parse(rest);
    let version = version.ok().map(|(_, version)| version);
    Ok((rest, Foreign::LibxlV2 { version, inside }))
}

/// How many bits a word of the x86 host had that wrote this, if one did.
///
/// After p2m_size, a PV stream has a word of ones where it carries extended information, as all but
/// the earliest do. An HVM stream goes on with a batch of pages: how many, then their pfns, which
/// begin with a run of consecutive ones. An early PV stream has nothing that sets it apart.
fn x86_bits(window: &[u8]) -> Option<u8> {
    let size = word64(window, 0)?;
    let wide = size != 0 && size >> 32 == 0;
    if wide && (word64(window, 8) == Some(u64::MAX) || batch(window, 8, 8)) {
        return Some(64);
    }
    let narrow = size as u32 != 0 && size as u32 != u32::MAX;
    let extended = size >> 32 == u64::from(u32::MAX)
        && window
            .get(12..16)
            .is_some_and(|name| name == b"vcpu" || name == b"extv");
    (narrow && (extended || batch(window, 4, 4))).then_some(32)
}

/// Whether a batch of pages begins here.
fn batch(window: &[u8], at: usize, word_size: usize) -> bool {
    const MOST: u32 = 1024;
    const PFN: u64 = 0x0fff_ffff;
    if !word32(window, at).is_some_and(|count| (8..=MOST).contains(&count)) {
        return false;
    }
    let pfns = window[at + 4..].chunks_exact(word_size).map(|bytes| {
        let mut word = [0; 8];
        word[..word_size].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    });
    let mut seen = 0;
    let mut next = None;
    for pfn in pfns.take(6) {
        // The top four of 32 bits are the type of the page.
        let number = pfn & PFN;
        if pfn >> 32 != 0 || next.is_some_and(|next| next != number) {
            return false;
        }
        next = Some(number + 1);
        seen += 1;
    }
    seen == 6
}

fn elf(window: &[u8]) -> Option<Foreign> {
    window.strip_prefix(b"\x7fELF")?;
    let bits = match window.get(4)? {
        1 => 32,
        2 => 64,
        _ => return None,
    };
    let big = window.get(5)? == &2;
    let half = |at| word16(window, at).map(|half| if big { half.swap_bytes() } else { half });
    Some(Foreign::Elf {
        bits,
        core: half(16)? == 4,
        machine: half(18)?,
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    /// The first 64 bytes of a PV stream that xen-3.4 wrote.
    fn ia64(size: u64, version: u64, flags: u64) -> Vec<u8> {
        let words = [
            size,
            version,
            flags,
            0,
            0xc8000,
            0xf5 << 56,
            0x1000,
            0x28_0000_0001,
        ];
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(64, 0);
        bytes
    }

    #[test]
    fn a_damaged_ia64_stream_stays_ours() {
        for version in [0, 1, 2, 3, 7, 64, 1024, 3 + (1 << 32), u64::MAX] {
            // 0x88b1f is what gzip begins with.
            for size in [0, 0x32, 0x40000, 0x88b1f, 1 << 27] {
                assert_eq!(of_file(&ia64(size, version, 2)), None);
                assert_eq!(of_file(&ia64(size, version, 3)[..40]), None);
            }
        }
        for size in [u64::MAX, 1 << 61, 0xffff_ffff_0000_0032] {
            assert_eq!(of_file(&ia64(size, 3, 2)), None);
            assert_eq!(of_file(&ia64(size, 7, 0)), None);
        }
        // The oldest dialect has its flags behind a domid.
        let oldest = words(&[0x100, 0, u32::MAX, u32::MAX, 5, 0, 2, 0]);
        assert_eq!(of_file(&oldest), None);
    }

    #[test]
    fn what_is_cut_short_stays_ours() {
        let stream = ia64(0x6f6f_6f6f, 3, 2);
        for cut in 1..stream.len() {
            assert_eq!(of_file(&stream[..cut]), None);
        }
    }

    #[test]
    fn x86_streams_are_recognised() {
        let vcpu = u32::from_le_bytes(*b"vcpu");
        let pv64 = words(&[0x20000, 0, u32::MAX, u32::MAX, 5168, vcpu, 5160]);
        let pv32 = words(&[0x20000, u32::MAX, 2800, vcpu, 2792]);
        let hvm64 = words(&[0x20000, 0, 1024, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);
        let hvm32 = words(&[0x20000, 1024, 0, 1, 2, 3, 0xf000_0004, 0xf000_0005, 6]);
        for (stream, bits) in [(pv64, 64), (pv32, 32), (hvm64, 64), (hvm32, 32)] {
            for inside in [Kind::Bare, Kind::Xend] {
                assert_eq!(
                    of_stream(&stream, inside),
                    Some(Foreign::X86Legacy { bits, inside })
                );
            }
        }
        let scattered = words(&[0x20000, 0, 1024, 9, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);
        assert_eq!(of_file(&scattered), None);
    }

    #[test]
    fn later_streams_say_what_they_are() {
        let mut v2 = b"\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\x03\0\x01".to_vec();
        v2.resize(64, 0);
        let found = of_stream(&v2, Kind::Bare).unwrap();
        assert_eq!(
            found.to_string(),
            "this is a libxc stream of version 3 (big-endian) from Xen 4.6 or later, which no ia64 \
             host wrote"
        );
        let found = of_stream(b"LibxlFmt\0\0\0\x02", Kind::Xl).unwrap();
        assert_eq!(
            found.to_string(),
            "this is a libxl stream of version 2 from Xen 4.6 or later in an xl file, which no ia64 \
             host wrote"
        );
        assert_eq!(
            of_file(&v2[..13]),
            Some(Foreign::LibxcV2 {
                version: None,
                byteorder: None,
                inside: Kind::Bare
            })
        );
    }

    #[test]
    fn noise_and_zeros_are_nothing_known_and_one_word_of_a_head_is_enough() {
        let zeros = [0; 64];
        let noise: Vec<u8> = (1..=64u8).map(|byte| byte.wrapping_mul(167)).collect();
        for file in [&zeros[..], &noise, &zeros[..16], &noise[..9]] {
            assert_eq!(of_rest(file), Some(Foreign::Unknown), "{file:?}");
        }
        for at in [1, 2, 5] {
            let mut head = noise.clone();
            let good = ia64(0x40000, 3, 2);
            head[at * 8..at * 8 + 8].copy_from_slice(&good[at * 8..at * 8 + 8]);
            assert_eq!(of_rest(&head), None, "word {at}");
        }
        for cut in 0..8 {
            assert_eq!(of_rest(&noise[..cut]), None);
        }
        // A word too many at the front, or one that is missing there, moves the rest.
        let head = ia64(0x40000, 3, 2);
        assert_eq!(of_rest(&[&noise[..8], &head].concat()), None);
        assert_eq!(of_rest(&head[8..]), None);
    }

    #[test]
    fn other_files_are_named() {
        let mut elf = b"\x7fELF\x02\x01\x01\0\x01\0\0\0\0\0\0\0\x04\0\x32\0".to_vec();
        elf.resize(64, 0);
        for (bytes, sentence) in [
            (
                &elf[..],
                "this is a 64-bit ELF core dump of machine 50 (ia64); of cores those of xm dump-core \
                 are read, by info, map, extract, compare and find",
            ),
            (
                b"\x1f\x8b\x08\x08abcdefghijkl",
                "this is a file compressed with gzip: decompress it first",
            ),
            (
                b"\x28\xb5\x2f\xfd\x04\x58",
                "this is a file compressed with zstd: decompress it first",
            ),
            (
                b"\xfd7zXZ\0\0\x04",
                "this is a file compressed with xz: decompress it first",
            ),
            (
                b"sslreceive\nLinuxGuestRecord\0\0",
                "this is a recorded relocation: the image begins after 11 bytes of request",
            ),
            (
                b"(receive)\nLinuxGuestRecord\0\0",
                "this is a recorded relocation: the image begins after 10 bytes of request",
            ),
            (
                b"BZh91AY&SY0123456789",
                "this is a bzip2 file: unpack it first",
            ),
            (b"%PDF-1.4\n", "this is a PDF document"),
            (b"name = 'guest'\n", "this is text"),
            (b"", "this file is empty"),
        ] {
            assert_eq!(of_file(bytes).unwrap().to_string(), sentence);
        }
    }
}
