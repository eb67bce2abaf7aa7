//! What savers are known to have left in each part: the signs that a candidate is judged by.
//!
//! A sign is cheap and looks at a few words whose place differs between dialects. Whether the rest
//! of a part is sound is the business of [`crate::check`], once its layout is known.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Head;
use super::rank::Evidence;
use crate::dialect::{ArchSetupLayout, ContextLayout, Dialect, Guest, MagicPfn, P2mSizeMeaning};
use crate::grammar::u64_at;
use crate::wire::hvm::header::HVM_MAGIC;
use crate::wire::privregs::{PRIVREGS_GPFN, PRIVREGS_HVM};
use crate::wire::vcpu_context::{PSR_RESERVED, RSC_RESERVED};

/// A list of evidence under construction.
#[derive(Default)]
pub(super) struct Signs {
    pub(super) all: Vec<Evidence>,
    /// The first vcpu has been looked at.
    pub(super) repeats: bool,
}

impl Signs {
    pub(super) fn note(&mut self, speaks_for: bool, weight: u32, text: String) {
        self.all.push(Evidence {
            speaks_for,
            weight,
            text,
            repeats: self.repeats,
        });
    }

    /// One that is either met or not.
    fn holds(&mut self, met: bool, weight: u32, yes: &str, no: &str) {
        self.note(met, weight, String::from(if met { yes } else { no }));
    }
}

/// Where a layout keeps the words that are looked at.
struct Places {
    psr: usize,
    ip: usize,
    rsc: usize,
    fpsr: usize,
}

fn places(layout: ContextLayout) -> Places {
    match layout {
        ContextLayout::A => Places {
            psr: 80,
            ip: 88,
            rsc: 120,
            fpsr: 192,
        },
        _ => Places {
            psr: 472,
            ip: 464,
            rsc: 632,
            fpsr: 824,
        },
    }
}

/// What the head says about a dialect among those of its version.
pub(super) fn head(signs: &mut Signs, head: &Head, dialect: Dialect) {
    let spec = dialect.spec();
    if head.guest == Guest::Pv {
        match (spec.p2m_size, head.maxmem) {
            (P2mSizeMeaning::MaxMem, 0) => signs.note(true, 3, "arch_setup.maxmem is 0".into()),
            (P2mSizeMeaning::MaxMem, _) => {
                signs.note(false, 3, "arch_setup.maxmem is not 0".into());
            }
            (P2mSizeMeaning::MaximumGpfn, 0) => {
                signs.note(false, 3, "arch_setup.maxmem is 0".into());
            }
            (P2mSizeMeaning::MaximumGpfn, bytes) => {
                let agree = bytes.div_ceil(head.page_size as u64) == head.p2m_size;
                signs.holds(
                    agree,
                    2,
                    "p2m_size is arch_setup.maxmem in pages",
                    "p2m_size is not arch_setup.maxmem in pages",
                );
            }
        }
    }
    // The default address of shared_info moved on 2007-06-12, three days before D5.
    let expected = if dialect < Dialect::D5 { 0xf1 } else { 0xf5 };
    if let era @ (0xf1 | 0xf5) = head.xsi_va >> 56 {
        let text = format!("arch_setup.xsi_va is {:#x}", head.xsi_va);
        signs.note(era == expected, 2, text);
    }
    // Zero and -1 are sizes too, but an unused byte of the stack is as likely to hold them.
    let vhpt = head.vhpt_byte;
    match (spec.arch_setup, vhpt) {
        (_, 0 | 0xff) => {}
        (ArchSetupLayout::Vhpt, _) => {
            let text = format!("the byte of vhpt_size_log2 is {vhpt:#04x}");
            signs.note((15..=25).contains(&vhpt), 1, text);
        }
        (ArchSetupLayout::Plain, 15..=25) => {
            let text = format!("byte 36 of arch_setup is {vhpt:#04x}, like a vhpt_size_log2");
            signs.note(false, 1, text);
        }
        (ArchSetupLayout::Plain | ArchSetupLayout::Dom0Op, _) => {}
    }
}

/// Registers whose places and bits savers cannot but keep, as far as a context is there.
pub(super) fn registers(signs: &mut Signs, dialect: Dialect, vcpu: u32, bytes: &[u8]) {
    let layout = dialect.spec().context;
    let at = places(layout);
    let word = |offset| u64_at(bytes, offset);
    let (Some(psr), Some(ip)) = (word(at.psr), word(at.ip)) else {
        return;
    };
    let (Some(rsc), Some(fpsr)) = (word(at.rsc), word(at.fpsr)) else {
        return;
    };
    let sound = psr != 0
        && psr & PSR_RESERVED == 0
        && ip % 16 == 0
        && rsc & RSC_RESERVED == 0
        && fpsr >> 58 == 0;
    signs.holds(
        sound,
        3,
        &format!("vcpu[{vcpu}]: psr, ip, rsc and fpsr stand where layout {layout:?} has them"),
        &format!("vcpu[{vcpu}]: psr, ip, rsc or fpsr are not what layout {layout:?} has there"),
    );
}

/// A whole vcpu context.
pub(super) fn context(signs: &mut Signs, head: &Head, dialect: Dialect, vcpu: u32, bytes: &[u8]) {
    let layout = dialect.spec().context;
    registers(signs, dialect, vcpu, bytes);
    let word = |offset| u64_at(bytes, offset).unwrap_or(0);
    privregs_pfn(signs, head, dialect, vcpu, word(layout.size() - 8));
    match layout {
        ContextLayout::F => match word(22176) {
            96 => signs.note(true, 3, format!("vcpu[{vcpu}].regs.num_phys_stacked is 96")),
            0 => signs.note(false, 1, format!("vcpu[{vcpu}].regs.num_phys_stacked is 0")),
            n => signs.note(
                false,
                3,
                format!("vcpu[{vcpu}].regs.num_phys_stacked would be {n:#x}"),
            ),
        },
        ContextLayout::E if word(22176) == 96 => {
            signs.note(
                false,
                3,
                format!("vcpu[{vcpu}]: byte 22176 holds 96, which is num_phys_stacked"),
            );
        }
        ContextLayout::D if dialect >= Dialect::D7 => context_d(signs, dialect, vcpu, bytes),
        _ => {}
    }
}

