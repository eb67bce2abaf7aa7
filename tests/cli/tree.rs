//! `decode`, `encode` and `edit`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use ia64save_codec::envelope::xend_header;
use ia64save_corpus::{golden, goldens, hostile};
use serde_json::Value;

use super::program::{Folder, Run, arg, command, run, run_with};

#[test]
fn goldens_come_back_byte_for_byte() {
    let folder = Folder::new();
    for (index, golden) in goldens().iter().enumerate() {
        let bytes = golden.bytes();
        let path = folder.file("in.sav", &bytes);
        let yaml = index % 3 == 0;
        let tree = folder.path(if yaml { "t.yaml" } else { "t.json" });
        let done = run(["decode", arg(&path), "-o", arg(&tree)]);
        assert_eq!(done.code, 0, "{}: {done:?}", golden.name);
        let out = folder.path("out.sav");
        let done = run(["encode", arg(&tree), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{}: {done:?}", golden.name);
        assert!(
            fs::read(&out).expect("the output") == bytes,
            "{}",
            golden.name
        );
    }
}

#[test]
fn a_folder_takes_tree_and_pages_and_nobody_else_reads_them() {
    let folder = Folder::new();
    let bytes = [
        &xend_header(b"(domain (name mail))").expect("a header")[..],
        &golden("r320-hvm-nonlive-1vcpu").bytes(),
        b"QemuDeviceModelRecordQEVM\0\0\0\x03state",
    ]
    .concat();
    let apart = folder.path("apart");
    for yaml in [false, true] {
        let mut args = vec!["decode", "-", "-o", arg(&apart)];
        args.extend(yaml.then_some("--yaml"));
        let done = run_with(args, &bytes);
        assert_eq!(done.code, 0, "{done:?}");
        let tree = apart.join(if yaml { "image.yaml" } else { "image.json" });
        let text = fs::read_to_string(&tree).expect("the tree");
        assert!(text.contains("(domain (name mail))"));
        assert!(fs::read(apart.join("behind.bin")).expect("the data") == b"QEVM\0\0\0\x03state");
        let pages = fs::metadata(apart.join("pages.bin")).expect("the pages");
        assert_eq!(pages.permissions().mode() & 0o777, 0o600);
        assert!(pages.blocks() * 512 < pages.len(), "zero pages are holes");
        let back = run(["encode", arg(&apart), "-o", arg(&folder.path("out.sav"))]);
        assert_eq!(back.code, 0, "{back:?}");
        assert!(fs::read(folder.path("out.sav")).expect("the output") == bytes);
        fs::remove_dir_all(&apart).expect("a folder");
    }
}

#[test]
fn what_a_tree_gets_wrong_is_said_and_nothing_is_written() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let tree = folder.path("t.json");
    assert_eq!(run(["decode", arg(&path), "-o", arg(&tree)]).code, 0);
    let text = fs::read_to_string(&tree).expect("the tree");
    let out = folder.path("out.sav");
    for (from, to, says) in [
        (
            "\"dialect\": \"xen-3.3\"",
            "\"dialect\": \"xen-5\"",
            "dialect: expected",
        ),
        ("\"page_size\"", "\"pagesize\"", "found pagesize"),
        (
            "t.pages.bin",
            "/etc/passwd",
            "not the name of a file beside the tree",
        ),
        (
            "t.pages.bin",
            "../t.pages.bin",
            "not the name of a file beside the tree",
        ),
        ("\"cfm\": \"0x", "\"cfm\": \"0y", "vcpus[0].context.regs"),
        (
            "\"pages\": [",
            "\"pages\": [\"0x7\",",
            "pages of 16384 bytes",
        ),
        ("{", "{{", "line 1"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&tree, text.replacen(from, to, 1)).expect("a file");
        let refused = run(["encode", arg(&tree), "-o", arg(&out)]);
        assert_eq!(refused.code, 1, "{to}: {refused:?}");
        assert!(refused.err.contains(says), "{to}: {}", refused.err);
        assert!(!out.exists());
    }
    let absent = run(["encode", arg(&folder.path("none.json")), "-o", arg(&out)]);
    assert_eq!(absent.code, 4);
}

#[test]
fn a_broken_image_makes_no_tree() {
    let folder = Folder::new();
    for case in hostile().iter().filter(|case| case.is_truncated()) {
        let done = run_with(
            ["decode", "-", "-o", arg(&folder.path("apart"))],
            &case.bytes(),
        );
        assert_eq!(done.code, 1, "{}: {done:?}", case.name);
        assert!(folder.names().is_empty(), "{}", case.name);
    }
}

#[test]
fn an_edit_changes_its_bytes_alone() {
    let folder = Folder::new();
    let bytes = golden("real340-pv-2vcpu").bytes();
    let path = folder.file("in.sav", &bytes);
    let out = folder.path("out.sav");
    let args = ["edit", arg(&path), "-o", arg(&out)];
    let ip = "vcpu[0].regs.ip=0xa000000100010000";
    let done = run(args.into_iter().chain([ip, "start_info.flags=1"]));
    assert_eq!(done.code, 0, "{done:?}");
    let edited = fs::read(&out).expect("the output");
    let dumped = run(["dump", "--format", "json", arg(&out), "vcpu[0].regs.ip"]).json();
    let field = &dumped["fields"][0];
    assert_eq!(field["value"], "0xa000000100010000");
    let at = field["offset"].as_u64().expect("an offset") as usize;
    let dumped = run(["dump", "--format", "json", arg(&out), "start_info.flags"]).json();
    let field = &dumped["fields"][0];
    let flags = field["offset"].as_u64().expect("an offset") as usize;
    let mut expected = bytes.to_vec();
    expected[at..at + 8].copy_from_slice(&0xa000_0001_0001_0000u64.to_le_bytes());
    expected[flags..flags + 4].copy_from_slice(&[1, 0, 0, 0]);
    assert!(edited == expected);
    assert!(fs::read(&path).expect("the input") == *bytes);
    // In place, and back again.
    let in_place = |value: &str| run(["edit", arg(&out), "--in-place", value]);
    assert_eq!(in_place("start_info.flags=0").code, 0);
    let old = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    assert_eq!(in_place(&format!("vcpu[0].regs.ip={old}")).code, 0);
    assert!(fs::read(&out).expect("the file") == *bytes);
    assert_eq!(folder.names(), ["in.sav", "out.sav"]);
}

#[test]
fn an_edit_that_makes_no_sense_is_refused() {
    let folder = Folder::new();
    let bytes = golden("real340-pv-2vcpu").bytes();
    let path = folder.file("in.sav", &bytes);
    for (edit, code, says) in [
        ("vcpu[9].regs.ip=1", 2, "there is no vcpu[9].regs.ip"),
        ("vcpu[0].regs=1", 2, "fields"),
        ("vcpu[0].regs.ip=-1", 2, "takes a number from 0"),
        ("vcpumap.bitmap=00", 2, "takes"),
        ("pages.terminator=5", 1, "--force"),
        ("version=2", 1, "--force"),
        ("vcpumap.max_virt_cpus=1", 1, "--force"),
        ("unallocated.count=7", 1, "--force"),
    ] {
        let refused = run(["edit", arg(&path), "--in-place", edit]);
        assert_eq!(refused.code, code, "{edit}: {refused:?}");
        assert!(refused.err.contains(says), "{edit}: {}", refused.err);
        assert!(fs::read(&path).expect("the file") == *bytes, "{edit}");
    }
    assert_eq!(
        run(["edit", arg(&path), "version=3"]).code,
        2,
        "no place to write to"
    );
    assert_eq!(
        run_with(["edit", "-", "--in-place", "version=3"], &bytes).code,
        2
    );
    let same = ["edit", arg(&path), "--in-place", "version=3", "version=3"];
    assert!(run(same).err.contains("the same bytes"));
    let forced = run(["edit", arg(&path), "--in-place", "--force", "version=9"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert_eq!(run(["check", arg(&path)]).code, 1);
    // What is broken already may be edited as it is.
    let cut = folder.file("cut.sav", &bytes[..bytes.len() - 1]);
    let done = run(["edit", arg(&cut), "--in-place", "p2m_size=7"]);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_tree_needs_a_folder() {
    let folder = Folder::new();
    let image = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let mut decode = command(["decode", arg(&image), "-o", "-"]);
    let refused = decode.current_dir(folder.path("")).output();
    let refused = Run::from(refused.expect("it starts"));
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("-o takes a folder"), "{refused:?}");
    assert_eq!(folder.names(), ["in.sav"]);
}

#[test]
fn of_two_trees_none_is_taken() {
    let folder = Folder::new();
    let image = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let (apart, out) = (folder.path("apart"), folder.path("out.sav"));
    let decode = ["decode", arg(&image), "-o", arg(&apart)];
    assert_eq!(run(decode).code, 0);
    assert_eq!(run(decode.into_iter().chain(["--yaml"])).code, 0);
    let refused = run(["encode", arg(&apart), "-o", arg(&out)]);
    assert_eq!(refused.code, 2, "{refused:?}");
    for name in ["image.json", "image.yaml"] {
        assert!(refused.err.contains(name), "{refused:?}");
        let named = run(["encode", arg(&apart.join(name)), "-o", arg(&out)]);
        assert_eq!(named.code, 0, "{named:?}");
    }
}

#[test]
fn scripts_are_told_what_was_written() {
    let folder = Folder::new();
    let bytes = golden("real340-pv-2vcpu").bytes();
    let image = folder.file("in.sav", &bytes);
    let (tree, out) = (folder.path("t.json"), folder.path("out.sav"));
    let json = ["--format", "json"];
    let decode = ["decode", arg(&image), "-o", arg(&tree)];
    let done = run(decode.into_iter().chain(json)).json();
    assert_eq!(done["schema"], "ia64save/decode/1");
    assert_eq!(done["tree"], arg(&tree));
    assert_eq!(done["pages"], arg(&folder.path("t.pages.bin")));
    assert_eq!(
        (&done["behind"], &done["num_records"]),
        (&Value::Null, &253.into())
    );
    let encode = ["encode", arg(&tree), "-o", arg(&out)];
    let done = run(encode.into_iter().chain(json)).json();
    assert_eq!(done["schema"], "ia64save/encode/1");
    assert_eq!(
        (&done["file"], &done["written"]),
        (&arg(&out).into(), &bytes.len().into())
    );
    // The image goes to standard output, what is said of it does not.
    let stdout = command(["encode", arg(&tree), "-o", "-"].into_iter().chain(json)).output();
    let stdout = stdout.expect("it starts");
    assert!(stdout.stdout == *bytes);
    let said: Value = serde_json::from_slice(&stdout.stderr).expect("JSON");
    assert_eq!(said["written"], bytes.len());
    let edit = [
        "edit",
        arg(&image),
        "-o",
        arg(&out),
        "p2m_size=0x200",
        "vcpu[0].regs.ip=16",
    ];
    let done = run(edit.into_iter().chain(["--force"]).chain(json)).json();
    assert_eq!(done["schema"], "ia64save/edit/2");
    let edits = serde_json::json!([
        { "path": "p2m_size", "offset": 0, "size": 8, "was": "0x100", "is": "0x200" },
        { "path": "vcpu[0].regs.ip", "offset": 4_164_137, "size": 8, "was": "0x12380", "is": "0x10" },
    ]);
    assert_eq!(done["edits"], edits);
}

#[test]
fn an_edit_says_what_was_and_what_is() {
    let folder = Folder::new();
    let image = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let edit = [
        "edit",
        arg(&image),
        "-o",
        "/dev/null",
        "--force",
        "p2m_size=300",
    ];
    let done = run(edit
        .into_iter()
        .chain(["vcpu[0].regs.rr=0x39,0,0,0,0,0,0,0"]));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(
        done.out.contains("p2m_size at byte 0: 256 -> 300\n"),
        "{done:?}"
    );
    let rr =
        ": 38 31 12 00 00 00 00 00 … -> 00 00 00 00 00 00 00 00 … (64 bytes, from its byte 8 on)\n";
    assert!(done.out.contains(rr), "{done:?}");
}

#[test]
fn an_edit_replaces_no_file_that_is_to_stay() {
    let folder = Folder::new();
    let image = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let out = folder.file("out.sav", b"precious");
    let edit = ["edit", arg(&image), "--no-clobber", "start_info.flags=1"];
    let refused = run(edit.into_iter().chain(["-o", arg(&out)]));
    assert_eq!(refused.code, 4, "{refused:?}");
    assert_eq!(fs::read(&out).expect("the file"), b"precious");
    assert_eq!(run(edit.into_iter().chain(["--in-place"])).code, 2);
    assert_eq!(
        run(edit.into_iter().chain(["-o", arg(&folder.path("new"))])).code,
        0
    );
}
