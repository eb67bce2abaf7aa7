//! Bad images: one thing changed in a good one, with what and where.
//!
//! ```
//! use ia64save_codec::{Dialect, Guest};
//! use ia64save_generate::defect::{Class, defects};
//! use ia64save_generate::{Params, generate};
//!
//! let image = generate(&Params::new(Dialect::D11, Guest::Pv));
//! let bad = defects(&image).find(|bad| bad.name == "memmap-num_pages-max").unwrap();
//! assert_eq!((bad.change.offset(), bad.class), (56, Class::Structure));
//! let bytes = bad.change.apply(&image.bytes);
//! assert_eq!(bytes[56..60], [0xff; 4]);
//! ```

use std::fmt;

use crate::field::{Field, Meaning, fields, is_read};
use crate::{GeneratedImage, Section};

/// What a reader can notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The stream ends too early.
    Truncated,
    /// The parts cannot be told apart as they were written: a size, a count or an order is wrong.
    Structure,
    /// Every part is where it was; a number in one of them is wrong.
    Value,
}

impl Class {
    /// The name, as in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Class::Truncated => "truncated",
            Class::Structure => "structure",
            Class::Value => "value",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing done to the bytes of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A number is another.
    Set {
        /// Which.
        field: Field,
        /// What it was.
        was: u64,
        /// What it is.
        is: u64,
    },
    /// Bytes are not there.
    Remove {
        /// Where they were.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// Bytes are there twice.
    Repeat {
        /// Where they are the first time.
        offset: u64,
        /// How many.
        length: u64,
    },
    /// The stream ends.
    Truncate {
        /// Where.
        offset: u64,
    },
    /// Something follows the stream.
    Append {
        /// Where it begins.
        offset: u64,
        /// What it is.
        bytes: Vec<u8>,
    },
}

impl Change {
    /// The first byte that is not what it was, or is not there.
    pub fn offset(&self) -> u64 {
        match self {
            Change::Set { field, .. } => field.offset,
            // The first copy is as it was.
            Change::Repeat { offset, length } => offset + length,
            Change::Remove { offset, .. }
            | Change::Truncate { offset }
            | Change::Append { offset, .. } => *offset,
        }
    }

    /// How many bytes from there on are to blame; 0 where bytes are missing.
    pub fn length(&self) -> u64 {
        match self {
            Change::Set { field, .. } => field.size as u64,
            Change::Repeat { length, .. } => *length,
            Change::Append { bytes, .. } => bytes.len() as u64,
            Change::Remove { .. } | Change::Truncate { .. } => 0,
        }
    }

    /// The bytes with this done to them. What lies beyond their end is left alone.
    pub fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let within = |offset: u64| (offset as usize).min(bytes.len());
        match self {
            Change::Set { field, is, .. } => {
                let place = within(field.offset)..within(field.offset + field.size as u64);
                let length = place.len();
                out[place].copy_from_slice(&is.to_le_bytes()[..length]);
            }
            Change::Remove { offset, length } => {
                out.drain(within(*offset)..within(offset + length));
            }
            Change::Repeat { offset, length } => {
                let again = bytes[within(*offset)..within(offset + length)].to_vec();
                let at = within(offset + length);
                out.splice(at..at, again);
            }
            Change::Truncate { offset } => out.truncate(*offset as usize),
            Change::Append { offset, bytes } => {
                out.truncate(*offset as usize);
                out.extend_from_slice(bytes);
            }
        }
        out
    }
}

/// A bad image, by what was done to a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// For a file: `memmap-num_pages-max`.
    pub name: String,
    /// The part or number that is wrong, as in `ia64save dump`.
    pub path: String,
    /// What is wrong, for people.
    pub what: String,
    /// What a reader can notice.
    pub class: Class,
    /// What was done.
    pub change: Change,
}

