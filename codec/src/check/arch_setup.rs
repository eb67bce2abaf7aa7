//! The domain setup record (spec 3.3).

use alloc::format;

use super::context::{Context, Fields, Part, Place};
use super::findings::Findings;
use super::text::hex;
use crate::code::Code;
use crate::dialect::{ArchSetupLayout, Guest, P2mSizeMeaning};
use crate::wire;

/// 1 TiB, where Xen puts shared_info of PV domains: memory ends below.
const MOST_MEMORY: u64 = 1 << 40;
/// The immediate that Xen assigns to every domain and no guest is known to change.
const HYPERCALL_IMM: u64 = 0x1000;

fn fields<'a>(context: &Context<'a>) -> Option<Fields<'a>> {
    let section = context.image.arch_setup.as_ref()?;
    let layout = wire::layout_of_arch_setup(context.image.arch_setup_layout()?);
    Some(Fields::new(Place::head(Part::ArchSetup), layout, section))
}

/// `flags`: the query bit is what every saver left there, the HVM bit is the hypervisor's answer.
/// `bp`: no query reports one.
pub(super) fn flags(context: &Context<'_>, out: &mut Findings) {
    let Some(setup) = fields(context) else { return };
    // The kind of guest may be another where the user said so.
    let expected = match context.guest {
        Some(Guest::Hvm) => 3,
        Some(Guest::Pv) | None => 2,
    };
    if setup.get("flags") != Some(expected) {
        out.add(
            setup
                .finding(Code::SetupFlags, "flags")
                .expected("2 for PV, 3 for HVM"),
        );
    }
    if setup.get("bp") != Some(0) {
        out.add(setup.finding(Code::SetupBp, "bp").expected("0"));
    }
}

/// `maxmem`: 0 while `p2m_size` was the domain's memory limit; since then the end of its memory.
pub(super) fn maxmem(context: &Context<'_>, out: &mut Findings) {
    let Some(setup) = fields(context) else { return };
    let Some(maxmem) = setup.get("maxmem") else {
        return;
    };
    let always = |meaning| context.always(|spec| spec.p2m_size == meaning);
    let expected = match maxmem {
        0 if always(P2mSizeMeaning::MaximumGpfn) => "the end of the domain's memory, bytes",
        1.. if always(P2mSizeMeaning::MaxMem) => "0",
        _ if maxmem > MOST_MEMORY => "memory that ends below 1 TiB",
        _ => return,
    };
    out.add(
        setup
            .finding(Code::SetupMaxmem, "maxmem")
            .expected(expected),
    );
}

/// `xsi_va` and `hypercall_imm`: the guest may move the first; either is only used for PV domains.
///
/// Itanium 2 implements all 64 bits of an address, so any address is canonical; but shared_info is
/// mapped in region 7, which PV guests leave to Xen.
pub(super) fn addresses(context: &Context<'_>, out: &mut Findings) {
    let Some(setup) = fields(context).filter(|_| context.is(Guest::Pv)) else {
        return;
    };
    let page = context.page_size;
    if let Some(va) = setup.get("xsi_va")
        && (va >> 61 != 7 || va % page != 0)
    {
        let expected = format!("an address in region 7 on a boundary of {page} bytes");
        out.add(setup.finding(Code::SetupXsiVa, "xsi_va").expected(expected));
    }
    if setup.get("hypercall_imm") != Some(HYPERCALL_IMM) {
        out.add(
            setup
                .finding(Code::SetupHypercallImm, "hypercall_imm")
                .expected(hex(HYPERCALL_IMM)),
        );
    }
}

/// `vhpt_size_log2`: 0 or -1 for the default, else the size of a hashed page table. It is garbage of
/// the saver's stack where the hypervisor was built without per-vcpu tables.
pub(super) fn vhpt_size(context: &Context<'_>, out: &mut Findings) {
    let known = context.always(|spec| spec.arch_setup == ArchSetupLayout::Vhpt);
    let Some(setup) = fields(context).filter(|_| known) else {
        return;
    };
    if !matches!(setup.get("vhpt_size_log2"), Some(0 | 0xff | 15..=25)) {
        out.add(
            setup
                .finding(Code::SetupVhptSize, "vhpt_size_log2")
                .expected("0, -1 or 15 to 25"),
        );
    }
}
