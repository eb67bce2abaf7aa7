//! The context of a vcpu, in any layout from any other (spec 8.3).
//!
//! Fields of one name mean the same in all layouts, but for a few that are dealt with by hand:
//!
//! | field | what changed | file |
//! |---|---|---|
//! | all of A | other names, and most registers missing | `frame` |
//! | psr | that of the machine up to B2, that of the guest from C on | `psr` |
//! | ar.bsp, loadrs, rbs and what belongs to it | what counts as dirty, and whether it is there | `stack` |
//! | nats | order and width of the bits | here |
//! | tr | eight registers, then twelve | here |
//! | rr, dbr, ibr, most of f, lc, ec | not filled before D8; what stands there must not be loaded | `unfilled` |
//! | num_phys_stacked | there from D10 on | here |
//! | privregs_pfn | machine frame, then guest frame; a constant for HVM | here |

pub(crate) mod frame;
mod psr;
mod stack;
mod unfilled;

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;

use super::Route;
use super::fields::{self, Pair, get, set};
use super::loss::Losses;
use crate::dialect::{ContextLayout, Dialect, Guest, Version};
use crate::image::Vcpu;
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};
use crate::wire::vcpu_context::NUM_PHYS_STACKED;
use crate::wire::{Layout, layout_of_context};

/// What an unused translation register of a PV guest reads as (spec 8.3).
const EMPTY_TR: [u64; 3] = [0, 0x80, 0x100];

/// How many stacked registers the processor has.
const STACKED: &str = "regs.num_phys_stacked";

/// One side of the conversion of one context.
struct Side<'a> {
    dialect: Dialect,
    id: ContextLayout,
    layout: &'static Layout,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Side<'a> {
    fn new(dialect: Dialect, bytes: Cow<'a, [u8]>) -> Self {
        let id = dialect.spec().context;
        Side {
            dialect,
            id,
            layout: layout_of_context(id),
            bytes,
        }
    }

    /// The path of a field by its name in B to F.
    fn path(&self, name: &str) -> Option<Cow<'static, str>> {
        match self.id {
            ContextLayout::A => frame::name_in_a(name).map(Cow::Borrowed),
            _ => self.layout.find(name).map(|_| Cow::Owned(name.into())),
        }
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

    /// The psr is that of the machine (before e588d94efc, three days older than D5).
    fn has_machine_psr(&self) -> bool {
        self.id <= ContextLayout::B2
    }
}

/// Losses of one vcpu.
struct Names<'l> {
    vcpu: u32,
    losses: &'l mut Losses,
}

impl Names<'_> {
    /// Names a loss by the field's name in B to F, as that side spells it.
    fn name(&mut self, side: &Side<'_>, name: &str, what: alloc::string::String) {
        let path = side.path(name).unwrap_or(Cow::Borrowed("regs"));
        self.losses
            .name(format!("vcpu[{}].{path}", self.vcpu), what);
    }
}

/// The context. `privregs` and `shared_info` are the source's pages: they hold what a psr says of
/// the guest.
pub(super) fn convert<'a>(
    vcpu: &'a Vcpu,
    privregs: Option<&[u8]>,
    shared_info: &[u8],
    route: Route,
    losses: &mut Losses,
) -> Cow<'a, [u8]> {
    let bytes = &vcpu.context.bytes[..];
    if route.is_same() {
        return bytes.into();
    }
    let source = Side::new(route.from, bytes.into());
    let target = if source.id == route.to.spec().context {
        bytes.into()
    } else {
        vec![0; route.to.spec().context.size()].into()
    };
    let mut target = Side::new(route.to, target);
    let mut names = Names {
        vcpu: vcpu.id,
        losses,
    };
    if source.id != target.id {
        registers(&source, &mut target, &mut names);
        stack::convert(&source, &mut target, &mut names);
    }
    nats(&source, &mut target, route.guest, &mut names);
    unfilled::clear(&source, &mut target, &mut names);
    num_phys_stacked(&source, &mut target);
    if source.has_machine_psr() != target.has_machine_psr() {
        psr::convert(&source, &mut target, privregs, shared_info, &mut names);
    }
    privregs_pfn(&source, &mut target, route.guest, &mut names);
    target.bytes
}

