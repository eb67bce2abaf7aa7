//! Files: nothing is lost, nothing is left over, and what is read is judged first.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flate2::write::GzEncoder;
use ia64save_corpus::golden;
use serde_json::Value;

use super::program::{Folder, Run, arg, command, run};

fn image() -> Vec<u8> {
    golden("real340-pv-2vcpu").bytes().to_vec()
}

fn sha(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    super::program::hex(&Sha256::digest(bytes))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Waits until something is so.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn kill(signal: &str, pid: u32) {
    let done = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(done.expect("kill").success());
}

#[test]
fn a_tree_over_an_older_one_has_its_own_pages_and_the_old_ones_go() {
    let folder = Folder::new();
    let other = golden("real310-pv").bytes();
    let (one, two) = (
        folder.file("one.sav", &image()),
        folder.file("two.sav", &other),
    );
    let (tree, out) = (folder.path("tree"), folder.path("out.sav"));
    let names = |wanted: &[&str]| {
        let mut names: Vec<_> = fs::read_dir(&tree)
            .expect("the tree")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        assert_eq!(names, wanted);
    };
    assert_eq!(run(["decode", arg(&one), "-o", arg(&tree)]).code, 0);
    names(&["image.json", "pages.bin"]);
    assert_eq!(run(["decode", arg(&two), "-o", arg(&tree)]).code, 0);
    names(&["image.json", "pages.2.bin"]);
    assert_eq!(run(["encode", arg(&tree), "-o", arg(&out)]).code, 0);
    assert!(fs::read(&out).expect("the image") == *other);
    // A tree in another notation keeps its pages.
    assert_eq!(
        run(["decode", arg(&one), "-o", arg(&tree), "--yaml"]).code,
        0
    );
    names(&["image.json", "image.yaml", "pages.2.bin", "pages.bin"]);
    for (tree_name, bytes) in [("image.json", &other[..]), ("image.yaml", &image())] {
        let encode = run(["encode", arg(&tree.join(tree_name)), "-o", arg(&out)]);
        assert_eq!(encode.code, 0, "{encode:?}");
        assert!(fs::read(&out).expect("the image") == bytes, "{tree_name}");
    }
    // What fails leaves the old pair alone.
    let refused = run(["decode", arg(&one), "-o", arg(&tree), "--no-clobber"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    names(&["image.json", "image.yaml", "pages.2.bin", "pages.bin"]);
}

#[test]
fn pages_of_another_image_are_refused() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let (tree, out) = (folder.path("t.json"), folder.path("out.sav"));
    assert_eq!(run(["decode", arg(&one), "-o", arg(&tree)]).code, 0);
    let pages = folder.path("t.pages.bin");
    let mut bytes = fs::read(&pages).expect("pages");
    // Of the same size, as those of another image of the same domain are.
    bytes[5000] ^= 1;
    fs::write(&pages, &bytes).expect("a file");
    let refused = run(["encode", arg(&tree), "-o", arg(&out)]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("another image's, or was edited"),
        "{refused:?}"
    );
    assert!(!out.exists());
    let told = run(["encode", arg(&tree), "-o", arg(&out), "--any-pages"]);
    assert_eq!(told.code, 0, "{told:?}");
}

#[test]
fn a_tree_is_not_replaced_by_what_is_made_of_it() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let tree = folder.path("t.json");
    assert_eq!(run(["decode", arg(&one), "-o", arg(&tree)]).code, 0);
    let pages = folder.path("t.pages.bin");
    let before = fs::read(&pages).expect("pages");
    std::os::unix::fs::symlink(&pages, folder.path("link")).expect("a link");
    fs::hard_link(&pages, folder.path("hard")).expect("a link");
    for out in ["t.pages.bin", "t.json", "link", "hard"] {
        let refused = run(["encode", arg(&tree), "-o", arg(&folder.path(out))]);
        assert_eq!(refused.code, 2, "{out}: {refused:?}");
        assert!(refused.err.contains("choose another OUT"), "{refused:?}");
    }
    assert!(fs::read(&pages).expect("pages") == before);
}

#[test]
fn a_few_kilobytes_do_not_fill_a_disk() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let (tree, out) = (folder.path("t.json"), folder.path("out.sav"));
    assert_eq!(run(["decode", arg(&one), "-o", arg(&tree)]).code, 0);
    let mut text: Value = serde_json::from_slice(&fs::read(&tree).expect("a tree")).expect("JSON");
    text["checkpoints"][0]["unallocated"] = serde_json::json!(["0x0-0x2fffff"]);
    fs::write(&tree, text.to_string()).expect("a file");
    let refused = run(["encode", arg(&tree), "-o", arg(&out)]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("--allow-large"), "{refused:?}");
    assert!(refused.err.contains("unallocated"), "{refused:?}");
    assert!(!out.exists());
    let asked = run(["encode", arg(&tree), "-o", arg(&out), "--allow-large"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(fs::metadata(&out).expect("the image").len() > 3 << 23);
    // However much memory the tree itself claims.
    text["checkpoints"][0]["unallocated"] = serde_json::json!(["0x0-0xfffffffe"]);
    let last = text["memmap"]["descriptors"]
        .as_array_mut()
        .expect("descriptors");
    last.last_mut().expect("one")["num_pages"] = serde_json::json!(1u64 << 50);
    fs::write(&tree, text.to_string()).expect("a file");
    let refused = run(["encode", arg(&tree), "-o", arg(&folder.path("more"))]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("--allow-large"), "{refused:?}");
}

#[test]
fn what_is_written_can_be_read() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let out = folder.path("out.sav");
    for (size, code) in [(1 << 20, 0), ((1 << 20) + 1, 1)] {
        let config = folder.file("config", &vec![b' '; size]);
        for kind in ["xend", "xl"] {
            let _ = fs::remove_file(&out);
            let convert = ["convert", arg(&one), "-o", arg(&out), "--envelope", kind];
            let done = run(convert.into_iter().chain(["--config", arg(&config)]));
            assert_eq!(done.code, code, "{kind} {size}: {done:?}");
            assert_eq!(out.exists(), code == 0);
            if code == 0 {
                assert_eq!(run(["info", arg(&out)]).code, 0, "{kind}");
            } else {
                assert!(done.err.contains("limit-exceeded"), "{done:?}");
            }
        }
    }
    let tree = folder.path("t.json");
    assert_eq!(run(["decode", arg(&one), "-o", arg(&tree)]).code, 0);
    let mut text: Value = serde_json::from_slice(&fs::read(&tree).expect("a tree")).expect("JSON");
    let config = " ".repeat((1 << 20) + 1);
    text["envelope"] = serde_json::json!({ "kind": "xend", "config": config });
    fs::write(&tree, text.to_string()).expect("a file");
    let refused = run(["encode", arg(&tree), "-o", arg(&folder.path("more"))]);
    assert_eq!(refused.code, 1, "{}", refused.err.len());
    assert!(refused.err.contains("at most 1048576"));
}

#[test]
fn of_several_edits_at_once_none_is_lost() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &image());
    let edits: Vec<_> = (0..8)
        .map(|number| {
            let vcpu = number / 4;
            let field = ["ip", "cfm", "ar.rsc", "pr"][number % 4];
            (format!("vcpu[{vcpu}].regs.{field}"), 0x100 + number)
        })
        .collect();
    let children: Vec<_> = edits
        .iter()
        .map(|(field, value)| {
            command(["edit", arg(&path), "--in-place", "--force"])
                .arg(format!("{field}={value}"))
                .stdout(Stdio::null())
                .spawn()
                .expect("the program starts")
        })
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    for (field, value) in edits {
        let told = run(["dump", "--format", "json", arg(&path), &field]).out;
        assert!(
            told.contains(&format!("\"{value:#x}\"")) || told.contains(&value.to_string()),
            "{field}: {told}"
        );
    }
    assert_eq!(folder.names(), ["in.sav"]);
}

