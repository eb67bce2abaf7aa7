//! Completions and manual pages.

use std::fs;
use std::process::Command;

use super::program::{Folder, Run, arg, command, run};

/// The commands that `ia64save -h` lists.
fn commands() -> Vec<String> {
    let help = run(["-h"]).out;
    let list = help.split("Look:\n").nth(1).expect("commands");
    let list = list.split("Options:").next().expect("commands");
    let names = list
        .lines()
        .filter(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names
        .map(str::to_owned)
        .filter(|name| name != "help")
        .collect();
    assert!(names.len() > 15, "{names:?}");
    names
}

#[test]
fn every_shell_is_told_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(["completions", shell]);
        assert_eq!(script.code, 0, "{shell}");
        for command in commands() {
            assert!(script.out.contains(&command), "{shell}: {command}");
        }
    }
    assert_eq!(run(["completions", "cmd"]).code, 2);
}

/// What is typed, and what has to be among the answers, and what must not.
const ASKED: [(&str, &[&str], &str); 12] = [
    ("inf", &["info"], "map"),
    ("info --dialect xen-3.", &["xen-3.3", "xen-3.4"], "xen-4.0"),
    ("convert --to ", &["xen-3.3", "dev-20071021"], "pv"),
    ("info --guest ", &["pv", "hvm"], "xen-3.3"),
    ("simulate save --workload ", &["idle", "bursts"], "pv"),
    ("simulate save --dialect xen-4", &["xen-4.2"], "xen-3.4"),
    ("simulate restore --host xen-4", &["xen-4.2"], "xen-3.4"),
    ("info --era D7", &["D7a", "D7c"], "D8a"),
    ("convert --to D1", &["D1", "D10a"], "xen-3.3"),
    (
        "explain vcpumap",
        &["vcpumap-max", "vcpumap-empty"],
        "truncated",
    ),
    ("man sim", &["simulate"], "info"),
    ("completions z", &["zsh"], "bash"),
];

/// Whether a shell is there; CI has them all.
fn has(shell: &str) -> bool {
    let there = Command::new(shell).arg("--version").output().is_ok();
    assert!(
        there || std::env::var_os("CI").is_none(),
        "CI has no {shell}"
    );
    there
}

/// Asks a shell, which prints an answer a line, in a folder with one file.
fn asked(folder: &Folder, shell: &str, ask: impl Fn(&str) -> Vec<String>) {
    folder.file("real.sav", b"");
    let answers = |line: &str| {
        let output = Command::new(shell)
            .args(ask(line))
            .current_dir(folder.path(""))
            .env("HOME", folder.path(""))
            .output()
            .expect("the shell starts");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = out.lines().filter_map(|line| line.split('\t').next());
        words.map(|word| word.trim().to_owned()).collect::<Vec<_>>()
    };
    for (line, expected, other) in ASKED {
        let found = answers(line);
        for word in expected {
            assert!(
                found.iter().any(|own| own == word),
                "{shell}: {line}: {found:?}"
            );
        }
        assert!(
            !found.iter().any(|own| own == other),
            "{shell}: {line}: {found:?}"
        );
    }
    // Files where files are meant.
    let found = answers("info re");
    let bash = shell == "bash"; // which looks for files itself where a script finds nothing
    assert!(
        bash && found.concat().is_empty() || found == ["real.sav"],
        "{shell}: {found:?}"
    );
}

#[test]
fn bash_completes() {
    let folder = Folder::new();
    let script = folder.file("ia64save", run(["completions", "bash"]).out.as_bytes());
    let ask = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
               _ia64save ia64save \"${@: -1}\" \"${@: -2:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    asked(&folder, "bash", |line| {
        let words = ["--norc", "-c", ask, arg(&script), "ia64save"].map(str::to_owned);
        words
            .into_iter()
            .chain(line.split(' ').map(str::to_owned))
            .collect()
    });
    let complete = run(["completions", "bash"]).out;
    assert!(
        complete.contains("-o default"),
        "files are completed where nothing else is"
    );
}

