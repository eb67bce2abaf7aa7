//! `convert`: bytes, losses, envelopes, and files that are there whole or not at all.

use std::fs;

use ia64save_corpus::{golden, goldens, hostile};

use super::program::{Folder, arg, run, run_with};

#[test]
fn the_same_era_is_the_same_bytes() {
    let folder = Folder::new();
    for golden in goldens() {
        let path = folder.file("in.sav", &golden.bytes());
        let out = folder.path("out.sav");
        let era = golden.era().id();
        // What is of a dialect already keeps its era.
        for to in [era, golden.dialect().id()] {
            let (path, out) = (arg(&path), arg(&out));
            let run = run(["convert", "--era", era, "--to", to, path, "-o", out]);
            assert_eq!(run.code, 0, "{}: {run:?}", golden.name);
            assert!(
                fs::read(out).expect("the output") == golden.bytes(),
                "{}",
                golden.name
            );
        }
    }
}

#[test]
fn how_to_read_the_result_is_said_where_it_would_be_taken_for_another() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("realD8a-pv").bytes());
    let out = folder.path("out.sav");
    // A gpfn for privregs_pfn is what 3.0.4 wrote; the machine frame of 3.0.3 nobody knows.
    let to = |format| {
        let args = [
            "convert",
            "--to",
            "xen-3.0.3",
            "--allow-loss",
            "--format",
            format,
        ];
        run([&args[..], &[arg(&path), "-o", arg(&out)]].concat())
    };
    let text = to("text");
    assert_eq!(text.code, 0, "{text:?}");
    assert!(
        text.out.contains("read it with --dialect xen-3.0.3"),
        "{}",
        text.out
    );
    let json = to("json").json();
    assert_eq!(
        (&json["to_era"], &json["from_era"]),
        // For PV, D8a and D8b are the same.
        (&"D1".into(), &"D8b".into())
    );
    assert_ne!(json["read_as"], "xen-3.0.3");
    let found = run(["info", "--format", "json", arg(&out)]).entry();
    let candidates = json["candidates"].as_array().expect("a list");
    assert!(candidates.contains(&found["dialect"]) || found["dialect"].is_null());
}

#[test]
fn what_is_lost_is_named_and_refused_without_a_word() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("real340-pv-2vcpu").bytes());
    let out = folder.path("out.sav");
    let refused = run(["convert", "--to", "xen-3.2", arg(&path), "-o", arg(&out)]);
    assert_eq!(refused.code, 2);
    assert!(refused.out.contains("vcpu[1]"), "{}", refused.out);
    assert_eq!(folder.names(), ["in.sav"], "nothing was written");
    let done = run([
        "convert",
        "--to",
        "xen-3.2",
        "--allow-loss",
        arg(&path),
        "-o",
        arg(&out),
    ]);
    assert_eq!(done.code, 0, "{done:?}");
    let info = run(["info", "--format", "json", arg(&out)]).entry();
    assert_eq!(info["dialect"], "xen-3.2");
    assert_eq!(info["vcpus"].as_array().map(Vec::len), Some(1));
    assert_eq!(run(["check", arg(&out)]).code, 0);
}