fn privregs_pfn(signs: &mut Signs, head: &Head, dialect: Dialect, vcpu: u32, pfn: u64) {
    let gpfn = PRIVREGS_GPFN + u64::from(vcpu);
    let (met, weight) = match head.guest {
        // The constant for HVM was 1 by a slip of a macro, and ~0 before it.
        Guest::Hvm => (matches!(pfn, PRIVREGS_HVM | u64::MAX), 2),
        // No machine of the time had memory at 1 TiB, where the gpfn would be.
        Guest::Pv if dialect.spec().privregs_is_machine_frame => {
            (pfn != 0 && pfn < PRIVREGS_GPFN, 2)
        }
        Guest::Pv => (pfn == gpfn, 3),
    };
    signs.note(
        met,
        weight,
        format!("vcpu[{vcpu}].privregs_pfn is {pfn:#x}"),
    );
}

/// D7 and D8 have one context; from D8 on the hypervisor cleared it before filling it.
fn context_d(signs: &mut Signs, dialect: Dialect, vcpu: u32, bytes: &[u8]) {
    let word = |offset| u64_at(bytes, offset).unwrap_or(0);
    let cleared = word(8) == 0 && word(2552) == 0;
    let newer = dialect >= Dialect::D8;
    if !cleared {
        signs.note(
            !newer,
            2,
            format!("vcpu[{vcpu}]: padding of the context is not zero"),
        );
    }
    // rr[7] was left unset before D8: zero, or whatever the heap held.
    let rr7 = word(4736 + 7 * 8);
    let page_shift = rr7 >> 2 & 0x3f;
    if rr7 != 0 {
        let set = rr7 >> 32 == 0 && rr7 & 2 == 0 && (12..=28).contains(&page_shift);
        signs.note(
            set == newer,
            2,
            format!("vcpu[{vcpu}].regs.rr[7] is {rr7:#x}"),
        );
    }
    if word(1024) != 0 || word(1032) != 0 {
        let set = word(1032) < 64;
        signs.note(
            set == newer,
            1,
            format!("vcpu[{vcpu}].regs.ar.lc and ec are set"),
        );
    }
}

/// The privregs page of a PV vcpu: it points back at the vcpu's own byte of shared_info.
pub(super) fn privregs(signs: &mut Signs, head: &Head, vcpu: u32, page: &[u8]) {
    let Some(mask_addr) = u64_at(page, 3096) else {
        return;
    };
    let own = head.xsi_va.wrapping_add(48 * u64::from(vcpu) + 1);
    signs.holds(
        mask_addr == own,
        3,
        &format!("privregs[{vcpu}].interrupt_mask_addr points into shared_info"),
        &format!("privregs[{vcpu}].interrupt_mask_addr would be {mask_addr:#x}"),
    );
}

/// The shared_info page.
pub(super) fn shared_info(signs: &mut Signs, head: &Head, page: &[u8]) {
    let Some(start_info_pfn) = u64_at(page, 4112) else {
        return;
    };
    let flags_are_bits = page[..3072]
        .chunks_exact(48)
        .all(|v| v[0] <= 1 && v[1] <= 1);
    let start_info = match head.guest {
        Guest::Pv => head.ram.contains(start_info_pfn),
        Guest::Hvm => start_info_pfn == 0,
    };
    signs.holds(
        flags_are_bits && start_info,
        3,
        "shared_info: event flags and start_info_pfn are in place",
        "shared_info: event flags or start_info_pfn are out of place",
    );
}

/// The magic pfns and the size that follows them.
pub(super) fn magic_pfns(signs: &mut Signs, order: &[MagicPfn], bytes: &[u8]) {
    let usual = order
        .iter()
        .enumerate()
        .all(|(index, magic)| u64_at(bytes, index * 8) == Some(magic.usual_gpfn()));
    let count = order.len();
    signs.holds(
        usual,
        2,
        &format!("{count} magic pfns stand at their usual gpfns"),
        &format!("the words of {count} magic pfns are not the usual gpfns"),
    );
}

/// The size of the HVM context, and its first record.
pub(super) fn hvm_context(signs: &mut Signs, dialect: Dialect, vcpus: u64, size: u64, blob: &[u8]) {
    let fits = dialect
        .spec()
        .hvm_fixed_bytes
        .iter()
        .position(|fixed| fixed + 65656 * vcpus == size);
    match fits {
        // The first size of a dialect's list is the one that most of its images have.
        Some(index) => signs.note(
            true,
            3 - index.min(2) as u32,
            format!("hvm_context.size is {size}, for {vcpus} vcpus"),
        ),
        None => signs.note(
            false,
            3,
            format!("hvm_context.size is {size}, not for {vcpus} vcpus"),
        ),
    }
    if let (Some(descriptor), Some(magic)) = (u64_at(blob, 0), u64_at(blob, 8)) {
        let header = descriptor == 64 << 32 | 1 && magic == HVM_MAGIC;
        signs.holds(
            header,
            3,
            "hvm_context begins with its HEADER record",
            "hvm_context does not begin with a HEADER record",
        );
    }
}
