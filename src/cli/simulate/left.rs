//! What a restore left in the new domain, as JSON.
//!
//! The keys are those of the ground truth beside the golden images (`NAME.restore.json` in
//! `tests/corpus/golden`), so that a restore can be held against the original's.

use ia64save::document::simulate::{
    DomainNow, Left, LoadedContext, SetRegisters, SetupDocument, StartInfoDocument, VcpuSetDocument,
};
use ia64save::document::word::{Digits, Hex};
use ia64save_codec::dialect::ArchSetupLayout;
use ia64save_codec::image::{HvmContext, Section};
use ia64save_codec::transfer::ports::{Domain, Setup};
use ia64save_codec::transfer::restore::{Restored, StartInfoSet, VcpuSet};
use ia64save_codec::wire::Context;
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::SimTarget;
use sha2::{Digest, Sha256};

/// A console that was never found: an HVM domain has none.
const NO_FRAME: u64 = u64::MAX;

/// What a restore did, and what the domain is like now.
pub fn left(target: &mut SimTarget, restored: &Restored) -> Left {
    let dialect = target.dialect();
    let hexes = |frames: &mut dyn Iterator<Item = u64>| frames.map(Hex).collect();
    let start_info = restored.start_info.as_ref();
    Left {
        dialect: dialect.name(),
        rc: i32::from(restored.destroyed),
        consumed: restored.consumed,
        destroyed: i32::from(restored.destroyed),
        store_mfn: restored.store_mfn.map(Hex),
        console_mfn: restored.console_mfn.unwrap_or(NO_FRAME).into(),
        arch_setup: restored.setup.map(|setup| arch_setup(dialect, &setup)),
        populated_count: restored.populated.len(),
        populated: hexes(&mut restored.populated.iter()),
        decreased_count: restored.decreased.len(),
        decreased: hexes(&mut restored.decreased.iter()),
        cleared_count: restored.cleared.len(),
        cleared: hexes(&mut restored.cleared.iter().copied()),
        vcpus_set: restored.vcpus_set.iter().map(|set| vcpu(dialect, set)).collect(),
        hvm_params: restored
            .hvm_params
            .iter()
            .map(|(param, value)| (*param as u64, Hex(*value)))
            .collect(),
        hvm_context: restored.hvm_context.as_deref().map(hvm_context),
        start_info: start_info
            .filter(|_| restored.guest == Some(Guest::Pv))
            .map(self::start_info),
        domain: (!restored.destroyed).then(|| domain(target, restored)),
    }
}

/// What is in the domain now.
fn domain(target: &mut SimTarget, restored: &Restored) -> DomainNow {
    let host = target.host().clone();
    let domid = target.domid();
    let page = |frame: u64| host.guest_page(domid, frame);
    let info = target.info().ok();
    let shared_info = info.and_then(|info| page(info.shared_info_frame));
    let privregs = restored
        .privregs
        .iter()
        .map(|set| (set.vcpu.to_string(), page(set.frame).as_deref().map(digest)));
    let pages = host
        .guest_pages(domid)
        .into_iter()
        .filter_map(|pfn| Some((Hex(pfn).to_string(), digest(&page(pfn)?))));
    DomainNow {
        shared_info_sha256: shared_info.as_deref().map(digest),
        shared_info_pending_or_sel_nonzero: shared_info.as_deref().map(pending),
        start_info_pfn: restored.start_info_pfn.into(),
        privregs_sha256: privregs.collect(),
        pages_sha256: pages.collect(),
        tot_pages: info.map(|info| info.tot_pages),
    }
}

fn arch_setup(dialect: Dialect, setup: &Setup) -> SetupDocument {
    let has_vhpt = dialect.spec().arch_setup == ArchSetupLayout::Vhpt;
    SetupDocument {
        flags: setup.flags.into(),
        bp: setup.bp.into(),
        maxmem: setup.maxmem.into(),
        xsi_va: setup.xsi_va.into(),
        hypercall_imm: setup.hypercall_imm.into(),
        vhpt_size_log2: has_vhpt.then_some(setup.vhpt_size_log2),
    }
}

fn vcpu(dialect: Dialect, set: &VcpuSet) -> VcpuSetDocument {
    let without_flags = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if let Some(flags) = bytes.first_chunk_mut::<8>() {
            *flags = [0; 8];
        }
        digest(&bytes)
    };
    let context = Context::parse(dialect.spec().context, &set.context);
    VcpuSetDocument {
        vcpu: set.vcpu,
        sha256: digest(&set.context),
        sha256_flags0: without_flags(&set.context),
        registers: context.map(|context| SetRegisters {
            flags: context.flags().into(),
            ip: context.ip().into(),
            b0: context.b(0).map(Hex),
            psr: context.psr().into(),
            cfm: context.cfm().into(),
            pr: context.pr().into(),
            privregs_pfn_in_stream: context.privregs_pfn().into(),
        }),
    }
}

fn start_info(set: &StartInfoSet) -> StartInfoDocument {
    StartInfoDocument {
        nr_pages: set.nr_pages.into(),
        shared_info: set.shared_info.into(),
        flags: set.flags.into(),
        store_mfn: set.store_mfn.into(),
        store_evtchn: set.store_evtchn,
        console_mfn: set.console_mfn.into(),
        console_evtchn: set.console_evtchn,
    }
}

fn hvm_context(blob: &[u8]) -> LoadedContext {
    let context = HvmContext {
        size_offset: 0,
        blob: Section {
            offset: 0,
            bytes: blob.to_vec().into(),
        },
    };
    let records = context
        .records()
        .map(|(offset, record)| (record.typecode, record.instance, record.length, offset));
    LoadedContext {
        rc: 0,
        size: blob.len(),
        sha256: digest(blob),
        records: records.collect(),
    }
}

/// Words of `evtchn_pending` and selectors of vcpus that are not zero (spec 9.2): 0 after a restore.
fn pending(shared_info: &[u8]) -> usize {
    let words = shared_info.as_chunks::<8>().0;
    let selectors = words.iter().skip(1).step_by(6).take(64);
    let pending = words.iter().skip(384).take(64);
    selectors
        .chain(pending)
        .filter(|word| **word != [0; 8])
        .count()
}

fn digest(bytes: &[u8]) -> Digits {
    Digits::of(&Sha256::digest(bytes))
}
