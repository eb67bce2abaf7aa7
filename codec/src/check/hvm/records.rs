//! The size of the HVM context and its sequence of records (spec 10.3, 10.4).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::walk::{Blob, RecordView, blobs};
use super::{HEADER, IDENTITY};
use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::code::Code;
use crate::image::Checkpoint;
use crate::wire::hvm::{END, Per, RECORDS, record_of};

/// Bytes of the records of one vcpu with their descriptors.
const PER_VCPU: u64 = 65656;
/// Bytes of the records that a domain has once, with the identity mappings.
const FIXED: u64 = 608;
/// Missing records that are named.
const NAMED: usize = 8;

fn online(checkpoint: &Checkpoint) -> BTreeSet<u32> {
    let map = checkpoint.vcpumap.as_ref();
    map.map(|map| map.online().collect()).unwrap_or_default()
}

/// The size: every record of every vcpu that is online, and nothing else.
pub(in crate::check) fn size(context: &Context<'_>, out: &mut Findings) {
    let Some(dialect) = context.image.read_as() else {
        return;
    };
    for blob in blobs(context) {
        let vcpus = online(blob.round.checkpoint).len() as u64;
        let fixed = dialect.spec().hvm_fixed_bytes;
        let expected: Vec<u64> = fixed.iter().map(|fixed| fixed + PER_VCPU * vcpus).collect();
        let size = blob.context.blob.bytes.len() as u64;
        if !expected.contains(&size) {
            let expected: Vec<_> = expected.iter().map(|size| format!("{size}")).collect();
            let expected = expected.join(" or ");
            out.add(
                blob.size_finding(Code::HvmSize)
                    .expected(format!("{expected} for {vcpus} vcpus"))
                    .found(format!("{size}")),
            );
        }
    }
}

/// Each record by itself: a type that the hypervisor knows, the length of that type, an instance
/// that is a vcpu of the domain.
pub(in crate::check) fn descriptors(context: &Context<'_>, out: &mut Findings) {
    let has_identity = !context.always(|spec| !spec.hvm_fixed_bytes.contains(&FIXED));
    for blob in blobs(context) {
        let online = online(blob.round.checkpoint);
        for record in blob.records().filter(|record| record.typecode != END) {
            let known = record_of(record.typecode)
                .filter(|known| known.typecode != IDENTITY || has_identity);
            let Some(known) = known else {
                let last = if has_identity { 8 } else { 7 };
                out.add_lazily(Code::HvmRecordType, || {
                    record
                        .finding(Code::HvmRecordType, "typecode")
                        .expected(format!("1 to {last}, or 0 for the end"))
                        .found(format!("{}", record.typecode))
                });
                truncated(&blob, &record, out);
                continue;
            };
            if record.length == known.length {
                truncated(&blob, &record, out);
            } else {
                out.add_lazily(Code::HvmRecordLength, || {
                    record
                        .finding(Code::HvmRecordLength, "length")
                        .expected(format!("{} for {}", known.length, known.name))
                        .found(format!("{}", record.length))
                });
            }
            let instance = u32::from(record.instance);
            match known.per {
                Per::Vcpu if !online.contains(&instance) => {
                    out.add_lazily(Code::HvmRecordInstance, || {
                        record
                            .finding(Code::HvmRecordInstance, "instance")
                            .expected("a vcpu of the vcpumap")
                            .found(format!("{instance}"))
                    });
                }
                Per::Domain if instance != 0 => out.add_lazily(Code::HvmDomainInstance, || {
                    record
                        .finding(Code::HvmDomainInstance, "instance")
                        .expected(format!("0 for {}", known.name))
                        .found(format!("{instance}"))
                }),
                _ => {}
            }
        }
    }
}

fn truncated(blob: &Blob<'_>, record: &RecordView<'_>, out: &mut Findings) {
    if record.body.is_none() {
        let left = blob.context.blob.bytes.len() - record.end_of_descriptor();
        out.add(
            record
                .finding(Code::HvmRecordTruncated, "length")
                .expected(format!("at most the {left} bytes that are left"))
                .found(format!("{}", record.length)),
        );
    }
}

