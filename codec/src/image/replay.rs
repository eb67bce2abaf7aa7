//! The way back: an image's events in stream order, and from them its bytes.

use alloc::vec::Vec;

use super::{Checkpoint, Image};
use crate::code::Code;
use crate::decode::Event;
use crate::encode::{Encoder, Piece};
use crate::error::Error;
use crate::grammar::{Memmap, PageRun, PfnRun, Vcpumap};
use crate::size::place;

impl Checkpoint {
    /// The event of the device-model record behind it.
    pub(crate) fn device_model_event(&self) -> Option<Event<'_>> {
        self.device_model.as_ref().map(|record| Event::DeviceModel {
            kind: record.kind,
            order: record.order,
            data: &record.data.bytes,
        })
    }
}

impl Image {
    /// Gives the stream that this image is, edits included, event by event. Pages that are not at
    /// hand (an image read from a stream) are left out.
    ///
    /// # Errors
    /// Those of `sink`, which ends the walk.
    pub fn events<E>(&self, mut sink: impl FnMut(Event<'_>) -> Result<(), E>) -> Result<(), E> {
        if let Some(prologue) = self.prologue {
            sink(Event::Prologue(prologue))?;
        }
        if let (Some(section), Some(layout)) = (&self.arch_setup, self.arch_setup_layout()) {
            sink(Event::ArchSetup {
                layout,
                bytes: &section.bytes,
            })?;
        }
        if let Some(section) = &self.memmap {
            let num_pages = (section.bytes.len() / self.page_size) as u32;
            sink(Event::Memmap(Memmap {
                num_pages,
                bytes: &section.bytes,
            }))?;
        }
        for (index, checkpoint) in self.checkpoints.iter().enumerate() {
            self.pages(checkpoint, &mut sink)?;
            self.tail(checkpoint, &mut sink)?;
            if checkpoint.complete {
                sink(Event::CheckpointEnd {
                    index: index as u32,
                })?;
            }
            checkpoint.device_model_event().map_or(Ok(()), &mut sink)?;
        }
        if let Some(trailing) = &self.trailing {
            let all = self.data.as_ref().and_then(|data| {
                let from = usize::try_from(trailing.offset).ok()?;
                data.get(from..from + usize::try_from(trailing.size).ok()?)
            });
            sink(Event::Trailing(all.unwrap_or(&trailing.first)))?;
        }
        Ok(())
    }

    /// Writes the stream through an encoder of the image's own dialect.
    ///
    /// # Errors
    /// What ended the reading of an image that is not whole; those of the encoder, where edits do not
    /// fit their place or pages are not at hand; and those of `sink`.
    pub fn write<E: From<Error>>(
        &self,
        mut sink: impl FnMut(&Piece<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (Some(dialect), Some(guest), None) = (self.read_as(), self.guest(), &self.error) else {
            return Err(incomplete(self).into());
        };
        let has_pages = self
            .checkpoints
            .iter()
            .any(|checkpoint| !checkpoint.pages.is_empty());
        if self.data.is_none() && has_pages {
            return Err(Error::new(Code::ConvertPages, self.stream_offset, "pages").into());
        }
        let mut encoder = Encoder::new(dialect, guest).page_size(self.page_size);
        self.events(|event| sink(&encoder.encode(&event)?))?;
        Ok(encoder.finish()?)
    }

    fn pages<E>(
        &self,
        checkpoint: &Checkpoint,
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let pages = &checkpoint.pages;
        let stride = 8 + self.page_size;
        if let (true, Some(data)) = (checkpoint.replaced.is_empty(), &self.data) {
            // Nothing was edited: the records go out as they stand.
            let from = place(pages.offset());
            for run in data[from..from + pages.len() * stride].chunks(stride * 256) {
                sink(Event::Pages(PageRun::new(run, self.page_size)))?;
            }
        } else {
            let mut record = Vec::with_capacity(stride);
            for (number, pfn) in pages.pfns().iter().enumerate() {
                let Some(page) = self.page(checkpoint, number) else {
                    continue;
                };
                record.clear();
                record.extend_from_slice(&pfn.to_le_bytes());
                record.extend_from_slice(page);
                // A page of another size makes a run of another stride, which an encoder refuses.
                sink(Event::Pages(PageRun::new(&record, page.len().max(1))))?;
            }
        }
        if pages.terminator().is_some() {
            sink(Event::PagesEnd)?;
        }
        Ok(())
    }

    pub(crate) fn tail<E>(
        &self,
        checkpoint: &Checkpoint,
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(list) = &checkpoint.unallocated {
            sink(Event::UnallocatedCount(list.count))?;
            let mut bytes = Vec::new();
            let mut pfns = list.pfns().peekable();
            while pfns.peek().is_some() {
                bytes.clear();
                bytes.extend(pfns.by_ref().take(1024).flat_map(u64::to_le_bytes));
                sink(Event::Unallocated(PfnRun::new(&bytes)))?;
            }
        }
        let hvm = checkpoint.magic_pfns.is_some() || self.guest() == Some(crate::Guest::Hvm);
        let shared_info = checkpoint
            .shared_info
            .as_ref()
            .map(|s| Event::SharedInfo(&s.bytes));
        let mut shared_info = shared_info.into_iter();
        if hvm && let Some(event) = shared_info.next() {
            sink(event)?;
        }
        if let Some(map) = &checkpoint.vcpumap {
            let (max_virt_cpus, bytes) = (map.max_virt_cpus, &map.bitmap.bytes[..]);
            sink(Event::Vcpumap(Vcpumap {
                max_virt_cpus,
                bytes,
            }))?;
        }
        for vcpu in &checkpoint.vcpus {
            let (id, layout) = (vcpu.id, vcpu.layout);
            sink(Event::Context {
                vcpu: id,
                layout,
                bytes: &vcpu.context.bytes,
            })?;
            if let Some(page) = &vcpu.privregs {
                sink(Event::Privregs {
                    vcpu: id,
                    bytes: &page.bytes,
                })?;
            }
        }
        if let Some(event) = shared_info.next() {
            sink(event)?;
        }
        if let Some(magic) = &checkpoint.magic_pfns {
            sink(Event::MagicPfns {
                order: magic.order,
                bytes: &magic.section.bytes,
            })?;
        }
        if let Some(context) = &checkpoint.hvm_context {
            sink(Event::HvmContext(&context.blob.bytes))?;
        }
        Ok(())
    }
}

fn incomplete(image: &Image) -> Error {
    image.error.clone().unwrap_or_else(|| {
        Error::new(Code::OutOfOrder, image.end, "checkpoint").expected("a whole image")
    })
}
