//! Vcpu contexts as the hypervisors of each era filled them.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::wire::layout_of_context;
use ia64save_codec::{Dialect, Era, Guest};

use crate::canvas::Canvas;
use crate::params::Params;
use crate::random::Random;

/// psr of a PV guest in kernel mode: that of the machine, and that which the guest sees.
const PSR_MACHINE: [u64; 2] = [0x1012_0842_6010, 0x1412_083a_6038];
const PSR_PV: [u64; 2] = [0x1012_0842_6010, 0x1400_0040_2038];
/// psr of an HVM guest: PK, IS and VM are never set.
pub(crate) const PSR_HVM: u64 = 0x1010_0802_2010;
/// The frame marker: of a vcpu that was interrupted, and of one that suspended itself.
const CFM: [u64; 2] = [0x8000_0000_0000_040c, 0x6];
const KERNEL: u64 = 0xa000_0001_0000_0000;
/// Control registers that an HVM domain has in two places.
pub(crate) const CONTROL: [(&str, u64); 3] =
    [("dcr", 0x7e04), ("iva", KERNEL + 0x8000), ("pta", 0x3c)];
const FPSR: u64 = 0x0009_804c_0270_033f;
/// First bytes of the backing store.
const BACKING_STORE: u64 = 0xe000_0000_0100_0000;
/// Registers that the stacks of these vcpus hold.
const STACKED: u64 = 32;

/// The context of a vcpu.
pub(crate) fn context(params: &Params, vcpu: u32, random: &mut Random) -> Vec<u8> {
    let layout = params.dialect.spec().context;
    // The struct was not cleared before D8: what was not filled held what the heap held.
    let heap = if params.dialect >= Dialect::D8 || random.once_in(3) {
        0
    } else {
        random.word()
    };
    let bytes = heap.to_le_bytes().repeat(layout.size() / 8);
    let mut canvas = Canvas::new(layout_of_context(layout), bytes);
    if layout == ContextLayout::A {
        trap_frame(&mut canvas, random);
    } else {
        registers(&mut canvas, params, heap, random);
        canvas.set("regs.pr", predicates(params, vcpu));
    }
    canvas.set("privregs_pfn", privregs_pfn(params, vcpu, random));
    canvas.bytes
}

fn privregs_pfn(params: &Params, vcpu: u32, random: &mut Random) -> u64 {
    match params.guest {
        // Until 34070c37f5, a day into D8, ~0; a slip of a macro made it 1 from then on.
        Guest::Hvm if params.dialect == Dialect::D8 => random.pick(&[u64::MAX, 1]),
        Guest::Hvm => 1,
        Guest::Pv if params.dialect.spec().privregs_is_machine_frame => {
            0x1000 + random.below(0x10_0000)
        }
        Guest::Pv => 0x400_0001 + u64::from(vcpu),
    }
}

/// The predicates of a vcpu, which an HVM domain has in two places. p0 is always set.
pub(crate) fn predicates(params: &Params, vcpu: u32) -> u64 {
    Random::new(params.seed, &[6, vcpu.into()]).word() | 1
}

/// Layout A. Flags and padding stay what the heap held.
fn trap_frame(canvas: &mut Canvas, random: &mut Random) {
    let scratch = [
        "ar_csd", "ar_ssd", "r8", "r9", "r10", "r11", "ar_unat", "ar_rnat", "r1", "r12", "r13",
        "r15", "r14", "r2", "r3", "ar_ccv", "r4", "r5", "r6", "r7", "eml_unat",
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
        ("cr_ipsr", random.pick(&PSR_MACHINE)),
        ("cr_iip", KERNEL + 16 * random.below(0x1000)),
        ("cr_ifs", random.pick(&CFM)),
        ("ar_pfs", 0x40c),
        ("ar_rsc", random.pick(&[7, 8])),
        ("ar_bspstore", BACKING_STORE),
        ("pr", random.word()),
        ("loadrs", (STACKED * 8) << 16),
        ("ar_fpsr", FPSR),
        ("pad0", 0),
    ];
    for (name, value) in known {
        canvas.set(&format!("user_regs.{name}"), value);
    }
    let size = canvas.size("extra_regs.itrs");
    canvas.fill("extra_regs.itrs", &vec![0; size]);
    canvas.fill("extra_regs.dtrs", &vec![0; size]);
    translation(canvas, "extra_regs.itrs[0]");
    translation(canvas, "extra_regs.dtrs[0]");
    canvas.set("extra_regs.iva", KERNEL + 0x8000);
    canvas.set("extra_regs.dcr", 0x7e04);
    canvas.set("extra_regs.event_callback_ip", KERNEL + 0x9000);
}

