//! The context of a vcpu, in any layout and any era from any other (spec 8.3, 12.4).
//!
//! Fields of one name are carried. What a field of that name means is a matter of the eras of both
//! ends, and each change of meaning has its file:
//!
//! | file | what |
//! |---|---|
//! | `registers` | carrying by name; what the target has no place for |
//! | `given` | what get-context left to the heap, and what the privregs page knows of it |
//! | `taken` | what the target has a place for that its set-context does not load |
//! | `stack` | ar.bsp, loadrs, rbs and what belongs to it |
//! | `nats` | the NaT bits of the general registers |
//! | `psr` | that of the machine, or that which the guest sees |
//! | `level` | the level at which a PV kernel runs: rsc, pfs, translation registers |
//! | `regions` | region registers that nobody has set |
//! | here | `num_phys_stacked`, `privregs_pfn`, `cr.iva` |
//!
//! A vcpu that suspended itself on a hypervisor with [`stale_frame`](crate::era::Spec::stale_frame)
//! has old values in most of its general registers. They cannot be told from others and are carried.

mod given;
mod level;
mod nats;
mod psr;
mod regions;
mod registers;
mod stack;
mod taken;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec;

use super::Route;
use super::fields::{get, set};
use super::loss::Losses;
use super::privregs::{FromContext, Page};
use crate::dialect::{ContextLayout, Guest};
use crate::era::{DcrSet, Era, HvmPrivregsPfn, Spec};
use crate::image::Vcpu;
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};
use crate::wire::vcpu_context::{NUM_PHYS_STACKED, names};
use crate::wire::{Layout, layout_of_context};

/// How many stacked registers the processor has.
const STACKED: &str = "regs.num_phys_stacked";
/// The low bits of cr.iva, which from D2 on no get-context gives.
const IVA_LOW: u64 = 0x7fff;

/// One side of the conversion of one context.
struct Side<'a> {
    era: Era,
    guest: Guest,
    id: ContextLayout,
    layout: &'static Layout,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Side<'a> {
    fn new(era: Era, guest: Guest, bytes: Cow<'a, [u8]>) -> Self {
        let id = era.dialect().spec().context;
        Side {
            era,
            guest,
            id,
            layout: layout_of_context(id),
            bytes,
        }
    }

    fn spec(&self) -> &'static Spec {
        self.era.spec()
    }

    /// The path of a field by its name in B to F.
    fn path(&self, name: &str) -> Option<Cow<'static, str>> {
        match self.id {
            ContextLayout::A => names::name_in_a(name).map(Cow::Borrowed),
            _ => self.layout.find(name).map(|_| Cow::Owned(name.into())),
        }
    }

    /// Whether the layout has a field, by its name in B to F.
    fn has(&self, name: &str) -> bool {
        self.path(name).is_some()
    }

    /// The value of a field by its name in B to F; 0 where the layout lacks it.
    fn get(&self, name: &str) -> u64 {
        let path = self.path(name);
        path.and_then(|path| get(self.layout, &self.bytes, &path))
            .unwrap_or(0)
    }

    /// Sets a field by its name in B to F, where the layout has it. Bytes that hold the value already
    /// stay borrowed.
    fn set(&mut self, name: &str, value: u64) {
        if let Some(path) = self.path(name)
            && get(self.layout, &self.bytes, &path) != Some(value)
        {
            set(self.layout, self.bytes.to_mut(), &path, value);
        }
    }
}

/// Losses of one vcpu.
struct Names<'l> {
    vcpu: u32,
    losses: &'l mut Losses,
}

impl Names<'_> {
    fn path(&self, side: &Side<'_>, name: &str) -> String {
        let path = side.path(name).unwrap_or(Cow::Borrowed("regs"));
        format!("vcpu[{}].{path}", self.vcpu)
    }

    /// Names a loss by the field's name in B to F, as that side spells it.
    fn name(&mut self, side: &Side<'_>, name: &str, what: String) {
        let path = self.path(side, name);
        self.losses.name(path, what);
    }

    /// Notes what loses nothing.
    fn note(&mut self, side: &Side<'_>, name: &str, what: String) {
        let path = self.path(side, name);
        self.losses.note(path, what);
    }
}

