//! Both sides of a comparison, and how their structures are put next to each other.

use alloc::format;
use alloc::string::String;

use super::difference::{Found, Report};
use super::meaning;
use super::structure::{Rules, Structure, compare};
use crate::dialect::Dialect;
use crate::era::Era;
use crate::file::SaveFile;
use crate::image::{Image, Section};
use crate::wire::Layout;

pub(super) const NOT_IN_A_CORE: &str = "a core does not carry it";

pub(super) struct Sides<'a> {
    pub(super) a: &'a SaveFile,
    pub(super) b: &'a SaveFile,
    pub(super) dialects: [Dialect; 2],
    pub(super) eras: [Era; 2],
    pub(super) garbage: bool,
    pub(super) core: bool,
}

#[allow(clippy::unnecessary_wraps)] // the type of a renaming
pub(super) fn own_name(path: &str) -> Option<String> {
    Some(path.into())
}

impl<'s> Sides<'s> {
    pub(super) fn images(&self) -> [&'s Image; 2] {
        [&self.a.image, &self.b.image]
    }

    /// Two structures, or one that the other file does not have.
    pub(super) fn structures(
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
    pub(super) fn one_sided(
        &self,
        report: &mut Report,
        path: &str,
        a: Option<Found>,
        b: Option<Found>,
    ) {
        if self.core {
            report.incomparable(path, NOT_IN_A_CORE);
        } else {
            report.differ(path, a, b);
        }
    }

    /// A page that begins with a structure, and what is behind it.
    pub(super) fn pages_of_structures(
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
}

pub(super) fn structure<'a>(layout: &'static Layout, section: &'a Section) -> Structure<'a> {
    Structure {
        layout,
        bytes: &section.bytes,
        offset: section.offset,
    }
}

/// What is behind the first bytes of a section; nothing, where there are not as many.
pub(super) fn behind(section: &Section, used: usize) -> Section {
    let used = used.min(section.bytes.len());
    Section {
        offset: section.offset + used as u64,
        bytes: section.bytes.slice(used..),
    }
}

/// Bytes without a name.
pub(super) fn bytes(report: &mut Report, path: &str, a: &Section, b: &Section) {
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
