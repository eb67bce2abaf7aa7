//! Live saves: which pages are sent, and that none is lost.

use std::collections::BTreeMap;

use ia64save_codec::image::Options as ReadOptions;
use ia64save_codec::transfer::ports::PortCall;
use ia64save_codec::transfer::{
    Adaptive, Observer, Pass, Policy, ResumeMode, Save, Saved, Xen, save,
};
use ia64save_codec::wire::Wire;
use ia64save_codec::wire::memmap::EfiMemoryDesc;
use ia64save_codec::{Dialect, Guest, SaveFile};

use crate::fake::{Fake, Kept, Script, State};

const PAGES: u64 = 3000;
const PAGE: usize = 4096;

/// A PV guest of one descriptor with every tenth page missing.
pub fn guest(dialect: Dialect) -> Fake {
    let mut fake = Fake::new(dialect, Guest::Pv, PAGE, &[0]).with_p2m_size(PAGES);
    fake.state.setup.flags = 2;
    if dialect.spec().version.has_memmap() {
        let mut memmap = vec![0; PAGE];
        memmap[..8].copy_from_slice(&40u64.to_le_bytes());
        memmap[8..16].copy_from_slice(&40u64.to_le_bytes());
        let ram = EfiMemoryDesc {
            r#type: 7,
            pad: 0,
            phys_addr: 0,
            virt_addr: 0,
            num_pages: PAGES * PAGE as u64 / 4096,
            attribute: 8,
        };
        memmap[24..64].copy_from_slice(&ram.to_bytes());
        fake.state.memmap = memmap;
    }
    for pfn in 0..PAGES {
        if pfn % 10 != 3 {
            fake.state.balloon_in(pfn, PAGE);
            fake.state.write(pfn, pfn as u8);
        }
    }
    fake
}

#[derive(Default)]
pub struct Passes(pub Vec<Pass>, pub u32);

impl Observer for Passes {
    fn passed(&mut self, pass: &Pass) {
        self.0.push(*pass);
    }

    fn checkpoint(&mut self, _: u32) -> bool {
        self.1 = self.1.saturating_sub(1);
        self.1 > 0
    }
}

pub fn run(fake: &mut Fake, policy: &mut dyn Policy, observer: &mut Passes) -> (Saved, Vec<u8>) {
    let mut kept = Kept::default();
    let saved = Save::new(fake, &mut kept)
        .policy(policy)
        .observer(observer)
        .options(save::Options::default())
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    (saved, kept.bytes)
}

/// What a restore of the last checkpoint would have.
fn contents(dialect: Dialect, bytes: &[u8]) -> BTreeMap<u64, u8> {
    let data = bytes::Bytes::copy_from_slice(bytes);
    let options = ReadOptions::default()
        .page_size(PAGE)
        .dialect(Some(dialect));
    let file = SaveFile::parse(&data, &options).unwrap();
    assert_eq!(file.image.error, None);
    let mut pages = BTreeMap::new();
    for checkpoint in &file.image.checkpoints {
        for (number, pfn) in checkpoint.pages.pfns().iter().enumerate() {
            pages.insert(*pfn, file.image.page(checkpoint, number).unwrap()[0]);
        }
        for pfn in checkpoint.unallocated.as_ref().unwrap().pfns() {
            pages.remove(&pfn);
        }
    }
    pages
}

/// Says what differs, not all there is.
fn same(sent: &BTreeMap<u64, u8>, there: &BTreeMap<u64, u8>) {
    let pfns = sent.keys().chain(there.keys());
    let differ: Vec<_> = pfns
        .filter(|pfn| sent.get(pfn) != there.get(pfn))
        .map(|pfn| (pfn, sent.get(pfn), there.get(pfn)))
        .collect();
    assert!(
        differ.is_empty(),
        "{} pages differ: {:?}",
        differ.len(),
        &differ[..differ.len().min(5)]
    );
}

fn memory(fake: &Fake) -> BTreeMap<u64, u8> {
    let pages = fake.state.pages.range(..PAGES);
    pages.map(|(pfn, page)| (*pfn, page[0])).collect()
}

