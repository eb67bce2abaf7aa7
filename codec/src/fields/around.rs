//! The head of a stream, and what stands around the stream.

use alloc::borrow::Cow;
use alloc::format;

use super::walker::Walker;
use crate::envelope::SIGNATURE_SIZE;
use crate::file::SaveFile;
use crate::image::Image;
use crate::ram;
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Style, Value};

impl Walker<'_, '_> {
    pub(super) fn envelope(&mut self, file: &SaveFile) {
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

    pub(super) fn head(&mut self, image: &Image) {
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

    pub(super) fn device_model(&mut self, file: &SaveFile) {
        let Some(Ok(model)) = &file.device_model else {
            return;
        };
        let at = (model.signature_offset, SIGNATURE_SIZE as u64);
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