/// What can go wrong with a number: how it is called, and what it is then.
pub fn wrong_values(field: &Field, was: u64, p2m_size: u64) -> Vec<(&'static str, u64)> {
    let max = field.max();
    let mut values = match field.meaning {
        Meaning::Size => vec![
            ("zero", 0),
            ("one-less", was.wrapping_sub(1)),
            ("one-more", was.wrapping_add(1)),
            ("2pow31", 1 << 31),
            ("2pow40", 1 << 40),
            ("2pow61", 1 << 61),
            ("plus-2pow32", was.wrapping_add(1 << 32)),
            ("max", max),
        ],
        Meaning::Version => vec![
            ("0", 0),
            ("1", 1),
            ("2", 2),
            ("3", 3),
            ("4", 4),
            ("plus-2pow32", was.wrapping_add(1 << 32)),
        ],
        Meaning::Flags => vec![("other-guest", was ^ 1), ("max", max)],
        Meaning::Pfn => vec![
            ("p2m-size", p2m_size),
            ("2pow40", 1 << 40),
            // Twice 8 bytes an entry, 2^61 entries: an index that wraps to one that is there.
            ("plus-2pow61", was.wrapping_add(1 << 61)),
            ("max", max),
        ],
        Meaning::Terminator => vec![("zero", 0), ("one-less", was.wrapping_sub(1))],
        Meaning::Bitmap => vec![
            ("none", 0),
            ("one-more", was | was.wrapping_add(1)),
            ("one-less", was & was.wrapping_sub(1)),
            ("all", max),
        ],
        Meaning::Kind => vec![("zero", 0), ("next", was.wrapping_add(1)), ("max", max)],
        Meaning::Instance => vec![("next", was.wrapping_add(1)), ("max", max)],
    };
    values.retain(|(_, is)| *is != was && *is <= max);
    values.dedup_by_key(|(_, is)| *is);
    values
}

/// Bad images of one good one, each named after what is wrong with it. Of what occurs many times
/// (page records, list entries, descriptors) the first and the last are spoilt.
pub fn defects(image: &GeneratedImage) -> impl Iterator<Item = Defect> {
    numbers(image).chain(parts(image))
}

fn numbers(image: &GeneratedImage) -> impl Iterator<Item = Defect> {
    let p2m_size = image.plan.p2m_size;
    let all = fields(image);
    let chosen: Vec<Field> = all
        .iter()
        .filter(|field| is_read(field, image.dialect) && is_end_of_its_row(field, &all))
        .cloned()
        .collect();
    let bytes = image.bytes.clone();
    chosen.into_iter().flat_map(move |field| {
        let was = field.get(&bytes);
        let values = wrong_values(&field, was, p2m_size);
        values
            .into_iter()
            .map(move |(word, is)| number(&field, was, word, is))
    })
}

fn number(field: &Field, was: u64, word: &str, is: u64) -> Defect {
    // A frame that is the terminator ends the records.
    let pfn = field.meaning == Meaning::Pfn;
    let structure = field.steers && (!pfn || is == u64::MAX);
    Defect {
        name: format!("{}-{word}", file_name(&field.path)),
        path: field.path.clone(),
        what: format!("{} is {is:#x}, was {was:#x}", field.path),
        class: if structure {
            Class::Structure
        } else {
            Class::Value
        },
        change: Change::Set {
            field: field.clone(),
            was,
            is,
        },
    }
}

/// Whether it is the first or the last of its row: `pages[0].gmfn`, `pages[5].gmfn`.
fn is_end_of_its_row(field: &Field, all: &[Field]) -> bool {
    let row = |path: &str| {
        let (Some(open), Some(close)) = (path.rfind('['), path.rfind(']')) else {
            return path.to_string();
        };
        format!("{}{}", &path[..open], &path[close..])
    };
    let own = row(&field.path);
    let mut alike = all.iter().filter(|other| row(&other.path) == own);
    let first = alike.next();
    let last = alike.next_back();
    first == Some(field) || last == Some(field)
}

fn file_name(path: &str) -> String {
    path.replace("].", "-")
        .replace(['[', '.'], "-")
        .replace(']', "")
}

