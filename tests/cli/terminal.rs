//! What is shown fits the screen, whatever it is; what nobody can read stays off it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ia64save_corpus::{golden, hostile};

use super::program::{Folder, Run, arg, command, run};

/// Standard output and error of a screen of so many columns.
fn on(columns: usize, locale: &str, args: &[&str]) -> String {
    let mut command = command(args);
    command
        .env("COLUMNS", columns.to_string())
        .env("LC_ALL", locale);
    let done: Run = command.output().expect("it starts").into();
    format!("{}{}", done.out, done.err)
}

/// Columns that a line takes; nothing here is wider than one.
fn width(line: &str) -> usize {
    line.chars().count()
}

/// Something of everything.
fn lines(folder: &Folder) -> Vec<Vec<String>> {
    let pv = folder.file("pv.sav", &golden("r410-pv-live-balloon").bytes());
    let hvm = folder.file("hvm.sav", &golden("r410-hvm-live-4vcpu-hole").bytes());
    let mut all = Vec::new();
    let mut add = |words: &[&str]| all.push(words.iter().map(|word| (*word).to_owned()).collect());
    for path in [&pv, &hvm] {
        let path = arg(path);
        for command in ["info", "check", "map", "dump"] {
            add(&[command, path]);
        }
        add(&["dump", path, "vcpu[*].regs.psr"]);
        add(&["find", path, "--text", "xen"]);
        add(&["compare", path, arg(&pv)]);
        add(&["compare", "--strict", path, arg(&pv)]);
        add(&["simulate", "restore", path]);
    }
    add(&["info", "--digest", arg(&hvm)]);
    add(&[
        "extract",
        "--virtual",
        arg(&pv),
        "-o",
        arg(&folder.path("core")),
    ]);
    add(&["dump", arg(&pv), "vcpu[0].regs.nothing"]);
    add(&[
        "simulate",
        "save",
        "--live",
        "-o",
        arg(&folder.path("made.sav")),
    ]);
    add(&["explain"]);
    add(&["explain", "vcpu-rbs"]);
    for command in [
        "",
        "info",
        "convert",
        "extract",
        "simulate save",
        "xen save",
    ] {
        for help in ["-h", "--help"] {
            let words: Vec<_> = command.split_whitespace().chain([help]).collect();
            add(&words);
        }
    }
    add(&["convert", "--bogus"]);
    for case in hostile() {
        let path = folder.file(&format!("{}.sav", case.name), &case.bytes());
        for command in ["check", "info"] {
            add(&[command, arg(&path)]);
        }
    }
    all
}

#[test]
fn every_screen_is_wide_enough() {
    let folder = Folder::new();
    for words in lines(&folder) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for columns in [40, 64, 80, 120, 200] {
            let shown = on(columns, "C.UTF-8", &words);
            for line in shown.lines() {
                assert!(width(line) <= columns, "{words:?} at {columns}: {line:?}");
            }
            assert!(!shown.is_empty(), "{words:?}");
        }
    }
}

#[test]
fn ascii_is_enough_where_there_is_nothing_else() {
    let folder = Folder::new();
    for words in lines(&folder) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let shown = on(80, "C", &words);
        assert!(shown.is_ascii(), "{words:?}: {shown}");
    }
}

#[test]
fn a_wide_screen_is_used() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("r410-hvm-live-4vcpu-hole").bytes());
    let widest = |columns| {
        let shown = on(columns, "C.UTF-8", &["map", arg(&path)]);
        shown.lines().map(width).max().unwrap_or(0)
    };
    assert!(widest(200) > widest(80), "a wide screen has longer bars");
}

/// Runs a command on a terminal, with `script`.
fn terminal(line: &str, folder: &Path) -> Run {
    let mut script = Command::new("script");
    // Who waits for what is typed waits for long.
    let line = format!("timeout --foreground 6 \"$PROGRAM\" {line}");
    script
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env("PROGRAM", env!("CARGO_BIN_EXE_ia64save"))
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .current_dir(folder)
        .stdin(Stdio::null());
    script.output().expect("script starts").into()
}