#[test]
fn an_inventory_stays_until_the_new_one_is_whole() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let out = folder.path("out.jsonl");
    assert_eq!(run(["batch", arg(&one), "-o", arg(&out)]).code, 0);
    let before = fs::read(&out).expect("the inventory");
    let fifo = folder.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    for signal in ["-KILL", "-TERM"] {
        // The second waits for somebody to write.
        let mut child = command([
            "batch",
            "--jobs",
            "1",
            arg(&one),
            arg(&fifo),
            "-o",
            arg(&out),
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
        let writer = fs::OpenOptions::new()
            .write(true)
            .open(&fifo)
            .expect("a reader");
        kill(signal, child.id());
        child.wait().expect("it ends");
        drop(writer);
        assert!(fs::read(&out).expect("the inventory") == before);
        assert_eq!(folder.names(), ["fifo", "one.sav", "out.jsonl"], "{signal}");
    }
    let kept = run(["batch", arg(&one), "-o", arg(&out), "--no-clobber"]);
    assert_eq!(kept.code, 4, "{kept:?}");
    assert!(kept.err.contains("--no-clobber"), "{kept:?}");
}

#[test]
fn seeds_that_are_interrupted_leave_no_folder() {
    for (signal, number) in [("-TERM", 15), ("-INT", 2), ("-HUP", 1), ("-QUIT", 3)] {
        let folder = Folder::new();
        let mut child = command(["corpus", "export", arg(&folder.path("seeds"))])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        until("a folder", || !folder.names().is_empty());
        kill(signal, child.id());
        let status = child.wait().expect("it ends");
        if status.success() {
            // It was faster.
            assert_eq!(folder.names(), ["seeds"]);
            continue;
        }
        assert_eq!(status.signal(), Some(number));
        assert_eq!(folder.names(), [""; 0], "{signal}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_with_a_name() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let out = folder.path("out.sav");
    for args in [
        vec!["convert", arg(&one), "--compact", "-o", arg(&out)],
        vec!["extract", arg(&one), "--raw", "-o", arg(&out)],
    ] {
        let shell = Command::new("sh")
            .args([
                "-c",
                "ulimit -f 100; exec \"$0\" \"$@\"",
                env!("CARGO_BIN_EXE_ia64save"),
            ])
            .args(&args)
            .output()
            .expect("a shell");
        let done = Run::from(shell);
        assert_eq!(done.code, 4, "{done:?}");
        assert!(done.err.contains("out.sav: "), "{done:?}");
        assert_eq!(folder.names(), ["one.sav"]);
    }
}

#[test]
fn what_is_no_image_is_refused_before_it_is_unpacked() {
    let folder = Folder::new();
    let png = [b"\x89PNG\r\n\x1a\n".to_vec(), vec![7; 4 << 20]].concat();
    let noise: Vec<u8> = (0..1u32 << 20)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (bytes, says) in [
        (&png, "this is a PNG picture"),
        (&vec![0; 64 << 20], "not recognised as a save image"),
        (&noise, "not recognised as a save image"),
    ] {
        let packed = folder.file("x.zst", &zstd::encode_all(&bytes[..], 1).expect("memory"));
        for args in [
            vec!["find", arg(&packed), "--text", "a"],
            vec!["repair", arg(&packed), "-o", "/dev/null"],
            vec!["decode", arg(&packed), "-o", "/dev/null"],
        ] {
            // Nothing can be put there.
            let done = command(&args).env("TMPDIR", folder.path("none")).output();
            let done = Run::from(done.expect("the program starts"));
            assert_eq!(done.code, 63, "{args:?}: {done:?}");
            assert!(done.err.contains(says), "{done:?}");
        }
    }
    let packed = folder.file("x.zst", &zstd::encode_all(&image()[..], 1).expect("memory"));
    let find = ["find", arg(&packed), "--text", "a", "--unpack-limit"];
    let done = run(find.into_iter().chain(["1M"]));
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.err.contains("--unpack-limit"), "{done:?}");
    assert_eq!(run(find.into_iter().chain(["1G"])).code, 0);
    assert_eq!(run(find.into_iter().chain(["1X"])).code, 2);
}

#[test]
fn what_is_packed_and_cut_short_is_read_as_far_as_it_unpacks() {
    let folder = Folder::new();
    let bytes = image();
    for packed in [
        zstd::encode_all(&bytes[..], 1).expect("memory"),
        gzip(&bytes),
        liblzma::encode_all(&bytes[..], 0).expect("memory"),
    ] {
        let cut = folder.file("cut", &packed[..packed.len() - packed.len() / 3]);
        let out = folder.path("out");
        let refused = run(["find", arg(&cut), "--text", "Linux"]);
        // As with grep: 1 would say that there is no hit.
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("with --damaged"), "{refused:?}");
        let found = run([
            "find",
            arg(&cut),
            "--bytes",
            "00",
            "--limit",
            "1",
            "--damaged",
        ]);
        assert_eq!(found.code, 0, "{found:?}");
        assert!(found.err.contains("warning"), "{found:?}");
        let pages = run(["repair", arg(&cut), "--pages-only", "-o", arg(&out)]);
        assert_eq!(pages.code, 0, "{pages:?}");
        assert!(pages.err.contains("warning"), "{pages:?}");
        assert!(fs::metadata(out.join("pages.bin")).expect("pages").len() > 1 << 20);
        fs::remove_dir_all(&out).expect("a folder");
        let raw = ["extract", arg(&cut), "--raw", "-o", arg(&out)];
        assert_eq!(run(raw).code, 1);
        assert!(!out.exists());
        let done = run(raw.into_iter().chain(["--damaged"]));
        assert_eq!(done.code, 0, "{done:?}");
        fs::remove_file(&out).expect("a file");
    }
}

#[test]
fn digests_are_of_the_file_and_of_what_is_in_it() {
    let folder = Folder::new();
    let bytes = image();
    for packed in [
        zstd::encode_all(&bytes[..], 1).expect("memory"),
        // Padding is no part of the image, but of the file.
        [gzip(&bytes), vec![0; 4096]].concat(),
    ] {
        let path = folder.file("x", &packed);
        let options = ["info", "--digest", "--format", "json"];
        let file = run(options.into_iter().chain([arg(&path)])).entry();
        let pipe = super::program::run_with(options.into_iter().chain(["-"]), &packed).entry();
        for told in [file, pipe] {
            assert_eq!(told["file_size"], packed.len());
            assert_eq!(told["sha256"], sha(&packed));
            assert_eq!(told["unpacked_size"], bytes.len());
            assert_eq!(told["unpacked_sha256"], sha(&bytes));
        }
        let row: Value =
            serde_json::from_str(&run(["batch", "--digest", arg(&path)]).out).expect("JSON");
        assert_eq!(
            (&row["sha256"], &row["unpacked_sha256"]),
            (&sha(&packed).into(), &sha(&bytes).into())
        );
    }
    let path = folder.file("x", &bytes);
    let told = run(["info", "--digest", "--format", "json", arg(&path)]).entry();
    assert_eq!(
        (&told["sha256"], &told["file_size"]),
        (&sha(&bytes).into(), &bytes.len().into())
    );
    assert_eq!(told.get("unpacked_size"), None);
}

#[test]
fn an_elf_core_of_another_kind_is_called_the_same_everywhere() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let core = folder.path("x.core");
    let made = run(["extract", arg(&one), "--elf-core", "-o", arg(&core)]);
    assert_eq!(made.code, 0, "{made:?}");
    let out = folder.path("out");
    let mut said: Vec<String> = Vec::new();
    for args in [
        vec!["info", arg(&core)],
        vec!["check", arg(&core)],
        vec!["dump", arg(&core)],
        vec!["map", arg(&core)],
        vec!["find", arg(&core), "--text", "a"],
        vec!["extract", arg(&core), "--raw", "-o", arg(&out)],
        vec!["repair", arg(&core), "-o", arg(&out)],
    ] {
        let done = run(&args);
        assert_eq!(done.code, 63, "{args:?}: {done:?}");
        said.push(done.err);
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    // One of xm dump-core that is cut short is that.
    let whole = folder.path("xen.core");
    let made = run(["extract", arg(&one), "--xen-core", "-o", arg(&whole)]);
    assert_eq!(made.code, 0, "{made:?}");
    let bytes = fs::read(&whole).expect("a core");
    for cut in [30, 70, 5000, bytes.len() / 2, bytes.len() - 1] {
        let cut = folder.file("cut.core", &bytes[..cut]);
        let done = run(["info", arg(&cut)]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(done.err.contains("truncated"), "{done:?}");
    }
}

#[test]
fn names_may_be_as_long_as_the_file_system_allows() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    for length in [243, 250, 255] {
        let out = folder.path(&"x".repeat(length));
        for _ in 0..2 {
            let done = run(["convert", arg(&one), "--compact", "-o", arg(&out)]);
            assert_eq!(done.code, 0, "{length}: {done:?}");
        }
    }
}

#[test]
fn who_may_read_what() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let (inventory, copy, report) = (
        folder.path("i.jsonl"),
        folder.path("c.sav"),
        folder.path("r.html"),
    );
    let shell = |line: &str, args: &[&str]| {
        let done = Command::new("sh")
            .args(["-c", line, env!("CARGO_BIN_EXE_ia64save")])
            .args(args)
            .output()
            .expect("a shell");
        assert!(done.status.success(), "{done:?}");
    };
    let line = "umask 027; exec \"$0\" \"$@\"";
    shell(line, &["batch", arg(&one), "-o", arg(&inventory)]);
    shell(line, &["convert", arg(&one), "--compact", "-o", arg(&copy)]);
    shell(line, &["report", arg(&one), "-o", arg(&report)]);
    // The memory, registers and configuration of a guest are its owner's alone.
    assert_eq!(
        (mode(&inventory), mode(&copy), mode(&report)),
        (0o640, 0o600, 0o600)
    );
    drop(File::open(&copy).expect("its owner reads it"));
}

