//! Everything but pages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Options;
use super::difference::{Found, Report};
use super::meaning;
use super::registers::{self, Side};
use super::structure::{Rules, Structure, compare};
use crate::dialect::{ContextLayout, Dialect, Guest};
use crate::era::Era;
use crate::file::SaveFile;
use crate::image::{Checkpoint, HvmContext, Image, MagicPfns, Section, Vcpu};
use crate::pfns::PfnSet;
use crate::ram;
use crate::size::place;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::vcpu_context::names::name_elsewhere;
use crate::wire::{Layout, Wire, hvm};
use crate::wire::{
    layout_of_arch_setup, layout_of_context, layout_of_mapped_regs, layout_of_shared_info,
};

/// Bytes of an HVM context that do not depend on its vcpus, where identity mappings are among them.
const WITH_IDENTITY: u64 = 608;

const NOT_IN_A_CORE: &str = "a core does not carry it";

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

struct Sides<'a> {
    a: &'a SaveFile,
    b: &'a SaveFile,
    dialects: [Dialect; 2],
    eras: [Era; 2],
    garbage: bool,
    core: bool,
}

#[allow(clippy::unnecessary_wraps)] // the type of a renaming
fn own_name(path: &str) -> Option<String> {
    Some(path.into())
}

/// The names of a context's fields in the newer layouts.
fn context_name(layout: ContextLayout) -> fn(&str) -> Option<String> {
    match layout {
        ContextLayout::A => |path| {
            // Floating-point registers come element by element.
            let (field, element) = match path.rfind('[') {
                Some(at) if path.ends_with(']') && path.contains(".u.bits") => path.split_at(at),
                _ => (path, ""),
            };
            name_elsewhere(field).map(|name| name + element)
        },
        _ => own_name,
    }
}

impl<'s> Sides<'s> {
    fn images(&self) -> [&'s Image; 2] {
        [&self.a.image, &self.b.image]
    }

    /// Two structures, or one that the other file does not have.
    fn structures(
        &self,
        report: &mut Report,
        prefix: &str,
        pair: [Option<Structure<'_>>; 2],
        meaning: &dyn Fn(&str) -> Option<&'static str>,
    ) {
        match pair {
            [Some(a), Some(b)] => {
                let rules = Rules {
                    garbage: self.garbage,
                    rename: [&own_name, &own_name],
                    is_garbage: &meaning::is_garbage,
                    meaning,
                    same: &|path, a, b| meaning::is_same_region(path, self.eras, a, b),
                    eras: !core::ptr::eq(a.layout, b.layout),
                };
                compare(report, prefix, (&a, &b), &rules);
            }
            [None, None] => {}
            [a, b] => self.one_sided(
                report,
                prefix,
                a.map(|a| Found::new("there", a.offset)),
                b.map(|b| Found::new("there", b.offset)),
            ),
        }
    }

    /// What one file has alone: a difference, unless the other could not have it.
    fn one_sided(&self, report: &mut Report, path: &str, a: Option<Found>, b: Option<Found>) {
        if self.core {
            report.incomparable(path, NOT_IN_A_CORE);
        } else {
            report.differ(path, a, b);
        }
    }

    fn files(&self, report: &mut Report) {
        let config = |file: &SaveFile| {
            let at = file.envelope.config.as_ref().map_or(0, |range| range.start);
            file.config_text.clone().map(|text| (text, at))
        };
        match (config(self.a), config(self.b)) {
            (None, None) => {}
            (Some((a, at_a)), Some((b, at_b))) => {
                let kinds = [self.a.envelope.kind, self.b.envelope.kind];
                let same = if kinds[0] == kinds[1] {
                    a == b
                } else {
                    // Two languages, which say the same things.
                    let settings = |file: &SaveFile| file.config.clone().and_then(Result::ok);
                    settings(self.a) == settings(self.b)
                };
                if !same {
                    let first = a.iter().zip(b.iter()).position(|(x, y)| x != y);
                    let first = first.unwrap_or(a.len().min(b.len())) as u64;
                    let shown = |bytes: &[u8], at| {
                        Some(Found::new(format!("{} bytes", bytes.len()), at + first))
                    };
                    report.differ("config", shown(&a, at_a), shown(&b, at_b));
                }
            }
            (a, b) => {
                let found = |config: Option<(bytes::Bytes, u64)>| {
                    config.map(|(text, at)| Found::new(format!("{} bytes", text.len()), at))
                };
                self.one_sided(report, "config", found(a), found(b));
            }
        }
        let model = |file: &SaveFile| {
            let model = file.device_model.as_ref()?.as_ref().ok()?;
            let data = file.image.data.as_ref()?;
            let bytes = data.get(place(model.data.start)..place(model.data.end))?;
            Some((bytes.to_vec(), model.data.start))
        };
        let (a, b) = (model(self.a), model(self.b));
        let bytes = |model: &Option<(Vec<u8>, u64)>| model.as_ref().map(|(bytes, _)| bytes.clone());
        if bytes(&a) != bytes(&b) {
            let found = |model: Option<(Vec<u8>, u64)>| {
                model.map(|(bytes, at)| Found::new(format!("{} bytes", bytes.len()), at))
            };
            self.one_sided(report, "device_model", found(a), found(b));
        }
    }

    fn head(&self, report: &mut Report) {
        let [a, b] = self.images();
        let number = |image: &Image| {
            let size = image.prologue?.p2m_size;
            Some(Found::new(format!("{size}"), image.stream_offset))
        };
        let meaning = |path: &str| meaning::of_head(path, self.dialects[0], self.dialects[1]);
        match (number(a), number(b), meaning("p2m_size")) {
            (Some(_), Some(_), Some(why)) => report.incomparable("p2m_size", why),
            (Some(a), Some(b), None) => report.compare("p2m_size", Some(a), Some(b)),
            (None, None, _) => {}
            (a, b, _) => self.one_sided(report, "p2m_size", a, b),
        }
        let setup = |image: &'s Image| {
            let section = image.arch_setup.as_ref()?;
            let layout = layout_of_arch_setup(image.arch_setup_layout()?);
            Some(structure(layout, section))
        };
        self.structures(report, "arch_setup", [setup(a), setup(b)], &|path| {
            meaning(&format!("arch_setup.{path}"))
        });
        self.memmap(report);
    }