/// Layouts B to F.
fn registers(canvas: &mut Canvas, params: &Params, heap: u64, random: &mut Random) {
    let dialect = params.dialect;
    let hvm = params.guest == Guest::Hvm;
    // A real hypervisor of the time reported flags of 2, or what the heap held.
    canvas.set(
        "flags",
        if heap != 0 && random.once_in(2) {
            2
        } else {
            heap
        },
    );
    for register in 1..32 {
        canvas.set(&format!("regs.r[{register}]"), random.word());
    }
    let known = [
        ("b[0]", KERNEL),
        ("b[6]", KERNEL + 0x5000),
        ("b[7]", KERNEL + 0x6000),
        ("ip", KERNEL + 16 * random.below(0x1000)),
        ("psr", psr(params, random)),
        ("cfm", random.pick(&CFM)),
        ("nats", random.word() & 0xfffe),
        ("ar.rsc", random.pick(&[4, 7])),
        ("ar.bsp", bsp(dialect)),
        ("ar.bspstore", BACKING_STORE),
        ("ar.rnat", random.word()),
        ("ar.csd", random.word()),
        ("ar.ssd", random.word()),
        ("ar.ccv", random.word()),
        ("ar.unat", random.word()),
        ("ar.fpsr", FPSR),
        ("ar.pfs", 0x40c),
    ];
    for (name, value) in CONTROL {
        canvas.set(&format!("regs.cr.{name}"), value);
    }
    for (name, value) in known {
        canvas.set(&format!("regs.{name}"), value);
    }
    // lc and ec were left out up to D8, whose hypervisor cleared them.
    if dialect >= Dialect::D9 {
        canvas.set("regs.ar.lc", random.word());
        canvas.set("regs.ar.ec", random.below(64));
    }
    let floats = if dialect >= Dialect::D9 {
        2..128
    } else {
        6..12
    };
    for register in floats {
        canvas.fill(&format!("regs.f[{register}]"), &float(random));
    }
    if dialect >= Dialect::D7 {
        for index in 0..8 {
            canvas.set(&format!("regs.dbr[{index}]"), 0);
            canvas.set(&format!("regs.ibr[{index}]"), 0);
        }
        // D7 stopped one short.
        let regions = if dialect == Dialect::D7 { 7 } else { 8 };
        for index in 0..regions {
            canvas.set(&format!("regs.rr[{index}]"), 0x1_0039 + (index << 8));
        }
    }
    for kind in ["itrs", "dtrs"] {
        let path = format!("regs.tr.{kind}");
        canvas.fill(&path, &vec![0; canvas.size(&path)]);
        translation(canvas, &format!("regs.tr.{kind}[0]"));
    }
    register_stack(canvas, dialect, random);
    canvas.set("event_callback_ip", if hvm { 0 } else { KERNEL + 0x9000 });
}

/// Until e588d94efc (2007-06-12, three days before D5) a PV guest's psr was that of the machine.
fn psr(params: &Params, random: &mut Random) -> u64 {
    match params.guest {
        Guest::Hvm => PSR_HVM,
        Guest::Pv if params.dialect < Dialect::D5 => random.pick(&PSR_MACHINE),
        // Kernels ran at level 2, which the guest saw as 0.
        Guest::Pv if Era::usual(params.dialect).spec().kernel_level == 2 => {
            random.pick(&PSR_PV) & !(3 << 32)
        }
        Guest::Pv => random.pick(&PSR_PV),
    }
}

/// Up to D8 the top of the stack is the bottom and the dirty bytes; later the guest's own NaT
/// collections count.
fn bsp(dialect: Dialect) -> u64 {
    let collections = if dialect >= Dialect::D9 {
        (((BACKING_STORE >> 3) & 63) + STACKED) / 63
    } else {
        0
    };
    BACKING_STORE + 8 * (STACKED + collections)
}

fn register_stack(canvas: &mut Canvas, dialect: Dialect, random: &mut Random) {
    let size = canvas.size("regs.rbs");
    if size > 0 {
        // B's copy was all zero for PV.
        let mut stack = vec![0; size];
        if dialect >= Dialect::D5 {
            stack[..STACKED as usize * 8].copy_from_slice(&random.bytes(STACKED as usize * 8));
        }
        canvas.fill("regs.rbs", &stack);
    }
    let rnat = random.word() & 0x7fff_ffff;
    canvas.set_if_there("regs.rbs_voff", 0);
    canvas.set_if_there("regs.rbs_nat", 0);
    canvas.set_if_there("regs.rbs_rnat", rnat);
    canvas.set_if_there("regs.num_phys_stacked", 96);
}

/// A kernel's pinned translation.
fn translation(canvas: &mut Canvas, path: &str) {
    canvas.set(&format!("{path}.pte"), 0x0010_0000_0400_0661);
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
