//! `cargo xtask circles`: in no crate of the workspace do files need each other in a circle, and in the
//! root package nothing of the library needs the program in `src/cli`.
//!
//! An arrow runs from the file that names something to the file that defines it, through whatever
//! re-exports lie between; a re-export (`pub use`) is a signpost and draws none. A module and those
//! below it, a whole and its parts, may need each other, but nothing may lead from a part back to it by
//! way of others; with `--strict` they may not either. Code under `#[cfg(test)]` does not count.
//! `cargo modules --acyclic` does not serve: to it a signpost is an arrow, and every file that needs its
//! parent makes a circle.
//!
//! | file | what |
//! |---|---|
//! | `targets` | the crates, from `cargo metadata` |
//! | `modules` | a crate's files, modules, and the names in them |
//! | `mentions` | the paths in a module |
//! | `resolve` | where a path leads |
//! | `knots` | the circles of a graph |

mod knots;
mod mentions;
mod modules;
mod resolve;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use modules::Crate;

/// Arrows of a circle that are shown.
const SHOWN: usize = 60;

/// From a file to another.
#[derive(Debug, Default)]
struct Arrow {
    /// What the first takes of the second.
    names: BTreeSet<String>,
    /// The second is a module below the first.
    to_part: bool,
    /// The first is a module below the second.
    to_whole: bool,
}

/// All of a crate, by the two files.
type Arrows = BTreeMap<(String, String), Arrow>;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("circles: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How many complaints there are, which are printed.
fn run() -> Result<usize, String> {
    let strict = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--strict" => true,
        _ => return Err("the only option is --strict".into()),
    };
    let mut complaints = 0;
    let mut files = BTreeSet::new();
    for target in targets::all()? {
        let all = Crate::read(&target.root)?;
        files.extend(all.files.iter().cloned());
        let arrows = arrows(&all);
        for circle in circles(&arrows, strict) {
            complaints += 1;
            println!("{}: a circle of {} files", target.name, circle.len());
            let within = |(from, to): &&(String, String)| {
                circle.contains(from.as_str()) && circle.contains(to.as_str())
            };
            show(&arrows, arrows.keys().filter(within));
        }
        let up: Vec<&(String, String)> = arrows.keys().filter(|arrow| runs_up(arrow)).collect();
        if target.is_root && !up.is_empty() {
            complaints += 1;
            println!("{}: the library needs the program", target.name);
            show(&arrows, up);
        }
    }
    println!("{} files, {complaints} complaints", files.len());
    Ok(complaints)
}

/// All arrows of a crate between two files.
fn arrows(all: &Crate) -> Arrows {
    let mut arrows = Arrows::new();
    for (at, module) in all.modules.iter().enumerate() {
        let paths = module.mentions.iter();
        let named = paths.filter_map(|path| resolve::definition(all, at, path));
        let calls = module.calls.iter();
        let called = calls.filter_map(|name| Some((*all.macros.get(name)?, name.clone())));
        for (to, name) in named.chain(called) {
            let file = all.modules[to].file;
            if file != module.file {
                let files = (all.files[module.file].clone(), all.files[file].clone());
                let arrow = arrows.entry(files).or_default();
                arrow.names.insert(name);
                arrow.to_part |= all.is_below(to, at);
                arrow.to_whole |= all.is_below(at, to);
            }
        }
    }
    arrows
}

/// The circles: those that are there without the arrows from wholes to parts, and those that are there
/// without the arrows from parts to wholes.
fn circles(arrows: &Arrows, strict: bool) -> Vec<BTreeSet<&str>> {
    let without = |left_out: fn(&Arrow) -> bool| {
        let edges: Vec<(&str, &str)> = arrows
            .iter()
            .filter(|(_, arrow)| strict || !left_out(arrow))
            .map(|((from, to), _)| (from.as_str(), to.as_str()))
            .collect();
        knots::circles(&edges)
    };
    let mut found = without(|arrow| arrow.to_whole);
    for circle in without(|arrow| arrow.to_part) {
        if !found.iter().any(|other| circle.is_subset(other)) {
            found.push(circle);
        }
    }
    found
}

/// Whether an arrow runs from the library of the root package up into its program.
fn runs_up((from, to): &(String, String)) -> bool {
    let program = |file: &str| file.starts_with("src/cli/") || file == "src/main.rs";
    from.starts_with("src/") && !program(from) && program(to)
}

