//! What a restore left in the new domain, as JSON.
//!
//! The keys are those of the ground truth beside the golden images (`NAME.restore.json` in
//! `tests/corpus/golden`), so that a restore can be held against the original's. Unlike elsewhere,
//! addresses and registers are numbers, as they are there.

use std::collections::BTreeMap;

use ia64save::document::digits;
use ia64save_codec::dialect::ArchSetupLayout;
use ia64save_codec::image::{HvmContext, Section};
use ia64save_codec::transfer::ports::{Domain, Setup};
use ia64save_codec::transfer::restore::{Restored, StartInfoSet, VcpuSet};
use ia64save_codec::wire::Context;
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::SimTarget;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A console that was never found: an HVM domain has none.
const NO_FRAME: u64 = u64::MAX;

/// What a restore did, and what the domain is like now.
pub fn left(target: &mut SimTarget, restored: &Restored) -> Value {
    let dialect = target.dialect();
    let mut value = json!({
        "dialect": dialect.name(),
        "rc": i32::from(restored.destroyed),
        "consumed": restored.consumed,
        "destroyed": i32::from(restored.destroyed),
        "store_mfn": restored.store_mfn,
        "console_mfn": restored.console_mfn.unwrap_or(NO_FRAME),
        "arch_setup": restored.setup.map(|setup| arch_setup(dialect, &setup)),
        "populated_count": restored.populated.len(),
        "populated": restored.populated.iter().collect::<Vec<_>>(),
        "decreased_count": restored.decreased.len(),
        "decreased": restored.decreased.iter().collect::<Vec<_>>(),
        "cleared_count": restored.cleared.len(),
        "cleared": restored.cleared,
        "vcpus_set": restored.vcpus_set.iter().map(|set| vcpu(dialect, set)).collect::<Vec<_>>(),
        "hvm_params": restored.hvm_params.iter()
            .map(|(param, value)| json!([*param as u64, value]))
            .collect::<Vec<_>>(),
        "hvm_context": restored.hvm_context.as_deref().map(hvm_context),
    });
    if restored.guest == Some(Guest::Pv)
        && let Some(start_info) = &restored.start_info
    {
        value["start_info"] = self::start_info(start_info);
    }
    if !restored.destroyed {
        domain(target, restored, &mut value);
    }
    value
}

/// What is in the domain now.
fn domain(target: &mut SimTarget, restored: &Restored, value: &mut Value) {
    let host = target.host().clone();
    let domid = target.domid();
    let page = |frame: u64| host.guest_page(domid, frame);
    let info = target.info().ok();
    let shared_info = info.and_then(|info| page(info.shared_info_frame));
    value["shared_info_sha256"] = shared_info.as_deref().map(digest).into();
    value["shared_info_pending_or_sel_nonzero"] = shared_info.as_deref().map(pending).into();
    value["start_info_pfn"] = restored.start_info_pfn.into();
    let privregs: BTreeMap<String, Option<String>> = restored
        .privregs
        .iter()
        .map(|set| (set.vcpu.to_string(), page(set.frame).as_deref().map(digest)))
        .collect();
    value["privregs_sha256"] = json!(privregs);
    let pages: serde_json::Map<String, Value> = host
        .guest_pages(domid)
        .into_iter()
        .filter_map(|pfn| Some((pfn.to_string(), digest(&page(pfn)?).into())))
        .collect();
    value["pages_sha256"] = pages.into();
    value["tot_pages"] = info.map(|info| info.tot_pages).into();
}

fn arch_setup(dialect: Dialect, setup: &Setup) -> Value {
    let mut value = json!({
        "flags": setup.flags,
        "bp": setup.bp,
        "maxmem": setup.maxmem,
        "xsi_va": setup.xsi_va,
        "hypercall_imm": setup.hypercall_imm,
    });
    if dialect.spec().arch_setup == ArchSetupLayout::Vhpt {
        value["vhpt_size_log2"] = setup.vhpt_size_log2.into();
    }
    value
}

fn vcpu(dialect: Dialect, set: &VcpuSet) -> Value {
    let without_flags = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        if let Some(flags) = bytes.first_chunk_mut::<8>() {
            *flags = [0; 8];
        }
        digest(&bytes)
    };
    let mut value = json!({
        "vcpu": set.vcpu,
        "sha256": digest(&set.context),
        "sha256_flags0": without_flags(&set.context),
    });
    if let Some(context) = Context::parse(dialect.spec().context, &set.context) {
        value["flags"] = context.flags().into();
        value["ip"] = context.ip().into();
        value["b0"] = context.b(0).into();
        value["psr"] = context.psr().into();
        value["cfm"] = context.cfm().into();
        value["pr"] = context.pr().into();
        value["privregs_pfn_in_stream"] = context.privregs_pfn().into();
    }
    value
}

fn start_info(set: &StartInfoSet) -> Value {
    json!({
        "nr_pages": set.nr_pages,
        "shared_info": set.shared_info,
        "flags": set.flags,
        "store_mfn": set.store_mfn,
        "store_evtchn": set.store_evtchn,
        "console_mfn": set.console_mfn,
        "console_evtchn": set.console_evtchn,
    })
}

fn hvm_context(blob: &[u8]) -> Value {
    let context = HvmContext {
        size_offset: 0,
        blob: Section {
            offset: 0,
            bytes: blob.to_vec().into(),
        },
    };
    let records: Vec<_> = context
        .records()
        .map(|(offset, record)| json!([record.typecode, record.instance, record.length, offset]))
        .collect();
    json!({
        "rc": 0,
        "size": blob.len(),
        "sha256": digest(blob),
        "records": records,
    })
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

fn digest(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes))
}
