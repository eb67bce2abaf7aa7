//! The HVM context: records of devices and registers (spec 10.3, 10.4).

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::Route;
use super::loss::Losses;
use crate::image::HvmContext;
use crate::size::place;
use crate::wire::Wire;
use crate::wire::hvm::{END, HvmHwIa64IdentityMappings, HvmSaveDescriptor};

/// Record 8, which came within the life of D10b (69a6f6d074): a restore of D8 or D9 refuses it.
const IDENTITY_MAPPINGS: u16 = 8;
/// The blob's bytes that are there once per domain, where record 8 is one of them.
const WITH_IDENTITY_MAPPINGS: u64 = 608;

/// The blob. Everything but record 8 stays; a blob that does not reach its END stays altogether.
pub(super) fn convert<'a>(
    source: &'a HvmContext,
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let blob = &source.blob.bytes[..];
    let wanted = route
        .new_spec()
        .hvm_fixed_bytes
        .contains(&WITH_IDENTITY_MAPPINGS);
    let Some((end, _)) = source.records().find(|(_, record)| record.typecode == END) else {
        return blob.into();
    };
    let has = source
        .records()
        .any(|(_, record)| record.typecode == IDENTITY_MAPPINGS);
    if route.is_same() || has == wanted {
        return blob.into();
    }
    let mut made = Vec::with_capacity(blob.len() + 80);
    let mut kept = 0;
    for (index, (offset, record)) in source.records().enumerate() {
        if record.typecode != IDENTITY_MAPPINGS {
            continue;
        }
        if record.body.iter().any(|byte| *byte != 0) {
            losses.name(
                format!("hvm_context.records[{index}]"),
                format!("{} knows no identity mappings, and one is on", route.to),
            );
        }
        let at = place(offset - source.blob.offset);
        made.extend_from_slice(&blob[kept..at]);
        kept = at + HvmSaveDescriptor::SIZE + record.body.len();
    }
    let end = place(end - source.blob.offset);
    made.extend_from_slice(&blob[kept..end]);
    if wanted {
        let descriptor = HvmSaveDescriptor {
            typecode: IDENTITY_MAPPINGS,
            instance: 0,
            length: HvmHwIa64IdentityMappings::SIZE as u32,
        };
        descriptor.write_to(&mut made);
        // All off, as a hypervisor of the target's time leaves them that was told nothing.
        made.extend(vec![0; HvmHwIa64IdentityMappings::SIZE]);
    }
    made.extend_from_slice(&blob[end..]);
    made.into()
}
