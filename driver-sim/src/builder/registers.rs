//! Registers and device state as of vcpus that were stopped at work.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::era::{NatsForm, PsrForm};
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::hvm::{
    HvmHwIa64Vacpi, HvmHwIa64Viosapic, HvmHwIa64Vlsapic, HvmHwIa64Vtime,
};
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs, layout_of_shared_info};

use super::spec::GuestSpec;
use crate::fields::Fields;
use crate::hypervisor::vcpu::Vpd;
use crate::hypervisor::{DomId, Era, Host};
use ia64save_generate::Random;

/// psr that a PV guest sees in its kernel: ac mfl mfh ic di bn, and ri 2.
const PSR_PV: u64 = 0x1400_0040_2038;
/// The same while its addresses are translated and it takes interrupts: i dt rt it besides.
const PSR_PV_BUSY: u64 = PSR_PV | 1 << 14 | 1 << 17 | 1 << 27 | 1 << 36;
/// psr of the machine while a PV guest's kernel runs at level 2: the old contexts have it.
const PSR_MACHINE: u64 = 0x1012_0842_6010;
/// psr of an HVM guest.
const PSR_HVM: u64 = 0x1010_0802_2010;
/// psr of the machine while an HVM guest runs.
const PSR_HVM_MACHINE: u64 = 0x5010_088a_6008;
/// What a vcpu that suspended itself has as its frame.
const CFM: u64 = 0x6;
const KERNEL: u64 = 0xa000_0001_0000_0000;
const FPSR: u64 = 0x0009_804c_0270_033f;
const BACKING_STORE: u64 = 0xe000_0000_0100_0000;
/// A kernel's pinned translation of 64 MiB.
const PTE: u64 = 0x0010_0000_0400_06e1;
const ITIR: u64 = 26 << 2;
/// Every flag that a set-context knows.
const FLAGS: u64 = 0x1e;
/// Control registers of a running kernel.
const CONTROL: [(&str, u64); 6] = [
    ("dcr", 0x7e04),
    ("pta", 0x3c),
    ("itv", 0xef),
    ("pmv", 1 << 16),
    ("cmcv", 0x1_001f),
    ("itm", 0x12_3456_8000),
];

pub(super) fn write(
    spec: &GuestSpec,
    host: &Host,
    domid: DomId,
    era: Era,
    vcpu: u32,
) -> Result<(), Errno> {
    let mut random = Random::new(spec.seed, &[4, vcpu.into()]);
    let context = context(spec, era, vcpu, &mut random);
    host.set_vcpu_context(domid, vcpu, &context)?;
    host.set_online(domid, vcpu, true)?;
    match spec.guest {
        Guest::Pv => {
            takes_events(host, domid, era, vcpu)?;
            privregs(host, domid, era, vcpu, &mut random)
        }
        Guest::Hvm => {
            devices(host, domid, era, vcpu, &mut random);
            Ok(())
        }
    }
}

/// A vcpu that has run has changed the mask with which it began, where that is neither 0 nor 1.
fn takes_events(host: &Host, domid: DomId, era: Era, vcpu: u32) -> Result<(), Errno> {
    let frame = host.domain_info(domid)?.shared_info_frame;
    let mut page = host.guest_page(domid, frame).ok_or(Errno::EFAULT)?;
    let mut fields = Fields::new(layout_of_shared_info(era.shared_info()), &mut page);
    let path = format!("vcpu_info[{vcpu}].evtchn_upcall_mask");
    if fields.word(&path) <= 1 {
        return Ok(());
    }
    fields.set(&path, 0);
    host.guest_write(domid, frame, 0, &page)
}

