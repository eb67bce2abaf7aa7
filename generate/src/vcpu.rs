//! A vcpu as its hypervisor had it, before an era wrote it down: what stands in its context and in its
//! privregs page both comes from here.

use ia64save_codec::Guest;
use ia64save_codec::dialect::MappedRegsLayout;
use ia64save_codec::era::{Era, PsrForm, RegionDefaults, RegionSet};

use crate::params::Params;
use crate::random::Random;

/// Where a kernel lies.
pub(crate) const KERNEL: u64 = 0xa000_0001_0000_0000;
/// First bytes of its backing store.
const BACKING_STORE: u64 = 0xe000_0000_0100_0000;
/// psr of an HVM guest: PK, IS and VM are never set.
pub(crate) const PSR_HVM: u64 = 0x1010_0802_2010;
/// Where builds of the hypervisor had the register stack of a vcpu begin, as a slot.
const BUILDS: [u64; 6] = [0x38, 0x0a, 0x08, 0x28, 0x30, 0x34];
/// Registers that a processor has for the stack.
const STACKED: u64 = 96;

const AC: u64 = 1 << 3;
const MFL: u64 = 1 << 4;
const IC: u64 = 1 << 13;
const I: u64 = 1 << 14;
const DT: u64 = 1 << 17;
const DFH: u64 = 1 << 19;
const PP: u64 = 1 << 21;
const DI: u64 = 1 << 22;
const RT: u64 = 1 << 27;
const IT: u64 = 1 << 36;
const BN: u64 = 1 << 44;

/// What is in a context and in the page of the vcpu.
#[allow(clippy::struct_excessive_bools)] // registers, not a state
pub(crate) struct Vcpu {
    /// By number: what get-context takes from the page, and dcr.
    pub(crate) cr: [u64; 128],
    pub(crate) rr: [u64; 8],
    pub(crate) psr: u64,
    /// It suspended itself, by a hypercall.
    pub(crate) in_hypercall: bool,
    pub(crate) pp: bool,
    pub(crate) dfh: bool,
    /// The upper floating-point registers are in use.
    pub(crate) mfh: bool,
    pub(crate) metaphysical: bool,
    /// Bit n for rn.
    pub(crate) nats: u32,
    pub(crate) stack: Stack,
    pub(crate) itc: u64,
}

/// The dirty part of the register stack.
pub(crate) struct Stack {
    /// The slot at which the hypervisor's copy begins.
    pub(crate) voff: u64,
    pub(crate) bspstore: u64,
    pub(crate) registers: u64,
}

impl Stack {
    /// Words of the hypervisor's copy, NaT collections included.
    pub(crate) fn host_words(&self) -> u64 {
        words(self.voff, self.registers)
    }

    /// Bytes from bspstore to bsp as the guest counts them.
    pub(crate) fn guest_bytes(&self) -> u64 {
        8 * words(self.bspstore >> 3 & 63, self.registers)
    }

    /// What `rbs_rnat` may have: the bits below the topmost word, from the first slot on where both lie in
    /// one collection.
    pub(crate) fn rnat_bits(&self) -> u64 {
        if self.registers == 0 {
            return 0;
        }
        let last = self.voff + self.host_words() - 1;
        let below = (1 << (last & 63)) - 1;
        if last < 64 {
            below & !((1 << self.voff) - 1)
        } else {
            below
        }
    }
}

/// Words that so many registers take from a slot on.
fn words(slot: u64, registers: u64) -> u64 {
    registers + (slot + registers) / 63
}