/// Writes to pages, and gives some back and gets some, at every call but those of a suspended
/// domain; seeded.
pub fn busy(mut seed: u64, writes: u64, balloons: bool) -> Script {
    Box::new(move |call: PortCall, state: &mut State| {
        if state.shutdown.is_some() || call == PortCall::Resume {
            return;
        }
        let mut random = |below: u64| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..writes {
            let pfn = random(PAGES);
            state.write(pfn, random(256) as u8);
        }
        if balloons {
            state.balloon_out(random(PAGES));
            let pfn = random(PAGES);
            if !state.p2m.contains_key(&pfn) {
                state.balloon_in(pfn, PAGE);
                // Log-dirty does not know of it yet.
                state.pages.get_mut(&pfn).unwrap()[0] = random(256) as u8;
            }
        }
    })
}

#[test]
fn no_page_is_lost_whatever_the_guest_does() {
    for dialect in [Dialect::D1b, Dialect::D10, Dialect::D11] {
        for seed in 0..3 {
            for (writes, balloons) in [(0, false), (3, true), (100, false), (900, true)] {
                let policies: [&mut dyn Policy; 2] =
                    [&mut Xen::default(), &mut Adaptive::default()];
                for policy in policies {
                    let mut fake = guest(dialect);
                    fake.script = Some(busy(seed, writes, balloons));
                    let (saved, bytes) = run(&mut fake, policy, &mut Passes::default());
                    assert_eq!(
                        contents(dialect, &bytes),
                        memory(&fake),
                        "{dialect} {seed} {writes}"
                    );
                    assert!(!fake.exposed && fake.state.dirty.is_none());
                    assert!(fake.state.shutdown.is_some());
                    assert!(saved.sent <= 4 * PAGES);
                }
            }
        }
    }
}

#[test]
fn further_checkpoints_have_what_changed() {
    for live in [true, false] {
        let mut fake = guest(Dialect::D11);
        fake.script = Some(busy(5, 3, true));
        let mut observer = Passes(Vec::new(), 4);
        let mut kept = Kept::default();
        let options = save::Options::default()
            .live(live)
            .resume_mode(Some(ResumeMode::Cancel));
        let saved = Save::new(&mut fake, &mut kept)
            .observer(&mut observer)
            .options(options)
            .run()
            .unwrap();
        assert_eq!(saved.checkpoints, 4);
        same(&contents(Dialect::D11, &kept.bytes), &memory(&fake));
        let last: Vec<u64> = observer
            .0
            .iter()
            .filter(|p| p.last)
            .map(|p| p.sent)
            .collect();
        assert_eq!(last.len(), 4);
        if live {
            assert!(last[1..].iter().all(|sent| *sent < 100), "{last:?}");
        }
        assert!(fake.state.dirty.is_none());
    }
}

#[test]
fn an_old_dialect_has_one_checkpoint() {
    let mut fake = guest(Dialect::D10);
    let (saved, _) = run(&mut fake, &mut Xen::default(), &mut Passes(Vec::new(), 9));
    assert_eq!(saved.checkpoints, 1);
}

#[test]
fn pages_that_cannot_be_mapped_are_tried_again() {
    let mut fake = guest(Dialect::D11);
    fake.state.unmappable = vec![5, 100];
    fake.script = Some(Box::new(|call, state| {
        if call == PortCall::Suspend {
            state.unmappable.clear();
        }
    }));
    let mut passes = Passes::default();
    let (saved, bytes) = run(&mut fake, &mut Xen::default(), &mut passes);
    assert_eq!(passes.0[0].unreadable, 2);
    assert_eq!(saved.unreadable, 0);
    same(&contents(Dialect::D11, &bytes), &memory(&fake));
}

#[test]
fn the_device_model_s_writes_are_sent() {
    let mut fake = guest(Dialect::D11);
    fake.guest = Guest::Hvm;
    fake.state.setup.flags = 3;
    fake.script = Some(Box::new(|call, state| {
        if call == PortCall::Suspend {
            state.pages.get_mut(&7).unwrap()[0] = 99;
            state.device_model = vec![7];
        }
    }));
    let (_, bytes) = run(&mut fake, &mut Xen::default(), &mut Passes::default());
    assert_eq!(contents(Dialect::D11, &bytes)[&7], 99);
}

#[test]
fn calls_come_in_large_batches() {
    let mut fake = guest(Dialect::D11);
    let (saved, _) = run(&mut fake, &mut Adaptive::default(), &mut Passes::default());
    assert!(
        fake.calls.len() as u64 * 1000 <= 20 * saved.sent + 20_000,
        "{}",
        fake.calls.len()
    );
}
