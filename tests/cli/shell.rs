//! Completions and manual pages.

use std::fs;
use std::process::Command;

use super::program::{Folder, Run, arg, command, run};

/// The commands that `ia64save -h` lists.
fn commands() -> Vec<String> {
    let help = run(["-h"]).out;
    let list = help.split("Commands:\n").nth(1).expect("commands");
    let list = list.split("\n\n").next().expect("commands");
    let names = list
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .map(str::to_owned)
        .filter(|name| name != "help")
        .collect()
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

#[test]
fn bash_takes_its_script() {
    let folder = Folder::new();
    let script = folder.file("ia64save", run(["completions", "bash"]).out.as_bytes());
    let ask = "source \"$0\"; COMP_WORDS=(ia64save inf); COMP_CWORD=1; _ia64save ia64save inf ia64save; echo \"${COMPREPLY[*]}\"";
    let output = Command::new("bash")
        .args(["-c", ask, arg(&script)])
        .output();
    let output = output.expect("bash starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "info\n",
        "{output:?}"
    );
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
        let page = page.replace('\\', "");
        for word in page.split_whitespace() {
            if let Some(other) = word.strip_suffix("(1)") {
                assert!(names.contains(&format!("{other}.1")), "{name}: {other}");
                cited += 1;
            }
        }
    }
    assert_eq!(cited, names.len() - 1, "but for the first, one cites each");
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