impl Vcpu {
    pub(crate) fn new(params: &Params, vcpu: u32) -> Self {
        let spec = params.era.spec();
        // Of every vcpu the same in context and page; the build is one for all.
        let mut random = Random::new(params.seed, &[7, vcpu.into()]);
        let build = Random::new(params.seed, &[8]).pick(&BUILDS);
        let in_hypercall = random.once_in(2);
        let mut made = Vcpu {
            cr: [0; 128],
            rr: [0; 8],
            psr: 0,
            in_hypercall,
            pp: random.once_in(2),
            dfh: random.once_in(2),
            mfh: random.once_in(2),
            metaphysical: false,
            nats: random.word() as u32 & random.word() as u32 & random.word() as u32 & !0xf301,
            stack: Stack {
                voff: spec.rbs_voff.unwrap_or(build),
                bspstore: BACKING_STORE + 8 * random.below(63),
                registers: random.pick(&[0, 1, 17, 32, 90, 95, STACKED]),
            },
            itc: 1 + random.below(1 << 40),
        };
        made.psr = made.psr(params.era, &mut random);
        made.regions(params.era, &mut random);
        made.control(params, &mut random);
        made
    }

    fn psr(&self, era: Era, random: &mut Random) -> u64 {
        let spec = era.spec();
        let translated = DT | RT | IT;
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        // A vcpu in a hypercall is in its kernel; one that was interrupted is so mostly.
        let user = !self.in_hypercall && random.once_in(3);
        let common = AC | MFL | BN | flag(self.pp, PP) | flag(self.dfh, DFH);
        match spec.psr {
            PsrForm::Machine => {
                let level = if user { 3 } else { 2 };
                let di = flag(random.once_in(4), DI);
                common | IC | I | translated | di | level << 32
            }
            PsrForm::Virtual => {
                let level = match (user, spec.kernel_level) {
                    (false, _) => 0,
                    (true, 1) => random.pick(&[2, 3]),
                    (true, _) => 3,
                };
                common | DI | IC | translated | flag(random.once_in(2), I) | level << 32
            }
        }
    }

    /// Those that a guest has set are valid; of the others it depends on the era.
    fn regions(&mut self, era: Era, random: &mut Random) {
        let spec = era.spec();
        let all = random.once_in(2);
        for (index, rr) in self.rr.iter_mut().enumerate() {
            let unset = match (spec.region_defaults, spec.regions_set) {
                // Zeros of the builder.
                (RegionDefaults::Sentinels, RegionSet::Stored) => 0,
                (defaults, _) => defaults.value(index),
            };
            let set = all || (1..6).contains(&index);
            let own = 0x1_0039 + ((index as u64) << 8);
            *rr = if set { own } else { unset };
        }
    }

    fn control(&mut self, params: &Params, random: &mut Random) {
        let spec = params.era.spec();
        let pta = if random.once_in(2) {
            0x1fff_ff00_0000_00a1
        } else {
            spec.default_pta
        };
        let known = [
            (2, KERNEL + 0x8000),
            (8, pta),
            (16, self.psr),
            (17, random.below(16) << 32),
            (19, KERNEL + 16 * random.below(0x1000)),
            (20, random.word()),
            (21, 0x38),
            (24, random.below(1 << 21)),
            (25, random.word()),
            (65, 0xf),
            (66, 0x20),
            (72, 0x1_0000),
            (73, 0x1_0000),
            (74, 0x1_0000),
        ];
        for (number, value) in known {
            self.cr[number] = value;
        }
        if params.guest == Guest::Hvm {
            // What the VPD record has as well.
            self.cr = [0; 128];
            self.cr[2] = KERNEL + 0x8000;
            self.cr[8] = 0x3c;
        }
        self.cr[0] = 0x7e04;
    }

    /// Bytes 3108 to 3112 of the page.
    pub(crate) fn page_flags(&self, layout: MappedRegsLayout) -> [u8; 5] {
        let (pp, dfh, mfh) = (self.pp.into(), self.dfh.into(), self.mfh.into());
        match layout {
            MappedRegsLayout::M1 => [0, 0, 0, 0, pp],
            MappedRegsLayout::M2 => [pp, 0, 0, 0, 0],
            _ => [pp, dfh, 1 - mfh, mfh, 0],
        }
    }
}
