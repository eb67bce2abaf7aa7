//! Every field of a file, with path, offset, size, value and meaning: what `dump` prints.
//!
//! Paths are those of findings and errors: `vcpu[0].regs.cfm`, `memmap.descriptors[2].phys_addr`,
//! and for a Remus round `checkpoint[1].shared_info.arch.start_info_pfn`.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::era::explain;
use crate::file::SaveFile;
use crate::image::{Checkpoint, HvmContext, Image};
use crate::ram;
use crate::size::place;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Entry, Kind, Layout, Style, Value, hvm};

/// One field.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Where it is in the structure of the file.
    pub path: &'a str,
    /// Where it is in the file, in bytes.
    pub offset: u64,
    /// Bytes that it takes.
    pub size: u64,
    /// What it holds.
    pub value: Value<'a>,
    /// How a person reads it.
    pub style: Style,
    /// What it means.
    pub meaning: &'static str,
    /// In which form a register is, where that depends on the era ([`explain`]).
    pub form: Option<String>,
}

/// Which fields to visit.
///
/// ```
/// use ia64save_codec::fields::Selection;
/// let every = Selection::new("vcpu[*].regs.cfm");
/// assert!(every.takes("vcpu[3].regs.cfm") && !every.takes("vcpu[3].regs.psr"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only the fields at or below this path; empty means all. `[*]` stands for every index.
    pub path: String,
}

/// What stands for every index.
const EVERY: &str = "[*]";

impl Selection {
    /// The fields at or below a path.
    pub fn new(path: &str) -> Self {
        Selection { path: path.into() }
    }

    /// Whether a path is selected.
    pub fn takes(&self, path: &str) -> bool {
        self.path.is_empty()
            || Self::common(&self.path, path).is_some_and(|(pattern, rest)| {
                pattern.is_empty() && (rest.is_empty() || rest.starts_with(['.', '[']))
            })
    }

    /// Whether a path is what was asked for, and not below it.
    pub fn is(&self, path: &str) -> bool {
        Self::common(&self.path, path) == Some(("", ""))
    }

    /// Whether anything below `part` could be selected.
    fn reaches(&self, part: &str) -> bool {
        self.takes(part) || Self::common(&self.path, part).is_some_and(|(_, rest)| rest.is_empty())
    }

    /// Whether `part` was asked for by name: what is large or secret is shown only then.
    fn names(&self, part: &str) -> bool {
        !self.path.is_empty() && self.reaches(part)
    }

    /// The paths below `prefix` that were asked for, without it.
    fn below(&self, prefix: &str) -> Option<&str> {
        let (inner, rest) = Self::common(&self.path, prefix)?;
        inner.strip_prefix('.').filter(|_| rest.is_empty())
    }

    /// What is left of a pattern and of a path behind what they have in common; `None` where they part before
    /// either ends.
    fn common<'p, 'q>(mut pattern: &'p str, mut path: &'q str) -> Option<(&'p str, &'q str)> {
        loop {
            if let Some(rest) = pattern.strip_prefix(EVERY)
                && let Some(indexed) = path.strip_prefix('[')
            {
                pattern = rest;
                path = indexed.split_once(']')?.1;
                continue;
            }
            match (pattern.chars().next(), path.chars().next()) {
                (Some(one), Some(other)) if one == other => {
                    pattern = &pattern[one.len_utf8()..];
                    path = &path[other.len_utf8()..];
                }
                (Some(_), Some(_)) => return None,
                _ => return Some((pattern, path)),
            }
        }
    }
}

