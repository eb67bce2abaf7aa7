//! The image that is read: a paravirtual domain of one vcpu, saved by Xen 3.3 to 4.0 while it stood
//! still. Every page once, in order; nothing given back; zeros in nearly every page.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ia64save_codec::decode::Event;
use ia64save_codec::dialect::{ArchSetupLayout, ContextLayout, Dialect, Guest};
use ia64save_codec::encode::Encoder;
use ia64save_codec::grammar::{Memmap, PageRun, Prologue, Vcpumap};
use ia64save_codec::{Error, PAGE_SIZE};

const PAGE: u64 = PAGE_SIZE as u64;
/// Bytes of a page record.
const RECORD: usize = 8 + PAGE_SIZE;
/// Where the page records begin.
pub const PAGES_OFFSET: u64 = 16 + 40 + 4 + PAGE;
/// Where the hypervisor shows a guest its shared_info page.
const XSI_VA: u64 = 0xf500_0000_0000_0000;

/// How large an image is.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Pages of the domain, all of them sent.
    pub pages: u64,
}

/// What is in the pages of an image, but for the few that an image must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Zeros that the file system does not store.
    Holes,
    /// Zeros.
    Zeros,
    /// Bytes that differ from page to page.
    Data,
}

/// Fills a page with bytes that have no pattern (xorshift).
pub(crate) fn noise(gmfn: u64, page: &mut [u8]) {
    let mut state = gmfn.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for word in page.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes());
    }
}

/// A piece of the stream on its way out.
pub enum Out<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// A page record: the frame, and the few bytes that its page begins with.
    Record(u64, &'a [u8]),
}

impl Plan {
    /// The plan for so many bytes of guest memory.
    pub fn of_size(bytes: u64) -> Plan {
        Plan {
            pages: (bytes / PAGE).max(8),
        }
    }

    /// Bytes of the whole stream.
    pub fn file_size(self) -> u64 {
        let tail = 8 + 4 + 8 + 9 + 22208 + PAGE + PAGE;
        PAGES_OFFSET + self.pages * RECORD as u64 + tail
    }

    /// Writes it to a file.
    pub fn write(self, file: &mut File, fill: Fill) -> io::Result<()> {
        let mut page = vec![0; PAGE_SIZE];
        file.set_len(self.file_size())?;
        self.produce(|offset, out| match out {
            Out::Bytes(bytes) => file.write_all_at(bytes, offset),
            Out::Record(gmfn, start) => {
                file.write_all_at(&gmfn.to_le_bytes(), offset)?;
                match fill {
                    Fill::Holes => return file.write_all_at(start, offset + 8),
                    Fill::Zeros => page.fill(0),
                    Fill::Data => noise(gmfn, &mut page),
                }
                page[..start.len()].copy_from_slice(start);
                file.write_all_at(&page, offset + 8)
            }
        })
    }

    /// The whole stream in memory; pages that were never touched take none.
    pub fn in_memory(self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.file_size() as usize];
        self.produce(|offset, out| {
            let at = offset as usize;
            match out {
                Out::Bytes(piece) => bytes[at..at + piece.len()].copy_from_slice(piece),
                Out::Record(gmfn, start) => {
                    bytes[at..at + 8].copy_from_slice(&gmfn.to_le_bytes());
                    bytes[at + 8..at + 8 + start.len()].copy_from_slice(start);
                }
            }
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Gives the stream away piece by piece, in its order, with offsets.
    fn produce(self, mut sink: impl FnMut(u64, Out<'_>) -> io::Result<()>) -> io::Result<()> {
        let refused = |error: Error| io::Error::other(error.to_string());
        let mut encoder = Encoder::new(Dialect::D11, Guest::Pv);
        let mut put = |event: Event<'_>, encoder: &mut Encoder| -> io::Result<()> {
            let offset = encoder.offset();
            let piece = encoder.encode(&event).map_err(refused)?;
            sink(offset, Out::Bytes(piece.own()))?;
            let body = offset + piece.own().len() as u64;
            match &event {
                Event::Pages(run) => {
                    let record = &run.bytes()[8..];
                    let used = record
                        .iter()
                        .rposition(|byte| *byte != 0)
                        .map_or(0, |at| at + 1);
                    let gmfn = run.gmfns().next().unwrap_or(0);
                    sink(body, Out::Record(gmfn, &record[..used]))
                }
                _ => sink(body, Out::Bytes(piece.body())),
            }
        };
        let encoder = &mut encoder;
        put(
            Event::Prologue(Prologue {
                p2m_size: self.pages,
                version: 3,
            }),
            encoder,
        )?;
        put(
            Event::ArchSetup {
                layout: ArchSetupLayout::Vhpt,
                bytes: &self.arch_setup(),
            },
            encoder,
        )?;
        put(
            Event::Memmap(Memmap {
                num_pages: 1,
                bytes: &self.memmap(),
            }),
            encoder,
        )?;
        let mut record = vec![0; RECORD];
        for gmfn in 0..self.pages {
            record[..8].copy_from_slice(&gmfn.to_le_bytes());
            if gmfn == self.start_info_pfn() {
                self.start_info(&mut record[8..]);
            }
            put(Event::Pages(PageRun::new(&record, PAGE_SIZE)), encoder)?;
            if gmfn == self.start_info_pfn() {
                record.fill(0);
            }
        }
        put(Event::PagesEnd, encoder)?;
        put(Event::UnallocatedCount(0), encoder)?;
        put(
            Event::Vcpumap(Vcpumap {
                max_virt_cpus: 64,
                bytes: &[1, 0, 0, 0, 0, 0, 0, 0, 0],
            }),
            encoder,
        )?;
        put(
            Event::Context {
                vcpu: 0,
                layout: ContextLayout::F,
                bytes: &context(),
            },
            encoder,
        )?;
        put(
            Event::Privregs {
                vcpu: 0,
                bytes: &privregs(),
            },
            encoder,
        )?;
        put(Event::SharedInfo(&self.shared_info()), encoder)
    }

    fn start_info_pfn(self) -> u64 {
        self.pages - 3
    }

    fn arch_setup(self) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        set(&mut bytes, 0, 2);
        set(&mut bytes, 16, self.pages * PAGE);
        set(&mut bytes, 24, XSI_VA);
        set(&mut bytes, 32, 0x1000);
        bytes
    }

    fn memmap(self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE_SIZE];
        set(&mut bytes, 0, 40); // one descriptor
        set(&mut bytes, 8, 40);
        set(&mut bytes, 16, 1);
        set(&mut bytes, 24, 7); // conventional memory
        set(&mut bytes, 48, self.pages * 4);
        set(&mut bytes, 56, 8); // write-back
        bytes
    }