/// Parts that are missing, there twice, or cut.
fn parts(image: &GeneratedImage) -> impl Iterator<Item = Defect> {
    let page_size = image.page_size;
    let (end, last) = (image.plan.end, image.plan.rounds.len());
    let sections = image.plan.sections.clone();
    let round = move |section: &Section| section.checkpoint as usize + 1 == last;
    let cut = sections.into_iter().filter(round).flat_map(move |section| {
        let path = section.path(0, page_size);
        let name = match section.checkpoint {
            0 => section.name.clone(),
            index => format!("checkpoint-{index}-{}", section.name),
        };
        let defect = |verb: &str, what: String, class, change| Defect {
            name: format!("{verb}-{name}"),
            path: path.clone(),
            what,
            class,
            change,
        };
        let Section { offset, size, .. } = section;
        let mut found = Vec::new();
        // Where a checkpoint begins, a stream may end.
        if size > 0 && !(section.name == "page_records" && section.checkpoint > 0) {
            let what = format!("the stream ends where {path} begins");
            let change = Change::Truncate { offset };
            found.push(defect("end-before", what, Class::Truncated, change));
        }
        if size > 1 {
            let what = format!("the stream ends inside {path}");
            let offset = offset + size / 2;
            let change = Change::Truncate { offset };
            found.push(defect("end-inside", what, Class::Truncated, change));
            let what = format!("{path} is missing");
            let length = size;
            let change = Change::Remove {
                offset: section.offset,
                length,
            };
            found.push(defect("without", what, Class::Structure, change));
            let what = format!("{path} is there twice");
            let change = Change::Repeat {
                offset: section.offset,
                length,
            };
            found.push(defect("twice", what, Class::Structure, change));
        }
        found
    });
    let garbage = Defect {
        name: "trailing-garbage".into(),
        path: "trailing".into(),
        what: "bytes that belong to nobody follow the stream".into(),
        class: Class::Value,
        change: Change::Append {
            offset: end,
            bytes: b"neither zeros nor a record".to_vec(),
        },
    };
    cut.chain(std::iter::once(garbage))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Params, Trailing, generate, kinds};

    #[test]
    fn every_kind_has_defects_with_names_of_their_own() {
        for (dialect, guest) in kinds() {
            let image = generate(&Params::new(dialect, guest));
            let all: Vec<Defect> = defects(&image).collect();
            let names: BTreeSet<&str> = all.iter().map(|bad| bad.name.as_str()).collect();
            assert_eq!(names.len(), all.len(), "{dialect} {guest}");
            assert!(all.len() > 60, "{dialect} {guest}: {}", all.len());
            for class in [Class::Truncated, Class::Structure, Class::Value] {
                assert!(
                    all.iter().any(|bad| bad.class == class),
                    "{dialect} {guest}"
                );
            }
        }
    }

    #[test]
    fn a_defect_changes_the_image_where_it_says() {
        for (dialect, guest) in kinds() {
            let image = generate(&Params::rich(dialect, guest, 3));
            for bad in defects(&image) {
                let bytes = bad.change.apply(&image.bytes);
                let at = bad.change.offset() as usize;
                assert!(bytes != image.bytes, "{dialect} {guest} {}", bad.name);
                assert_eq!(bytes[..at], image.bytes[..at], "{}", bad.name);
                if let Change::Set { field, was, is } = &bad.change {
                    assert_eq!((field.get(&image.bytes), field.get(&bytes)), (*was, *is));
                    let end = at + field.size;
                    assert_eq!(bytes[end..], image.bytes[end..], "{}", bad.name);
                }
            }
        }
    }

    #[test]
    fn numbers_are_where_the_plan_puts_them() {
        let images = (0..100).map(|seed| {
            generate(&Params {
                trailing: Trailing::Zeros(3),
                ..Params::rich(
                    ia64save_codec::Dialect::D12,
                    ia64save_codec::Guest::Pv,
                    seed,
                )
            })
        });
        let mut rich = images.filter(|image| image.plan.rounds.len() > 1);
        let image = rich.next().expect("a seed with rounds");
        let all = fields(&image);
        let number = |path: &str| {
            let field = all.iter().find(|field| field.path == path);
            field.unwrap_or_else(|| panic!("{path}")).get(&image.bytes)
        };
        assert_eq!(number("p2m_size"), image.plan.p2m_size);
        assert_eq!(number("version"), 3);
        assert_eq!(number("memmap.num_pages"), 1);
        assert_eq!(number("pages[0].gmfn"), image.plan.rounds[0].pages[0]);
        assert_eq!(number("pages.terminator"), u64::MAX);
        let list = &image.plan.rounds[0].unallocated;
        assert_eq!(number("unallocated.count"), list.len() as u64);
        assert_eq!(number("unallocated.pfns[0]"), list[0]);
        assert_eq!(number("vcpumap.max_virt_cpus"), 64);
        let bitmap = number("vcpumap.bitmap");
        let vcpus = image.plan.vcpus.iter().map(|vcpu| 1 << vcpu);
        assert_eq!(bitmap, vcpus.sum::<u64>());
        assert_eq!(number("vcpu[0].privregs_pfn"), 0x400_0001);
        assert_eq!(
            Some(number("shared_info.arch.start_info_pfn")),
            image.plan.start_info
        );
        assert_eq!(number("checkpoint[1].pages.terminator"), u64::MAX);
    }
}
