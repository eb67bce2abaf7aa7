//! One checkpoint: pages, lists, vcpus and the pages that a domain shares.

use alloc::borrow::Cow;
use alloc::format;

use super::walker::Walker;
use crate::era::explain;
use crate::image::{Checkpoint, HvmContext, Image};
use crate::size::place;
use crate::wire::{self, Style, Value, hvm};

impl Walker<'_, '_> {
    pub(super) fn checkpoint(
        &mut self,
        image: &Image,
        index: usize,
        checkpoint: &Checkpoint,
        prefix: &str,
    ) {
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
}
