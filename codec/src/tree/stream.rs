//! A stream that a tree describes.

use alloc::vec::Vec;

use crate::decode::Event;
use crate::dialect::{Dialect, Guest};
use crate::encode::{Encoder, Piece};
use crate::envelope::ByteOrder;
use crate::error::Error;
use crate::grammar::{Memmap, PageRun};
use crate::image::{Image, Section};
use crate::pfns::Pfns;
use crate::ram::RamMap;

/// A stream without the contents of its pages.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The dialect.
    pub dialect: Dialect,
    /// The kind of guest.
    pub guest: Guest,
    /// Bytes of a page.
    pub page_size: usize,
    /// The order of the length of a device-model record.
    pub byte_order: ByteOrder,
    /// Everything but the pages.
    pub(super) image: Image,
    /// The pfns of the page records of each checkpoint.
    pub(super) pages: Vec<Vec<Pfns>>,
}

impl Stream {
    /// Pfns of all unallocated lists together, of 8 bytes each in the stream.
    pub fn unallocated(&self) -> u64 {
        let lists = self.image.checkpoints.iter();
        let lists = lists.filter_map(|one| one.unallocated.as_ref());
        lists.map(|list| u64::from(list.count)).sum()
    }

    /// Bytes of the stream, but for words between its parts.
    pub fn size(&self) -> u64 {
        let record = 8 + self.page_size as u64;
        let image = &self.image;
        let whole = |section: Option<&Section>| section.map_or(0, |own| own.bytes.len() as u64);
        let rounds = image.checkpoints.iter().map(|round| {
            let vcpus = round.vcpus.iter();
            let vcpus =
                vcpus.map(|vcpu| whole(Some(&vcpu.context)) + whole(vcpu.privregs.as_ref()));
            let context = round.hvm_context.as_ref().map(|context| &context.blob);
            vcpus.sum::<u64>() + whole(round.shared_info.as_ref()) + whole(context)
        });
        let rounds = rounds.sum::<u64>();
        let head = whole(image.arch_setup.as_ref()) + whole(image.memmap.as_ref());
        self.records()
            .saturating_mul(record)
            .saturating_add(self.unallocated().saturating_mul(8))
            .saturating_add(head + rounds)
    }

    /// The longest unallocated list of one checkpoint, in pfns.
    pub fn longest_unallocated(&self) -> u64 {
        let lists = self.image.checkpoints.iter();
        let lists = lists.filter_map(|one| one.unallocated.as_ref());
        lists.map(|list| u64::from(list.count)).max().unwrap_or(0)
    }

    /// Pages of RAM by the image's own memory map; `None` where it has no map.
    pub fn ram_pages(&self) -> Option<u64> {
        let memmap = self.image.memmap.as_ref()?;
        Some(RamMap::from_memmap(&memmap.bytes, self.page_size).pages())
    }

    /// Page records of all checkpoints.
    pub fn records(&self) -> u64 {
        Pfns::sum(self.pages.iter().flatten().copied())
    }

    /// Writes the stream. `page` gives the page of a record by its number in the whole stream.
    ///
    /// # Errors
    /// Those of the encoder, where the parts do not follow one another or have other sizes than their
    /// dialect asks for, and those of `sink`.
    pub fn write<'p, E: From<Error>>(
        &self,
        mut page: impl FnMut(u64) -> Result<&'p [u8], E>,
        mut sink: impl FnMut(&Piece<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut encoder = Encoder::new(self.dialect, self.guest).page_size(self.page_size);
        let mut put = |event: Event<'_>| sink(&encoder.encode(&event)?);
        let image = &self.image;
        if let Some(prologue) = image.prologue {
            put(Event::Prologue(prologue))?;
        }
        let layout = self.dialect.spec().arch_setup;
        if let Some(section) = &image.arch_setup {
            let bytes = &section.bytes;
            put(Event::ArchSetup { layout, bytes })?;
        }
        if let Some(section) = &image.memmap {
            put(Event::Memmap(Memmap {
                num_pages: (section.bytes.len() / self.page_size) as u32,
                bytes: &section.bytes,
            }))?;
        }
        let mut number = 0;
        let mut record = Vec::with_capacity(8 + self.page_size);
        for (index, checkpoint) in image.checkpoints.iter().enumerate() {
            for pfn in self.pages[index].iter().flat_map(|run| run.iter()) {
                record.clear();
                record.extend_from_slice(&pfn.to_le_bytes());
                record.extend_from_slice(page(number)?);
                put(Event::Pages(PageRun::new(&record, record.len() - 8)))?;
                number += 1;
            }
            put(Event::PagesEnd)?;
            image.tail(checkpoint, &mut put)?;
            put(Event::CheckpointEnd {
                index: index as u32,
            })?;
            checkpoint.device_model_event().map_or(Ok(()), &mut put)?;
        }
        Ok(encoder.finish()?)
    }
}

/// Bytes that have no place in a file yet.
pub(super) fn section(bytes: Vec<u8>) -> Section {
    Section {
        offset: 0,
        bytes: bytes.into(),
    }
}