#[test]
fn no_clobber_keeps_what_is_there_whichever_command_writes() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let there = folder.file("there", b"precious");
    let pages = folder.path("pages");
    fs::create_dir(&pages).expect("a folder");
    fs::write(pages.join("ia64save-xen-save.1"), "precious").expect("a page");
    let (one, there) = (arg(&one), arg(&there));
    for args in [
        &["simulate", "restore", one, "--resave", there][..],
        &["simulate", "save", "--memory", "4MiB", "-o", there],
        &["report", one, "-o", there],
        &["repair", one, "-o", there],
        &["extract", "--raw", one, "-o", there],
        &["extract", "--strings", one, "-o", there],
        &["man", "--all", arg(&pages)],
    ] {
        let kept = run(args.iter().chain(&["--no-clobber"]));
        assert_eq!(kept.code, 4, "{args:?}: {kept:?}");
        assert!(kept.err.contains("--no-clobber"), "{args:?}: {kept:?}");
        assert_eq!(fs::read(folder.path("there")).expect("it"), b"precious");
    }
    // Of a folder of pages none is written then.
    assert_eq!(fs::read_dir(&pages).expect("the folder").count(), 1);
    assert_eq!(folder.names(), ["one.sav", "pages", "there"]);
    let without = run(["simulate", "restore", one, "--no-clobber"]);
    assert_eq!(without.code, 2, "{without:?}");
}

