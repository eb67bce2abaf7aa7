//! The codec in its layers: each feature alone, none and all; machines without an operating system; the
//! oldest compiler that each crate declares.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::step::{Outcome, cargo, read, run};
use crate::tools;

const CODEC: &str = "ia64save-codec";
/// Machines of 32 bits without an operating system.
const BARE: [&str; 2] = ["wasm32-unknown-unknown", "thumbv7em-none-eabi"];
/// The hack that takes every feature alone, and none; all of them is what the step `test` does.
const EACH: [&str; 5] = [
    "--package",
    CODEC,
    "--each-feature",
    "--exclude-all-features",
    "--exclude-features=default",
];

/// Quick to build, a dozen times; what is run is quick anyway.
const QUICK: (&str, &str) = ("CARGO_PROFILE_DEV_OPT_LEVEL", "0");

/// All of it; of the tests with each feature those of the library, and the others as well if it is to be
/// `full`, which takes long. What a target or a compiler cannot be had for is said to be SKIPPED.
pub fn check(full: bool) -> Outcome {
    let mut skipped = Vec::new();
    let hack = || {
        let mut hack = cargo(&["hack"]);
        hack.args(EACH).env(QUICK.0, QUICK.1);
        hack
    };
    let tests: &[&str] = if full {
        &["--lib", "--tests"]
    } else {
        &["--lib"]
    };
    tools::HACK
        .ensure()
        .then(|| run(hack().args(["clippy", "--all-targets", "--", "-D", "warnings"])))
        .then(|| run(hack().args(["test", "--quiet"]).args(tests)))
        .then(|| bare(&mut skipped))
        .then(|| oldest(&mut skipped))
        .then(|| Outcome::Passed(skipped.join("; ")))
}

/// Without an operating system, with none of the features and with all.
fn bare(skipped: &mut Vec<String>) -> Outcome {
    let mut outcome = Outcome::Passed(String::new());
    for target in BARE {
        if !has(&["target", "list", "--installed"], target) && !rustup(&["target", "add", target]) {
            skip(skipped, &format!("{target}: it cannot be had"));
            continue;
        }
        let check = ["check", "--package", CODEC, "--target", target];
        outcome = outcome
            .then(|| run(cargo(&check).arg("--no-default-features")))
            .then(|| run(&mut cargo(&check)));
    }
    outcome
}

/// Every crate of the workspace with the compiler that its `rust-version` names.
fn oldest(skipped: &mut Vec<String>) -> Outcome {
    let metadata = read(&mut cargo(&[
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]));
    let packages = match metadata.map(|json| serde_json::from_slice(&json)) {
        Ok(Ok(metadata)) => versions(&metadata),
        Ok(Err(error)) => return Outcome::Failed(error.to_string()),
        Err(error) => return Outcome::Failed(error),
    };
    let mut outcome = Outcome::Passed(String::new());
    for (version, names) in packages {
        if is_current(&version) {
            continue; // every other step has built with it
        }
        let install = ["toolchain", "install", &version, "--profile", "minimal"];
        let own = format!("{version}-");
        if !has(&["toolchain", "list"], &own) && !rustup(&install) {
            skip(skipped, &format!("Rust {version}: it cannot be had"));
            continue;
        }
        outcome = outcome.then(|| {
            let mut check = Command::new("cargo");
            check.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
            check.arg(format!("+{version}")).args(["check", "--locked"]);
            for name in &names {
                check.args(["--package", name]);
            }
            run(&mut check)
        });
    }
    outcome
}

/// Whether it is the compiler that runs here.
fn is_current(version: &str) -> bool {
    let output = Command::new("rustc").arg("--version").output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.starts_with(&format!("rustc {version}."))
    })
}

/// The declared versions, and the crates that are published and declare them.
fn versions(metadata: &Value) -> Vec<(String, Vec<String>)> {
    let mut versions: Vec<(String, Vec<String>)> = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let published = package["publish"]
            .as_array()
            .is_none_or(|to| !to.is_empty());
        let (Some(name), Some(version), true) = (
            package["name"].as_str(),
            package["rust_version"].as_str(),
            published,
        ) else {
            continue;
        };
        match versions.iter_mut().find(|(own, _)| own == version) {
            Some((_, names)) => names.push(name.into()),
            None => versions.push((version.into(), vec![name.into()])),
        }
    }
    versions
}

fn skip(skipped: &mut Vec<String>, what: &str) {
    println!("layers: SKIPPED {what}");
    skipped.push(format!("SKIPPED {what}"));
}

/// Whether a list of rustup's has a line that begins with this.
fn has(list: &[&str], name: &str) -> bool {
    let output = Command::new("rustup")
        .args(list)
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().any(|line| line.starts_with(name))
    })
}

fn rustup(args: &[&str]) -> bool {
    matches!(run(Command::new("rustup").args(args)), Outcome::Passed(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_told_by_their_compilers() {
        let package = |name: &str, version: &str, publish: Value| serde_json::json!({ "name": name, "rust_version": version, "publish": publish });
        let metadata = serde_json::json!({ "packages": [
            package("a", "1.88", Value::Null),
            package("b", "1.95", Value::Null),
            package("c", "1.88", serde_json::json!(["registry"])),
            package("d", "1.85", serde_json::json!([])),
        ] });
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [
            ("1.88".to_string(), list(&["a", "c"])),
            ("1.95".to_string(), list(&["b"])),
        ];
        assert_eq!(versions(&metadata), expected);
    }
}
