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

#[test]
fn a_star_is_every_index() {
    let folder = Folder::new();
    let golden = golden("real340-pv-2vcpu");
    let path = folder.file("image.sav", &golden.bytes());
    let all = fields(arg(&path), &["vcpu[*].regs.cfm"]);
    let expected: Vec<_> = golden.truth["vcpus"]
        .as_array()
        .expect("vcpus")
        .iter()
        .map(|vcpu| format!("{:#x}", vcpu["cfm"].as_u64().expect("a number")))
        .collect();
    let found: Vec<_> = all
        .iter()
        .map(|field| field["value"].as_str().expect("hex"))
        .collect();
    assert_eq!(found, expected);
    // What a structure keeps in one piece, too.
    let branches = fields(arg(&path), &["vcpu[*].regs.b[*]"]);
    assert_eq!(branches.len(), expected.len() * 8);
    assert_eq!(branches[9]["path"], "vcpu[1].regs.b[1]");
    assert_eq!(fields(arg(&path), &["vcpu[1].regs.b[*]"])[1], branches[9]);
    assert_eq!(run(["dump", arg(&path), "vcpu[*].regs.nothing"]).code, 2);
}

#[test]
fn bits_have_names_and_columns_a_head() {
    let folder = Folder::new();
    let golden = golden("r410-hvm-live-4vcpu-hole");
    let path = folder.file("image.sav", &golden.bytes());
    let cfm = golden.truth["vcpus"][0]["cfm"].as_u64().expect("a number");
    let field = &fields(arg(&path), &["vcpu[0].regs.cfm"])[0];
    assert_eq!(field["bits"]["sof"], cfm & 127);
    assert_eq!(field["bits"]["sol"], cfm >> 7 & 127);
    let shown = run(["dump", arg(&path), "vcpu[0].regs.cfm"]).out;
    let lines: Vec<_> = shown.lines().collect();
    let head: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(head, ["offset", "size", "path", "value", "meaning"]);
    let sof = format!("sof {}, sol {}", cfm & 127, cfm >> 7 & 127);
    assert!(lines[2].contains(&sof), "{shown}");
    // Columns are where their heads say.
    assert_eq!(lines[0].find("value"), lines[1].find("0x"), "{shown}");
    for path in ["psr", "ar.rsc", "cr.pta", "tr.itrs[0].pte"] {
        let field = &fields(
            arg(&folder.path("image.sav")),
            &[&format!("vcpu[0].regs.{path}")],
        )[0];
        assert!(field["bits"].is_object(), "{path}: {field}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_met_with_one_that_does() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("real340-pv-2vcpu").bytes());
    for (wrong, said) in [
        ("vcpu[0].regs.cfmm", "did you mean vcpu[0].regs.cfm?"),
        ("memap", "did you mean memmap?"),
        ("vcpu[9].regs", "vcpu has [0], [1]"),
        ("zzz", "the image has arch_setup"),
    ] {
        let done = run(["dump", arg(&path), wrong]);
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains(said), "{wrong}: {}", done.err);
    }
}
