//! Vcpus: what set-context takes, what get-context gives, what is refused, what a guest runs on with.
//!
//! A vcpu keeps *registers*; contexts are what the era makes of them. What that is, which fields are
//! given and taken, checked and refused, is said by the era's row of the codec's table
//! ([`ia64save_codec::Era`]); nothing in here compares eras or dialects.
//!
//! | file | what lives there |
//! |---|---|
//! | [`kept`] | what the hypervisor keeps of a vcpu |
//! | [`given`] | a context that is being set, and how it is refused |
//! | [`set`] | set-context, in the order in which it loads, checks and gives up |
//! | [`set_stack`] | its register stack |
//! | [`load`] | what it makes of single registers |
//! | [`psr`] | bits of `psr` |
//! | [`get`] | get-context, which finds some registers in the privregs page or the VPD |
//! | [`stack`] | the register stack and its layouts |
//! | [`call`] | a vcpu that stands in the suspend call of its guest |
//! | [`arch`] | the registers as the guest sees them; the first switch-in |
//!
//! Source: spec 8 and 12.4; the answers of real hypervisors, which `tests/set_context` holds this
//! against.

pub(crate) mod arch;
pub(crate) mod call;
mod get;
pub(crate) mod given;
pub(crate) mod kept;
mod load;
pub(crate) mod psr;
mod set;
mod set_stack;
mod stack;

use ia64save_codec::Guest;
use ia64save_codec::era::HvmPrivregsPfn;
use ia64save_codec::wire::hvm::vpd::layout_of as layout_of_vpd;
use ia64save_codec::wire::layout_of_mapped_regs;
use ia64save_codec::wire::privregs::PRIVREGS_HVM;

use super::era::Era;
use super::machine::Machine;
use super::places::SHARED_INFO_GPFN;
use crate::fields::Fields;
use kept::Kept;

/// Control registers that a context and the VPD or the privregs page both have.
const CONTROL: [&str; 22] = [
    "dcr", "itm", "iva", "pta", "ipsr", "isr", "iip", "ifa", "itir", "iipa", "ifs", "iim", "iha",
    "lid", "ivr", "tpr", "eoi", "itv", "pmv", "cmcv", "lrr0", "lrr1",
];

#[derive(Clone)]
pub(crate) struct Vcpu {
    /// It has a context; also after one was refused.
    pub(crate) initialised: bool,
    /// It is up.
    pub(crate) online: bool,
    /// A rejected register stack has left it so that the next look at it is the hypervisor's last.
    pub(crate) wedged: bool,
    /// Its registers.
    kept: Kept,
    /// The context that it was given, where the machine keeps contexts bit by bit.
    verbatim: Option<Vec<u8>>,
    /// Device state of an HVM vcpu: the bodies of its records.
    pub(crate) hvm: Option<HvmVcpu>,
}

/// Bodies of the HVM records of a vcpu.
#[derive(Clone)]
pub(crate) struct HvmVcpu {
    pub(crate) cpu: Vec<u8>,
    pub(crate) vpd: Vec<u8>,
    pub(crate) vlsapic: Vec<u8>,
    pub(crate) vtime: Vec<u8>,
}

/// What a PV vcpu shares with the hypervisor.
pub(crate) struct Shared {
    pub(crate) privregs: Vec<u8>,
    pub(crate) shared_info: Vec<u8>,
}

impl Vcpu {
    pub(crate) fn new(era: Era, guest: Guest) -> Self {
        let mut vcpu = Vcpu {
            initialised: false,
            online: false,
            wedged: false,
            kept: Kept::new(),
            verbatim: None,
            hvm: (guest == Guest::Hvm).then(|| HvmVcpu {
                cpu: vec![0; 8],
                vpd: vec![0; 65536],
                vlsapic: vec![0; 48],
                vtime: vec![0; 32],
            }),
        };
        if let Some(hvm) = &mut vcpu.hvm {
            let mut vpd = Vpd::of(era, &mut hvm.vpd);
            vpd.set("pta", 15 << 2);
            vpd.set("itv", 1 << 16);
        }
        vcpu
    }

    /// Forgets what it is and starts anew, as a vcpu of a domain that turns out to be an HVM domain.
    pub(crate) fn turn(&mut self, era: Era, guest: Guest) {
        *self = Vcpu::new(era, guest);
    }
}

/// The privregs pages of the vcpus of a domain that has not run, one behind the other.
pub(crate) fn fresh_privregs(
    era: Era,
    vcpus: u64,
    page_size: usize,
) -> impl Iterator<Item = Vec<u8>> {
    let spec = era.spec();
    let layout = layout_of_mapped_regs(era.mapped_regs());
    let mut page = vec![0; page_size];
    let mut fields = Fields::new(layout, &mut page);
    fields.set("pta", spec.default_pta);
    fields.set("itv", 1 << 16);
    fields.set("banknum", 1);
    fields.set("metaphysical_mode", 1);
    // f32 to f127 are not loaded before they are used.
    fields.set("hpsr_dfh", 1);
    for index in 0..8 {
        fields.set(&format!("rrs[{index}]"), spec.region_defaults.value(index));
    }
    (0..vcpus).map(move |vcpu| {
        let mut page = page.clone();
        let place = spec.xsi_va + 48 * vcpu + 1;
        Fields::new(layout, &mut page).set("interrupt_mask_addr", place);
        page
    })
}

/// What get-context reports as the frame of an HVM vcpu's VPD.
pub(crate) fn hvm_privregs_pfn(era: Era, vcpu: u64) -> u64 {
    match era.spec().hvm_privregs_pfn {
        HvmPrivregsPfn::Gpfn => SHARED_INFO_GPFN + 1 + vcpu,
        HvmPrivregsPfn::One => PRIVREGS_HVM,
    }
}

/// The head of a VPD, by the names of its registers.
pub(crate) struct Vpd<B> {
    fields: Fields<B>,
}

impl<B: AsRef<[u8]>> Vpd<B> {
    pub(crate) fn of(era: Era, bytes: B) -> Self {
        // Trees without HVM domains have no VPD; a layout is needed all the same, and M4 will do.
        let layout = layout_of_vpd(era.mapped_regs())
            .unwrap_or(ia64save_codec::wire::hvm::vpd::HvmHwIa64VpdM4::LAYOUT);
        Vpd {
            fields: Fields::new(layout, bytes),
        }
    }

    pub(crate) fn get(&self, name: &str) -> u64 {
        self.fields.word(&format!("vpd.vpd_low.{name}"))
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Vpd<B> {
    pub(crate) fn set(&mut self, name: &str, value: u64) {
        self.fields.set(&format!("vpd.vpd_low.{name}"), value);
    }
}

/// What set-context and get-context have to know besides the vcpu.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) guest: Guest,
    pub(crate) vcpu: u64,
    pub(crate) privregs_pfn: u64,
}
