//! Vcpu contexts as the hypervisors of each era filled them.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::era::{HvmPrivregsPfn, NatsForm, RbsImage, StackForm};
use ia64save_codec::wire::layout_of_context;
use ia64save_codec::{Era, Guest};

use crate::canvas::Canvas;
use crate::params::{Heap, Params};
use crate::random::Random;
use crate::vcpu::{KERNEL, PSR_HVM, Vcpu};

/// The frame marker: of a vcpu that was interrupted, and of one that suspended itself.
const CFM: [u64; 2] = [0x8000_0000_0000_040c, 0x6];
/// Control registers that an HVM domain has in two places.
pub(crate) const CONTROL: [(&str, u64); 3] =
    [("dcr", 0x7e04), ("iva", KERNEL + 0x8000), ("pta", 0x3c)];
/// Control registers by number; all but irr.
const CR: [(usize, &str); 16] = [
    (0, "dcr"),
    (1, "itm"),
    (2, "iva"),
    (8, "pta"),
    (16, "ipsr"),
    (17, "isr"),
    (19, "iip"),
    (20, "ifa"),
    (21, "itir"),
    (24, "iim"),
    (25, "iha"),
    (65, "ivr"),
    (66, "tpr"),
    (72, "itv"),
    (73, "pmv"),
    (74, "cmcv"),
];
const FPSR: u64 = 0x0009_804c_0270_033f;

/// The context of a vcpu.
pub(crate) fn context(params: &Params, vcpu: u32, random: &mut Random) -> Vec<u8> {
    let layout = params.era.dialect().spec().context;
    let bytes = if params.era.spec().cleared {
        vec![0; layout.size()]
    } else {
        heap(params, layout.size(), random)
    };
    let mut canvas = Canvas::new(layout_of_context(layout), bytes);
    let own = Vcpu::new(params, vcpu);
    if layout == ContextLayout::A {
        trap_frame(&mut canvas, params.era, &own, random);
    } else {
        registers(&mut canvas, params, &own, random);
        canvas.set("regs.pr", predicates(params, vcpu));
    }
    canvas.set("privregs_pfn", privregs_pfn(params, vcpu, random));
    canvas.bytes
}

/// What a piece of the hypervisor's heap held before.
fn heap(params: &Params, size: usize, random: &mut Random) -> Vec<u8> {
    let kinds = [Heap::Zeros, Heap::Words, Heap::Filled];
    let heap = params.heap.unwrap_or(random.pick(&kinds));
    // Another object's addresses, small numbers and registers, and much that is 0.
    let word = |random: &mut Random| match random.below(6) {
        0 => 0xf000_0000_0400_0000 + 8 * random.below(1 << 20),
        1 => random.below(300),
        2 => KERNEL + random.below(1 << 20),
        3 => random.word(),
        _ => 0,
    };
    match heap {
        Heap::Zeros => vec![0; size],
        Heap::Filled => vec![0xa5; size],
        Heap::Words => (0..size / 8)
            .flat_map(|_| word(random).to_le_bytes())
            .collect(),
    }
}

fn privregs_pfn(params: &Params, vcpu: u32, random: &mut Random) -> u64 {
    let spec = params.era.spec();
    let gpfn = 0x400_0001 + u64::from(vcpu);
    match params.guest {
        Guest::Hvm if spec.hvm_privregs_pfn == HvmPrivregsPfn::One => 1,
        Guest::Pv if spec.machine_frame => 0x1000 + random.below(0x10_0000),
        _ => gpfn,
    }
}

/// The predicates of a vcpu, which an HVM domain has in two places. p0 is always set.
pub(crate) fn predicates(params: &Params, vcpu: u32) -> u64 {
    Random::new(params.seed, &[6, vcpu.into()]).word() | 1
}

/// Layout A. Flags and padding stay what the heap held.
fn trap_frame(canvas: &mut Canvas, era: Era, own: &Vcpu, random: &mut Random) {
    let spec = era.spec();
    let scratch = [
        "ar_csd", "ar_ssd", "r8", "r9", "r10", "r11", "ar_unat", "ar_rnat", "r1", "r12", "r13",
        "r15", "r14", "r2", "r3", "ar_ccv", "r4", "r5", "r6", "r7",
    ];
    for name in scratch {
        canvas.set(&format!("user_regs.{name}"), random.word());
    }
    for register in 16..32 {
        canvas.set(&format!("user_regs.r{register}"), random.word());
    }
    for register in 6..12 {
        canvas.fill(&format!("user_regs.f{register}"), &float(random));
    }
    let known = [
        ("b0", KERNEL),
        ("b6", KERNEL + 0x5000),
        ("b7", KERNEL + 0x6000),
        ("cr_ipsr", own.psr),
        ("cr_iip", KERNEL + 16 * random.below(0x1000)),
        ("cr_ifs", cfm(era, own)),
        ("ar_pfs", 0x40c),
        ("ar_rsc", spec.kernel_level << 2),
        ("ar_bspstore", own.stack.bspstore),
        ("eml_unat", nats(spec.nats_pv, own, random)),
        ("pr", random.word()),
        ("loadrs", (own.stack.host_words() * 8) << 16),
        ("ar_fpsr", FPSR),
        ("pad0", 0),
    ];
    for (name, value) in known {
        canvas.set(&format!("user_regs.{name}"), value);
    }
    let size = canvas.size("extra_regs.itrs");
    canvas.fill("extra_regs.itrs", &vec![0; size]);
    canvas.fill("extra_regs.dtrs", &vec![0; size]);
    translation(canvas, "extra_regs.itrs[0]", spec.kernel_level);
    translation(canvas, "extra_regs.dtrs[0]", spec.kernel_level);
    canvas.set("extra_regs.iva", KERNEL + 0x8000);
    canvas.set("extra_regs.dcr", own.cr[0]);
    canvas.set("extra_regs.event_callback_ip", KERNEL + 0x9000);
}

