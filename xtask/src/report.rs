//! The page of `ia64save report` in a headless Chromium: `tests/browser/report.mjs`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{release, target};
use crate::kaitai::once;
use crate::step::{Outcome, run};

/// What the test needs from npm.
const MANIFEST: &str = "tests/browser/package.json";

/// Installs the driver of the browser, builds the tool and runs the test. With `shots`, pictures of
/// the pages go into that folder.
pub fn check(shots: Option<&str>) -> Outcome {
    let target = target();
    let node = target.join("report");
    install(&node).then(release).then(|| {
        let mut test = Command::new("node");
        test.arg("tests/browser/report.mjs").arg(&node);
        test.arg(target.join("release/ia64save"))
            .arg("tests/corpus");
        run(test.args(shots))
    })
}

/// The driver with npm, of the version that [`MANIFEST`] names, unless it is there. The browser itself
/// is Debian's.
fn install(node: &Path) -> Outcome {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Outcome::Failed(format!("{}: {error}", path.display()))
    };
    let wanted = match fs::read_to_string(MANIFEST) {
        Ok(manifest) => manifest,
        Err(error) => return failed(Path::new(MANIFEST), &error),
    };
    if let Err(error) = fs::create_dir_all(node) {
        return failed(node, &error);
    }
    once(node, &wanted, || {
        if let Err(error) = fs::write(node.join("package.json"), &wanted) {
            return failed(node, &error);
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
}