    fn start_info(self, page: &mut [u8]) {
        page[..12].copy_from_slice(b"xen-3.0-ia64");
        set(page, 32, self.pages);
        set(page, 40, 1 << 40);
        set(page, 56, self.pages - 2);
        set(page, 64, 1);
        set(page, 72, self.pages - 1);
        set(page, 80, 2);
    }

    fn shared_info(self) -> Vec<u8> {
        let mut bytes = vec![0; PAGE_SIZE];
        bytes[1] = 1; // vcpu 0 takes no events
        set(&mut bytes, 4112, self.start_info_pfn());
        set(&mut bytes, 4120, 0xe9 | (1 << 32)); // evtchn_vector, memmap_info_num_pages
        set(&mut bytes, 4128, self.pages - 4);
        bytes
    }
}

/// Layout F: what a guest that suspended itself leaves.
fn context() -> Vec<u8> {
    let mut bytes = vec![0; ContextLayout::F.size()];
    set(&mut bytes, 272, 0xa000_0001_0000_1230); // b0
    set(&mut bytes, 464, 0xa000_0001_0000_1240); // ip
    // psr: ac mfl mfh ic dt di rt it bn; interrupts are masked, as shared_info says too
    set(&mut bytes, 472, 0x1010_0842_2038);
    set(&mut bytes, 480, 0x6); // cfm
    set(&mut bytes, 488, 0xa5a5_f0f0_5a57); // pr
    set(&mut bytes, 632, 0x7); // ar.rsc: eager, privilege level 1
    set(&mut bytes, 640, 0xe000_0000_0001_03b0); // ar.bsp
    set(&mut bytes, 648, 0xe000_0000_0001_03b0); // ar.bspstore: nothing is dirty
    set(&mut bytes, 824, 0x0009_804c_0270_033f); // ar.fpsr
    set(&mut bytes, 1544, 0xa000_0001_0000_0000); // cr.iva
    for region in 0..8 {
        set(&mut bytes, 4736 + 8 * region, region_register(region));
    }
    set(&mut bytes, 22176, 96); // num_phys_stacked
    set(&mut bytes, 22192, 0xa000_0001_0000_8000); // event_callback_ip
    set(&mut bytes, 22200, 0x400_0001); // privregs_pfn
    bytes
}

fn privregs() -> Vec<u8> {
    let mut bytes = vec![0; PAGE_SIZE];
    set(&mut bytes, 2064, 0xa000_0001_0000_0000); // iva
    set(&mut bytes, 3088, 1); // interrupt_collection_enabled
    set(&mut bytes, 3096, XSI_VA + 1); // interrupt_mask_addr
    set(&mut bytes, 3144, 1 << 32); // banknum 1
    for region in 0..8 {
        set(&mut bytes, 3152 + 8 * region, region_register(region));
    }
    bytes
}

/// 16 KiB pages, walked by the hardware, the region's number as its rid.
fn region_register(region: usize) -> u64 {
    0x39 | (region as u64) << 8
}

fn set(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use ia64save_codec::decode::{Decoder, Event, Step};
    use ia64save_codec::dialect::Dialect;

    use super::{Fill, Plan};

    #[test]
    fn the_image_is_one_that_the_decoder_knows() {
        let plan = Plan::of_size(1 << 20);
        let bytes = plan.in_memory().unwrap();
        let mut decoder = Decoder::new();
        let (mut at, mut records, mut dialect) = (0, 0, None);
        loop {
            match decoder.decode(&bytes[at..], true).unwrap() {
                Step::Event {
                    consumed, event, ..
                } => {
                    match event {
                        Event::Pages(run) => records += run.len(),
                        Event::Detected(found) => dialect = found.dialect,
                        Event::Trailing(_) => panic!("bytes are left"),
                        _ => {}
                    }
                    at += consumed;
                }
                Step::NeedMore(_) => panic!("the stream is whole"),
                Step::Done => break,
            }
        }
        assert_eq!((records, dialect), (64, Some(Dialect::D11)));
    }

    #[test]
    fn file_and_memory_hold_the_same() {
        let plan = Plan::of_size(1 << 20);
        let in_memory = plan.in_memory().unwrap();
        for fill in [Fill::Holes, Fill::Zeros] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            plan.write(file.as_file_mut(), fill).unwrap();
            assert!(std::fs::read(file.path()).unwrap() == in_memory);
        }
    }
}