/// The context. `old` and `new` are the privregs pages of both ends, and `shared_info` is that of
/// the source: together they hold what a psr says of the guest.
pub(super) fn convert<'a>(
    vcpu: &'a Vcpu,
    [old, new]: [Option<Page<'_>>; 2],
    shared_info: &[u8],
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let bytes = &vcpu.context.bytes[..];
    if route.is_same() {
        return bytes.into();
    }
    let source = Side::new(route.eras[0], route.guest, bytes.into());
    let layout = route.to.spec().context;
    let target = if source.id == layout {
        bytes.into()
    } else {
        vec![0; layout.size()].into()
    };
    let mut target = Side::new(route.eras[1], route.guest, target);
    let mut names = Names {
        vcpu: vcpu.id,
        losses,
    };
    if source.id != target.id {
        registers::carry(&source, &mut target, old, &mut names);
    }
    taken::name(&source, &target, &mut names);
    given::clear(&source, &mut target, new, &mut names);
    stack::convert(&source, &mut target, &mut names);
    nats::convert(&source, &mut target, &mut names);
    psr::convert(&source, &mut target, [old, new], shared_info, &mut names);
    level::convert(&source, &mut target, &mut names);
    regions::convert(&source, &mut target, new, &mut names);
    num_phys_stacked(&source, &mut target);
    iva(&source, &mut target, &mut names);
    dcr(&source, &mut target, old, &mut names);
    privregs_pfn(&source, &mut target, &mut names);
    target.bytes
}

/// What a context says for the sake of its privregs page.
pub(super) fn for_page(vcpu: &Vcpu, route: Route) -> FromContext {
    let bytes = Cow::Borrowed(&vcpu.context.bytes[..]);
    let side = Side::new(route.eras[0], route.guest, bytes);
    FromContext {
        dfh: psr::dfh(side.get("regs.psr")),
        dcr: side.get("regs.cr.dcr"),
    }
}

/// Until D1b.d a context had cr.dcr for itself; then the privregs page has it, and wins.
fn dcr(source: &Side<'_>, target: &mut Side<'_>, page: Option<Page<'_>>, names: &mut Names<'_>) {
    let own = |side: &Side<'_>| side.spec().dcr_set == DcrSet::Own;
    let known = page.and_then(|page| page.get("dcr"));
    let value = source.get("regs.cr.dcr");
    if let Some(known) = known.filter(|known| *known != value && own(target) && !own(source)) {
        target.set("regs.cr.dcr", known);
        let what = format!("{value:#x} was not used; {known:#x} is that of privregs");
        names.note(target, "regs.cr.dcr", what);
    }
}

/// The stacked registers of the processor: the saver of F wrote how many there are, and readers tell
/// dialects by it. A restore refuses any other number than that of its host, and every Itanium has as many.
fn num_phys_stacked(source: &Side<'_>, target: &mut Side<'_>) {
    if !source.has(STACKED) {
        target.set(STACKED, NUM_PHYS_STACKED);
    }
}

/// Only a trap frame has the low bits of cr.iva; no processor looks at them.
fn iva(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let value = source.get("regs.cr.iva");
    if source.id == ContextLayout::A && target.id != ContextLayout::A && value & IVA_LOW != 0 {
        target.set("regs.cr.iva", value & !IVA_LOW);
        let what = format!("{value:#x}: its low 15 bits mean nothing and are made 0");
        names.name(source, "regs.cr.iva", what);
    }
}

/// No restore uses it (spec 8.10), but a reader tells dialects by it.
fn privregs_pfn(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let value = source.get("privregs_pfn");
    let [old, new] = [source.spec(), target.spec()];
    let gpfn = PRIVREGS_GPFN + u64::from(names.vcpu);
    match target.guest {
        Guest::Hvm => {
            let pfn = match new.hvm_privregs_pfn {
                HvmPrivregsPfn::Gpfn => gpfn,
                HvmPrivregsPfn::One => PRIVREGS_HVM,
            };
            target.set("privregs_pfn", pfn);
            if value != pfn {
                let what = format!("{value:#x} becomes {pfn:#x}, which {} gave", target.era);
                names.note(target, "privregs_pfn", what);
            }
        }
        Guest::Pv if old.machine_frame && !new.machine_frame => {
            target.set("privregs_pfn", gpfn);
            if value != 0 && value != gpfn {
                let what = format!("{value:#x} becomes {gpfn:#x}, as {} has it", target.era);
                names.name(source, "privregs_pfn", what);
            }
        }
        Guest::Pv if new.machine_frame && !old.machine_frame && value != 0 => {
            let what = format!("{value:#x} is a guest frame; the machine frame is not known");
            names.name(source, "privregs_pfn", what);
        }
        Guest::Pv => {}
    }
}
