//! Everything but pages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Options;
use super::difference::{Found, Report};
use super::sides::{NOT_IN_A_CORE, Sides};
use crate::dialect::Dialect;
use crate::era::Era;
use crate::file::SaveFile;
use crate::image::Checkpoint;
use crate::pfns::PfnSet;
use crate::wire::layout_of_shared_info;

/// Compares two files: configuration, device model, head, and each checkpoint that both have.
/// Offsets are those of each file.
pub fn state(a: &SaveFile, b: &SaveFile, options: &Options) -> Report {
    let mut report = Report {
        limit: options.limit,
        ..Report::default()
    };
    let dialect = |file: &SaveFile| file.image.read_as().unwrap_or(Dialect::D11);
    let sides = Sides {
        a,
        b,
        dialects: [dialect(a), dialect(b)],
        eras: eras(a, b),
        garbage: options.garbage,
        core: a.is_core() || b.is_core(),
    };
    sides.files(&mut report);
    sides.head(&mut report);
    let rounds = [&a.image.checkpoints, &b.image.checkpoints];
    for (number, (one, other)) in rounds[0].iter().zip(rounds[1]).enumerate() {
        let prefix = match number {
            0 => String::new(),
            _ => format!("checkpoint[{number}]."),
        };
        sides.checkpoint(&mut report, &prefix, one, other);
    }
    if rounds[0].len() != rounds[1].len() {
        let count = |rounds: &Vec<Checkpoint>| Some(Found::anywhere(format!("{}", rounds.len())));
        report.differ("checkpoints", count(rounds[0]), count(rounds[1]));
    }
    report
}

/// The eras to understand two files by. A core does not say which hypervisor gave its contexts: next to
/// an image it is understood as that is.
fn eras(a: &SaveFile, b: &SaveFile) -> [Era; 2] {
    let era = |file: &SaveFile| file.image.era().unwrap_or(Era::D11B);
    match (a.is_core(), b.is_core()) {
        (true, false) => [era(b); 2],
        (false, true) => [era(a); 2],
        _ => [era(a), era(b)],
    }
}

impl Sides<'_> {
    fn checkpoint(&self, report: &mut Report, prefix: &str, a: &Checkpoint, b: &Checkpoint) {
        self.unallocated(report, &format!("{prefix}unallocated"), a, b);
        self.vcpus(report, prefix, a, b);
        let layouts = self
            .dialects
            .map(|dialect| dialect.spec().shared_info.last());
        let path = format!("{prefix}shared_info");
        self.pages_of_structures(
            report,
            &path,
            [a.shared_info.as_ref(), b.shared_info.as_ref()],
            layouts.map(|layout| layout.map(|layout| layout_of_shared_info(*layout))),
        );
        let limit = [a.vcpumap.as_ref(), b.vcpumap.as_ref()];
        if let [Some(a), Some(b)] = limit {
            let found = |map: &crate::image::Vcpumap| {
                Some(Found::new(
                    format!("{}", map.max_virt_cpus),
                    map.max_virt_cpus_offset,
                ))
            };
            let path = format!("{prefix}vcpumap.max_virt_cpus");
            report.compare(&path, found(a), found(b));
        }
        self.hvm(report, prefix, a, b);
    }

    fn unallocated(&self, report: &mut Report, path: &str, a: &Checkpoint, b: &Checkpoint) {
        let (Some(list_a), Some(list_b)) = (&a.unallocated, &b.unallocated) else {
            if a.unallocated.is_some() != b.unallocated.is_some() {
                report.incomparable(path, NOT_IN_A_CORE);
            }
            return;
        };
        let versions = self.dialects.map(|dialect| dialect.spec().version);
        let flat = versions.map(|version| version == crate::Version::V1);
        if flat[0] != flat[1] {
            report.incomparable(
                path,
                "version 1 lists every pfn that has no page, not RAM alone",
            );
            return;
        }
        let (pfns_a, pfns_b) = (list_a.set(), list_b.set());
        if pfns_a != pfns_b {
            let found = |own: &PfnSet, other: &PfnSet, offset| {
                let count = own.pages();
                let alone = own.runs().iter().find(|run| !other.runs().contains(run));
                let alone = alone.map_or(String::new(), |run| format!(", {run} among them"));
                Some(Found::new(format!("{count} pfns{alone}"), offset))
            };
            report.differ(
                path,
                found(&pfns_a, &pfns_b, list_a.offset),
                found(&pfns_b, &pfns_a, list_b.offset),
            );
        }
    }
}