/// Visits the selected fields in the order of the file.
///
/// Page records (`pages`) and guest memory (`start_info`) are visited only where the selection names
/// them: the first are many, the second holds what the guest keeps to itself.
pub fn visit(file: &SaveFile, selection: &Selection, visit: &mut dyn FnMut(Field<'_>)) {
    let mut walker = Walker { selection, visit };
    walker.envelope(file);
    walker.head(&file.image);
    for (index, checkpoint) in file.image.checkpoints.iter().enumerate() {
        let prefix = if index == 0 {
            String::new()
        } else {
            format!("checkpoint[{index}].")
        };
        walker.checkpoint(&file.image, index, checkpoint, &prefix);
    }
    walker.device_model(file);
}

/// What is to be said of the form of a field: by its path in the structure, and its value.
type Form<'f> = &'f dyn Fn(&str, &Value<'_>) -> Option<String>;

struct Walker<'s, 'v> {
    selection: &'s Selection,
    visit: &'v mut dyn FnMut(Field<'_>),
}

impl Walker<'_, '_> {
    fn leaf(
        &mut self,
        path: &str,
        at: (u64, u64),
        value: Value<'_>,
        style: Style,
        meaning: &'static str,
    ) {
        if self.selection.takes(path) {
            let (offset, size) = at;
            (self.visit)(Field {
                path,
                offset,
                size,
                value,
                style,
                meaning,
                form: None,
            });
        }
    }

    fn number(
        &mut self,
        path: &str,
        at: (u64, u64),
        value: u64,
        style: Style,
        meaning: &'static str,
    ) {
        self.leaf(path, at, Value::Unsigned(value), style, meaning);
    }

    /// The fields of a structure. A path with an index that the layout keeps in one piece
    /// (`regs.r[5]`) is looked up in it.
    fn structure(&mut self, prefix: &str, offset: u64, layout: &'static Layout, bytes: &[u8]) {
        self.explained(prefix, offset, layout, bytes, &|_, _| None);
    }

    /// The same, with the form of each field.
    fn explained(
        &mut self,
        prefix: &str,
        offset: u64,
        layout: &'static Layout,
        bytes: &[u8],
        form: Form<'_>,
    ) {
        if !self.selection.reaches(prefix) {
            return;
        }
        let mut found = false;
        layout.walk(bytes, &mut |entry| {
            let path = format!("{prefix}.{}", entry.path);
            if self.selection.takes(&path) {
                found = true;
                let field = Field {
                    path: &path,
                    offset: offset + entry.offset as u64,
                    size: entry.size as u64,
                    value: entry.value(),
                    style: entry.style,
                    meaning: entry.meaning,
                    form: form(entry.path, &entry.value()),
                };
                (self.visit)(field);
            }
        });
        let selection = self.selection;
        if let Some(inner) = selection.below(prefix).filter(|_| !found) {
            self.pieces(prefix, inner, offset, layout, bytes, form);
        }
    }

    /// What the layout keeps in one piece, an element or each of them.
    fn pieces(
        &mut self,
        prefix: &str,
        inner: &str,
        offset: u64,
        layout: &'static Layout,
        bytes: &[u8],
        form: Form<'_>,
    ) {
        if let Some((before, after)) = inner.split_once(EVERY) {
            let each = |index: usize| format!("{before}[{index}]{after}");
            let first = |index: &usize| {
                let path = each(*index);
                let known = path.split_once(EVERY).map_or(&path[..], |(known, _)| known);
                layout.find(known).is_some()
            };
            for index in (0..).take_while(first) {
                self.pieces(prefix, &each(index), offset, layout, bytes, form);
            }
            return;
        }
        let Some(located) = layout.find(inner) else {
            return;
        };
        let Some(value) = bytes.get(located.offset..located.offset + located.size()) else {
            return;
        };
        if matches!(located.kind, Kind::Struct(_)) {
            return;
        }
        let entry = Entry {
            path: inner,
            offset: located.offset,
            size: value.len(),
            kind: located.kind,
            count: located.count,
            style: located.field.style,
            meaning: located.field.meaning,
            bytes: value,
        };
        let path = format!("{prefix}.{inner}");
        (self.visit)(Field {
            path: &path,
            offset: offset + entry.offset as u64,
            size: entry.size as u64,
            value: entry.value(),
            style: entry.style,
            meaning: entry.meaning,
            form: form(inner, &entry.value()),
        });
    }

    fn envelope(&mut self, file: &SaveFile) {
        let envelope = &file.envelope;
        if let Some(range) = &envelope.config {
            let size = range.end - range.start;
            let at = (range.start - 4, 4);
            self.number(
                "envelope.config_length",
                at,
                size,
                Style::Dec,
                "bytes of configuration",
            );
        }
        if let Some(xl) = envelope.xl {
            let words = [
                (
                    "envelope.mandatory_flags",
                    xl.mandatory_flags,
                    Style::Hex,
                    "flags that a reader must know",
                ),
                (
                    "envelope.optional_flags",
                    xl.optional_flags,
                    Style::Hex,
                    "flags that a reader may ignore",
                ),
                (
                    "envelope.optional_data_len",
                    xl.optional_data_len,
                    Style::Dec,
                    "bytes between the header and the stream",
                ),
            ];
            for (index, (path, word, style, meaning)) in words.into_iter().enumerate() {
                self.number(
                    path,
                    (36 + index as u64 * 4, 4),
                    word.into(),
                    style,
                    meaning,
                );
            }
        }
    }

    fn head(&mut self, image: &Image) {
        let start = image.stream_offset;
        if let Some(prologue) = image.prologue {
            self.number(
                "p2m_size",
                (start, 8),
                prologue.p2m_size,
                Style::Dec,
                "size of the domain's p2m in pages",
            );
            self.number(
                "version",
                (start + 8, 8),
                prologue.version,
                Style::Dec,
                "version of the stream: 1, 2 or 3",
            );
        }
        if let (Some(section), Some(layout)) = (&image.arch_setup, image.arch_setup_layout()) {
            self.structure(
                "arch_setup",
                section.offset,
                wire::layout_of_arch_setup(layout),
                &section.bytes,
            );
        }
        let Some(section) = &image.memmap else { return };
        let pages = (section.bytes.len() / image.page_size) as u64;
        let at = (section.offset - 4, 4);
        self.number(
            "memmap.num_pages",
            at,
            pages,
            Style::Dec,
            "pages of the memory map; every saver wrote 1",
        );
        self.structure("memmap", section.offset, MemmapInfo::LAYOUT, &section.bytes);
        for (index, (offset, _)) in ram::descriptors(&section.bytes).enumerate() {
            let prefix = format!("memmap.descriptors[{index}]");
            let at = section.offset + offset as u64;
            self.structure(&prefix, at, EfiMemoryDesc::LAYOUT, &section.bytes[offset..]);
        }
    }

    fn checkpoint(&mut self, image: &Image, index: usize, checkpoint: &Checkpoint, prefix: &str) {
        self.pages(checkpoint, prefix);
        if let Some(list) = &checkpoint.unallocated {
            let path = format!("{prefix}unallocated.count");
            self.number(
                &path,
                (list.count_offset, 4),
                list.count.into(),
                Style::Dec,
                "pfns in the list",
            );
            let path = format!("{prefix}unallocated.pfns");
            if self.selection.takes(&path) {
                let value = Value::List(list.pfns().collect());
                self.leaf(
                    &path,
                    (list.offset, list.len() * 8),
                    value,
                    Style::Hex,
                    "RAM without a page",
                );
            }
        }
        let dialect = image.read_as();
        let hvm = checkpoint.magic_pfns.is_some() || image.guest() == Some(crate::Guest::Hvm);
        if hvm {
            self.shared_info(image, checkpoint, prefix);
        }
        if let Some(map) = &checkpoint.vcpumap {
            let path = format!("{prefix}vcpumap.max_virt_cpus");
            let at = (map.max_virt_cpus_offset, 8);
            self.number(
                &path,
                at,
                map.max_virt_cpus,
                Style::Dec,
                "vcpus that the map has room for",
            );
            let path = format!("{prefix}vcpumap.bitmap");
            let at = (map.bitmap.offset, map.bitmap.bytes.len() as u64);
            self.leaf(
                &path,
                at,
                Value::Bytes(&map.bitmap.bytes),
                Style::Bytes,
                "one bit a vcpu that follows",
            );
        }
        for vcpu in &checkpoint.vcpus {
            let path = format!("{prefix}vcpu[{}]", vcpu.id);
            let layout = wire::layout_of_context(vcpu.layout);
            self.explained(
                &path,
                vcpu.context.offset,
                layout,
                &vcpu.context.bytes,
                &|path, value| {
                    let word = match value {
                        Value::Unsigned(word) => Some(*word),
                        _ => None,
                    };
                    explain(image.eras(), image.guest()?, path, word)
                },
            );
            let regs = dialect.and_then(|dialect| dialect.spec().mapped_regs.last());
            if let (Some(page), Some(regs)) = (&vcpu.privregs, regs) {
                let path = format!("{prefix}privregs[{}]", vcpu.id);
                self.structure(
                    &path,
                    page.offset,
                    wire::layout_of_mapped_regs(*regs),
                    &page.bytes,
                );
            }
        }
        if !hvm {
            self.shared_info(image, checkpoint, prefix);
        }
        if let Some(magic) = &checkpoint.magic_pfns {
            for (name, pfn, offset) in magic.iter() {
                let path = format!("{prefix}magic_pfns.{}", name.name());
                self.number(
                    &path,
                    (offset, 8),
                    pfn,
                    Style::Hex,
                    "pfn of a page shared with the device model or xenstore",
                );
            }
        }
        if let Some(context) = &checkpoint.hvm_context {
            self.hvm_context(image, context, prefix);
        }
        self.start_info(image, index, prefix);
    }

    fn pages(&mut self, checkpoint: &Checkpoint, prefix: &str) {
        let pages = &checkpoint.pages;
        if self.selection.names(&format!("{prefix}pages")) {
            for (record, pfn) in pages.pfns().iter().enumerate() {
                let path = format!("{prefix}pages[{record}].gmfn");
                self.number(
                    &path,
                    (pages.record_offset(record), 8),
                    *pfn,
                    Style::Hex,
                    "pfn of the page that follows",
                );
            }
        }
        if let Some(offset) = pages.terminator() {
            let path = format!("{prefix}pages.terminator");
            self.number(
                &path,
                (offset, 8),
                u64::MAX,
                Style::Hex,
                "end of the page records",
            );
        }
    }

    fn shared_info(&mut self, image: &Image, checkpoint: &Checkpoint, prefix: &str) {
        let layout = image
            .read_as()
            .and_then(|dialect| dialect.spec().shared_info.last());
        if let (Some(section), Some(layout)) = (&checkpoint.shared_info, layout) {
            let path = format!("{prefix}shared_info");
            self.structure(
                &path,
                section.offset,
                wire::layout_of_shared_info(*layout),
                &section.bytes,
            );
        }
    }

    fn start_info(&mut self, image: &Image, index: usize, prefix: &str) {
        let path = format!("{prefix}start_info");
        let layout = image
            .read_as()
            .and_then(|dialect| dialect.spec().start_info.last());
        if !self.selection.names(&path) {
            return;
        }
        if let (Some((offset, page)), Some(layout)) = (image.start_info(index), layout) {
            self.structure(&path, offset, wire::layout_of_start_info(*layout), page);
        }
    }

    fn hvm_context(&mut self, image: &Image, context: &HvmContext, prefix: &str) {
        let size = context.blob.bytes.len() as u64;
        let path = format!("{prefix}hvm_context.size");
        self.number(
            &path,
            (context.size_offset, 8),
            size,
            Style::Dec,
            "bytes of the records that follow",
        );
        let regs = image
            .read_as()
            .and_then(|dialect| dialect.spec().mapped_regs.last());
        for (index, (offset, record)) in context.records().enumerate() {
            let path = format!("{prefix}hvm_context.records[{index}]");
            self.structure(
                &path,
                offset,
                hvm::HvmSaveDescriptor::LAYOUT,
                &context.blob.bytes[place(offset - context.blob.offset)..],
            );
            let layout = match (record.typecode, regs) {
                (3, Some(regs)) => hvm::vpd::layout_of(*regs),
                (typecode, _) => hvm::layout_of_record(typecode),
            };
            let name = hvm::record_of(record.typecode).map_or(Cow::Borrowed("body"), |known| {
                known.name.to_lowercase().into()
            });
            if let Some(layout) = layout {
                self.structure(&format!("{path}.{name}"), offset + 8, layout, record.body);
            }
        }
    }

    fn device_model(&mut self, file: &SaveFile) {
        let Some(Ok(model)) = &file.device_model else {
            return;
        };
        let at = (model.signature_offset, envelope_signature_size());
        let name = Value::Text(Cow::Borrowed(model.kind.name()));
        self.leaf(
            "device_model.signature",
            at,
            name,
            Style::Text,
            "what the device model's state begins with",
        );
        let size = model.data.end - model.data.start;
        let path = "device_model.data";
        self.number(
            path,
            (model.data.start, size),
            size,
            Style::Dec,
            "bytes of the device model's state",
        );
    }
}

fn envelope_signature_size() -> u64 {
    crate::envelope::SIGNATURE_SIZE as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_index() {
        let every = Selection::new("vcpu[*].regs.b[*]");
        for path in [
            "vcpu[0].regs.b[7]",
            "vcpu[12].regs.b[0]",
            "vcpu[1].regs.b[2].x",
        ] {
            assert!(every.takes(path), "{path}");
        }
        for path in [
            "vcpu[0].regs.bsp",
            "vcpu[0].regs.b",
            "vcpu.regs.b[0]",
            "vcpu[0].regs",
        ] {
            assert!(!every.takes(path), "{path}");
        }
        assert!(every.is("vcpu[0].regs.b[7]") && !every.is("vcpu[0].regs.b[7].x"));
        assert!(every.reaches("vcpu[3]") && !every.reaches("privregs[3]"));
        assert_eq!(every.below("vcpu[3]"), Some("regs.b[*]"));
        assert_eq!(every.below("vcpu[3].re"), None);
        let all = Selection::default();
        assert!(all.takes("p2m_size") && !all.names("pages") && all.reaches("x"));
    }
}
