//! What an image is made from.

use ia64save_codec::{Dialect, Era, Guest};

use crate::random::Random;

/// Every dialect with every kind of guest that it has.
pub fn kinds() -> impl Iterator<Item = (Dialect, Guest)> {
    let guests = [Guest::Pv, Guest::Hvm];
    let all = Dialect::ALL.into_iter();
    all.flat_map(move |dialect| guests.map(|guest| (dialect, guest)))
        .filter(|(dialect, guest)| dialect.supports(*guest))
}

/// Every era with every kind of guest that could be saved in it.
pub fn eras() -> impl Iterator<Item = (Era, Guest)> {
    let guests = [Guest::Pv, Guest::Hvm];
    let all = Era::ALL.into_iter();
    all.flat_map(move |era| guests.map(|guest| (era, guest)))
        .filter(|(era, guest)| era.dialect().supports(*guest))
}

/// What the hypervisor's heap held where a context was put that nobody had cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heap {
    /// Zeros.
    Zeros,
    /// Words of another object: addresses, registers, small numbers.
    Words,
    /// 0xa5 all over.
    Filled,
}

/// What stands behind the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trailing {
    /// Nothing.
    #[default]
    Nothing,
    /// A device-model record with that many bytes of body.
    DeviceModel(usize),
    /// That many zeros: the padding of a block device.
    Zeros(usize),
}

/// What an image is made from. All of it may be changed; [`Params::sound`] says what becomes of what
/// a dialect cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The dialect.
    pub dialect: Dialect,
    /// The era whose hypervisor filled the vcpus; the usual one where it is not of the dialect.
    pub era: Era,
    /// What the heap held, in eras that did not clear a context; `None` leaves it to the seed.
    pub heap: Option<Heap>,
    /// The kind of guest; PV where the dialect has no other.
    pub guest: Guest,
    /// Decides all contents.
    pub seed: u64,
    /// Bytes of a page, a power of two from 16 on. What lives in a page is cut off at its end.
    pub page_size: usize,
    /// Pages that the domain has.
    pub pages: u64,
    /// Descriptors of RAM that a PV guest's memory map has, as far as they fit into its page.
    pub descriptors: usize,
    /// Ids of the online vcpus, ascending, 0 among them; 0 alone where there is no vcpumap.
    pub vcpus: Vec<u32>,
    /// Walks over memory; more than one is a live save.
    pub passes: usize,
    /// Remus rounds behind the stream proper; none before Xen 4.0.
    pub rounds: usize,
    /// HVM record 8. Only D10 comes with it and without it.
    pub identity_record: bool,
    /// What stands behind the stream.
    pub trailing: Trailing,
}

impl Params {
    /// A small image with everything plain.
    pub fn new(dialect: Dialect, guest: Guest) -> Self {
        Params {
            dialect,
            era: Era::usual(dialect),
            heap: None,
            guest,
            seed: 1,
            page_size: ia64save_codec::PAGE_SIZE,
            pages: 6,
            descriptors: 2,
            vcpus: vec![0],
            passes: 1,
            rounds: 0,
            identity_record: true,
            trailing: Trailing::Nothing,
        }
        .sound()
    }

    /// A small image as the hypervisor of an era wrote it.
    pub fn of(era: Era, guest: Guest, seed: u64) -> Self {
        Params {
            era,
            seed,
            ..Params::new(era.dialect(), guest)
        }
        .sound()
    }

    /// Everything that a dialect can have: a live save with pages sent again, vcpus with holes, and
    /// Remus rounds.
    pub fn rich(dialect: Dialect, guest: Guest, seed: u64) -> Self {
        let mut random = Random::new(seed, &[0]);
        Params {
            seed,
            pages: 6 + random.below(6),
            descriptors: 1 + random.below(4) as usize,
            vcpus: vec![0, 1 + random.below(3) as u32, 6, 63],
            passes: 1 + random.below(3) as usize,
            rounds: random.below(3) as usize,
            identity_record: !random.once_in(2),
            ..Params::new(dialect, guest)
        }
        .sound()
    }

    /// The same parameters as far as the dialect can have them.
    #[must_use]
    pub fn sound(mut self) -> Self {
        let spec = self.dialect.spec();
        if self.era.dialect() != self.dialect {
            self.era = Era::usual(self.dialect);
        }
        if !self.dialect.supports(self.guest) {
            self.guest = Guest::Pv;
        }
        if self.dialect.has_vcpumap(self.guest) {
            self.vcpus.retain(|vcpu| *vcpu < 64);
        } else {
            self.vcpus.clear();
        }
        // No domain could take its first vcpu offline.
        self.vcpus.push(0);
        self.vcpus.sort_unstable();
        self.vcpus.dedup();
        self.page_size = self.page_size.max(16).next_power_of_two();
        self.pages = self.pages.max(4);
        self.descriptors = self.descriptors.max(1);
        self.passes = self.passes.max(1);
        // A round is told by its pfns, so a descriptor has to fit into the page of the map.
        if !spec.checkpoints || self.page_size < 64 {
            self.rounds = 0;
        }
        self.identity_record = match self.era.spec().hvm_fixed_bytes {
            [608] => true,
            [528] => false,
            _ => self.identity_record,
        };
        self
    }
}