#[test]
fn a_domain_is_not_saved_again_over_its_image() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let done = run(["simulate", "restore", arg(&one), "--resave", arg(&one)]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("choose another OUT"), "{done:?}");
    assert!(fs::read(&one).expect("the image") == image());
}

#[test]
fn a_tree_goes_where_it_can_be() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let there = folder.file("there", b"precious");
    for (out, why) in [
        (arg(&there), "a tree has its pages beside it"),
        ("-", "a tree has its pages beside it"),
        ("/dev/stdout", "a tree has its pages beside it"),
        ("/dev/null", "a tree has its pages beside it"),
        (arg(&folder.path("tree.json.zst")), "a tree is not packed"),
    ] {
        let done = run(["decode", arg(&one), "-o", out]);
        assert_eq!(done.code, 2, "{out}: {done:?}");
        assert!(done.err.contains(why), "{out}: {done:?}");
    }
    assert_eq!(folder.names(), ["one.sav", "there"]);
}

#[test]
fn lines_and_pages_are_packed_or_say_that_they_are_not() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let (plain, packed) = (folder.path("r.html"), folder.path("r.html.gz"));
    for out in [&plain, &packed] {
        let done = run(["report", arg(&one), "-o", arg(out)]);
        assert_eq!(done.code, 0, "{done:?}");
    }
    let mut unpacked = Vec::new();
    let file = File::open(&packed).expect("the page");
    let mut decoder = flate2::read::GzDecoder::new(file);
    std::io::Read::read_to_end(&mut decoder, &mut unpacked).expect("gzip");
    assert!(unpacked == fs::read(&plain).expect("the page"));
    let lines = folder.path("lines.jsonl.zst");
    let done = run(["batch", arg(&one), "-o", arg(&lines)]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.err.contains("not packed"), "{done:?}");
    assert!(!lines.exists());
}

