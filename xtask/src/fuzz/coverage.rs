//! How much of the codec the corpora reach, by the counters that libFuzzer has in every target.
//!
//! `-print_coverage=1` tells, function by function, how many of its edges were taken. Of a function that
//! several targets reach the most counts, so the sum is a lower bound. It needs llvm-symbolizer.

use std::collections::BTreeMap;
use std::process::Stdio;

use super::Folders;
use super::run::Run;
use crate::step::Outcome;

/// Edges of a function that were taken, and all of them.
type Edges = (u64, u64);

/// Runs every target over its corpus and prints what of each room of `codec/src` was reached.
pub fn report(folders: &Folders, targets: &[String]) -> Outcome {
    let mut functions: BTreeMap<String, Edges> = BTreeMap::new();
    for target in targets {
        match read(folders, target) {
            Ok(text) => {
                for (function, (taken, all)) in text.lines().filter_map(function) {
                    let best = functions.entry(function).or_default();
                    *best = (best.0.max(taken), best.1.max(all));
                }
            }
            Err(error) => return Outcome::Failed(format!("{target}: {error}")),
        }
    }
    let mut rooms: BTreeMap<&str, Edges> = BTreeMap::new();
    for (function, (taken, all)) in &functions {
        let room = function.split(['/', '.']).next().unwrap_or_default();
        for name in [room, "all of codec/src"] {
            let sum = rooms.entry(name).or_default();
            *sum = (sum.0 + taken, sum.1 + all);
        }
    }
    for (room, (taken, all)) in &rooms {
        println!(
            "{room:<18} {taken:>6} of {all:>6} edges  {:>3} %",
            taken * 100 / all.max(&1)
        );
    }
    if rooms.is_empty() {
        return Outcome::Skipped("the targets name no functions; llvm-symbolizer is wanted".into());
    }
    Outcome::Passed(format!("{} functions", functions.len()))
}

/// What libFuzzer says of a corpus.
fn read(folders: &Folders, target: &str) -> std::io::Result<String> {
    let Run { mut command, .. } = Run::new(folders, target)?;
    let output = command
        .args(["-runs=0", "-print_coverage=1"])
        .stdin(Stdio::null())
        .output()?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// `(UN)COVERED_FUNC: hits: 3 edges: 4/24 name path:line`, of the codec.
fn function(line: &str) -> Option<(String, Edges)> {
    let (_, rest) = line.split_once("COVERED_FUNC: ")?;
    let (taken, rest) = rest.split_once("edges: ")?.1.split_once('/')?;
    let (all, rest) = rest.split_once(' ')?;
    let (name, path) = rest.split_once("/codec/src/")?;
    // What the compiler derives is for tests and messages.
    if ["Debug>::fmt", "PartialEq>::eq", "Clone>::clone"]
        .iter()
        .any(|own| name.contains(own))
    {
        return None;
    }
    Some((path.to_string(), (taken.parse().ok()?, all.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_the_codec_are_read_and_no_others() {
        let line = "COVERED_FUNC: hits: 3 edges: 4/24 ia64save_codec::decode::f /x/codec/src/decode/d.rs:8";
        assert_eq!(function(line), Some(("decode/d.rs:8".into(), (4, 24))));
        let line = line.replace("codec/src", "xtask/src");
        assert_eq!(function(&line), None);
        assert_eq!(function("#3 INITED cov: 4"), None);
    }
}