fn cfm(era: Era, own: &Vcpu) -> u64 {
    match (own.in_hypercall, era.spec().stale_frame) {
        (true, true) => CFM[1],
        (true, false) => CFM[1] | 1 << 63,
        (false, _) => CFM[0],
    }
}

/// The NaT bits as the era has them, with bits of other words where it spilled them.
fn nats(form: NatsForm, own: &Vcpu, random: &mut Random) -> u64 {
    let (word, _) = form.from_bitmap(own.nats);
    let registers = form.from_bitmap(!1).0;
    match form {
        NatsForm::Bitmap => word,
        NatsForm::Spilled => word | random.word() & !registers,
        NatsForm::SpilledHalf => word | random.word() & !registers & 0xffff_ffff,
        NatsForm::Halves => word | random.word() & 0xfc0f,
    }
}

/// Layouts B to F: what get-context of the era assigned.
fn registers(canvas: &mut Canvas, params: &Params, own: &Vcpu, random: &mut Random) {
    let (era, guest) = (params.era, params.guest);
    let spec = era.spec();
    let hvm = guest == Guest::Hvm;
    for register in 1..32 {
        canvas.set(&format!("regs.r[{register}]"), random.word());
    }
    let bytes = match spec.stack {
        StackForm::GuestSlots => own.stack.guest_bytes(),
        StackForm::HostBytes | StackForm::Loadrs => own.stack.host_words() * 8,
    };
    let known = [
        ("b[0]", KERNEL),
        ("b[6]", KERNEL + 0x5000),
        ("b[7]", KERNEL + 0x6000),
        ("ip", KERNEL + 16 * random.below(0x1000)),
        ("psr", if hvm { PSR_HVM } else { own.psr }),
        ("cfm", cfm(era, own)),
        ("nats", nats(era.nats(guest), own, random)),
        ("ar.rsc", spec.kernel_level << 2),
        ("ar.bsp", own.stack.bspstore + bytes),
        ("ar.bspstore", own.stack.bspstore),
        ("ar.rnat", random.word()),
        ("ar.csd", random.word()),
        ("ar.ssd", random.word()),
        ("ar.ccv", random.word()),
        ("ar.unat", random.word()),
        ("ar.fpsr", FPSR),
        ("ar.pfs", 0x40c),
        ("ar.lc", random.word()),
        ("ar.ec", random.below(64)),
        ("ar.itc", own.itc),
    ];
    let mut set = |path: &str, value: u64| {
        if era.assigns(guest, path) {
            canvas.set(path, value);
        }
    };
    for (name, value) in known {
        set(&format!("regs.{name}"), value);
    }
    for (number, name) in CR {
        set(&format!("regs.cr.{name}"), own.cr[number]);
    }
    for index in 0..8 {
        set(&format!("regs.rr[{index}]"), own.rr[index]);
        set(&format!("regs.dbr[{index}]"), 0);
        set(&format!("regs.ibr[{index}]"), 0);
    }
    for index in 0..4 {
        set(&format!("regs.cr.irr[{index}]"), 0);
    }
    for register in 0..128 {
        let path = format!("regs.f[{register}]");
        if era.assigns(guest, &path) {
            canvas.fill(&path, &float(random));
        }
    }
    for kind in ["itrs", "dtrs"] {
        let path = format!("regs.tr.{kind}");
        canvas.fill(&path, &vec![0; canvas.size(&path)]);
        translation(canvas, &format!("regs.tr.{kind}[0]"), spec.kernel_level);
    }
    register_stack(canvas, params, own, random);
    canvas.set("event_callback_ip", if hvm { 0 } else { KERNEL + 0x9000 });
}

/// The words of rbs that the era copied; what is behind them stays.
fn register_stack(canvas: &mut Canvas, params: &Params, own: &Vcpu, random: &mut Random) {
    let era = params.era;
    if era.spec().rbs == RbsImage::Dirty {
        for word in 0..own.stack.host_words() {
            canvas.set(&format!("regs.rbs[{word}]"), random.word());
        }
    }
    canvas.set_if_there("regs.rbs_voff", own.stack.voff);
    if era.assigns(params.guest, "regs.rbs_rnat") {
        let rnat = random.word() & own.stack.rnat_bits();
        canvas.set_if_there("regs.rbs_rnat", if random.once_in(2) { rnat } else { 0 });
    }
    canvas.set_if_there("regs.num_phys_stacked", 96);
}

/// A kernel's pinned translation.
fn translation(canvas: &mut Canvas, path: &str, level: u64) {
    canvas.set(&format!("{path}.pte"), 0x0010_0000_0400_0661 | level << 7);
    canvas.set(&format!("{path}.itir"), 0x68);
    canvas.set(&format!("{path}.vadr"), KERNEL);
    canvas.set(&format!("{path}.rid"), 0x105);
}

/// A floating-point register as spilled: significand, then 18 bits of sign and exponent.
fn float(random: &mut Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random.word().to_le_bytes());
    bytes[8..].copy_from_slice(&random.below(1 << 18).to_le_bytes());
    bytes
}
