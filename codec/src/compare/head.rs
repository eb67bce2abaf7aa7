//! What stands around the stream and in its head.

use alloc::format;
use alloc::vec::Vec;

use super::difference::{Found, Report};
use super::meaning;
use super::sides::{Sides, behind, bytes, structure};
use super::structure::Structure;
use crate::file::SaveFile;
use crate::image::{Image, Section};
use crate::ram;
use crate::size::place;
use crate::wire::Wire;
use crate::wire::layout_of_arch_setup;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};

impl<'s> Sides<'s> {
    pub(super) fn files(&self, report: &mut Report) {
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

    pub(super) fn head(&self, report: &mut Report) {
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

    pub(super) fn memmap(&self, report: &mut Report) {
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
}
