//! What of a vcpu decides where its addresses lead.

use alloc::vec::Vec;

use super::tr::{Register, Slot};
use crate::dialect::Guest;
use crate::era::Era;
use crate::image::Vcpu;
use crate::wire::privregs::MappedRegs;
use crate::wire::vcpu_context::Context;

/// psr.dt: data addresses are virtual.
pub(super) const PSR_DT: u64 = 1 << 17;
/// psr.it: code addresses are virtual.
pub(super) const PSR_IT: u64 = 1 << 36;
/// psr.cpl, two bits: the privilege level.
const PSR_CPL: u32 = 32;

/// The registers of a vcpu by which it translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Region registers; `None` where nobody has set one (spec 8.8).
    pub rr: [Option<u64>; 8],
    /// Kernel registers `ar.k0` to `ar.k7`: of a PV guest those of its privregs page. `None` where the
    /// image does not have them.
    pub kr: Option<[u64; 8]>,
    /// Virtual address of the interruption vectors.
    pub iva: u64,
    /// The vcpu uses physical addresses.
    pub physical: bool,
    /// Its privilege level, 0 to 3: 3 is a process of Linux. Up to 2007-06-12 a PV kernel shows the level
    /// that it had on the machine.
    pub level: u8,
    /// Translation registers in use, those for data first.
    pub translations: Vec<Register>,
}

impl Registers {
    /// Those of a vcpu of an image of an era. `None` where its context cannot be read.
    pub fn of_vcpu(vcpu: &Vcpu, guest: Guest, era: Option<Era>) -> Option<Self> {
        let context = Context::parse(vcpu.layout, &vcpu.context.bytes)?;
        let shared = era
            .and_then(|era| MappedRegs::parse(era.spec().privregs, &vcpu.privregs.as_ref()?.bytes));
        Some(Self::new(guest, &context, shared.as_ref()))
    }

    /// Those of a context, and of the privregs page of a PV vcpu.
    pub fn new(guest: Guest, context: &Context, shared: Option<&MappedRegs>) -> Self {
        let shared = shared.filter(|_| guest == Guest::Pv);
        // A PV guest's own are in its privregs page; those in the context are what Xen loaded.
        let own = context.rr();
        let rr = core::array::from_fn(|region| {
            let rr = match shared {
                Some(shared) => shared.rrs().get(region),
                None => own.and_then(|rr| rr.get(region)),
            };
            rr.copied().filter(|rr| *rr != 0 && *rr != u64::MAX)
        });
        let kr = match guest {
            Guest::Pv => shared.map(|shared| *shared.krs()),
            Guest::Hvm => context.ar().map(|ar| ar.kr),
        };
        let psr = context.psr();
        let physical = match shared {
            Some(shared) => shared.metaphysical_mode() != 0,
            None => psr & PSR_DT == 0 || psr & PSR_IT == 0,
        };
        let data = context.dtrs().iter().enumerate();
        let data = data.filter_map(|(n, entry)| Register::decode(Slot::Data(n), entry));
        let code = context.itrs().iter().enumerate();
        let code = code.filter_map(|(n, entry)| Register::decode(Slot::Code(n), entry));
        Registers {
            rr,
            kr,
            iva: context.cr_iva(),
            physical,
            level: (psr >> PSR_CPL & 3) as u8,
            translations: data.chain(code).collect(),
        }
    }

    /// Log2 of the page size of a region.
    pub fn page_log2(&self, region: usize) -> Option<u32> {
        let rr = self.rr.get(region).copied().flatten()?;
        Some((rr >> 2) as u32 & 0x3f)
    }

    /// A kernel register, where there are any.
    pub fn kr(&self, number: usize) -> Option<u64> {
        self.kr.as_ref()?.get(number).copied()
    }
}
