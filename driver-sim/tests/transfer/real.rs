//! The images that a real hypervisor wrote, restored on hosts that treat registers as it did.

use std::collections::BTreeSet;

use ia64save_codec::wire::layout_of_context;
use ia64save_corpus::golden;
use ia64save_sim::{Era, Host};

use crate::common::restore;

/// Image, the Xen that wrote it, and the fields of contexts that come back other than they were.
const IMAGES: [(&str, &str, &[&str]); 4] = [
    // An empty translation register reads back with its privilege level raised.
    (
        "real310-pv",
        "xen-3.1",
        &["extra_regs.dtrs[].pte", "extra_regs.itrs[].pte"],
    ),
    ("real320-pv", "xen-3.2", &[]),
    // The clock is that of the privregs page, which comes after the context.
    ("real340-pv-2vcpu", "xen-3.4", &["regs.ar.itc"]),
    ("real340-hvm-2vcpu", "xen-3.4", &[]),
];

#[test]
fn registers_come_back_as_they_were() {
    for (name, era, expected) in IMAGES {
        let golden = golden(name);
        let era: Era = era.parse().unwrap();
        let host = Host::of(era);
        let bytes = golden.bytes();
        let pages = golden.truth["p2m_size"].as_u64().unwrap();
        let restored = restore(&host, golden.guest(), 2, pages, &bytes, 1 << 20);
        let (domid, _) = restored.unwrap_or_else(|error| panic!("{name}: {error}"));
        let layout = layout_of_context(golden.dialect().spec().context);
        let mut found = BTreeSet::new();
        for section in golden.sections() {
            let vcpu = section.name.strip_prefix("vcpu");
            let Some(vcpu) = vcpu.and_then(|rest| rest.strip_suffix("_context")) else {
                continue;
            };
            let saved = &bytes[section.offset as usize..section.end() as usize];
            let back = host.vcpu_context(domid, vcpu.parse().unwrap()).unwrap();
            layout.walk(saved, &mut |entry| {
                if back[entry.offset..entry.offset + entry.size] != *entry.bytes {
                    let digits: &[char] = &['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
                    let (before, after) = entry.path.split_once('[').unwrap_or((entry.path, ""));
                    let after = after.trim_start_matches(digits);
                    let bracket = if after.is_empty() { "" } else { "[" };
                    found.insert(format!("{before}{bracket}{after}"));
                }
            });
        }
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, expected, "{name}");
    }
}
