//! ImHex's pattern, evaluated by ImHex's own command line where there is one.

use std::fs;
use std::path::Path;
use std::process::Command;

use ia64save_corpus::{GeneratedImage, Params, generate, kinds};
use serde_json::Value;

use crate::compare::{column, each};
use crate::golden::Golden;

/// The pattern, from the root of the project.
const PATTERN: &str = "spec/ia64_save.hexpat";
/// The evaluator of the pattern language.
const PROGRAM: &str = "plcli";

/// Whether the evaluator is on this machine.
pub fn is_there() -> bool {
    Command::new(PROGRAM).arg("--help").output().is_ok()
}

/// Evaluates the pattern on every golden, bare and in its envelope.
pub fn check(goldens: &[Golden], directory: &Path) -> Vec<String> {
    println!("$ {PROGRAM} format --pattern {PATTERN} --formatter json ...");
    let mut complaints = Vec::new();
    for golden in goldens {
        for (kind, bytes) in [("bare", golden.image.clone()), ("xend", golden.file())] {
            let differences = evaluated(&bytes, directory)
                .map_or_else(|error| vec![error], |shown| differences(golden, &shown));
            let name = &golden.name;
            complaints.extend(
                differences
                    .iter()
                    .map(|text| format!("{name}, {kind}: {text}")),
            );
        }
    }
    for (dialect, guest) in kinds() {
        let image = generate(&Params::rich(dialect, guest, 1));
        let wrong = match evaluated(&image.bytes, directory) {
            Ok(shown) => made_up(&image, &shown),
            Err(error) => Some(error),
        };
        complaints.extend(wrong.map(|text| format!("made-up {} {guest}: {text}", dialect.id())));
    }
    complaints
}

/// Whether every round was found, and nothing behind the last.
fn made_up(image: &GeneratedImage, shown: &Value) -> Option<String> {
    let rounds = shown["file"]["checkpoints"]
        .as_array()
        .into_iter()
        .flatten();
    let gmfns: Vec<Vec<u64>> = rounds
        .map(|round| column(&round["pages"], "gmfn"))
        .collect();
    let expected: Vec<Vec<u64>> = image
        .plan
        .rounds
        .iter()
        .map(|round| round.pages.clone())
        .collect();
    let left = shown["file"].get("trailing").is_some();
    (gmfns != expected || left)
        .then(|| format!("{gmfns:?} is shown, {expected:?} is true, bytes left behind: {left}"))
}

fn evaluated(bytes: &[u8], directory: &Path) -> Result<Value, String> {
    let [input, output] = ["input.sav", "output.json"].map(|name| directory.join(name));
    let _ = fs::remove_file(&output); // it refuses to write over a file
    fs::write(&input, bytes).map_err(|error| error.to_string())?;
    let run = Command::new(PROGRAM)
        .args(["format", "--verbose", "--pattern", PATTERN])
        .args(["--formatter", "json", "--input"])
        .arg(&input)
        .arg("--output")
        .arg(&output)
        .output()
        .map_err(|error| format!("{PROGRAM}: {error}"))?;
    let text = fs::read(&output).map_err(|_| {
        let said = String::from_utf8_lossy(&run.stdout);
        format!("{PROGRAM}: {}: {said}", run.status)
    })?;
    serde_json::from_slice(&text).map_err(|error| format!("{PROGRAM}: {error}"))
}

fn differences(golden: &Golden, shown: &Value) -> Vec<String> {
    let truth = &golden.truth;
    let file = &shown["file"];
    let checkpoint = &file["checkpoints"][0];
    let tail = &checkpoint["tail"];
    let (_, guest) = golden.kind();
    let contexts: Vec<&Value> = if guest == "hvm" {
        let contexts = tail["contexts"].as_array().into_iter().flatten();
        contexts.map(|vcpu| &vcpu["context"]).collect()
    } else {
        let vcpus = tail["vcpu"].as_array().into_iter().flatten();
        vcpus.map(|vcpu| &vcpu["registers"]["context"]).collect()
    };
    let of_contexts = |new: [&str; 2], old: [&str; 2]| -> Vec<u64> {
        let values = contexts.iter().flat_map(|context| {
            let new = each(&context[new[0]][new[1]]);
            if new.is_empty() {
                each(&context[old[0]][old[1]])
            } else {
                new
            }
        });
        values.collect()
    };
    let page = &tail["shared_info_page"];
    let info = [&page["shared_info"], &page["info"]["shared_info"]];
    let start_info = info
        .into_iter()
        .flat_map(|info| each(&info["arch"]["start_info_pfn"]));
    let rows: [(&str, Vec<u64>, Vec<u64>); 8] = [
        (
            "p2m_size",
            each(&file["head"]["p2m_size"]),
            each(&truth["p2m_size"]),
        ),
        (
            "gmfn",
            column(&checkpoint["pages"], "gmfn"),
            each(&truth["pages"]["order"]),
        ),
        (
            "pfns",
            each(&checkpoint["unallocated"]["pfns"]),
            each(&truth["unallocated"]["pfns"]),
        ),
        (
            "ip",
            of_contexts(["regs", "ip"], ["user_regs", "cr_iip"]),
            column(&truth["vcpus"], "ip"),
        ),
        (
            "cfm",
            of_contexts(["regs", "cfm"], ["user_regs", "cr_ifs"]),
            column(&truth["vcpus"], "cfm"),
        ),
        (
            "length",
            column(&tail["hvm_context"]["records"], "length"),
            column(&truth["hvm_context"]["records"], "length"),
        ),
        (
            "instance",
            column(&tail["hvm_context"]["records"], "instance"),
            column(&truth["hvm_context"]["records"], "instance"),
        ),
        (
            "start_info_pfn",
            start_info.collect(),
            each(&truth["shared_info"]["start_info_pfn"]),
        ),
    ];
    let mut found: Vec<String> = rows
        .iter()
        .filter(|(_, shown, expected)| shown != expected)
        .map(|(what, shown, expected)| format!("{what}: {shown:?} is shown, {expected:?} is true"))
        .collect();
    if file.get("trailing").is_some() {
        found.push("bytes are left behind the stream".into());
    }
    found
}