#[test]
fn compact_keeps_the_copies_that_count() {
    let folder = Folder::new();
    for name in [
        "r320-hvm-live-2vcpu",
        "r410-pv-live-balloon",
        "v1old-pv-live",
    ] {
        let golden = golden(name);
        let path = folder.file("in.sav", &golden.bytes());
        let out = folder.path("out.sav");
        let done = run(["convert", "--compact", arg(&path), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{name}: {done:?}");
        let info = run(["info", "--format", "json", arg(&out)]).entry();
        assert_eq!(info["pages"]["num_superseded"], 0, "{name}");
        assert_eq!(info["dialect"], golden.dialect().name(), "{name}");
        assert_eq!(run(["check", arg(&out)]).code, 0, "{name}");
        assert!(fs::metadata(&out).expect("the output").len() < golden.bytes().len() as u64);
    }
}

#[test]
fn envelopes_go_on_and_come_off() {
    let folder = Folder::new();
    let golden = golden("real320-pv").bytes();
    let path = folder.file("in.sav", &golden);
    let config = folder.file(
        "domain.sxp",
        b"(domain (name mail) (vcpus 1) (image (linux (kernel k))))",
    );
    let xend = folder.path("xend.sav");
    let none = run([
        "convert",
        "--envelope",
        "xend",
        arg(&path),
        "-o",
        arg(&xend),
    ]);
    assert_eq!(none.code, 2, "xend needs a configuration");
    let to_xend = run([
        "convert",
        "--envelope",
        "xend",
        "--config",
        arg(&config),
        arg(&path),
        "-o",
        arg(&xend),
    ]);
    assert_eq!(to_xend.code, 0, "{to_xend:?}");
    let info = run(["info", "--format", "json", arg(&xend)]).entry();
    assert_eq!(info["envelope"]["kind"], "xend");
    assert_eq!(info["envelope"]["config"]["name"], "mail");
    assert_eq!(run(["check", "--strict", arg(&xend)]).code, 0);
    // The configuration is lost on the way back, and that is said.
    let bare = folder.path("bare.sav");
    let refused = run([
        "convert",
        "--envelope",
        "bare",
        arg(&xend),
        "-o",
        arg(&bare),
    ]);
    assert_eq!(refused.code, 2);
    assert!(refused.out.contains("envelope.config"), "{}", refused.out);
    let done = run([
        "convert",
        "--envelope",
        "bare",
        "--allow-loss",
        arg(&xend),
        "-o",
        arg(&bare),
    ]);
    assert_eq!(done.code, 0);
    assert!(fs::read(&bare).expect("the output") == golden);
    let xl = folder.path("xl.sav");
    assert_eq!(
        run(["convert", "--envelope", "xl", arg(&path), "-o", arg(&xl)]).code,
        0
    );
    assert_eq!(
        run(["info", "--format", "json", arg(&xl)]).entry()["envelope"]["kind"],
        "xl"
    );
    assert_eq!(run(["check", "--strict", arg(&xl)]).code, 0);
}

#[test]
fn a_device_model_record_takes_the_form_of_its_envelope() {
    let folder = Folder::new();
    let mut bytes = golden("r320-hvm-nonlive-1vcpu").bytes().to_vec();
    bytes.extend_from_slice(b"QemuDeviceModelRecordQEVM\0\0\0\x03state");
    let path = folder.file("in.sav", &bytes);
    let info = run(["info", "--format", "json", arg(&path)]).entry();
    assert_eq!(info["envelope"]["device_model_data_size"], 13);
    assert_eq!(info["trailing_bytes"], 0);
    let xl = folder.path("xl.sav");
    assert_eq!(
        run(["convert", "--envelope", "xl", arg(&path), "-o", arg(&xl)]).code,
        0
    );
    let written = fs::read(&xl).expect("the output");
    assert!(written.ends_with(b"DeviceModelRecord0002\x0d\0\0\0QEVM\0\0\0\x03state"));
    let back = folder.path("back.sav");
    assert_eq!(
        run(["convert", "--envelope", "bare", arg(&xl), "-o", arg(&back)]).code,
        0
    );
    assert_eq!(fs::read(&back).expect("the output"), bytes);
}

#[test]
fn nothing_half_written_stays() {
    let folder = Folder::new();
    let golden = golden("real320-pv").bytes();
    let path = folder.file("in.sav", &golden[..golden.len() - 1]);
    let out = folder.path("out.sav");
    let broken = run(["convert", "--compact", arg(&path), "-o", arg(&out)]);
    assert_eq!(broken.code, 1);
    assert_eq!(folder.names(), ["in.sav"]);
    let kept = folder.file("kept.sav", b"precious");
    let whole = folder.file("in.sav", &golden);
    let options = ["convert", "--compact", "--no-clobber"];
    let refused = run(options.into_iter().chain([arg(&whole), "-o", arg(&kept)]));
    assert_eq!(refused.code, 4, "{refused:?}");
    assert_eq!(fs::read(&kept).expect("the file"), b"precious");
    assert_eq!(folder.names(), ["in.sav", "kept.sav"]);
    // Replaced as a whole: even the file that is being read.
    let itself = run(["convert", "--compact", arg(&whole), "-o", arg(&whole)]);
    assert_eq!(itself.code, 0, "{itself:?}");
    assert!(fs::read(&whole).expect("the file") == golden);
}

#[test]
fn through_pipes() {
    let golden = golden("real310-pv").bytes();
    let mut child = super::program::command(["convert", "--to", "xen-3.1", "-", "-o", "-"]);
    child
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = child
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bytes = golden.clone();
    let feeder = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &bytes));
    let output = child.wait_with_output().expect("the program ends");
    feeder
        .join()
        .expect("the feeder ends")
        .expect("all was read");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout == golden);
    assert!(String::from_utf8_lossy(&output.stderr).contains("written"));
}

#[test]
fn a_bad_image_is_not_converted() {
    let folder = Folder::new();
    for case in hostile()
        .into_iter()
        .filter(ia64save_corpus::Hostile::is_truncated)
    {
        let run = run_with(
            ["convert", "--compact", "-", "-o", arg(&folder.path("out"))],
            &case.bytes(),
        );
        assert_eq!(run.code, 1, "{}: {run:?}", case.name);
        assert!(folder.names().is_empty(), "{}", case.name);
    }
}
