//! Where two images differ, by the names of fields.

use std::collections::BTreeSet;

use bytes::Bytes;
use ia64save_codec::fields::{Selection, visit};
use ia64save_codec::image::Options;
use ia64save_codec::wire::{Layout, layout_of_start_info};
use ia64save_codec::{Dialect, SaveFile};

/// The fields of `first` whose bytes are others in `second`, without indices: `vcpu[].flags`. What is
/// in a page of the guest is named after the page: `start_info.nr_pages`, `magic.store`,
/// `page 12`. What no field covers is named after what comes before it, with a `+`: `memmap+`.
pub fn differences(dialect: Dialect, first: &[u8], second: &[u8]) -> BTreeSet<String> {
    assert_eq!(first.len(), second.len(), "as many records, as many vcpus");
    let data = Bytes::copy_from_slice(first);
    let options = Options::default().dialect(Some(dialect));
    let file = SaveFile::parse(&data, &options).unwrap();
    assert_eq!(file.image.error, None);
    let mut leaves = Vec::new();
    visit(&file, &Selection::default(), &mut |field| {
        leaves.push((field.offset, field.size, without_indices(field.path)));
    });
    leaves.sort();
    let pages = Pages::new(dialect, &file, first);
    let mut found = BTreeSet::new();
    for offset in (0..first.len()).filter(|at| first[*at] != second[*at]) {
        let offset = offset as u64;
        let name = pages.name(offset).unwrap_or_else(|| {
            let after = leaves.partition_point(|(begin, ..)| *begin <= offset);
            // Of fields that begin at one place, that which reaches this far.
            let before = leaves[..after].iter().rev();
            let covering = before
                .clone()
                .take(8)
                .find(|(begin, size, _)| begin + size > offset);
            match covering {
                Some((.., path)) => path.clone(),
                None => format!("{}+", before.clone().next().expect("the head").2),
            }
        });
        found.insert(name);
    }
    found
}

/// The page records of the first checkpoint.
struct Pages<'a> {
    start: u64,
    end: u64,
    bytes: &'a [u8],
    start_info: Option<(u64, &'static Layout)>,
    magic: Vec<(u64, String)>,
}

impl<'a> Pages<'a> {
    fn new(dialect: Dialect, file: &SaveFile, bytes: &'a [u8]) -> Self {
        let checkpoint = &file.image.checkpoints[0];
        let start = checkpoint.pages.offset();
        let spec = dialect.spec();
        let shared_info = checkpoint.shared_info.as_ref().unwrap();
        let layout = *spec.shared_info.last().unwrap();
        let info = ia64save_codec::wire::SharedInfo::parse(layout, &shared_info.bytes).unwrap();
        let magic = checkpoint.magic_pfns.as_ref().map_or(Vec::new(), |magic| {
            let pfns = magic.section.bytes.chunks_exact(8);
            let pfns = pfns.map(|pfn| u64::from_le_bytes(pfn.try_into().unwrap()));
            let names = magic
                .order
                .iter()
                .map(|magic| format!("magic.{}", magic.name()));
            pfns.zip(names).collect()
        });
        Pages {
            start,
            end: start + checkpoint.pages.len() as u64 * 16392,
            bytes,
            start_info: (info.start_info_pfn() != 0).then(|| {
                let layout = layout_of_start_info(*spec.start_info.last().unwrap());
                (info.start_info_pfn(), layout)
            }),
            magic,
        }
    }

    fn name(&self, offset: u64) -> Option<String> {
        if !(self.start..self.end).contains(&offset) {
            return None;
        }
        let record = (offset - self.start) / 16392 * 16392 + self.start;
        let at = (offset - record) as usize;
        let gmfn = &self.bytes[record as usize..][..8];
        let pfn = u64::from_le_bytes(gmfn.try_into().unwrap());
        if at < 8 {
            return Some("gmfn".to_string());
        }
        if let Some((_, name)) = self.magic.iter().find(|(magic, _)| *magic == pfn) {
            return Some(name.clone());
        }
        if let Some((start_info, layout)) = self.start_info
            && start_info == pfn
        {
            let at = at - 8;
            let field = layout
                .fields
                .iter()
                .find(|field| (field.offset..field.offset + field.size()).contains(&at));
            return Some(field.map_or("start_info+".to_string(), |field| {
                format!("start_info.{}", field.name)
            }));
        }
        Some(format!("page {pfn}"))
    }
}

/// `vcpu[3].regs.r[5]` is `vcpu[].regs.r[]`.
fn without_indices(path: &str) -> String {
    let mut name = String::new();
    let mut within = false;
    for letter in path.chars() {
        within &= letter != ']';
        if !within {
            name.push(letter);
        }
        within |= letter == '[';
    }
    name
}
