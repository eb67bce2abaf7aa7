//! How much of the codec the corpora reach: the replay of `fuzz/targets`, with the compiler's own
//! counters, read by `cargo llvm-cov`.
//!
//! It wants the tools of the LLVM that the compiler was built with: those of rustup's `llvm-tools`, or
//! `llvm-cov-N` and `llvm-profdata-N` of a distribution that has the same major version.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use serde_json::Value;

use crate::step::{Outcome, cargo, read};

/// What was reached, and all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    lines: (u64, u64),
    functions: (u64, u64),
    regions: (u64, u64),
}

/// Replays seeds, regressions and corpora, and prints what of each room of `codec/src` they reach.
pub fn report() -> Outcome {
    if !answers(&mut cargo(&["llvm-cov", "--version"])) {
        return Outcome::Skipped("no cargo llvm-cov; cargo install cargo-llvm-cov".into());
    }
    // Of one package it would speak of that alone; there is one test of this name.
    let mut tool = cargo(&["llvm-cov", "--workspace", "--test", "replay"]);
    tool.args(["--json", "--summary-only"]);
    if let Some([cov, profdata]) = distribution_tools() {
        tool.env("LLVM_COV", cov).env("LLVM_PROFDATA", profdata);
    }
    let told = match read(&mut tool) {
        Ok(told) => told,
        Err(why) => return Outcome::Failed(why),
    };
    let Some(rooms) = serde_json::from_slice(&told).ok().as_ref().and_then(rooms) else {
        return Outcome::Failed("cargo llvm-cov printed something else".into());
    };
    if rooms.is_empty() {
        return Outcome::Failed("nothing was said of codec/src".into());
    }
    println!("| `codec/src` | lines | | functions | | regions | |");
    println!("|---|---|---|---|---|---|---|");
    for (room, sum) in &rooms {
        println!("{}", row(room, sum));
    }
    Outcome::Passed(format!("{} parts of codec/src", rooms.len()))
}

fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// `llvm-cov` and `llvm-profdata` of the major version of the compiler's LLVM, by their names in Debian.
fn distribution_tools() -> Option<[String; 2]> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?;
    let major = version.split('.').next()?;
    let tools = ["llvm-cov", "llvm-profdata"].map(|name| format!("{name}-{major}"));
    tools
        .iter()
        .all(|name| answers(Command::new(name).arg("--version")))
        .then_some(tools)
}

/// Sums of the files of each room, and of all.
fn rooms(told: &Value) -> Option<BTreeMap<String, Sum>> {
    let mut rooms: BTreeMap<String, Sum> = BTreeMap::new();
    for file in told["data"][0]["files"].as_array()? {
        let Some((_, path)) = file["filename"].as_str()?.split_once("/codec/src/") else {
            continue;
        };
        let room = path.split(['/', '.']).next().unwrap_or_default();
        for name in [room, "all"] {
            let sum = rooms.entry(name.into()).or_default();
            for (kind, (reached, all)) in [
                ("lines", &mut sum.lines),
                ("functions", &mut sum.functions),
                ("regions", &mut sum.regions),
            ] {
                let kind = &file["summary"][kind];
                *reached += kind["covered"].as_u64()?;
                *all += kind["count"].as_u64()?;
            }
        }
    }
    Some(rooms)
}

fn row(room: &str, sum: &Sum) -> String {
    let mut row = format!("| {room} |");
    for (reached, all) in [sum.lines, sum.functions, sum.regions] {
        let part = reached * 100 / all.max(1);
        let _ = write!(row, " {reached} of {all} | {part} % |");
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_codec_are_summed_by_room() {
        let file = |path: &str, reached: u64| {
            let count = serde_json::json!({ "covered": reached, "count": 4 });
            let summary =
                serde_json::json!({ "lines": count, "functions": count, "regions": count });
            serde_json::json!({ "filename": path, "summary": summary })
        };
        let files = [
            file("/x/codec/src/decode/a.rs", 1),
            file("/x/codec/src/decode/b.rs", 2),
            file("/x/codec/src/limits.rs", 4),
            file("/x/driver-sim/src/lib.rs", 4),
        ];
        let rooms = rooms(&serde_json::json!({ "data": [{ "files": files }] })).unwrap();
        let rows: Vec<String> = rooms.iter().map(|(room, sum)| row(room, sum)).collect();
        let of = |reached, all, part| format!(" {reached} of {all} | {part} % |").repeat(3);
        assert_eq!(rows[0], format!("| all |{}", of(7, 12, 58)));
        assert_eq!(rows[1], format!("| decode |{}", of(3, 8, 37)));
        assert_eq!(rows[2], format!("| limits |{}", of(4, 4, 100)));
    }
}
