//! The tail of a checkpoint: vcpus, shared_info and, for HVM, magic pfns and the device state.

use nom::Parser;
use nom::bytes::streaming::take;
use nom::number::streaming::{le_u16, le_u32, le_u64};

use super::fault::{Fault, Parsed, fail, size};
use crate::code::Code;
use crate::dialect::VcpumapRule;
use crate::limits::Limits;

/// `max_virt_cpus` of every saver (spec 8.1).
pub const MAX_VIRT_CPUS: u64 = 64;

/// Which vcpus follow (spec 8.1, 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vcpumap<'a> {
    /// Bits that the map has room for; every saver wrote 64.
    pub max_virt_cpus: u64,
    /// The bitmap; bit i is bit i%8 of byte i/8.
    pub bytes: &'a [u8],
}

impl<'a> Vcpumap<'a> {
    /// Ids of the vcpus that follow, ascending. Bits at and above `max_virt_cpus` do not count: no
    /// restore looked at them.
    pub fn online(&self) -> impl Iterator<Item = u32> + use<'a> {
        let max = self.max_virt_cpus;
        self.bytes
            .iter()
            .enumerate()
            .flat_map(move |(index, byte)| {
                (0..8u32)
                    .filter(move |bit| byte >> bit & 1 == 1)
                    .map(move |bit| index as u32 * 8 + bit)
                    .filter(move |id| u64::from(*id) < max)
            })
    }
}

/// `max_virt_cpus bitmap`.
pub fn vcpumap(
    rule: VcpumapRule,
    limits: &Limits,
) -> impl Fn(&[u8]) -> Parsed<'_, Vcpumap<'_>> + use<> {
    let limit = limits.max_virt_cpus;
    move |input| {
        let (rest, max_virt_cpus) = le_u64(input)?;
        if max_virt_cpus > limit {
            return fail(Fault::limit(8, "max_virt_cpus", limit, max_virt_cpus));
        }
        let Some(bytes) = rule.size(max_virt_cpus) else {
            return fail(Fault::new(Code::VcpumapSize, 8, "max_virt_cpus"));
        };
        let (rest, bytes) = take(size("max_virt_cpus", 8, bytes)?)(rest)?;
        Ok((
            rest,
            Vcpumap {
                max_virt_cpus,
                bytes,
            },
        ))
    }
}

/// A part of fixed size: a vcpu context (spec 8.3), a privregs page (spec 8.10), the shared_info
/// page (spec 9.1).
pub fn section(size: usize) -> impl Fn(&[u8]) -> Parsed<'_, &[u8]> {
    move |input| take(size)(input)
}

/// The magic pfns of an HVM domain, 8 bytes each (spec 10.2).
pub fn magic_pfns(count: usize) -> impl Fn(&[u8]) -> Parsed<'_, &[u8]> {
    section(count * 8)
}

/// `size blob`: the HVM context (spec 10.3). The blob's records are [`hvm_record`]s.
pub fn hvm_context(limits: &Limits) -> impl Fn(&[u8]) -> Parsed<'_, &[u8]> + use<> {
    let limit = limits.hvm_context_bytes;
    move |input| {
        let (rest, bytes) = le_u64(input)?;
        if bytes > limit {
            return fail(Fault::limit(8, "size", limit, bytes));
        }
        take(size("size", 8, bytes)?)(rest)
    }
}

/// One record of the HVM context, borrowed (spec 10.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HvmRecord<'a> {
    /// Kind of record, 0 (END) to 8.
    pub typecode: u16,
    /// The vcpu, for records of a vcpu; otherwise 0.
    pub instance: u16,
    /// Bytes of body that the descriptor announces.
    pub length: u32,
    /// The body.
    pub body: &'a [u8],
}

/// `typecode instance length body`.
pub fn hvm_record(input: &[u8]) -> Parsed<'_, HvmRecord<'_>> {
    let (rest, (typecode, instance, length)) = (le_u16, le_u16, le_u32).parse(input)?;
    // The descriptor of END is the end whatever its length says; nobody reads a body there.
    let (rest, body) = if typecode == 0 {
        (rest, &rest[..0])
    } else {
        take(length)(rest)?
    };
    Ok((
        rest,
        HvmRecord {
            typecode,
            instance,
            length,
            body,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn a_vcpumap_names_the_vcpus_that_follow() {
        let mut bytes = 64u64.to_le_bytes().to_vec();
        bytes.extend_from_slice(&[0x0b, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 42]);
        let limits = Limits::default();
        let (rest, map) = vcpumap(VcpumapRule::ByteSlack, &limits)(&bytes).unwrap();
        assert_eq!((rest, map.bytes.len()), (&[42u8][..], 9));
        assert_eq!(map.online().collect::<Vec<_>>(), vec![0, 1, 3, 63]);
        let (rest, _) = vcpumap(VcpumapRule::Words, &limits)(&bytes).unwrap();
        assert_eq!(rest.len(), 2);
    }

    #[test]
    fn sizes_are_compared_with_their_limits_before_anything_is_taken() {
        let limits = Limits::default();
        let huge = u64::MAX.to_le_bytes();
        for failed in [
            vcpumap(VcpumapRule::ByteSlack, &limits)(&huge).err(),
            vcpumap(VcpumapRule::Words, &limits)(&huge).err(),
        ] {
            assert!(matches!(failed, Some(nom::Err::Failure(_))));
        }
        assert!(matches!(
            hvm_context(&limits)(&huge),
            Err(nom::Err::Failure(_))
        ));
    }

    /// What a machine of 32 bits must not take for its low half.
    #[test]
    fn a_size_that_no_machine_can_address_is_refused_whatever_the_limits_say() {
        let limits = Limits {
            max_virt_cpus: u64::MAX,
            hvm_context_bytes: u64::MAX,
            ..Limits::default()
        };
        let sized = |size: u64| [&size.to_le_bytes()[..], &[0; 16]].concat();
        let beyond = isize::MAX as u64 + 1;
        let Err(nom::Err::Failure(fault)) = hvm_context(&limits)(&sized(beyond + 5)) else {
            panic!("{beyond} bytes are more than a slice has");
        };
        assert_eq!((fault.code, fault.field), (Code::LimitExceeded, "size"));
        assert_eq!(fault.found, alloc::format!("{} bytes", beyond + 5));
        // Never the five bytes of its low half.
        assert!(hvm_context(&limits)(&sized((1 << 32) + 5)).is_err());
        let map = vcpumap(VcpumapRule::ByteSlack, &limits);
        assert!(map(&sized((1 << 35) + 8)).is_err());
        #[cfg(target_pointer_width = "32")]
        assert!(matches!(
            map(&sized((1 << 35) + 8)),
            Err(nom::Err::Failure(_))
        ));
    }

    #[test]
    fn a_size_may_be_its_limit() {
        let limits = Limits {
            hvm_context_bytes: 2,
            ..Limits::default()
        };
        let sized = |size: u64| [&size.to_le_bytes()[..], &[1, 2, 3]].concat();
        let most = sized(2);
        let (rest, blob) = hvm_context(&limits)(&most).unwrap();
        assert_eq!((rest, blob), (&[3][..], &[1, 2][..]));
        assert!(matches!(
            hvm_context(&limits)(&sized(3)),
            Err(nom::Err::Failure(_))
        ));
    }
}