/// The sequence. A restore asks for HEADER in front and takes the rest in any order, the last of
/// several; Xen writes type after type and, within one, vcpu after vcpu.
pub(in crate::check) fn sequence(context: &Context<'_>, out: &mut Findings) {
    for blob in blobs(context) {
        let mut seen: BTreeSet<(u16, u16)> = BTreeSet::new();
        let mut last = None;
        for record in blob.records().filter(|record| record.typecode != END) {
            if last.is_none() && record.typecode != HEADER {
                out.add(
                    record
                        .finding(Code::HvmHeaderFirst, "typecode")
                        .expected("1, HEADER")
                        .found(format!("{}, {}", record.typecode, record.name())),
                );
            }
            let key = (record.typecode, record.instance);
            if !seen.insert(key) {
                out.add_lazily(Code::HvmRecordDuplicate, || {
                    record
                        .finding(Code::HvmRecordDuplicate, "typecode")
                        .expected("every record once")
                        .found(format!("{} {} again", record.name(), record.instance))
                });
            } else if last.is_some_and(|last| key < last) && record_of(record.typecode).is_some() {
                out.add_lazily(Code::HvmRecordOrder, || {
                    record
                        .finding(Code::HvmRecordOrder, "typecode")
                        .expected("records by type, then by vcpu")
                        .found(format!("{} {}", record.name(), record.instance))
                });
            }
            last = Some(key);
        }
        // Of a walk that did not come to the end, nobody knows what is missing.
        if blob.ends() {
            missing(context, &blob, &seen, out);
        }
    }
}

/// Records that every domain has: without them a vcpu stays down, or a device as it was built. All that
/// are missing make one finding.
fn missing(
    context: &Context<'_>,
    blob: &Blob<'_>,
    seen: &BTreeSet<(u16, u16)>,
    out: &mut Findings,
) {
    let needs_identity = context.always(|spec| spec.hvm_fixed_bytes == [FIXED]);
    let online = online(blob.round.checkpoint);
    let mut missing = Vec::new();
    for known in RECORDS.iter().filter(|known| known.typecode != END) {
        match known.per {
            Per::Vcpu => missing.extend(
                online
                    .iter()
                    .filter(|vcpu| {
                        let vcpu = u16::try_from(**vcpu);
                        !vcpu.is_ok_and(|vcpu| seen.contains(&(known.typecode, vcpu)))
                    })
                    .map(|vcpu| format!("{} {vcpu}", known.name)),
            ),
            // The instance of a domain's record does not matter to a restore.
            Per::Domain => {
                let mut of_type = seen.range((known.typecode, 0)..=(known.typecode, u16::MAX));
                let needed = known.typecode != IDENTITY || needs_identity;
                if needed && of_type.next().is_none() {
                    missing.push(String::from(known.name));
                }
            }
        }
    }
    if missing.is_empty() {
        return;
    }
    let more = match missing.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    missing.truncate(NAMED);
    out.add(
        blob.finding(Code::HvmRecordMissing, blob.context.blob.offset)
            .expected(format!("{}{more}", missing.join(", ")))
            .found("none"),
    );
}

/// END is there, is all zero, and is the last.
pub(in crate::check) fn end(context: &Context<'_>, out: &mut Findings) {
    for blob in blobs(context) {
        let section = &blob.context.blob;
        let last = blob.records().last();
        let Some(end) = last.filter(|record| record.typecode == END) else {
            out.add(
                blob.finding(Code::HvmEndMissing, section.end())
                    .expected("a descriptor with typecode 0")
                    .found("the end of the HVM context"),
            );
            continue;
        };
        if end.instance != 0 || end.length != 0 {
            out.add(
                end.finding(Code::HvmEnd, "length")
                    .expected("instance and length 0")
                    .found(format!("instance {}, length {}", end.instance, end.length)),
            );
        }
        let behind = section.bytes.len() - end.end_of_descriptor();
        if behind > 0 {
            out.add(
                blob.finding(Code::HvmEndTrailing, section.end() - behind as u64)
                    .length(behind as u32)
                    .expected("the end of the HVM context")
                    .found(format!("{behind} bytes")),
            );
        }
    }
}