fn show<'a>(arrows: &'a Arrows, some: impl IntoIterator<Item = &'a (String, String)>) {
    let some: Vec<_> = some.into_iter().collect();
    for arrow in some.iter().take(SHOWN) {
        let names: Vec<&str> = arrows[*arrow].names.iter().map(String::as_str).collect();
        println!("  {} -> {}: {}", arrow.0, arrow.1, names.join(", "));
    }
    if let Some(more @ 1..) = some.len().checked_sub(SHOWN) {
        println!("  and {more} more arrows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrows of a crate whose files are given with their paths.
    fn drawn(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let root = folder.path().join(files[0].0);
        let all = Crate::read(root.to_str().unwrap()).unwrap();
        let short = |path: &String| {
            let prefix = format!("{}/", folder.path().display());
            path.strip_prefix(&prefix).unwrap().to_string()
        };
        arrows(&all)
            .iter()
            .map(|((from, to), arrow)| {
                let names: Vec<&str> = arrow.names.iter().map(String::as_str).collect();
                let part = if arrow.to_part { " (part)" } else { "" };
                let whole = if arrow.to_whole { " (whole)" } else { "" };
                let names = names.join(" ");
                format!("{} -> {}: {names}{part}{whole}", short(from), short(to))
            })
            .collect()
    }

    #[test]
    fn a_name_leads_through_signposts_to_its_definition() {
        let files = [
            (
                "lib.rs",
                "pub mod a; mod b; pub use a::{Deep, one::Other as Named};",
            ),
            ("a/mod.rs", "mod one; pub use one::*; pub struct Own;"),
            (
                "a/one.rs",
                "use super::Own; pub struct Deep; pub struct Other(Own);",
            ),
            (
                "b.rs",
                "use crate::{Deep, Named}; use std::fmt; fn f(_: crate::a::Own, x: &fmt::Arguments) {}",
            ),
        ];
        let expected = [
            "a/one.rs -> a/mod.rs: Own (whole)",
            "b.rs -> a/mod.rs: Own",
            "b.rs -> a/one.rs: Deep Other",
        ];
        assert_eq!(drawn(&files), expected);
    }

    #[test]
    fn paths_count_wherever_they_stand_but_in_tests() {
        let files = [
            (
                "main.rs",
                "mod a; mod b; mod c;\nfn main() { a::run(); println!(\"{}\", b::NAME); }",
            ),
            (
                "a.rs",
                "pub fn run() { assert!(matches!(x, crate::b::Kind::One)); }",
            ),
            (
                "b.rs",
                "pub const NAME: u8 = 1; pub enum Kind { One }\n#[cfg(test)] mod tests { use crate::c; fn f() { c::g() } }",
            ),
            (
                "c.rs",
                "pub fn g() {} #[derive(Clone)] #[arg(with = super::a::run)] struct S; mod inner { use super::super::b::*; type K = Kind; }",
            ),
        ];
        let expected = [
            "a.rs -> b.rs: Kind",
            "c.rs -> a.rs: run",
            "c.rs -> b.rs: Kind",
            "main.rs -> a.rs: run (part)",
            "main.rs -> b.rs: NAME (part)",
        ];
        assert_eq!(drawn(&files), expected);
    }

    #[test]
    fn a_whole_and_its_parts_may_need_each_other() {
        let graph = |edges: &[(&str, &str, &str)]| -> Arrows {
            let edges = edges.iter().map(|(from, to, kind)| {
                let arrow = Arrow {
                    names: BTreeSet::new(),
                    to_part: *kind == "part",
                    to_whole: *kind == "whole",
                };
                (((*from).to_string(), (*to).to_string()), arrow)
            });
            edges.collect()
        };
        let room = [
            ("a", "a/x", "part"),
            ("a/x", "a", "whole"),
            ("a/y", "a", "whole"),
        ];
        assert!(circles(&graph(&room), false).is_empty());
        assert_eq!(circles(&graph(&room), true).len(), 1);
        let siblings = [("a", "a/x", "part"), ("a/x", "a/y", ""), ("a/y", "a/x", "")];
        assert_eq!(circles(&graph(&siblings), false).len(), 1);
        let through_a_part = [("a", "a/x", "part"), ("a/x", "b", ""), ("b", "a", "")];
        assert_eq!(circles(&graph(&through_a_part), false).len(), 1);
        let through_the_whole = [("a/x", "a", "whole"), ("a", "b", ""), ("b", "a/x", "")];
        assert_eq!(circles(&graph(&through_the_whole), false).len(), 1);
    }

    #[test]
    fn wholes_and_parts_are_known_by_their_modules() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod one; use one::One; pub struct Own(One);"),
            ("a/one.rs", "pub struct One(crate::b::B, super::Own);"),
            ("b.rs", "pub struct B;"),
        ];
        let expected = [
            "a/mod.rs -> a/one.rs: One (part)",
            "a/one.rs -> a/mod.rs: Own (whole)",
            "a/one.rs -> b.rs: B",
        ];
        assert_eq!(drawn(&files), expected);
    }

    #[test]
    fn a_macro_is_found_by_its_call() {
        let files = [
            ("lib.rs", "#[macro_use] mod a; mod b; mod c;"),
            ("a.rs", "macro_rules! make { () => {} }"),
            ("b.rs", "make!();"),
            ("c.rs", "fn f(make: u8) -> u8 { make }"),
        ];
        assert_eq!(drawn(&files), ["b.rs -> a.rs: make"]);
    }

    #[test]
    fn the_library_does_not_look_up() {
        let arrow = |from: &str, to: &str| runs_up(&(from.into(), to.into()));
        assert!(arrow("src/load.rs", "src/cli/args.rs"));
        assert!(!arrow("src/cli/args.rs", "src/load.rs"));
        assert!(!arrow("src/main.rs", "src/cli/args.rs"));
        assert!(!arrow("src/climate.rs", "src/load.rs"));
    }
}