#[test]
fn fish_completes() {
    if !has("fish") {
        return;
    }
    let folder = Folder::new();
    let script = folder.file("script.fish", run(["completions", "fish"]).out.as_bytes());
    asked(&folder, "fish", |line| {
        let ask = format!("source {}; complete -C 'ia64save {line}'", arg(&script));
        vec!["--no-config".into(), "-c".into(), ask]
    });
}

#[test]
fn zsh_completes() {
    if !has("zsh") {
        return;
    }
    let folder = Folder::new();
    fs::create_dir(folder.path("functions")).expect("a folder");
    folder.file(
        "functions/_ia64save",
        run(["completions", "zsh"]).out.as_bytes(),
    );
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/shell/zsh.zsh");
    asked(&folder, "zsh", |line| {
        let functions = arg(&folder.path("functions")).to_owned();
        vec![
            "-f".into(),
            driver.into(),
            functions,
            format!("ia64save {line}"),
        ]
    });
}

#[test]
fn every_command_has_a_page() {
    let folder = Folder::new();
    let pages = folder.path("man1");
    assert_eq!(run(["man", "--all", arg(&pages)]).code, 0);
    let whole = fs::read_to_string(pages.join("ia64save.1")).expect("the page");
    assert!(whole.contains(".TH IA64SAVE 1"), "{whole}");
    for command in commands() {
        let page = fs::read_to_string(pages.join(format!("ia64save-{command}.1")));
        let page = page.unwrap_or_else(|error| panic!("{command}: {error}"));
        let title = format!(".TH IA64SAVE-{} 1", command.to_uppercase());
        assert!(page.contains(&title), "{command}: {page}");
        assert_eq!(run(["man", &command]).out, page);
    }
    let save = fs::read_to_string(pages.join("ia64save-simulate-save.1")).expect("a page");
    assert!(save.contains(".TH IA64SAVE-SIMULATE-SAVE 1"), "{save}");
    assert_eq!(run(["man", "simulate", "save"]).out, save);
    for no in [&["man", "nothing"][..], &["man", "simulate", "nothing"]] {
        assert_eq!(run(no).code, 2, "{no:?}");
    }
}

#[test]
fn every_page_that_a_page_cites_is_there() {
    let folder = Folder::new();
    assert_eq!(run(["man", "--all", arg(&folder.path(""))]).code, 0);
    let names = folder.names();
    let mut cited = 0;
    for name in &names {
        let page = fs::read_to_string(folder.path(name)).expect("a page");
        let page = page
            .replace("\\fB", "")
            .replace("\\fR", "")
            .replace('\\', "");
        for word in page.split_whitespace() {
            if let Some(other) = word.trim_end_matches([',', '.']).strip_suffix("(1)") {
                assert!(names.contains(&format!("{other}.1")), "{name}: {other}");
                cited += 1;
            }
        }
    }
    assert!(cited > names.len() * 3, "{cited} of {}", names.len());
}

#[test]
fn a_page_has_every_section() {
    let folder = Folder::new();
    assert_eq!(run(["man", "--all", arg(&folder.path(""))]).code, 0);
    for name in folder.names() {
        let page = fs::read_to_string(folder.path(&name)).expect("a page");
        let sections = [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXAMPLES",
            "EXIT STATUS",
            "SEE ALSO",
        ];
        for section in sections {
            let heads = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            assert!(
                heads.iter().any(|head| page.contains(head)),
                "{name}: {section}"
            );
        }
        assert!(page.contains("ia64save "), "{name}");
    }
    let find = fs::read_to_string(folder.path("ia64save-find.1")).expect("a page");
    let plain = find
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fR", "")
        .replace("\\fI", "");
    for text in [
        "--bytes HEX",
        "text|json|jsonl",
        ".SH FILES",
        "Nothing was found.",
        "IMAGE",
    ] {
        assert!(plain.contains(text), "{text}: {plain}");
    }
    let nearly = run(["man", "conver"]);
    assert!(nearly.err.contains("did you mean convert?"), "{nearly:?}");
}

#[test]
fn pages_need_a_folder() {
    let folder = Folder::new();
    let mut man = command(["man", "--all", "-"]);
    let refused: Run = man
        .current_dir(folder.path(""))
        .output()
        .expect("it starts")
        .into();
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("takes a folder"), "{refused:?}");
    assert!(folder.names().is_empty());
}
