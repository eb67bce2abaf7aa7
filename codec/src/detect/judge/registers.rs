//! Signs in the registers of a context.

use alloc::format;

use super::{Judge, VcpuBytes};
use crate::dialect::{ContextLayout, Guest};
use crate::era::{ControlFill, DcrSet, NatsForm, PsrForm, RegionFill, RegionSet};

/// Where a layout keeps what is looked at.
struct Places {
    psr: usize,
    cfm: usize,
    rsc: usize,
    dcr: usize,
    /// The first translation registers of each kind.
    tr: [usize; 2],
}

/// By number, as the page has them from 2048 and contexts B to F from 1528 on.
const CR: usize = 1528;
const PAGE_CR: usize = 2048;
const RR: usize = 4736;
const PAGE_RR: usize = 3152;
const NATS: usize = 496;
/// pta, ipsr, isr, iip, ifa, tpr, itv, pmv, cmcv: those of `ControlFill::Most` that are the page's.
const MOST: [usize; 9] = [8, 16, 17, 19, 20, 66, 72, 73, 74];
/// itir, iim, iha.
const REST: [usize; 3] = [21, 24, 25];
/// ivr, tpr, itv, pmv and cmcv have no bit above this.
const VECTORS: [usize; 5] = [65, 66, 72, 73, 74];
const VECTOR_BITS: u32 = 17;

const IC: u64 = 1 << 13;
const I: u64 = 1 << 14;
const DT: u64 = 1 << 17;
const DI: u64 = 1 << 22;
const RT: u64 = 1 << 27;
const IT: u64 = 1 << 36;
const BN: u64 = 1 << 44;
/// What the processor has set while a PV guest runs.
const RUNNING: u64 = IC | I | DT | RT | IT | BN;

fn places(layout: ContextLayout) -> Places {
    match layout {
        ContextLayout::A => Places {
            psr: 80,
            cfm: 96,
            rsc: 120,
            dcr: 1032,
            tr: [512, 768],
        },
        _ => Places {
            psr: 472,
            cfm: 480,
            rsc: 632,
            dcr: CR,
            tr: [
                4984,
                match layout {
                    // Twelve of each kind.
                    ContextLayout::E | ContextLayout::F => 5368,
                    _ => 5240,
                },
            ],
        },
    }
}

pub(super) fn signs(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    if vcpu.layout != ContextLayout::A {
        nats(judge, vcpu);
    }
    if judge.guest == Guest::Hvm {
        return;
    }
    psr(judge, vcpu);
    level(judge, vcpu);
    let places = places(vcpu.layout);
    let (id, cfm) = (vcpu.id, vcpu.word(places.cfm));
    if cfm >> 63 == 0 {
        let text = || format!("vcpu[{id}].regs.cfm is {cfm:#x}, that of a vcpu in a hypercall");
        judge.odd("cfm", 2, |era| !era.stale_frame, text);
    }
    if let Some(page) = vcpu.page_word(PAGE_CR) {
        let dcr = vcpu.word(places.dcr);
        let text = || format!("vcpu[{id}]: cr.dcr is {dcr:#x}, in the privregs page {page:#x}");
        if dcr != page {
            judge.odd("dcr", 2, |era| era.dcr_set != DcrSet::Own, text);
        } else if dcr != 0 {
            judge.odd("dcr", 1, |era| era.dcr_set == DcrSet::Own, text);
        }
    }
    if vcpu.layout != ContextLayout::A {
        control(judge, vcpu);
        regions(judge, vcpu);
    }
}

/// A guest at work has interrupts, translation and bank 1 on as far as the processor is concerned, and
/// never runs at the levels of the hypervisor. What the guest sees has di set always, and level 0 for
/// its kernel.
fn psr(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let (id, psr) = (vcpu.id, vcpu.word(places(vcpu.layout).psr));
    let level = psr >> 32 & 3;
    let text = || format!("vcpu[{id}].regs.psr is {psr:#x}: level {level}");
    judge.never(
        "psr.cpl",
        1,
        |era| era.psr == PsrForm::Machine && level < 2,
        text,
    );
    let hidden = |kernel| level == 1 || level == 2 && kernel == 2;
    judge.never(
        "psr.cpl of a guest",
        1,
        |era| era.psr == PsrForm::Virtual && hidden(era.kernel_level),
        text,
    );
    let text = || format!("vcpu[{id}].regs.psr is {psr:#x}: di is {}", psr >> 22 & 1);
    if psr & DI == 0 {
        judge.never("psr.di", 1, |era| era.psr == PsrForm::Virtual, text);
    } else {
        judge.odd("psr.di", 1, |era| era.psr == PsrForm::Machine, text);
    }
    if psr & RUNNING != RUNNING {
        let text = || format!("vcpu[{id}].regs.psr is {psr:#x}: not that of a processor at work");
        judge.odd("psr.running", 2, |era| era.psr == PsrForm::Machine, text);
    }
    if ![0, DT | RT | IT].contains(&(psr & (DT | RT | IT))) {
        let text = || format!("vcpu[{id}].regs.psr is {psr:#x}: dt, rt and it differ");
        judge.odd("psr.it", 2, |era| era.psr == PsrForm::Virtual, text);
    }
}