#[test]
fn lines_for_standard_output_are_as_silent_by_any_name() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let dash = run(["batch", arg(&one), "-o", "-"]);
    let named = run(["batch", arg(&one), "-o", "/dev/stdout"]);
    assert_eq!((named.code, &named.out), (0, &dash.out), "{named:?}");
    assert_eq!(named.err, dash.err);
    let resumed = run(["batch", arg(&one), "--resume", "-o", "/dev/stdout"]);
    assert_eq!(resumed.code, 2, "{resumed:?}");
}

#[test]
fn what_is_packed_for_standard_output_has_its_end() {
    let folder = Folder::new();
    let one = folder.file("one.sav", &image());
    let saved = ["simulate", "save", "--memory", "4MiB", "-o", "-"];
    for args in [
        &saved[..],
        &["simulate", "restore", arg(&one), "--resave", "-"],
        &["convert", "--compact", arg(&one), "-o", "-"],
        &["extract", "--raw", arg(&one), "-o", "-"],
        &["report", arg(&one), "-o", "-"],
    ] {
        let bytes = |how: &str| {
            let done = command(args.iter().chain(&["--compress", how])).output();
            let done = done.expect("it starts");
            assert!(done.status.success(), "{args:?}: {done:?}");
            done.stdout
        };
        let mut unpacked = Vec::new();
        let packed = bytes("gz");
        let mut decoder = flate2::read::GzDecoder::new(&packed[..]);
        let read = std::io::Read::read_to_end(&mut decoder, &mut unpacked);
        assert!(read.is_ok(), "{args:?}: {read:?}");
        assert!(unpacked == bytes("none"), "{args:?}");
    }
}

#[test]
fn a_domain_larger_than_its_host_is_refused_before_it_is_made() {
    for command in [&["save", "-o", "/dev/null"][..], &["migrate"]] {
        for size in ["2TiB", "900TiB", "16777215TiB"] {
            let args = ["simulate"].iter().chain(command);
            let done = run(args.chain(&["--memory", size]));
            assert_eq!(done.code, 2, "{size}: {done:?}");
            assert!(done.err.contains("the host has"), "{size}: {done:?}");
        }
    }
}
