//! The device state of a fully virtualised domain.

use alloc::format;
use alloc::vec::Vec;

use super::difference::{Found, Report};
use super::sides::{NOT_IN_A_CORE, Sides};
use super::structure::Structure;
use crate::dialect::Dialect;
use crate::image::{Checkpoint, HvmContext, MagicPfns};
use crate::wire::{Layout, hvm};

/// Bytes of an HVM context that do not depend on its vcpus, where identity mappings are among them.
const WITH_IDENTITY: u64 = 608;

/// An HVM record.
struct Record {
    key: (u16, u16),
    layout: Option<&'static Layout>,
    body: Vec<u8>,
    offset: u64,
}

impl Sides<'_> {
    pub(super) fn hvm(&self, report: &mut Report, prefix: &str, a: &Checkpoint, b: &Checkpoint) {
        let pfns = |checkpoint: &Checkpoint| -> Vec<(&'static str, u64, u64)> {
            let magic = checkpoint.magic_pfns.iter().flat_map(MagicPfns::iter);
            magic
                .map(|(name, pfn, at)| (name.name(), pfn, at))
                .collect()
        };
        let (magic_a, magic_b) = (pfns(a), pfns(b));
        for name in ["store", "ioreq", "bufioreq", "bufpioreq"] {
            let find = |list: &[(&str, u64, u64)]| {
                let found = list.iter().find(|(known, ..)| *known == name);
                found.map(|(_, pfn, at)| Found::new(format!("{pfn:#x}"), *at))
            };
            let path = format!("{prefix}magic_pfns.{name}");
            match (find(&magic_a), find(&magic_b)) {
                (None, None) => {}
                (Some(one), Some(other)) => report.compare(&path, Some(one), Some(other)),
                _ if self.core => report.incomparable(&path, NOT_IN_A_CORE),
                _ => report.incomparable(&path, "one of the dialects does not carry it"),
            }
        }
        let regs = self.eras.map(|era| era.spec().privregs);
        let records = |checkpoint: &'_ Checkpoint, side: usize| -> Vec<Record> {
            let context = checkpoint.hvm_context.as_ref();
            let all = context.into_iter().flat_map(HvmContext::records);
            all.filter(|(_, record)| record.typecode != hvm::END)
                .map(|(offset, record)| {
                    let layout = match record.typecode {
                        3 => hvm::vpd::layout_of(regs[side]),
                        code => hvm::layout_of_record(code),
                    };
                    Record {
                        key: (record.typecode, record.instance),
                        layout,
                        body: record.body.to_vec(),
                        offset: offset + 8,
                    }
                })
                .collect()
        };
        let (list_a, list_b) = (records(a, 0), records(b, 1));
        let mut keys: Vec<_> = list_a
            .iter()
            .chain(&list_b)
            .map(|record| record.key)
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            // Of several records of one kind a restore keeps the last.
            let find = |list: &[Record]| list.iter().rposition(|record| record.key == key);
            let one = find(&list_a).map(|place| &list_a[place]);
            let other = find(&list_b).map(|place| &list_b[place]);
            let name = hvm::record_of(key.0)
                .map_or_else(|| format!("{}", key.0), |record| record.name.into());
            let path = format!("{prefix}hvm_context.{name}[{}]", key.1);
            self.record(report, &path, one, other);
        }
    }

    fn record(&self, report: &mut Report, path: &str, a: Option<&Record>, b: Option<&Record>) {
        let layouts = [a, b].map(|record| record.and_then(|record| record.layout));
        if let ([Some(layout_a), Some(layout_b)], Some(a), Some(b)) = (layouts, a, b) {
            let pair = [
                Some(Structure {
                    layout: layout_a,
                    bytes: &a.body,
                    offset: a.offset,
                }),
                Some(Structure {
                    layout: layout_b,
                    bytes: &b.body,
                    offset: b.offset,
                }),
            ];
            self.structures(report, path, pair, &|_| None);
            return;
        }
        if let (Some(a), Some(b)) = (a, b)
            && a.body == b.body
        {
            return;
        }
        let found = |record: Option<&Record>| {
            record.map(|record| Found::new(format!("{} bytes", record.body.len()), record.offset))
        };
        // The identity mappings are not in the first dialects that have HVM domains.
        let without = |dialect: &Dialect| dialect.spec().hvm_fixed_bytes != [WITH_IDENTITY];
        let older = self.dialects.iter().any(without);
        if self.core || (a.is_some() != b.is_some() && older && path.contains("IDENTITY")) {
            report.incomparable(path, "one of the dialects does not carry it");
        } else {
            report.differ(path, found(a), found(b));
        }
    }
}