/// The level of a PV kernel shows in ar.rsc and in pinned translations.
fn level(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let places = places(vcpu.layout);
    let (id, rsc) = (vcpu.id, vcpu.word(places.rsc));
    let text = || format!("vcpu[{id}].regs.ar.rsc is {rsc:#x}: level {}", rsc >> 2 & 3);
    match rsc >> 2 & 3 {
        1 => judge.odd("rsc.pl", 2, |era| era.kernel_level > 1, text),
        2 => judge.odd("rsc.pl", 1, |era| era.kernel_level < 2, text),
        _ => {}
    }
    for pte in places.tr.map(|at| vcpu.word(at)) {
        if pte >> 7 & 3 == 1 {
            let text = || format!("vcpu[{id}]: a translation register is for level 1");
            judge.odd("pte.pl", 1, |era| era.kernel_level > 1, text);
        }
    }
}

/// A bitmap has no bit for r0, and a kernel hardly lives with NaT for a stack pointer. Spilled words may
/// have any bit: those that stand for no general register are older.
fn nats(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let (id, nats) = (vcpu.id, vcpu.word(NATS) & 0xffff_ffff);
    let guest = judge.guest;
    let bitmap = |era: &crate::era::Spec| match guest {
        Guest::Pv => era.nats_pv == NatsForm::Bitmap,
        Guest::Hvm => era.nats_hvm == NatsForm::Bitmap,
    };
    let text = || format!("vcpu[{id}].regs.nats is {nats:#x}, of which r0 would be one");
    if nats & 1 != 0 {
        judge.never("nats", 1, bitmap, text);
    }
    if nats >> 12 & 3 != 0 {
        let text =
            || format!("vcpu[{id}].regs.nats is {nats:#x}, of which r12 or r13 would be one");
        judge.odd("nats of r12", 2, bitmap, text);
    }
}

/// Control registers that get-context took from the privregs page are those of the page; a heap seldom
/// looks like them.
fn control(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let id = vcpu.id;
    let own = |number: usize| vcpu.word(CR + 8 * number);
    let differs = |number: &&usize| vcpu.page_word(PAGE_CR + 8 * **number) != Some(own(**number));
    let text = |number: usize| {
        let (own, page) = (
            own(number),
            vcpu.page_word(PAGE_CR + 8 * number).unwrap_or(0),
        );
        format!("vcpu[{id}]: cr{number} is {own:#x}, in the privregs page {page:#x}")
    };
    if vcpu.privregs.is_some() {
        if let Some(number) = MOST.iter().find(differs) {
            judge.odd(
                "cr",
                2,
                |era| era.control >= ControlFill::Most,
                || text(*number),
            );
        }
        if let Some(number) = REST.iter().find(differs) {
            judge.odd(
                "cr.itir",
                2,
                |era| era.control >= ControlFill::All,
                || text(*number),
            );
        }
    }
    let bad = VECTORS
        .iter()
        .filter(|number| own(**number) >> VECTOR_BITS != 0);
    if bad.count() > 1 {
        let text = || format!("vcpu[{id}]: cr.ivr to cr.cmcv are no vectors");
        judge.never("vectors", 2, |era| era.control >= ControlFill::Most, text);
    }
    if own(REST[0]) >> 32 != 0 && !is_region(vcpu.word(RR + 56)) {
        let text = || format!("vcpu[{id}]: cr.itir and rr[7] are none");
        judge.never("cr.itir", 2, |era| era.control >= ControlFill::All, text);
    }
}

fn regions(judge: &mut Judge<'_>, vcpu: &VcpuBytes<'_>) {
    let id = vcpu.id;
    let rr = |index: usize| vcpu.word(RR + 8 * index);
    let bad = (0..7).filter(|index| !is_region(rr(*index))).count();
    if bad > 1 {
        let text = || format!("vcpu[{id}].regs.rr are no region registers");
        judge.never("rr", 2, |era| era.regions >= RegionFill::Seven, text);
    }
    let page = |index: usize| vcpu.page_word(PAGE_RR + 8 * index);
    if vcpu.privregs.is_some() {
        let differs = |index: &usize| page(*index) != Some(rr(*index));
        let text = |index: usize| {
            let (own, page) = (rr(index), page(index).unwrap_or(0));
            format!("vcpu[{id}].regs.rr[{index}] is {own:#x}, in the privregs page {page:#x}")
        };
        if let Some(index) = (0..7).find(differs) {
            judge.odd(
                "rr differ",
                2,
                |era| era.regions >= RegionFill::Seven,
                || text(index),
            );
        }
        if differs(&7) {
            judge.odd(
                "rr7 differs",
                2,
                |era| era.regions >= RegionFill::All,
                || text(7),
            );
        }
    }
    // What nobody has set is ~0 up to the day from which a builder's zeros were stored.
    if page(0).is_none_or(|page| page == u64::MAX) && rr(0) == u64::MAX {
        let text = || format!("vcpu[{id}].regs.rr[0] is ~0");
        judge.odd("rr0", 2, |era| era.regions_set != RegionSet::Ignored, text);
    }
    if page(0) == Some(0) || page(6) == Some(0) {
        let text = || format!("privregs[{id}].rrs are 0");
        judge.odd(
            "rrs 0",
            2,
            |era| era.regions_set == RegionSet::Ignored,
            text,
        );
    }
}

/// A region register, or one of the values that stand for none.
fn is_region(word: u64) -> bool {
    let size = word >> 2 & 0x3f;
    matches!(word, 0 | u64::MAX) || (word >> 32 == 0 && word & 2 == 0 && (12..=28).contains(&size))
}
