//! The state machine, from the writer's side.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::piece::Piece;
use crate::code::Code;
use crate::decode::Event;
use crate::dialect::{Dialect, Guest};
use crate::envelope::device_model_header;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{PAGES_END, Part, Shape};
use crate::size;

/// Writes one stream of a given dialect.
#[derive(Clone, Debug)]
pub struct Encoder {
    shape: Shape,
    page_size: usize,
    offset: u64,
    part: Part,
    unallocated_left: u32,
    online: Vec<u32>,
    vcpu: usize,
}

impl Encoder {
    /// An encoder for ia64 pages.
    pub fn new(dialect: Dialect, guest: Guest) -> Self {
        Encoder {
            shape: Shape { dialect, guest },
            page_size: crate::PAGE_SIZE,
            offset: 0,
            part: Part::Prologue,
            unallocated_left: 0,
            online: Vec::new(),
            vcpu: 0,
        }
    }

    /// Bytes of a page; 16384 on ia64.
    ///
    /// # Panics
    /// If it is 0.
    #[must_use]
    pub fn page_size(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a page has at least one byte");
        self.page_size = bytes;
        self
    }

    /// Bytes written so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The part that comes next.
    pub fn part(&self) -> Part {
        self.part
    }

    /// The bytes of the next event.
    ///
    /// # Errors
    /// [`Code::OutOfOrder`] where the event does not come next, [`Code::PartSize`] where its size is
    /// not that of its place, [`Code::GuestUnsupported`] where the dialect has no such guest. The
    /// encoder is then as it was.
    pub fn encode<'a>(&mut self, event: &Event<'a>) -> Result<Piece<'a>, Error> {
        let (piece, next) = self.place(event)?;
        self.part = next;
        self.offset += piece.len() as u64;
        Ok(piece)
    }

    /// Says that nothing follows.
    ///
    /// # Errors
    /// [`Code::OutOfOrder`] where the stream is not whole.
    pub fn finish(self) -> Result<u64, Error> {
        match self.part {
            Part::Boundary | Part::Trailing => Ok(self.offset),
            part => Err(self.out_of_order("the end of the stream", part)),
        }
    }

    fn place<'a>(&mut self, event: &Event<'a>) -> Result<(Piece<'a>, Part), Error> {
        let Shape { dialect, guest } = self.shape;
        let spec = dialect.spec();
        match (event, self.part) {
            (Event::Prologue(prologue), Part::Prologue) => {
                if !dialect.supports(guest) {
                    return Err(Error::new(Code::GuestUnsupported, 0, "arch_setup.flags")
                        .expected(format!("a paravirtual guest in {dialect}")));
                }
                let own = [
                    prologue.p2m_size.to_le_bytes(),
                    prologue.version.to_le_bytes(),
                ];
                Ok((Piece::new(own.as_flattened(), &[]), Part::ArchSetup))
            }
            (Event::ArchSetup { bytes, .. }, Part::ArchSetup) => {
                let bytes = self.sized(bytes, spec.arch_setup.size(), "arch_setup")?;
                Ok((bytes, Shape::after_arch_setup(spec.version)))
            }
            (Event::Memmap(memmap), Part::Memmap) => {
                let size = size::index(memmap.num_pages).saturating_mul(self.page_size);
                let body = self.sized(memmap.bytes, size, "memmap")?.body();
                Ok((
                    Piece::new(&memmap.num_pages.to_le_bytes(), body),
                    Part::Pages,
                ))
            }
            (Event::Pages(run), Part::Pages) => {
                if run.stride() != 8 + self.page_size || run.gmfns().any(|gmfn| gmfn == PAGES_END) {
                    return Err(self.wrong_size("pages", 8 + self.page_size, run.stride()));
                }
                Ok((Piece::new(&[], run.bytes()), Part::Pages))
            }
            (Event::Pages(_) | Event::PagesEnd, Part::Boundary) if spec.checkpoints => {
                self.part = Part::Pages;
                let placed = self.place(event);
                self.part = Part::Boundary;
                placed
            }
            (Event::PagesEnd, Part::Pages) => Ok((
                Piece::new(&PAGES_END.to_le_bytes(), &[]),
                Part::UnallocatedCount,
            )),
            (Event::UnallocatedCount(count), Part::UnallocatedCount) => {
                self.unallocated_left = *count;
                Ok((
                    Piece::new(&count.to_le_bytes(), &[]),
                    self.unallocated_next(*count),
                ))
            }
            (Event::Unallocated(run), Part::Unallocated) => {
                let left = self.unallocated_left;
                let Some(left) = left.checked_sub(u32::try_from(run.len()).unwrap_or(u32::MAX))
                else {
                    return Err(self.wrong_size(
                        "unallocated",
                        size::index(left).saturating_mul(8),
                        run.len() * 8,
                    ));
                };
                self.unallocated_left = left;
                Ok((Piece::new(&[], run.bytes()), self.unallocated_next(left)))
            }
            (Event::Detected(_), part) => Ok((Piece::EMPTY, part)),
            (Event::CheckpointEnd { .. }, Part::Boundary) => Ok((Piece::EMPTY, Part::Boundary)),
            (Event::Vcpumap(map), Part::Vcpumap) => {
                let size = spec.vcpumap.size(map.max_virt_cpus).unwrap_or(u64::MAX);
                let body = self.sized(map.bytes, size::place(size), "vcpumap")?.body();
                self.online = map.online().collect();
                self.vcpu = 0;
                let next = self
                    .shape
                    .after_vcpu(Part::Vcpumap, !self.online.is_empty());
                Ok((Piece::new(&map.max_virt_cpus.to_le_bytes(), body), next))
            }
            (Event::Context { vcpu, bytes, .. }, Part::Context) => {
                self.is_next_vcpu(*vcpu, "vcpu")?;
                let piece = self.sized(bytes, spec.context.size(), "vcpu")?;
                let next = self
                    .shape
                    .after_vcpu(Part::Context, self.vcpu + 1 < self.online.len());
                if next != Part::Privregs {
                    self.vcpu += 1;
                }
                Ok((piece, next))
            }
            (Event::Privregs { vcpu, bytes }, Part::Privregs) => {
                self.is_next_vcpu(*vcpu, "privregs")?;
                let piece = self.sized(bytes, self.page_size, "privregs")?;
                self.vcpu += 1;
                let next = self
                    .shape
                    .after_vcpu(Part::Privregs, self.vcpu < self.online.len());
                Ok((piece, next))
            }
            (Event::SharedInfo(bytes), Part::SharedInfo) => {
                let piece = self.sized(bytes, self.page_size, "shared_info")?;
                Ok((piece, self.shape.after_shared_info()))
            }
            (Event::MagicPfns { order, bytes }, Part::MagicPfns) => {
                // Within a dialect, eras may differ in their number.
                let known = Era::of(self.shape.dialect).any(|era| era.magic_pfns() == *order);
                let count = if known { order } else { spec.magic_pfns }.len();
                let piece = self.sized(bytes, count * 8, "magic_pfns")?;
                Ok((piece, Part::HvmContext))
            }
            (Event::HvmContext(blob), Part::HvmContext) => Ok((
                Piece::new(&(blob.len() as u64).to_le_bytes(), blob),
                Part::Boundary,
            )),
            (Event::DeviceModel { kind, order, data }, Part::Boundary) if spec.checkpoints => {
                let own = device_model_header(*kind, data.len() as u64, *order)?;
                Ok((Piece::new(&own, data), Part::Boundary))
            }
            (Event::Trailing(bytes), Part::Boundary | Part::Trailing) => {
                Ok((Piece::new(&[], bytes), Part::Trailing))
            }
            (event, part) => Err(self.out_of_order(event.part().name(), part)),
        }
    }

    /// The tail begins as soon as the last unallocated pfn has been given.
    fn unallocated_next(&mut self, left: u32) -> Part {
        if left > 0 {
            return Part::Unallocated;
        }
        self.online = alloc::vec![0];
        self.vcpu = 0;
        self.shape.tail()
    }

    fn is_next_vcpu(&self, vcpu: u32, path: &str) -> Result<(), Error> {
        match self.online.get(self.vcpu) {
            Some(next) if *next == vcpu => Ok(()),
            next => Err(
                Error::new(Code::OutOfOrder, self.offset, format!("{path}[{vcpu}]"))
                    .expected(next.map_or("no vcpu".to_string(), |next| format!("vcpu {next}")))
                    .found(format!("vcpu {vcpu}")),
            ),
        }
    }

    fn sized<'a>(&self, bytes: &'a [u8], size: usize, path: &str) -> Result<Piece<'a>, Error> {
        if bytes.len() == size {
            Ok(Piece::new(&[], bytes))
        } else {
            Err(self.wrong_size(path, size, bytes.len()))
        }
    }

    fn wrong_size(&self, path: &str, expected: usize, found: usize) -> Error {
        Error::new(Code::PartSize, self.offset, String::from(path))
            .expected(format!("{expected} bytes"))
            .found(format!("{found}"))
    }

    fn out_of_order(&self, found: &str, part: Part) -> Error {
        Error::new(Code::OutOfOrder, self.offset, part.name())
            .expected(part.name())
            .found(found)
    }
}
