//! What no file may say: paths of one machine, code that is not there, tests that never run.

use std::path::Path;

use crate::files;
use crate::step::Outcome;

/// Directories at the root of a machine where people keep their work.
const PLACES: [&str; 5] = ["work", "root", "home", "Users", "mnt"];
/// Macros that stand for code that somebody meant to write, or forgot to remove.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Looks at every text file.
pub fn check() -> Outcome {
    println!("words: every text file of the project");
    let paths = match files::below(Path::new(".")) {
        Ok(paths) => paths,
        Err(error) => return Outcome::Failed(format!("listing files: {error}")),
    };
    let mut complaints = Vec::new();
    let mut read = 0;
    for path in paths {
        let text = match std::fs::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => continue, // not a text
            Err(error) => {
                complaints.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        read += 1;
        let rust = path.extension().is_some_and(|own| own == "rs");
        for (number, line) in text.lines().enumerate() {
            for word in refused(line, rust) {
                complaints.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    Outcome::of(&complaints, format!("{read} files"))
}

fn refused(line: &str, rust: bool) -> Vec<String> {
    let mut found: Vec<String> = PLACES
        .iter()
        .filter(|place| names_place(line, place))
        .map(|place| format!("a path below /{place} is that of one machine"))
        .collect();
    if rust {
        found.extend(
            UNFINISHED
                .iter()
                .filter(|name| calls(line, name))
                .map(|name| format!("{name}! is not finished code")),
        );
        let bare = concat!("#[", "ignore]");
        if line.contains(bare) {
            found.push(format!("{bare} needs a reason: #[ignore = \"...\"]"));
        }
    }
    found
}

/// Whether the line has `/place` as the beginning of a path.
fn names_place(line: &str, place: &str) -> bool {
    let needle = format!("/{place}");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || "._-/~*)}$>:".contains(c));
        let ends =
            after == Some('/') || !after.is_some_and(|c| c.is_alphanumeric() || "_-.".contains(c));
        starts && ends
    })
}

fn calls(line: &str, name: &str) -> bool {
    let needle = format!("{name}!");
    line.match_indices(&needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && after.is_some_and(|c| "([{".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_refused_and_parts_of_others_are_not() {
        let place = PLACES[0];
        assert!(names_place(&format!("see /{place}/x"), place));
        assert!(names_place(&format!("`/{place}`"), place));
        assert!(names_place(&format!("\"/{place}\""), place));
        for fine in [
            "a/{}/b",
            "https://x.org/{}/",
            "/{}er/",
            "../{}",
            "{}",
            "/{}.md",
        ] {
            assert!(!names_place(&fine.replace("{}", place), place), "{fine}");
        }
    }

    #[test]
    fn unfinished_code_is_refused() {
        let name = UNFINISHED[0];
        assert_eq!(refused(&format!("    {name}!()"), true).len(), 1);
        assert_eq!(refused(&format!("    {name}!()"), false).len(), 0);
        assert_eq!(refused(&format!("    not_{name}!()"), true).len(), 0);
        assert_eq!(refused(concat!("#[", "ignore]"), true).len(), 1);
        assert_eq!(refused("#[ignore = \"needs a Xen host\"]", true).len(), 0);
    }
}
