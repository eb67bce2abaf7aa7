//! A hypervisor that answers what a real one has answered, once it is asked the same in the same order.
//!
//! What a driver does today and did not when the recording was made, or did then and no longer, is named and
//! counted apart: nothing is passed over in silence.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::{Errno, P2mEntry, PageResult};
use ia64save_codec::wire::layout_of_context;

use super::recorded::{Kept, Recorded, recording};
use super::world::{World, memmap};
use crate::abi::numbers;
use crate::abi::xencomm::INLINE;
use crate::transport::{
    Argument, Direction, DomainId, Geometry, Hypercall, Layout, Region, Transport,
};

const PAGE: usize = 16384;
/// The domain that is made to learn something of the host.
const SCRATCH: u64 = 0x7000;
/// A domain that is never there.
const NO_DOMAIN: u64 = 0x7fef;
/// Pages that the recorded agent mapped at once.
const CHUNK: usize = 64;
/// Operations on physical maps by which a control domain without a kernel maps a page and unmaps it: 9 and 5,
/// in 3.0.3 18 and 17.
const MAPS: [u64; 2] = [9, 18];
const UNMAPS: [u64; 2] = [5, 17];

/// Where a domctl that creates a domain has its UUID.
const HANDLE: Range<usize> = 20..36;

/// What was not as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Other {
    /// A call that the recorded driver did not make.
    More(&'static str),
    /// A call that today's driver does not make.
    Less(&'static str),
}

struct State {
    calls: Vec<Recorded>,
    next: usize,
    world: World,
    /// The recording has the mapping of pages.
    maps: bool,
    others: Vec<Other>,
    regions: BTreeMap<u64, u64>,
    released: u64,
    /// Answers of getdomaininfo, by domain.
    infos: BTreeMap<u16, Vec<u8>>,
}

/// The transport. Clones are the same session.
#[derive(Clone)]
pub struct Replay(Arc<Mutex<State>>);

impl Replay {
    /// A session as it was recorded.
    ///
    /// # Errors
    /// The line of the recording that cannot be read.
    pub fn new(text: &str, world: World) -> Result<Self, String> {
        let calls = recording(text)?;
        let maps = calls.iter().any(is_map);
        Ok(Replay(Arc::new(Mutex::new(State {
            calls,
            next: 0,
            world,
            maps,
            others: Vec::new(),
            regions: BTreeMap::new(),
            released: 0,
            infos: BTreeMap::new(),
        }))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was not as it was recorded, so far.
    pub fn others(&self) -> Vec<Other> {
        self.state().others.clone()
    }

    /// Calls that were made as recorded, and the calls of the recording.
    pub fn progress(&self) -> (usize, usize) {
        let state = self.state();
        (state.next, state.calls.len())
    }

    /// A page as it is now.
    pub fn page(&self, frame: u64) -> Option<Vec<u8>> {
        self.state().world.pages.get(&frame).cloned()
    }
}

fn is_map(call: &Recorded) -> bool {
    call.number == numbers::DOM0VP_OP && MAPS.contains(&call.arguments[0])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at..at + 8).and_then(|word| word.try_into().ok());
    u64::from_le_bytes(word.unwrap_or_default())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u64_at(&[bytes.get(at..at + 4).unwrap_or(&[]), &[0; 4]].concat(), 0) as u32
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u32_at(&[bytes.get(at..at + 2).unwrap_or(&[]), &[0; 2]].concat(), 0) as u16
}

/// The command of a domctl.
fn number_of(call: &Hypercall<'_, '_>, structure: &[u8]) -> Option<u32> {
    (call.number == numbers::DOMCTL).then(|| u32_at(structure, 0))
}

/// The number, the operation or command, and the domain of a call, as far as they name it.
fn key(number: u64, operation: u64, structure: &[u8]) -> (u64, u64, u64) {
    if number != numbers::DOMCTL {
        return (number, operation, 0);
    }
    let command = u32_at(structure, 0);
    let domain = u16_at(structure, 8);
    (number, command.into(), domain.into())
}

impl State {
    fn peek(&self) -> Option<&Recorded> {
        self.calls.get(self.next)
    }

    fn take(&mut self) -> Recorded {
        let call = self.calls.get(self.next).expect("a call that was recorded");
        self.next += 1;
        call.clone()
    }

    /// A call that has no counterpart in the recording; its answer.
    fn more(&mut self, call: &mut Hypercall<'_, '_>) -> Option<Result<u64, Errno>> {
        let structure = call.buffers.first().map_or(&[][..], |b| &*b.bytes);
        let operation = match call.arguments[0] {
            Argument::Value(value) => value,
            _ => 0,
        };
        let (number, operation, domain) = key(call.number, operation, structure);
        if let Some((name, answer)) = self.newer(call, (number, operation, domain)) {
            if !self.others.contains(&Other::More(name)) {
                self.others.push(Other::More(name));
            }
            return Some(answer);
        }
        let name = match (number, operation) {
            (numbers::EVENT_CHANNEL_OP, numbers::CHANNEL_STATUS) => "channel status",
            (numbers::DOMCTL, 5) => {
                let known = self.infos.get(&(domain as u16))?;
                let buffer = &mut call.buffers[0].bytes;
                buffer.copy_from_slice(known);
                "getdomaininfo"
            }
            (numbers::DOMCTL, 11) => "max_mem",
            _ => return None,
        };
        self.others.push(Other::More(name));
        Some(Ok(0))
    }

    /// What no recorded driver did, by its purpose: a domain that is made to learn how the host lays register
    /// stacks out, and a suspended domain that is brought back in the way of its kernel.
    fn newer(
        &self,
        call: &mut Hypercall<'_, '_>,
        (number, operation, domain): (u64, u64, u64),
    ) -> Option<(&'static str, Result<u64, Errno>)> {
        let (scratch, back) = ("scratch domain", "way back");
        let give = |call: &mut Hypercall<'_, '_>| {
            let context = self.world.contexts.get(&0)?;
            let out = call.buffers.get_mut(1)?;
            out.bytes.copy_from_slice(context.get(..out.bytes.len())?);
            Some(())
        };
        let answer = match (number, operation, domain) {
            (numbers::EVENT_CHANNEL_OP, numbers::RESET_CHANNELS, _) => (back, Err(Errno::EINVAL)),
            (numbers::DOMCTL, 5, NO_DOMAIN) => (back, Err(Errno::ESRCH)),
            (numbers::DOMCTL, 1, _) => {
                let structure = &mut call.buffers[0].bytes;
                let handle = structure
                    .windows(16)
                    .any(|bytes| bytes == b"ia64save scratch");
                if !handle {
                    return None;
                }
                structure[8..10].copy_from_slice(&(SCRATCH as u16).to_le_bytes());
                (scratch, Ok(0))
            }
            (numbers::DOMCTL, 13, SCRATCH) => {
                let voff = layout_of_context(ContextLayout::F).find("regs.rbs_voff")?;
                let out = call.buffers.get_mut(1)?.bytes.get_mut(voff.offset..)?;
                out.get_mut(..4)?
                    .copy_from_slice(&self.world.rbs_voff.to_le_bytes());
                (scratch, Ok(0))
            }
            (numbers::DOMCTL, _, SCRATCH) => (scratch, Ok(0)),
            (numbers::DOMCTL, 13, _) => {
                give(call)?;
                (back, Ok(0))
            }
            (numbers::DOMCTL, 12, _) => (back, Ok(0)),
            _ => return None,
        };
        Some(answer)
    }

    /// Recorded calls that are not made any more.
    fn less(&mut self, wanted: (u64, u64, u64)) {
        while let Some(call) = self.peek() {
            let name = match (call.number, call.arguments[0], call.result) {
                // Up to 3.3 there is no such call.
                (numbers::DOM0VP_OP, numbers::DOM0VP_GET_MEMMAP, -1)
                    if wanted != (numbers::DOM0VP_OP, numbers::DOM0VP_GET_MEMMAP, 0) =>
                {
                    "get_memmap"
                }
                // A control domain of that time found out how pages are mapped.
                (numbers::DOM0VP_OP, 9, -1) => "add_physmap_with_gmfn",
                _ => return,
            };
            self.others.push(Other::Less(name));
            self.next += 1;
        }
    }

    /// Checks the bytes of a call against those recorded; the address of each buffer.
    fn check(&mut self, call: &Hypercall<'_, '_>, recorded: &Recorded) -> Vec<u64> {
        let line = recorded.line;
        assert_eq!(call.number, recorded.number, "line {line}");
        let mut places = vec![0; call.buffers.len()];
        for (argument, expected) in call.arguments.iter().zip(recorded.arguments) {
            match *argument {
                Argument::Value(value) => assert_eq!(value, expected, "line {line}"),
                Argument::Buffer(index) => {
                    assert_ne!(expected & INLINE, 0, "line {line}");
                    places[index] = expected & !INLINE;
                }
                Argument::Region(region) => {
                    self.regions.insert(region.0, expected);
                }
            }
        }
        let mut written = recorded.written.iter();
        for (index, buffer) in call.buffers.iter().enumerate() {
            if buffer.direction == Direction::Out {
                continue;
            }
            let Kept {
                address,
                bytes,
                is_cut,
            } = written.next().expect("bytes that were written");
            if places[index] != 0 {
                assert_eq!(*address, places[index], "line {line}");
            }
            let mut sent = buffer.bytes.to_vec();
            for link in call.links.iter().filter(|link| link.holder == index) {
                let pointer = u64_at(bytes, link.offset);
                assert_ne!(pointer & INLINE, 0, "line {line}");
                places[link.target] = pointer & !INLINE;
                sent[link.offset..link.offset + 8].copy_from_slice(&pointer.to_le_bytes());
            }
            if self.world.any_handle && number_of(call, &sent) == Some(numbers::CREATEDOMAIN) {
                sent[HANDLE].copy_from_slice(&bytes[HANDLE]);
            }
            assert!(*is_cut || sent.len() == bytes.len(), "line {line}");
            assert_eq!(
                sent[..bytes.len()],
                bytes[..],
                "line {line}: buffer {index}"
            );
        }
        assert!(written.next().is_none(), "line {line}: more was written");
        places
    }

    /// Hands out what was read after a call, and beyond what was kept, what the world holds.
    fn answer(&mut self, call: &mut Hypercall<'_, '_>, recorded: &Recorded, places: &[u64]) {
        let structure = call
            .buffers
            .first()
            .map_or(Vec::new(), |b| b.bytes.to_vec());
        let (number, operation, domain) = key(recorded.number, recorded.arguments[0], &structure);
        let mut read = recorded.read.iter();
        let line = recorded.line;
        for (index, buffer) in call.buffers.iter_mut().enumerate() {
            if buffer.direction == Direction::In {
                continue;
            }
            let Some((kept, length)) = read.next() else {
                // The answer to a call that failed is not always read.
                assert!(recorded.result < 0, "line {line}: buffer {index}");
                continue;
            };
            assert_eq!(*length, buffer.bytes.len(), "line {line}: buffer {index}");
            assert_eq!(kept.address, places[index], "line {line}: buffer {index}");
            if kept.is_cut {
                let rest = self.rest(number, operation, &structure);
                let common = rest.len().min(buffer.bytes.len());
                buffer.bytes[..common].copy_from_slice(&rest[..common]);
            }
            buffer.bytes[..kept.bytes.len()].copy_from_slice(&kept.bytes);
            for link in call.links.iter().filter(|link| link.holder == index) {
                buffer.bytes[link.offset..link.offset + 8].fill(0);
            }
        }
        if (number, operation) == (numbers::DOMCTL, 5)
            && let Some(buffer) = call.buffers.first()
        {
            self.infos.insert(domain as u16, buffer.bytes.to_vec());
        }
    }

    /// What the end of a long answer is made of.
    fn rest(&self, number: u64, operation: u64, structure: &[u8]) -> Vec<u8> {
        match (number, operation) {
            (numbers::DOMCTL, 6) => {
                let (most, first) = (u64_at(structure, 16), u64_at(structure, 24));
                let frames = (first..first + most).map(|pfn| self.world.frame(pfn));
                frames.flat_map(u64::to_le_bytes).collect()
            }
            (numbers::DOMCTL, 13) => {
                let context = self.world.contexts.get(&u32_at(structure, 16));
                context.cloned().unwrap_or_default()
            }
            (numbers::DOMCTL, 33) => self.world.hvm_context.clone(),
            (numbers::DOM0VP_OP, numbers::DOM0VP_GET_MEMMAP) => memmap(),
            _ => Vec::new(),
        }
    }

    /// Whether memory came or went.
    fn moved(&mut self, call: &Hypercall<'_, '_>, recorded: &Recorded) {
        if recorded.number != numbers::MEMORY_OP || recorded.result < 0 || call.buffers.len() < 2 {
            return;
        }
        let frames = call.buffers[1].bytes.chunks_exact(8);
        let frames = frames.take(recorded.result as usize).map(|f| u64_at(f, 0));
        for pfn in frames {
            match recorded.arguments[0] {
                numbers::POPULATE_PHYSMAP => self.world.present.insert(pfn),
                numbers::DECREASE_RESERVATION => self.world.present.remove(&pfn),
                _ => false,
            };
        }
    }

    /// The pages of a batch are mapped and unmapped, as the recorded agent did: the frames are those of the
    /// recording.
    fn touch(&mut self, domain: DomainId, frames: &[u64]) {
        if !self.maps {
            return;
        }
        for chunk in frames.chunks(CHUNK) {
            // A frame of no page is not mapped.
            for frame in chunk.iter().filter(|frame| **frame != u64::MAX) {
                self.less((0, 0, 0));
                let call = self.take();
                let line = call.line;
                assert!(is_map(&call), "line {line}: {frame:#x} is mapped");
                assert_eq!(call.arguments[2], *frame, "line {line}");
                assert_eq!(call.arguments[4], u64::from(domain), "line {line}");
                assert_eq!(call.result, 0, "line {line}");
            }
            for _ in chunk.iter().filter(|frame| **frame != u64::MAX) {
                let call = self.take();
                let unmaps = UNMAPS.contains(&call.arguments[0]);
                assert!(unmaps, "line {}: a page is unmapped", call.line);
            }
        }
    }

    fn page(&mut self, frame: u64) -> &mut Vec<u8> {
        let page = self.world.pages.entry(frame);
        page.or_insert_with(|| vec![0; PAGE])
    }
}

impl Transport for Replay {
    fn geometry(&self) -> Geometry {
        Geometry {
            page_size: PAGE,
            buffer: 2047 * PAGE,
            batch: 1024,
        }
    }

    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        assert!(call.is_sound());
        // What cleans up behind a difference that was found.
        if std::thread::panicking() {
            return Err(Errno::EPIPE);
        }
        let mut state = self.state();
        let structure = call.buffers.first().map_or(&[][..], |b| &*b.bytes);
        let operation = match call.arguments[0] {
            Argument::Value(value) => value,
            _ => 0,
        };
        let wanted = key(call.number, operation, structure);
        state.less(wanted);
        let found = state.peek().map(|next| {
            let structure = next.written.first().map_or(&[][..], |kept| &kept.bytes);
            key(next.number, next.arguments[0], structure)
        });
        if found != Some(wanted)
            && let Some(answer) = state.more(call)
        {
            return answer;
        }
        let recorded = state.take();
        let places = state.check(call, &recorded);
        state.answer(call, &recorded, &places);
        state.moved(call, &recorded);
        u64::try_from(recorded.result).map_err(|_| Errno(-recorded.result as i32))
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.touch(domain, frames);
        for (index, frame) in frames.iter().enumerate() {
            let place = layout.page(index, PAGE).ok_or(Errno::EINVAL)?;
            let page = state.page(*frame);
            out[place].copy_from_slice(page);
            results[index] = if *frame == u64::MAX {
                Err(Errno::EINVAL)
            } else {
                Ok(())
            };
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
        let mut state = self.state();
        state.touch(domain, frames);
        for (index, frame) in frames.iter().enumerate() {
            let place = layout.page(index, PAGE).ok_or(Errno::EINVAL)?;
            state.page(*frame).copy_from_slice(&data[place]);
            results[index] = Ok(());
        }
        Ok(())
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        let mut state = self.state();
        state.touch(domain, frames);
        for (frame, result) in frames.iter().zip(results) {
            state.page(*frame).fill(0);
            *result = Ok(());
        }
        Ok(())
    }

    fn reserve(&mut self, _: usize) -> Result<Region, Errno> {
        let mut state = self.state();
        state.released += 1;
        Ok(Region(state.released))
    }

    fn read_region(&mut self, _: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        let state = self.state();
        for (pfn, entry) in (offset as u64 / 8..).zip(out.chunks_exact_mut(8)) {
            let bits = match state.world.present.contains(&pfn) {
                true => P2mEntry::PRESENT | P2mEntry::ALLOCATED | pfn << 14,
                false => 0,
            };
            entry.copy_from_slice(&bits.to_le_bytes());
        }
        Ok(())
    }

    /// The agent unexposes what it was given for a region.
    fn release(&mut self, region: Region) -> Result<(), Errno> {
        if std::thread::panicking() {
            return Ok(());
        }
        let mut state = self.state();
        if let Some(address) = state.regions.remove(&region.0) {
            let call = state.take();
            let found = (call.number, call.arguments[0], call.arguments[1]);
            let expected = (
                numbers::DOM0VP_OP,
                numbers::DOM0VP_UNEXPOSE_FOREIGN_P2M,
                address,
            );
            assert_eq!(found, expected, "line {}", call.line);
        }
        Ok(())
    }
}
