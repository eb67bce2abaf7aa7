//! What a restore leaves, key by key, with what the original left.

use std::fmt::Write as _;

use ia64save_codec::transfer::Restored;
use ia64save_codec::transfer::ports::{Domain, DomainInfo};
use ia64save_codec::wire::{Context, SharedInfo};
use ia64save_corpus::{Golden, restored_goldens};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ports::SimTarget;
use crate::setting;

#[test]
fn a_restore_leaves_what_the_original_of_the_era_left() {
    for golden in restored_goldens() {
        let host = setting::host(setting::era(&golden));
        let (mut target, done) = setting::restore(&golden, &host);
        let left = host.leftovers();
        assert_eq!((left.exposed_p2ms, left.mapped_pages), (0, 0));
        assert!(done.leftovers.is_empty());
        let info = target.info().unwrap();
        for (key, expected) in golden.restored().as_object().unwrap() {
            let place = format!("{}: {key}", golden.name);
            match found(&golden, key, &mut target, &done, info) {
                Some(found) => assert_eq!(&found, expected, "{place}"),
                None => assert!(EXPLAINED.contains(&key.as_str()), "{place}: not compared"),
            }
        }
    }
}

/// Keys that say how the original went about it, or who asked.
const EXPLAINED: [&str; 3] = [
    // Pages were mapped one by one; here they go in batches.
    "map_calls",
    "era",
    "note",
];

fn found(
    golden: &Golden,
    key: &str,
    target: &mut SimTarget,
    done: &Restored,
    info: DomainInfo,
) -> Option<Value> {
    let host = target.host().clone();
    let domid = target.domid();
    let page = |gpfn: u64| host.guest_page(domid, gpfn);
    let journal = target.journal();
    Some(match key {
        "rc" => json!(0),
        "errors" | "notes" => json!([]),
        "consumed" => json!(done.consumed),
        "file_size" => json!(golden.bytes().len()),
        "destroyed" => json!(i32::from(done.destroyed)),
        "store_mfn" => json!(done.store_mfn.unwrap_or(u64::MAX)),
        "console_mfn" => json!(done.console_mfn.unwrap_or(u64::MAX)),
        "tot_pages" => json!(info.tot_pages),
        "populated_count" | "populate_calls_pages" => json!(done.populated.len()),
        "populated" => {
            // The engine's own record and the hypervisor's agree.
            let populated: Vec<u64> = done.populated.iter().collect();
            assert!(
                journal
                    .populated
                    .iter()
                    .cloned()
                    .flatten()
                    .eq(done.populated.iter())
            );
            json!(populated)
        }
        "decreased_count" => json!(done.decreased.len()),
        "decreased" => {
            assert!(journal.decreased.iter().copied().eq(done.decreased.iter()));
            json!(journal.decreased)
        }
        "cleared_count" => json!(done.cleared.len()),
        "cleared" => {
            assert_eq!(journal.cleared, done.cleared);
            json!(done.cleared)
        }
        "arch_setup" => {
            let setup = done.setup.unwrap();
            assert_eq!(journal.setup, Some(setup));
            let mut value = json!({
                "flags": setup.flags,
                "bp": setup.bp,
                "maxmem": setup.maxmem,
                "xsi_va": setup.xsi_va,
                "hypercall_imm": setup.hypercall_imm,
            });
            if golden.restored()["arch_setup"]
                .get("vhpt_size_log2")
                .is_some()
            {
                value["vhpt_size_log2"] = json!(setup.vhpt_size_log2);
            }
            value
        }
        "vcpus_set" => {
            let ours = done
                .vcpus_set
                .iter()
                .map(|set| (set.vcpu, set.context.clone()));
            assert!(journal.vcpus_set.iter().cloned().eq(ours));
            let layout = golden.dialect().spec().context;
            let sets = done.vcpus_set.iter().map(|set| {
                let context = Context::parse(layout, &set.context).unwrap();
                let mut without_flags = set.context.clone();
                without_flags[..8].fill(0);
                json!({
                    "vcpu": set.vcpu,
                    "flags": context.flags(),
                    "sha256": digest(&set.context),
                    "sha256_flags0": digest(&without_flags),
                    "ip": context.ip(),
                    "b0": context.b(0),
                    "psr": context.psr(),
                    "cfm": context.cfm(),
                    "pr": context.pr(),
                    "privregs_pfn_in_stream": context.privregs_pfn(),
                })
            });
            sets.collect()
        }
        "hvm_params" => {
            assert_eq!(journal.hvm_params, done.hvm_params);
            let params = done.hvm_params.iter();
            params
                .map(|(param, value)| json!([*param as u64, value]))
                .collect()
        }
        "hvm_context" => match &done.hvm_context {
            None => Value::Null,
            Some(blob) => {
                assert_eq!(journal.hvm_context.as_ref(), Some(blob));
                json!({
                    "rc": 0,
                    "size": blob.len(),
                    "sha256": digest(blob),
                    "records": records(blob),
                })
            }
        },
        "shared_info_sha256" => json!(digest(&shared_info(target, info))),
        "shared_info_pending_or_sel_nonzero" => {
            let layout = *golden.dialect().spec().shared_info.last().unwrap();
            let page = SharedInfo::parse(layout, &shared_info(target, info)).unwrap();
            let pending = page.evtchn_pending().iter().any(|word| *word != 0);
            let selected = (0..64).any(|vcpu| {
                page.vcpu_info(vcpu)
                    .is_some_and(|info| info.evtchn_pending_sel != 0)
            });
            json!(i32::from(pending || selected))
        }
        "start_info_pfn" => json!(done.start_info_pfn),
        "start_info" => {
            let set = done.start_info.unwrap();
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
        "privregs_sha256" => {
            let mut pages = serde_json::Map::new();
            for set in &done.privregs {
                let there = foreign_page(target, set.frame);
                assert!(there == set.page, "nothing changes it afterwards");
                pages.insert(set.vcpu.to_string(), json!(digest(&there)));
            }
            Value::Object(pages)
        }
        "pages_sha256" => {
            let pages = host.guest_pages(domid).into_iter();
            let digests = pages.map(|gpfn| (gpfn.to_string(), json!(digest(&page(gpfn).unwrap()))));
            Value::Object(digests.collect())
        }
        _ => return None,
    })
}

fn shared_info(target: &mut SimTarget, info: DomainInfo) -> Vec<u8> {
    foreign_page(target, info.shared_info_frame)
}

fn foreign_page(target: &mut SimTarget, frame: u64) -> Vec<u8> {
    let size = target.page_size();
    let mut page = vec![0; size];
    let mut results = [Ok(())];
    target
        .read_pages(&[frame], &mut page, size, 0, &mut results)
        .unwrap();
    results[0].unwrap();
    page
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("memory");
            hex
        })
}

/// Typecode, instance, length and offset of each record.
fn records(blob: &[u8]) -> Value {
    let mut records = Vec::new();
    let mut rest = blob;
    while let Ok((next, record)) = ia64save_codec::grammar::hvm_record(rest) {
        let at = blob.len() - rest.len();
        records.push(json!([record.typecode, record.instance, record.length, at]));
        if record.typecode == 0 {
            break;
        }
        rest = next;
    }
    json!(records)
}