/// Everything that has one name on both sides, or one in the table of A.
fn registers(source: &Side<'_>, target: &mut Side<'_>, names: &mut Names<'_>) {
    let pairs = match (source.id, target.id) {
        (ContextLayout::A, _) => frame::pairs(source.layout, target.layout),
        (_, ContextLayout::A) => frame::pairs(target.layout, source.layout)
            .into_iter()
            .map(Pair::reversed)
            .collect(),
        _ => fields::namesakes(source.layout, target.layout),
    };
    fields::carry(&pairs, &source.bytes, target.bytes.to_mut());
    let by_hand = ["regs.psr", "regs.nats", "regs.ar.bsp", "privregs_pfn"];
    let by_hand = by_hand.map(|name| source.path(name));
    let vcpu = names.vcpu;
    fields::left_behind(source.layout, &source.bytes, &pairs, |path, value| {
        if by_hand.iter().any(|name| name.as_deref() == Some(path)) {
            return;
        }
        // Every saver that had it wrote the same.
        if path == STACKED && source.get(path) == NUM_PHYS_STACKED {
            return;
        }
        if let Some((slot, field)) = path.split_once("].").filter(|_| path.contains("trs[")) {
            // An entry without a translation has nothing to lose, whatever was there before.
            let pte = get(source.layout, &source.bytes, &format!("{slot}].pte"));
            if field == "pte" && pte.is_some_and(|pte| !EMPTY_TR.contains(&pte)) {
                let what = format!("{} has eight of each kind", target.dialect);
                names.losses.name(format!("vcpu[{vcpu}].{slot}]"), what);
            }
            return;
        }
        let what = format!("{value}: {} has no place for it", target.dialect);
        names.losses.name(format!("vcpu[{vcpu}].{path}"), what);
    });
}

/// How the NaT bits of the general registers lie in `nats`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nats {
    /// As the trap frame was spilled, all 64 bits.
    Spilled,
    /// As the trap frame was spilled, the lower half.
    Half,
    /// Bit n for rn.
    Bitmap,
}

impl Nats {
    fn of(side: &Side<'_>, guest: Guest) -> Self {
        match (side.id, guest) {
            (ContextLayout::A | ContextLayout::B | ContextLayout::B2, _) => Nats::Spilled,
            (ContextLayout::C | ContextLayout::D, _) => Nats::Half,
            (_, Guest::Pv) => Nats::Bitmap,
            // From 22ac8aab98 on, in 3.3.
            (_, Guest::Hvm) if side.dialect.spec().version == Version::V3 => Nats::Bitmap,
            (_, Guest::Hvm) => Nats::Half,
        }
    }
}

/// Where the frame was spilled is not known, so spilled bits and a bitmap are not told from each
/// other. Clear bits are the safe ones: a stray NaT faults, a missing one leaves a stale value.
fn nats(source: &Side<'_>, target: &mut Side<'_>, guest: Guest, names: &mut Names<'_>) {
    let value = source.get("regs.nats");
    let [old, new] = [Nats::of(source, guest), Nats::of(target, guest)];
    let carried = match (old, new) {
        (Nats::Bitmap, Nats::Bitmap) => value,
        (Nats::Bitmap, _) | (_, Nats::Bitmap) => 0,
        (_, Nats::Spilled) => value,
        (_, Nats::Half) => value & u64::from(u32::MAX),
    };
    if carried != value {
        let what = match (old, new) {
            (Nats::Spilled, Nats::Half) => "has no place for the upper half",
            _ => "has the bits in another order",
        };
        let what = format!("{value:#x}: {} {what}", target.dialect);
        names.name(source, "regs.nats", what);
    }
    target.set("regs.nats", carried);
}

/// The stacked registers of the processor: the saver of F wrote how many there are, and readers tell
/// dialects by it. A restore refuses any other number than that of its host, and every Itanium has as many.
fn num_phys_stacked(source: &Side<'_>, target: &mut Side<'_>) {
    if source.dialect < Dialect::D10 && target.dialect >= Dialect::D10 {
        target.set(STACKED, NUM_PHYS_STACKED);
    }
}

/// No restore uses it (spec 8.10), but a reader tells dialects by it.
fn privregs_pfn(source: &Side<'_>, target: &mut Side<'_>, guest: Guest, names: &mut Names<'_>) {
    let value = source.get("privregs_pfn");
    let machine = |side: &Side<'_>| side.dialect.spec().privregs_is_machine_frame;
    let new = match (guest, machine(source), machine(target)) {
        (Guest::Hvm, ..) if target.dialect >= Dialect::D10 => PRIVREGS_HVM,
        (Guest::Pv, true, false) => PRIVREGS_GPFN + u64::from(names.vcpu),
        _ => value,
    };
    target.set("privregs_pfn", new);
    let unknown = machine(target) && !machine(source);
    if value != 0 && (new != value || unknown) {
        let what = if unknown {
            format!("{value:#x} is a guest frame; the machine frame is not known")
        } else {
            format!("{value:#x} becomes {new:#x}, as {} has it", target.dialect)
        };
        names.name(source, "privregs_pfn", what);
    }
}
