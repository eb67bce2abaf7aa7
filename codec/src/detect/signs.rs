//! What shows whether a candidate's parts are where its grammar has them.
//!
//! A sign is cheap and looks at a few words whose place differs between layouts; dialects that lay out
//! a tail alike get the same. What tells these apart is the business of `judge`, and whether the rest of a
//! part is sound that of `check`, once its layout is known.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Head;
use super::rank::Evidence;
use crate::dialect::{ContextLayout, Dialect, Guest, MagicPfn, P2mSizeMeaning};
use crate::era::{Era, HVM_VCPU_BYTES};
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
    // Which default it is, is a matter of eras; that it is one speaks for a stream of Xen's.
    if matches!(head.xsi_va >> 56, 0xf1 | 0xf5) {
        signs.note(true, 2, format!("arch_setup.xsi_va is {:#x}", head.xsi_va));
    }
    if (15..=25).contains(&head.vhpt_byte) {
        let text = format!(
            "byte 36 of arch_setup is {}, like a vhpt_size_log2",
            head.vhpt_byte
        );
        signs.note(true, 1, text);
    }
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
    let pfn = u64_at(bytes, layout.size() - 8).unwrap_or(0);
    let gpfn = PRIVREGS_GPFN + u64::from(vcpu);
    // Which of them it is, is a matter of eras.
    let met = match head.guest {
        Guest::Hvm => pfn == PRIVREGS_HVM || pfn == gpfn,
        Guest::Pv if layout == ContextLayout::A => pfn == gpfn || (pfn != 0 && pfn < PRIVREGS_GPFN),
        Guest::Pv => pfn == gpfn,
    };
    let text = format!("vcpu[{vcpu}].privregs_pfn is {pfn:#x}");
    signs.note(met, 3, text);
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
    // A vcpu that has not touched its mask may have 0xff there.
    let flags_are_bits = page[..3072]
        .chunks_exact(48)
        .all(|v| v[0] <= 1 && matches!(v[1], 0 | 1 | 0xff));
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

/// Whether an HVM context of some era takes so many bytes.
pub(crate) fn is_hvm_size(vcpus: u64, size: u64) -> bool {
    let mut known = Era::ALL.iter().flat_map(|era| era.spec().hvm_fixed_bytes);
    known.any(|fixed| fixed + HVM_VCPU_BYTES * vcpus == size)
}

/// The size of the HVM context, and its first record.
pub(super) fn hvm_context(signs: &mut Signs, vcpus: u64, size: u64, blob: &[u8]) {
    let fits = is_hvm_size(vcpus, size);
    let not = if fits { "" } else { "not " };
    let text = format!("hvm_context.size is {size}, {not}for {vcpus} vcpus");
    signs.note(fits, 3, text);
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
