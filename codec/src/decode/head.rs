//! What is written once, before the first page.

use alloc::format;

use super::{Decoder, Event, Step};
use crate::code::Code;
use crate::detect::Head;
use crate::dialect::{ArchSetupLayout, Guest, Version};
use crate::error::Error;
use crate::grammar::{self, Part, Shape, u64_at};
use crate::ram::RamMap;

impl Decoder {
    pub(super) fn prologue<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        self.produce(input, end, grammar::prologue, |this, prologue| {
            if Version::from_word(prologue.version).is_none() {
                return Err(Error::new(Code::VersionUnknown, this.offset + 8, "version")
                    .length(8)
                    .expected("1, 2 or 3")
                    .found(format!("{:#x}", prologue.version)));
            }
            this.prologue = prologue;
            this.part = Part::ArchSetup;
            Ok(Event::Prologue(prologue))
        })
    }

    pub(super) fn arch_setup<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let Some(version) = Version::from_word(self.prologue.version) else {
            return Err(self.impossible());
        };
        let layout = match self.dialect {
            Some(dialect) => dialect.spec().arch_setup,
            None => match grammar::arch_setup_layout(input, version) {
                Ok((_, layout)) => layout,
                Err(_) => ArchSetupLayout::Plain,
            },
        };
        self.produce(input, end, grammar::arch_setup(layout), |this, bytes| {
            let base = layout.size() - 40;
            let word = |at: usize| u64_at(bytes, base + at).unwrap_or(0);
            let flags = word(0);
            let guest = this.guest.unwrap_or(if flags & 1 == 1 {
                Guest::Hvm
            } else {
                Guest::Pv
            });
            let ram = if version.has_memmap() {
                RamMap::default()
            } else {
                RamMap::flat(this.prologue.p2m_size)
            };
            let head = Head {
                page_size: this.page_size,
                p2m_size: this.prologue.p2m_size,
                version,
                setup: layout,
                flags,
                flags_offset: this.offset + base as u64,
                maxmem: word(16),
                xsi_va: word(24),
                vhpt_byte: bytes[base + 36],
                guest,
                ram,
            };
            let supported = match this.dialect {
                Some(dialect) => dialect.supports(guest) && dialect.spec().version == version,
                None => !head.candidates().is_empty(),
            };
            if !supported {
                return Err(this.unsupported(&head));
            }
            this.head = Some(head);
            this.part = Shape::after_arch_setup(version);
            Ok(Event::ArchSetup { layout, bytes })
        })
    }

    pub(super) fn memmap<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let page_size = self.page_size;
        let production = grammar::memmap(page_size, &self.limits);
        self.produce(input, end, production, |this, memmap| {
            if let Some(head) = &mut this.head {
                head.ram = RamMap::from_memmap(memmap.bytes, page_size);
            }
            this.part = Part::Pages;
            Ok(Event::Memmap(memmap))
        })
    }
}
