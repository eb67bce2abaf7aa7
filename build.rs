//! Says which commit the program was built from, where that is known.

use std::path::Path;
use std::process::Command;

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=IA64SAVE_COMMIT");
    let told = std::env::var("IA64SAVE_COMMIT").ok();
    // A crate from a registry lies in no repository, or in somebody else's.
    let own = Path::new(".git").exists();
    if own {
        // What a commit changes: the branch's tip, or what says which branch that is.
        for name in ["HEAD", "logs/HEAD"] {
            if let Some(path) = git(&["rev-parse", "--git-path", name]) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    let commit = told.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]).filter(|_| own));
    let commit = commit.unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=IA64SAVE_COMMIT={commit}");
}