/// What the page that a vcpu shares with the hypervisor has besides what set-context put there.
fn privregs(
    host: &Host,
    domid: DomId,
    era: Era,
    vcpu: u32,
    random: &mut Random,
) -> Result<(), Errno> {
    let frame = host.domain_info(domid)?.shared_info_frame + 1 + u64::from(vcpu);
    let mut page = host.guest_page(domid, frame).ok_or(Errno::EFAULT)?;
    let mut fields = Fields::new(layout_of_mapped_regs(era.mapped_regs()), &mut page);
    for index in 0..16 {
        fields.set(&format!("vgr[{index}]"), random.word());
        fields.set(&format!("vbgr[{index}]"), random.word());
    }
    for index in 0..8 {
        fields.set(&format!("krs[{index}]"), random.word());
        let rr = 0x39 | (random.below(1 << 10) + 1) << 8;
        fields.set(&format!("rrs[{index}]"), rr);
    }
    for (name, value) in CONTROL {
        fields.set(name, value);
    }
    fields.set("interrupt_collection_enabled", 1);
    fields.set("banknum", 1);
    host.guest_write(domid, frame, 0, &page)
}

fn context(spec: &GuestSpec, era: Era, vcpu: u32, random: &mut Random) -> Vec<u8> {
    let layout = era.dialect().spec().context;
    let mut bytes = vec![0; layout.size()];
    let mut c = Fields::new(layout_of_context(layout), &mut bytes);
    c.set("flags", FLAGS);
    if layout == ContextLayout::A {
        trap_frame(&mut c, random);
        return bytes;
    }
    let hvm = spec.guest == Guest::Hvm;
    for register in 1..32 {
        c.set(&format!("regs.r[{register}]"), random.word());
    }
    let psr = match spec.guest {
        Guest::Hvm => PSR_HVM,
        Guest::Pv if era.spec().psr == PsrForm::Machine => PSR_MACHINE,
        Guest::Pv => random.pick(&[PSR_PV, PSR_PV_BUSY]),
    };
    // Of the others NaT bits wander from one register to another at each restore (spec 15.3).
    let nats = match era.meaning().nats(spec.guest) {
        NatsForm::Halves => 0xf0,
        _ => 0xfffe,
    };
    let registers = 20 + random.below(70);
    let known = [
        ("b[0]", KERNEL + 0x1000),
        ("b[6]", KERNEL + 0x5000),
        ("b[7]", KERNEL + 0x6000),
        ("ip", KERNEL + 16 * random.below(0x1000)),
        ("psr", psr),
        ("cfm", CFM),
        ("pr", random.word() | 1),
        ("nats", random.word() & nats),
        ("ar.rsc", 4),
        ("ar.bspstore", BACKING_STORE),
        ("ar.bsp", BACKING_STORE + 8 * (registers + registers / 63)),
        ("ar.rnat", random.word() >> 1),
        ("ar.csd", random.word()),
        ("ar.ssd", random.word()),
        ("ar.ccv", random.word()),
        ("ar.unat", random.word()),
        ("ar.fpsr", FPSR),
        ("ar.pfs", 0x40c),
        ("ar.itc", random.below(1 << 40)),
        ("ar.lc", random.word()),
        ("ar.ec", random.below(64)),
        ("cr.iva", KERNEL + 0x8000),
    ];
    for (name, value) in known {
        c.set(&format!("regs.{name}"), value);
    }
    for register in 2..128 {
        c.set(&format!("regs.f[{register}].u.bits[0]"), random.word());
        c.set(
            &format!("regs.f[{register}].u.bits[1]"),
            random.below(1 << 18),
        );
    }
    for index in 0..8 {
        let rr = 0x39 | (random.below(1 << 10) + 1) << 8;
        c.set(&format!("regs.rr[{index}]"), rr);
    }
    let mut stack = vec![0; 8 * registers as usize];
    random.fill(&mut stack);
    c.fill("regs.rbs", &stack);
    c.set("regs.rbs_rnat", random.word());
    for kind in ["itrs", "dtrs"] {
        translation(&mut c, &format!("regs.tr.{kind}[0]"));
    }
    if hvm {
        for (name, value) in CONTROL {
            c.set(&format!("regs.cr.{name}"), value);
        }
        c.set("regs.cr.lid", u64::from(vcpu) << 24);
        for index in 0..8 {
            c.set(&format!("regs.ar.kr[{index}]"), random.word());
        }
        for index in 0..16 {
            c.set(&format!("regs.bank[{index}]"), random.word());
        }
    } else {
        c.set("event_callback_ip", KERNEL + 0x9000);
    }
    bytes
}