#[test]
fn a_terminal_sees_nothing_binary_and_is_told_who_waits() {
    if Command::new("script").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has no script");
        return;
    }
    let folder = Folder::new();
    let bytes = golden("real310-pv").bytes();
    folder.file("in.sav", &bytes);
    for line in [
        "convert --compact in.sav -o -",
        "convert --compact in.sav -o /dev/stdout",
        "convert --compact in.sav -o /dev/tty",
        "extract --raw in.sav -o -",
        "extract --page 1 in.sav -o -",
        "repair in.sav -o -",
        "simulate save -o -",
        "edit in.sav vcpu[0].user_regs.pr=0x1 -o -",
    ] {
        let done = terminal(line, &folder.path(""));
        assert_eq!(done.code, 2, "{line}: {done:?}");
        assert!(done.out.contains("binary"), "{line}: {done:?}");
        assert!(done.out.len() < 1000, "{line}");
    }
    // Text may be shown.
    let done = terminal("extract --strings in.sav", &folder.path(""));
    assert_eq!(done.code, 0, "{done:?}");
    let done = terminal("info -", &folder.path(""));
    assert!(done.out.contains("reads standard input"), "{done:?}");
}

#[test]
fn standard_output_by_any_name_has_the_data_alone() {
    let folder = Folder::new();
    let path = folder.file("in.sav", &golden("real310-pv").bytes());
    let expected = command(["convert", "--compact", arg(&path), "-o", "-"]).output();
    let expected = expected.expect("it starts").stdout;
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let done = command(["convert", "--compact", arg(&path), "-o", name]).output();
        let done = done.expect("it starts");
        assert!(done.status.success(), "{name}");
        assert!(
            done.stdout == expected,
            "{name}: {} bytes",
            done.stdout.len()
        );
        assert!(!done.stderr.is_empty(), "{name}: the account is told");
    }
    // A file behind standard output is written to where it is, not replaced.
    let out = folder.path("out");
    let file = fs::File::create(&out).expect("a file");
    let mut convert = command(["convert", "--compact", arg(&path), "-o", "/dev/stdout"]);
    let done = convert.stdout(file.try_clone().expect("a file")).output();
    assert!(done.expect("it starts").status.success());
    assert!(fs::read(&out).expect("the file") == expected);
}

#[test]
fn a_name_says_how_a_file_is_packed() {
    let folder = Folder::new();
    let bytes = golden("real310-pv").bytes();
    let path = folder.file("in.sav", &bytes);
    let plain = folder.path("plain.sav");
    assert_eq!(
        run(["convert", "--compact", arg(&path), "-o", arg(&plain)]).code,
        0
    );
    let magics: [(&str, &[u8]); 3] = [
        ("zst", b"\x28\xb5\x2f\xfd"),
        ("gz", b"\x1f\x8b"),
        ("xz", b"\xfd7zXZ"),
    ];
    for (extension, magic) in magics {
        let out = folder.path(&format!("out.sav.{extension}"));
        let made: [&[&str]; 4] = [
            &["convert", "--compact", arg(&path), "-o", arg(&out)],
            &["repair", arg(&plain), "-o", arg(&out)],
            &[
                "edit",
                arg(&plain),
                "vcpu[0].user_regs.pr=0x1",
                "-o",
                arg(&out),
            ],
            &["simulate", "save", "--memory", "4MiB", "-o", arg(&out)],
        ];
        for (index, words) in made.into_iter().enumerate() {
            let done = run(words.iter().copied());
            assert_eq!(done.code, 0, "{words:?}: {done:?}");
            let packed = fs::read(&out).expect("the file");
            assert!(packed.starts_with(magic), "{words:?}");
            // What is simulated is large.
            assert!(index == 3 || packed.len() < bytes.len(), "{words:?}");
            if index == 0 {
                assert_eq!(run(["compare", "--strict", arg(&plain), arg(&out)]).code, 0);
            }
            assert_eq!(run(["check", arg(&out)]).code, 0, "{words:?}");
        }
        let raw = folder.path(&format!("raw.{extension}"));
        assert_eq!(
            run(["extract", "--raw", arg(&path), "-o", arg(&raw)]).code,
            0
        );
        assert!(fs::read(&raw).expect("the file").starts_with(magic));
    }
    let out = folder.path("not.sav.gz");
    let words = [
        "convert",
        "--compact",
        arg(&path),
        "--compress",
        "none",
        "-o",
        arg(&out),
    ];
    assert_eq!(run(words).code, 0);
    assert!(fs::read(&out).expect("the file") == fs::read(&plain).expect("the file"));
}