    fn memmap(&self, report: &mut Report) {
        let [a, b] = self.images();
        let (Some(map_a), Some(map_b)) = (&a.memmap, &b.memmap) else {
            if a.memmap.is_some() != b.memmap.is_some() {
                report.incomparable("memmap", "version 1 and cores carry no memory map");
            }
            return;
        };
        let head = |section: &'s Section| Some(structure(MemmapInfo::LAYOUT, section));
        self.structures(report, "memmap", [head(map_a), head(map_b)], &|_| None);
        let descriptors = |section: &'s Section| -> Vec<Structure<'s>> {
            let found = ram::descriptors(&section.bytes);
            found
                .map(|(at, _)| Structure {
                    layout: EfiMemoryDesc::LAYOUT,
                    bytes: &section.bytes[at..],
                    offset: section.offset + at as u64,
                })
                .collect()
        };
        let lists = [descriptors(map_a), descriptors(map_b)];
        for number in 0..lists[0].len().max(lists[1].len()) {
            let path = format!("memmap.descriptors[{number}]");
            let pair = [lists[0].get(number).copied(), lists[1].get(number).copied()];
            self.structures(report, &path, pair, &|_| None);
        }
        if self.garbage {
            let tail = |section: &'s Section, list: &[Structure<'_>]| {
                let used = list.last().map_or(MemmapInfo::SIZE as u64, |last| {
                    last.offset + 40 - section.offset
                });
                behind(section, place(used))
            };
            let pair = [tail(map_a, &lists[0]), tail(map_b, &lists[1])];
            bytes(report, "memmap.tail", &pair[0], &pair[1]);
        }
    }

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

    fn vcpus(&self, report: &mut Report, prefix: &str, a: &Checkpoint, b: &Checkpoint) {
        if self.core && a.vcpus.len() == b.vcpus.len() {
            // A core lists those that were online, without their numbers.
            for (one, other) in a.vcpus.iter().zip(&b.vcpus) {
                self.vcpu(report, prefix, one, other);
            }
            return;
        }
        let ids = |checkpoint: &Checkpoint| -> Vec<u32> {
            checkpoint.vcpus.iter().map(|vcpu| vcpu.id).collect()
        };
        let mut all = [ids(a), ids(b)].concat();
        all.sort_unstable();
        all.dedup();
        for id in all {
            let find = |checkpoint: &'_ Checkpoint| -> Option<Vcpu> {
                checkpoint.vcpus.iter().find(|vcpu| vcpu.id == id).cloned()
            };
            let path = format!("{prefix}vcpu[{id}]");
            match (find(a), find(b)) {
                (Some(one), Some(other)) => self.vcpu(report, prefix, &one, &other),
                (one, other) => {
                    let alone = self.dialects.map(|dialect| {
                        !dialect.has_vcpumap(self.a.image.guest().unwrap_or(crate::Guest::Pv))
                    });
                    if alone[0] != alone[1] && id > 0 {
                        report.incomparable(&path, "one of the dialects carries vcpu 0 alone");
                        continue;
                    }
                    let found = |vcpu: Option<Vcpu>| {
                        vcpu.map(|vcpu| Found::new("there", vcpu.context.offset))
                    };
                    report.differ(&path, found(one), found(other));
                }
            }
        }
    }

    fn vcpu(&self, report: &mut Report, prefix: &str, a: &Vcpu, b: &Vcpu) {
        let id = a.id;
        let guest = self.a.image.guest();
        let context = |vcpu: &'_ Vcpu| (layout_of_context(vcpu.layout), vcpu.context.clone());
        let ((layout_a, section_a), (layout_b, section_b)) = (context(a), context(b));
        let eras = self.eras;
        let guest = guest.unwrap_or(Guest::Pv);
        let sides = [(eras[0], a), (eras[1], b)].map(|(era, vcpu)| Side::new(era, guest, vcpu));
        // Byte by byte, where garbage counts and forms are the same.
        let raw = self.garbage && eras[0] == eras[1];
        let by_meaning = |name: &str| !raw && registers::takes(name, &sides[0], &sides[1]);
        // What two eras have in different forms is compared apart.
        let names = [a.layout, b.layout].map(|layout| {
            let name = context_name(layout);
            move |path: &str| name(path).filter(|name| !by_meaning(name))
        });
        let unset = eras.map(|era| move |path: &str| meaning::is_unset(path, guest, era));
        let rules = Rules {
            garbage: self.garbage,
            rename: [&names[0], &names[1]],
            is_garbage: &|path| unset[0](path) || unset[1](path),
            meaning: &|path| meaning::of_context(path, guest, eras),
            same: &|path, a, b| {
                meaning::is_same_region(path, eras, a, b)
                    || meaning::is_same_level(path, guest, eras, a, b)
            },
            eras: a.layout != b.layout,
        };
        let path = format!("{prefix}vcpu[{id}]");
        if !raw {
            registers::compare(report, &path, &sides[0], &sides[1]);
        }
        if eras.map(|era| era.spec().cleared) == [true, false]
            || eras.map(|era| era.spec().cleared) == [false, true]
        {
            report.incomparable(
                &path,
                "what one of the hypervisors left to its heap is left out",
            );
        }
        let pair = (
            &structure(layout_a, &section_a),
            &structure(layout_b, &section_b),
        );
        compare(report, &path, pair, &rules);
        let layouts = eras.map(|era| Some(era.spec().privregs));
        self.pages_of_structures(
            report,
            &format!("{prefix}privregs[{id}]"),
            [a.privregs.as_ref(), b.privregs.as_ref()],
            layouts.map(|layout| layout.map(layout_of_mapped_regs)),
        );
    }

    /// A page that begins with a structure, and what is behind it.
    fn pages_of_structures(
        &self,
        report: &mut Report,
        path: &str,
        sections: [Option<&Section>; 2],
        layouts: [Option<&'static Layout>; 2],
    ) {
        let [Some(layout_a), Some(layout_b)] = layouts else {
            return;
        };
        let pair = [
            sections[0].map(|section| structure(layout_a, section)),
            sections[1].map(|section| structure(layout_b, section)),
        ];
        self.structures(report, path, pair, &|_| None);
        if let [Some(a), Some(b)] = sections {
            let used = layout_a.size.max(layout_b.size);
            let rest = |section: &Section| behind(section, used);
            bytes(report, &format!("{path}.rest"), &rest(a), &rest(b));
        }
    }

    fn hvm(&self, report: &mut Report, prefix: &str, a: &Checkpoint, b: &Checkpoint) {
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

/// An HVM record.
struct Record {
    key: (u16, u16),
    layout: Option<&'static Layout>,
    body: Vec<u8>,
    offset: u64,
}

fn structure<'a>(layout: &'static Layout, section: &'a Section) -> Structure<'a> {
    Structure {
        layout,
        bytes: &section.bytes,
        offset: section.offset,
    }
}

/// What is behind the first bytes of a section; nothing, where there are not as many.
fn behind(section: &Section, used: usize) -> Section {
    let used = used.min(section.bytes.len());
    Section {
        offset: section.offset + used as u64,
        bytes: section.bytes.slice(used..),
    }
}

/// Bytes without a name.
fn bytes(report: &mut Report, path: &str, a: &Section, b: &Section) {
    if a.bytes == b.bytes {
        return;
    }
    let first = a.bytes.iter().zip(b.bytes.iter()).position(|(x, y)| x != y);
    let first = first.unwrap_or(a.bytes.len().min(b.bytes.len())) as u64;
    let found = |section: &Section| {
        Some(Found::new(
            format!("{} bytes", section.bytes.len()),
            section.offset + first,
        ))
    };
    report.differ(path, found(a), found(b));
}
