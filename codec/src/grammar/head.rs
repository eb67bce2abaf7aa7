//! The head of the stream: what is written once, before the first page.

use nom::Parser;
use nom::bytes::streaming::take;
use nom::number::streaming::{le_u32, le_u64};

use super::fault::{Fault, Parsed, fail, size};
use super::u64_at;
use crate::dialect::{ArchSetupLayout, Dialect, Version};
use crate::limits::Limits;

/// The first 16 bytes (spec 3.1, 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prologue {
    /// Size of the domain's p2m in pages. What exactly it counts depends on the dialect.
    pub p2m_size: u64,
    /// The version word as it stands; see [`Version::from_word`].
    pub version: u64,
}

/// `p2m_size version`.
pub fn prologue(input: &[u8]) -> Parsed<'_, Prologue> {
    let (rest, (p2m_size, version)) = (le_u64, le_u64).parse(input)?;
    Ok((rest, Prologue { p2m_size, version }))
}

/// Tells the 48-byte setup record from the 40-byte one, without taking anything (spec 12.2).
///
/// Only version 1 knows the 48-byte record. It begins with a domid of zero, of which the low 16
/// bits alone are defined, and has its flags at byte 8; the 40-byte record begins with the flags,
/// of which 2 and 3 are the only values a saver wrote.
pub fn arch_setup_layout(input: &[u8], version: Version) -> Parsed<'_, ArchSetupLayout> {
    if version != Version::V1 {
        return Ok((input, ArchSetupLayout::Vhpt));
    }
    let (_, looked_at) = take(16usize)(input)?;
    let first = u64_at(looked_at, 0).unwrap_or(0);
    let second = u64_at(looked_at, 8).unwrap_or(0);
    let dom0_op = first as u16 == 0 && matches!(second, 2 | 3);
    let layout = if dom0_op {
        ArchSetupLayout::Dom0Op
    } else {
        ArchSetupLayout::Plain
    };
    Ok((input, layout))
}

/// The domain setup record, as bytes (spec 3.3).
pub fn arch_setup(layout: ArchSetupLayout) -> impl Fn(&[u8]) -> Parsed<'_, &[u8]> + use<> {
    move |input| take(layout.size())(input)
}

/// The memory map (spec 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memmap<'a> {
    /// Pages that follow; every saver wrote 1.
    pub num_pages: u32,
    /// The pages: a header of 24 bytes, EFI descriptors, and whatever the page held behind them.
    pub bytes: &'a [u8],
}

/// `num_pages { page }`.
pub fn memmap(
    page_size: usize,
    limits: &Limits,
) -> impl Fn(&[u8]) -> Parsed<'_, Memmap<'_>> + use<> {
    let limit = limits.memmap_pages;
    move |input| {
        let (rest, num_pages) = le_u32(input)?;
        if num_pages > limit {
            let (limit, found) = (u64::from(limit), u64::from(num_pages));
            return fail(Fault::limit(4, "num_pages", limit, found));
        }
        let bytes = u64::from(num_pages).saturating_mul(page_size as u64);
        let (rest, bytes) = take(size("num_pages", 4, bytes)?)(rest)?;
        Ok((rest, Memmap { num_pages, bytes }))
    }
}

impl Dialect {
    /// The dialects that a head admits: those of its version and of its setup record's length.
    ///
    /// [`ArchSetupLayout::Plain`] and [`ArchSetupLayout::Vhpt`] have one length and differ in the
    /// meaning of one byte, so they are not told apart here.
    pub fn of_head(version: Version, setup: ArchSetupLayout) -> impl Iterator<Item = Dialect> {
        Dialect::of_version(version)
            .filter(move |dialect| dialect.spec().arch_setup.size() == setup.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use alloc::vec::Vec;

    #[test]
    fn a_setup_record_is_told_by_its_first_two_words() {
        let words = |a: u64, b: u64| [a.to_le_bytes(), b.to_le_bytes()].concat();
        let told = |bytes: Vec<u8>, version| arch_setup_layout(&bytes, version).map(|(_, l)| l);
        // The six bytes behind the domid are the saver's stack.
        let garbage = 0xfefe_fefe_fefe_0000;
        assert_eq!(
            told(words(garbage, 2), Version::V1),
            Ok(ArchSetupLayout::Dom0Op)
        );
        assert_eq!(told(words(2, 0), Version::V1), Ok(ArchSetupLayout::Plain));
        assert_eq!(told(words(0, 0), Version::V1), Ok(ArchSetupLayout::Plain));
        assert_eq!(told(words(0, 2), Version::V2), Ok(ArchSetupLayout::Vhpt));
        assert!(told(words(0, 2)[..15].to_vec(), Version::V1).is_err());
    }

    #[test]
    fn a_memory_map_beyond_its_limit_is_refused_before_its_pages_are_asked_for() {
        let parse = |count: u32| memmap(16384, &Limits::default())(&count.to_le_bytes()).err();
        assert!(matches!(parse(1), Some(nom::Err::Incomplete(_))));
        assert!(matches!(parse(0x40000), Some(nom::Err::Failure(_))));
    }

    #[test]
    fn a_memory_map_that_no_machine_can_address_is_refused() {
        let limits = Limits {
            memmap_pages: u32::MAX,
            ..Limits::default()
        };
        let parse = |size| memmap(size, &limits)(&u32::MAX.to_le_bytes()).err();
        let Some(nom::Err::Failure(fault)) = parse(usize::MAX / 4) else {
            panic!("it is no map");
        };
        assert_eq!(
            (fault.code, fault.field),
            (Code::LimitExceeded, "num_pages")
        );
        // On a machine of 32 bits the product is 2^46 - 2^14, which must not wrap.
        let asked = parse(16384);
        #[cfg(target_pointer_width = "32")]
        assert!(matches!(asked, Some(nom::Err::Failure(_))));
        #[cfg(target_pointer_width = "64")]
        assert!(matches!(asked, Some(nom::Err::Incomplete(_))));
    }
}
