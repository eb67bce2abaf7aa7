//! A transport over one domain in memory, with something to say to everything.

use std::collections::BTreeMap;

use crate::bridge::Kernel;
use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_xen::Transport;
use ia64save_xen::transport::{Argument, Direction, DomainId, Geometry, Hypercall, Layout, Region};

pub const PAGE: usize = 4096;
pub const DOMAIN: DomainId = 5;
/// Frames from here on are not there, and neither are those divisible by 7.
pub const FRAMES: u64 = 600;

/// The domain. Page `f` is full of the byte `f` until something else is written to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub written: BTreeMap<u64, Vec<u8>>,
    pub regions: BTreeMap<u64, Vec<u8>>,
    next: u64,
    /// Mappings of an agent: the frames that are there.
    pub mapped: BTreeMap<u64, Vec<u64>>,
}

impl Memory {
    fn there(frame: u64) -> PageResult {
        match frame {
            _ if frame >= FRAMES => Err(Errno::EINVAL),
            _ if frame.is_multiple_of(7) => Err(Errno::EFAULT),
            _ => Ok(()),
        }
    }
}

impl Transport for Memory {
    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: PAGE,
            buffer: 1 << 20,
            batch: 64,
        }
    }

    /// The sum of all that goes in, and every byte that comes out depends on it. A number divisible
    /// by 5 is refused with itself as the error, 48 fills the regions it is given.
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        assert!(call.is_sound());
        let mut sum = call.number;
        for (index, argument) in call.arguments.iter().enumerate() {
            sum += match argument {
                Argument::Value(value) => value % 1000,
                Argument::Buffer(buffer) => (index * 100 + buffer) as u64,
                Argument::Region(region) => {
                    let bytes = self.regions.get_mut(&region.0).expect("a region");
                    if call.number == 48 {
                        let length = bytes.len();
                        bytes.clear();
                        bytes.extend((0..length).map(|at| (at % 251) as u8));
                    }
                    index as u64
                }
            };
        }
        for link in call.links {
            sum += (link.holder * 1000 + link.offset * 10 + link.target) as u64;
        }
        for buffer in call.buffers.iter() {
            sum += buffer
                .bytes
                .iter()
                .map(|byte| u64::from(*byte))
                .sum::<u64>();
            if buffer.direction == Direction::Out {
                assert!(buffer.bytes.iter().all(|byte| *byte == 0));
            }
        }
        if call.number.is_multiple_of(5) {
            return Err(Errno(call.number as i32));
        }
        for buffer in call.buffers.iter_mut() {
            if buffer.direction != Direction::In {
                for (at, byte) in buffer.bytes.iter_mut().enumerate() {
                    *byte ^= (sum + at as u64) as u8;
                }
            }
        }
        for link in call.links {
            call.buffers[link.holder].bytes[link.offset..link.offset + 8].fill(0);
        }
        Ok(sum)
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if domain != DOMAIN && !frames.is_empty() {
            return Err(Errno::ESRCH);
        }
        for (index, frame) in frames.iter().enumerate() {
            results[index] = Memory::there(*frame);
            if results[index].is_ok() {
                let page = layout.page(index, PAGE).ok_or(Errno::EINVAL)?;
                match self.written.get(frame) {
                    Some(bytes) => out[page].copy_from_slice(bytes),
                    None => out[page].fill(*frame as u8),
                }
            }
        }
        Ok(())
    }

    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        if domain != DOMAIN && !frames.is_empty() {
            return Err(Errno::ESRCH);
        }
        for (index, frame) in frames.iter().enumerate() {
            results[index] = Memory::there(*frame);
            if results[index].is_ok() {
                let page = layout.page(index, PAGE).ok_or(Errno::EINVAL)?;
                self.written.insert(*frame, data[page].to_vec());
            }
        }
        Ok(())
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let zeros = vec![0; frames.len() * PAGE];
        self.write_foreign(domain, frames, &zeros, Layout::packed(PAGE), results)
    }

    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        let number = self.next;
        self.next += 1;
        self.regions.insert(number, vec![0; bytes]);
        Ok(Region(number))
    }

    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        let bytes = self.regions.get(&region.0).ok_or(Errno::EINVAL)?;
        let end = offset.checked_add(out.len()).ok_or(Errno::EFAULT)?;
        out.copy_from_slice(bytes.get(offset..end).ok_or(Errno::EFAULT)?);
        Ok(())
    }

    fn release(&mut self, region: Region) -> Result<(), Errno> {
        self.regions
            .remove(&region.0)
            .map(drop)
            .ok_or(Errno::EINVAL)
    }
}

impl Kernel for Memory {
    fn map(
        &mut self,
        domain: DomainId,
        _: bool,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(u64, Vec<u8>), Errno> {
        let mut bytes = vec![0; frames.len() * PAGE];
        self.read_foreign(domain, frames, &mut bytes, Layout::packed(PAGE), results)?;
        let there = frames.iter().zip(results).filter(|(_, r)| r.is_ok());
        self.next += 1;
        let there = there.map(|(frame, _)| *frame).collect();
        self.mapped.insert(self.next, there);
        Ok((self.next, bytes))
    }

    fn unmap(&mut self, mapping: u64, pages: &[u8]) {
        let frames = self.mapped.remove(&mapping).expect("a mapping");
        assert!(pages.is_empty() || pages.len() == frames.len() * PAGE);
        for (frame, page) in frames.iter().zip(pages.chunks(PAGE)) {
            self.written.insert(*frame, page.to_vec());
        }
    }
}
