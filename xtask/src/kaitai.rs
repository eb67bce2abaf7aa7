//! The Kaitai Struct grammar against the tool: `spec/ia64_save.ksy`, compiled to Python, has to find in
//! every image what `ia64save dump` prints.
//!
//! What it needs from registries goes into the target directory and stays there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{example, release, target};
use crate::step::{Outcome, run};

/// What compares, and what it needs from PyPI.
const RUNTIME: [&str; 2] = ["kaitaistruct==0.11", "zstandard==0.25.0"];

/// Streams that `differential` reads where nobody says otherwise: the good ones, and one in so many of
/// the bad ones.
const SHARE: &str = "1/8";

/// Installs, builds, generates, compiles and compares.
pub fn check() -> Outcome {
    let target = target();
    let folder = target.join("kaitai");
    let (node, venv) = (folder.join("node"), folder.join("venv"));
    let (parser, images) = (folder.join("parser"), folder.join("images"));
    prepare(&node, &venv, &[&parser, &images])
        .then(|| example("generate", &[&images]))
        .then(|| {
            run(Command::new("node").arg("spec/kaitai/compile.mjs").args([
                &node,
                Path::new("spec/ia64_save.ksy"),
                &parser,
            ]))
        })
        .then(|| {
            let tool = target.join("release/ia64save");
            run(Command::new(venv.join("bin/python"))
                .arg("spec/kaitai/compare.py")
                .arg("--parser")
                .arg(&parser)
                .arg("--tool")
                .arg(&tool)
                .args(["--golden", "tests/corpus/golden", "--generated"])
                .arg(&images)
                .args(["--layout", "spec/layout"]))
        })
}

/// Good and bad streams of every dialect through the grammar and through the tool: both accept a stream
/// or both refuse it, in the same part, with every field at the same offset.
pub fn differential(share: Option<&str>) -> Outcome {
    let target = target();
    let folder = target.join("kaitai");
    let (node, venv) = (folder.join("node"), folder.join("venv"));
    let (parser, corpus) = (folder.join("parser"), folder.join("corpus"));
    let tool = target.join("release/ia64save");
    prepare(&node, &venv, &[&parser, &corpus])
        .then(|| run(Command::new(&tool).args(["corpus", "export"]).arg(&corpus)))
        .then(|| {
            run(Command::new("node").arg("spec/kaitai/compile.mjs").args([
                &node,
                Path::new("spec/ia64_save.ksy"),
                &parser,
            ]))
        })
        .then(|| {
            run(Command::new(venv.join("bin/python"))
                .arg("spec/kaitai/differential.py")
                .arg("--parser")
                .arg(&parser)
                .arg("--tool")
                .arg(&tool)
                .arg("--corpus")
                .arg(&corpus)
                .args(["--share", share.unwrap_or(SHARE)]))
        })
}

/// What is needed, and the tool; nothing that an older generator or compiler has left.
fn prepare(node: &Path, venv: &Path, old: &[&Path]) -> Outcome {
    install(node, venv).then(|| {
        for old in old {
            if old.exists()
                && let Err(error) = fs::remove_dir_all(old)
            {
                return Outcome::Failed(format!("{}: {error}", old.display()));
            }
        }
        release()
    })
}

/// The compiler with npm and its runtime with pip, of the versions that `package.json` and [`RUNTIME`]
/// name, unless they are there.
fn install(node: &Path, venv: &Path) -> Outcome {
    let wanted = match fs::read_to_string("spec/kaitai/package.json") {
        Ok(manifest) => manifest,
        Err(error) => return Outcome::Failed(format!("spec/kaitai/package.json: {error}")),
    };
    if let Err(error) = fs::create_dir_all(node) {
        return Outcome::Failed(format!("{}: {error}", node.display()));
    }
    once(node, &wanted, || {
        if let Err(error) = fs::write(node.join("package.json"), &wanted) {
            return Outcome::Failed(format!("{}: {error}", node.display()));
        }
        let quiet = [
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
        ];
        run(Command::new("npm")
            .args(["install", "--no-save", "--no-package-lock"])
            .args(quiet)
            .arg("--prefix")
            .arg(node))
    })
    .then(|| {
        once(venv, &RUNTIME.join("\n"), || {
            run(Command::new("python3").args(["-m", "venv"]).arg(venv)).then(|| {
                run(Command::new(venv.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                    ])
                    .args(RUNTIME))
            })
        })
    })
}

/// Installs into a folder, unless a note in it says that just that was installed before.
pub fn once(folder: &Path, what: &str, install: impl FnOnce() -> Outcome) -> Outcome {
    let note = folder.join("installed");
    if fs::read_to_string(&note).is_ok_and(|had| had == what) {
        return Outcome::Passed(String::new());
    }
    install().then(|| match fs::write(&note, what) {
        Ok(()) => Outcome::Passed(String::new()),
        Err(error) => Outcome::Failed(format!("{}: {error}", note.display())),
    })
}