/// Layout A.
fn trap_frame(c: &mut Fields<&mut Vec<u8>>, random: &mut Random) {
    let scratch = [
        "ar_csd", "ar_ssd", "ar_unat", "ar_rnat", "ar_ccv", "eml_unat", "r1", "r2", "r3", "r4",
        "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "pr",
    ];
    for name in scratch {
        c.set(&format!("user_regs.{name}"), random.word());
    }
    for register in 16..32 {
        c.set(&format!("user_regs.r{register}"), random.word());
    }
    for register in 6..12 {
        c.set(&format!("user_regs.f{register}.u.bits[0]"), random.word());
        c.set(
            &format!("user_regs.f{register}.u.bits[1]"),
            random.below(1 << 18),
        );
    }
    let known = [
        ("b0", KERNEL + 0x1000),
        ("b6", KERNEL + 0x5000),
        ("b7", KERNEL + 0x6000),
        ("cr_ipsr", PSR_MACHINE),
        ("cr_iip", KERNEL + 16 * random.below(0x1000)),
        ("cr_ifs", CFM),
        ("ar_pfs", 0x40c),
        ("ar_rsc", 8),
        ("ar_bspstore", BACKING_STORE),
        ("loadrs", 0),
        ("ar_fpsr", FPSR),
    ];
    for (name, value) in known {
        c.set(&format!("user_regs.{name}"), value);
    }
    translation(c, "extra_regs.itrs[0]");
    translation(c, "extra_regs.dtrs[0]");
    c.set("extra_regs.iva", KERNEL + 0x8000);
    c.set("extra_regs.dcr", 0x7e04);
    c.set("extra_regs.event_callback_ip", KERNEL + 0x9000);
}

fn translation(c: &mut Fields<&mut Vec<u8>>, entry: &str) {
    c.set(&format!("{entry}.pte"), PTE);
    c.set(&format!("{entry}.itir"), ITIR);
    c.set(&format!("{entry}.vadr"), KERNEL);
    c.set(&format!("{entry}.rid"), 0x105);
}

/// Devices of an HVM vcpu, and with vcpu 0 those of the domain.
fn devices(host: &Host, domid: DomId, era: Era, vcpu: u32, random: &mut Random) {
    let mut state = host.state();
    let Ok(domain) = state.domain(domid) else {
        return;
    };
    if vcpu == 0 {
        let body = domain.devices.viosapic();
        let mut viosapic = Fields::new(HvmHwIa64Viosapic::LAYOUT, body);
        for pin in 0..16 {
            viosapic.set(&format!("redirtbl[{pin}].bits"), 0x30 + pin);
        }
        let body = domain.devices.vacpi();
        Fields::new(HvmHwIa64Vacpi::LAYOUT, body).set("regs.tmr_val", random.below(1 << 24));
    }
    let place = domain.vcpus.get_mut(vcpu as usize);
    let Some(hvm) = place.and_then(|vcpu| vcpu.hvm.as_mut()) else {
        return;
    };
    hvm.cpu.copy_from_slice(&PSR_HVM_MACHINE.to_le_bytes());
    let mut vpd = Vpd::of(era, &mut hvm.vpd);
    for index in 0..16 {
        vpd.set(&format!("vgr[{index}]"), random.word());
    }
    for index in 0..5 {
        vpd.set(
            &format!("vcpuid[{index}]"),
            crate::hypervisor::devices::CPUID[index],
        );
    }
    let itm = vpd.get("itm");
    let mut vlsapic = Fields::new(HvmHwIa64Vlsapic::LAYOUT, &mut hvm.vlsapic);
    vlsapic.set("xtp", 0x80);
    let mut vtime = Fields::new(HvmHwIa64Vtime::LAYOUT, &mut hvm.vtime);
    vtime.set("itm", itm);
    vtime.set("itc", random.below(1 << 40));
    vtime.set("last_itc", random.below(1 << 40));
}
