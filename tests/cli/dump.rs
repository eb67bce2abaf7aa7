//! `dump`: every field, by path.

use ia64save_corpus::{golden, goldens};
use serde_json::Value;

use super::program::{Folder, arg, run};

fn fields(path: &str, select: &[&str]) -> Vec<Value> {
    let options = ["dump", "--format", "json", "--padding", path];
    let run = run(options.into_iter().chain(select.iter().copied()));
    assert_eq!(run.code, 0, "{run:?}");
    run.json()["fields"].as_array().expect("fields").clone()
}

#[test]
fn fields_are_in_order_and_cover_the_image_but_for_its_pages() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = golden.bytes();
        let path = folder.file("image.sav", &bytes);
        let fields = fields(arg(&path), &[]);
        let mut covered = vec![false; bytes.len()];
        let mut last = 0;
        for field in &fields {
            let offset = field["offset"].as_u64().expect("an offset") as usize;
            let size = field["size"].as_u64().expect("a size") as usize;
            assert!(offset >= last, "{}: {field}", golden.name);
            last = offset;
            covered[offset..offset + size].fill(true);
        }
        // Pages hold what the guest keeps to itself: the records, what the memory map's page and the
        // pages of shared_info and privregs hold behind their structures.
        let hidden = covered.iter().filter(|seen| !**seen).count() as u64;
        let pages = golden.truth["pages"]["num_records"]
            .as_u64()
            .expect("a count");
        let vcpus = golden.truth["vcpus"].as_array().expect("vcpus").len() as u64;
        assert!(
            hidden <= pages * 16392 + (2 + vcpus) * 16384,
            "{}: {hidden}",
            golden.name
        );
    }
}

#[test]
fn a_path_selects() {
    let folder = Folder::new();
    let golden = golden("real340-pv-2vcpu");
    let path = folder.file("image.sav", &golden.bytes());
    let truth = &golden.truth["vcpus"][1];
    let one = fields(arg(&path), &["vcpu[1].regs.cfm"]);
    assert_eq!(one.len(), 1);
    let hex = |value: &Value| format!("{:#x}", value.as_u64().expect("a number"));
    assert_eq!(one[0]["value"], hex(&truth["cfm"]));
    assert_eq!(
        one[0]["offset"].as_u64(),
        truth["ctx_offset"].as_u64().map(|offset| offset + 480)
    );
    // An element of an array, and a register by number.
    assert_eq!(
        fields(arg(&path), &["vcpu[1].regs.b[0]"])[0]["value"],
        hex(&truth["b0"])
    );
    assert_eq!(
        fields(arg(&path), &["vcpu[1].regs.ar.ar[64]"])[0]["path"],
        "vcpu[1].regs.ar.ar[64]"
    );
    // A part, and not what merely begins like it.
    let vcpu = fields(arg(&path), &["vcpu[1]"]);
    assert!(
        vcpu.len() > 50
            && vcpu
                .iter()
                .all(|f| f["path"].as_str().unwrap().starts_with("vcpu[1]."))
    );
    // Page records only on request, and never what is in the page.
    let pages = fields(arg(&path), &["pages"]);
    assert_eq!(
        pages.len() as u64,
        golden.truth["pages"]["num_records"].as_u64().unwrap() + 1
    );
    let start_info = fields(arg(&path), &["start_info.magic"]);
    assert_eq!(start_info[0]["value"], "xen-3.0-ia64");
    assert_eq!(run(["dump", arg(&path), "vcpu[9]"]).code, 2);
}

#[test]
fn guest_memory_is_not_shown_unless_asked_for() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("real340-pv-2vcpu").bytes());
    let run = run(["dump", "--padding", arg(&path)]);
    assert!(!run.out.contains("start_info.magic") && !run.out.contains("cmd_line"));
}

#[test]
fn a_text_reaches_scripts_whole() {
    let folder = Folder::new();
    let golden = golden("real340-pv-2vcpu");
    let mut bytes = golden.bytes().to_vec();
    let path = folder.file("image.sav", &bytes);
    let line = &fields(arg(&path), &["start_info.cmd_line"])[0];
    let at = line["offset"].as_u64().expect("an offset") as usize;
    bytes[at..at + 6].copy_from_slice(b"a\x7fb\x1bc\0");
    let path = folder.file("image.sav", &bytes);
    let line = &fields(arg(&path), &["start_info.cmd_line"])[0];
    assert_eq!(line["value"], "a\u{7f}b\u{1b}c");
}
