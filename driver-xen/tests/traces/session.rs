//! A recording of this driver's agent on a real hypervisor, and what it does not hold: the pages themselves and
//! the ends of long answers, made up so that they fit to what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::layout_of_context;
use ia64save_xen::Toolstack;
use ia64save_xen::abi::Release;
use ia64save_xen::fake::recorded::{Recorded, recording};
use ia64save_xen::fake::{Other, Replay, World};
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::transport::DomainId;

/// The folder of the recordings.
use super::TRACES;

/// Frame of shared_info, from 3.0.4 on; those of the vcpus' privregs pages follow.
const SHARED_INFO: u64 = 0x400_0000;
/// Where the recorded guests have their memory map, and that it has one page.
const MEMMAP: (usize, [u8; 16]) = (4120, [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0, 0, 0, 0, 0, 0, 0]);

pub fn text(name: &str) -> String {
    let path = Path::new(TRACES).join(format!("{name}.txt.zst"));
    let packed = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bytes = zstd::decode_all(packed).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Whether a recorded call is this domctl.
pub fn is(call: &Recorded, command: u32) -> bool {
    let structure = call.written.first();
    call.number == 36 && structure.is_some_and(|kept| u32_at(&kept.bytes, 0) == command)
}

/// Whether it maps a page.
fn maps(call: &Recorded) -> bool {
    call.number == 48 && [9, 18].contains(&call.arguments[0]) && call.result == 0
}

/// A recording.
pub struct Session {
    pub name: &'static str,
    pub release: Release,
    pub calls: Vec<Recorded>,
}

impl Session {
    pub fn new(name: &'static str) -> Self {
        let short = &name["xen-".len()..][..5];
        let mut releases = ia64save_xen::abi::release::RELEASES.iter();
        let release = releases.find(|row| short.starts_with(row.name)).unwrap();
        Session {
            name,
            release: *release,
            calls: recording(&text(name)).unwrap(),
        }
    }

    pub fn first(&self, command: u32) -> &Recorded {
        self.calls
            .iter()
            .find(|call| is(call, command))
            .expect(self.name)
    }

    /// The domain that is saved.
    pub fn domain(&self) -> DomainId {
        let asked = self.calls.iter().filter(|call| is(call, 5));
        let mut domains = asked.map(|call| u32_at(&call.written[0].bytes, 8) as DomainId);
        domains.find(|domain| *domain != 0).unwrap()
    }

    /// Contexts of which the recording has the beginning: where each vcpu's privregs page is, the rest zeros.
    pub fn contexts(&self) -> BTreeMap<u32, Vec<u8>> {
        let layout = layout_of_context(self.release.dialect.spec().context);
        let field = layout.find("privregs_pfn").unwrap();
        let gets = self
            .calls
            .iter()
            .enumerate()
            .filter(|(_, call)| is(call, 13));
        gets.map(|(at, call)| {
            let vcpu = u32_at(&call.written[0].bytes, 16);
            let mapped = self.calls[at..].iter().find(|call| maps(call));
            let frame = mapped.map_or(SHARED_INFO + 1 + u64::from(vcpu), |call| call.arguments[2]);
            let mut context = vec![0; layout.size];
            context[field.offset..field.offset + 8].copy_from_slice(&frame.to_le_bytes());
            (vcpu, context)
        })
        .collect()
    }

    /// The machine frame of pfn 0 in 3.0.3.
    pub fn machine(&self) -> Option<u64> {
        let lists = self.calls.iter().filter(|call| is(call, 6));
        let mut from_0 = lists.filter(|call| u64_at(&call.written[0].bytes, 24) == 0);
        let first = from_0.next().filter(|_| self.release.maps_machine_frames);
        first.map(|call| u64_at(&call.read[1].0.bytes, 0))
    }

    /// Memory of the domain: what the recorded driver mapped, or so many pages from 1 on.
    pub fn world(&self) -> World {
        let machine = self.machine();
        let frames = self
            .calls
            .iter()
            .filter(|call| maps(call))
            .map(|call| call.arguments[2]);
        let pfns = frames.map(|frame| machine.map_or(frame, |first| first.wrapping_sub(frame)));
        let mut present: BTreeSet<u64> = pfns.filter(|pfn| *pfn < 0x100).collect();
        if present.is_empty() {
            present = (1..0xfe).collect();
        }
        let mut shared = vec![0; 16384];
        shared[MEMMAP.0..][..16].copy_from_slice(&MEMMAP.1);
        let words: [u64; 8] = [40, 40, 1, 7, 0, 0, 0x40_0000 >> 12, 8];
        let mut memmap: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        memmap.resize(16384, 0);
        World {
            present,
            machine,
            pages: BTreeMap::from([(SHARED_INFO, shared), (0xfc, memmap)]),
            contexts: self.contexts(),
            hvm_context: vec![0; 1 << 20],
            ..World::default()
        }
    }

    /// A domain that is restored: empty but for page 0, which setup gives a PV domain from 3.2 on.
    pub fn target(&self, hvm: bool) -> World {
        let has_page_0 = !hvm && !self.release.limit_is_end();
        World {
            present: has_page_0.then_some(0).into_iter().collect(),
            machine: self.machine(),
            contexts: self.contexts(),
            // Those of the builds that were recorded, on which the images were saved too.
            rbs_voff: if self.release.name == "3.2" {
                0x28
            } else {
                0x34
            },
            ..World::default()
        }
    }

    pub fn open(&self, world: World) -> (Replay, Direct<Replay>) {
        let replay = Replay::new(&text(self.name), world).unwrap();
        let mut transport = replay.clone();
        let release = probe(&mut transport).unwrap();
        assert_eq!(release.name, self.release.name, "{}", self.name);
        (replay, Direct::new(transport, release))
    }

    /// Every recorded call was made, and these others.
    pub fn ended(&self, replay: &Replay, others: &[Other]) {
        let (made, all) = replay.progress();
        assert_eq!(made, all, "{}: calls that were made", self.name);
        assert_eq!(replay.others(), others, "{}", self.name);
    }
}

/// Asks the guest; the recorded one heard it some other way.
pub struct Asks;

impl Toolstack for Asks {
    fn suspend(&mut self, _: DomainId, _: bool) -> Result<(), Errno> {
        Ok(())
    }
}
