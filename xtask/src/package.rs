//! What is handed to others: crates for a registry, a Debian package, `cargo install`.
//!
//! Without `--full` crates are packed but not built from their packs, which takes minutes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::target;
use crate::step::{Outcome, cargo, read, run};
use crate::tools;

/// The crates of the registry, each behind those that it needs.
const CRATES: [&str; 6] = [
    "ia64save-codec",
    "ia64save-guest",
    "ia64save-generate",
    "ia64save-sim",
    "ia64save-xen",
    "ia64save",
];
/// Shells whose completions the Debian package has: the shell, the file.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "ia64save"),
    ("zsh", "_ia64save"),
    ("fish", "ia64save.fish"),
];
/// What the Debian package must have in it.
const CONTENTS: [&str; 11] = [
    "usr/bin/ia64save",
    "usr/share/man/man1/ia64save.1.gz",
    "usr/share/man/man1/ia64save-check.1.gz",
    "usr/share/man/man1/ia64save-corpus-export.1.gz",
    "usr/share/man/man1/ia64save-simulate-save.1.gz",
    "usr/share/man/man1/ia64save-xen-list.1.gz",
    "usr/share/bash-completion/completions/ia64save",
    "usr/share/zsh/vendor-completions/_ia64save",
    "usr/share/fish/vendor_completions.d/ia64save.fish",
    "usr/share/doc/ia64save/copyright",
    "usr/share/doc/ia64save/ia64-save.md",
];

/// Packs the crates, installs the program with cargo, builds the Debian package, installs that into a
/// folder, and runs both.
pub fn check(full: bool) -> Outcome {
    let target = target();
    crates(full)
        .then(|| install(&target))
        .then(|| debian(&target))
}

/// `cargo package` of every crate; those that are not published yet stand in for each other.
fn crates(full: bool) -> Outcome {
    let mut command = cargo(&["package", "--allow-dirty", "--quiet"]);
    for name in CRATES {
        command.args(["--package", name]);
    }
    if !full {
        command.arg("--no-verify");
    }
    run(&mut command)
}

/// `cargo install`, of what the target directory has built already.
fn install(target: &Path) -> Outcome {
    let root = target.join("package-install");
    let mut command = cargo(&["install", "--path", ".", "--locked", "--force", "--quiet"]);
    command
        .arg("--target-dir")
        .arg(target)
        .arg("--root")
        .arg(&root);
    run(&mut command).then(|| works(&root.join("bin/ia64save")))
}

/// Whether a program is the one of this version, and reads an image.
fn works(program: &Path) -> Outcome {
    let version = match read(Command::new(program).arg("--version")) {
        Ok(version) => String::from_utf8_lossy(&version).trim().to_owned(),
        Err(error) => return Outcome::Failed(error),
    };
    if !version.starts_with("ia64save ") {
        return Outcome::Failed(format!("{} says {version}", program.display()));
    }
    let golden = "tests/corpus/golden/real340-pv-2vcpu.sav.zst";
    match read(Command::new(program).args(["check", "--format", "json", golden])) {
        Ok(_) => Outcome::Passed(version),
        Err(error) => Outcome::Failed(error),
    }
}

/// The Debian package: built, looked into, installed into an empty root, run.
fn debian(target: &Path) -> Outcome {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("dpkg") {
        return Outcome::Passed("crates; no Debian package: there is no dpkg".into());
    }
    if let skipped @ Outcome::Skipped(_) = tools::DEB.ensure() {
        return skipped;
    }
    let deb = target.join("package.deb");
    let root = target.join("package-root");
    assets(target)
        .then(|| {
            let mut command = cargo(&[
                "deb",
                "--no-build",
                "--package",
                "ia64save",
                "--quiet",
                "--output",
            ]);
            run(command.arg(&deb))
        })
        .then(|| {
            let contents = match read(Command::new("dpkg-deb").arg("--contents").arg(&deb)) {
                Ok(contents) => String::from_utf8_lossy(&contents).into_owned(),
                Err(error) => return Outcome::Failed(error),
            };
            let lost = CONTENTS.iter().find(|path| {
                let mut lines = contents.lines();
                !lines.any(|line| line.ends_with(&format!("./{path}")))
            });
            match lost {
                Some(path) => Outcome::Failed(format!("{}: no {path}", deb.display())),
                None => Outcome::Passed(String::new()),
            }
        })
        .then(|| unpack(&deb, &root))
        .then(|| works(&root.join("usr/bin/ia64save")))
        .then(|| Outcome::Passed(format!("{} crates, {}", CRATES.len(), deb.display())))
}

/// What goes into the package and is made by the program itself.
fn assets(target: &Path) -> Outcome {
    let program = target.join("release/ia64save");
    let folder = target.join("assets");
    let failed =
        |error: &dyn std::fmt::Display| Outcome::Failed(format!("{}: {error}", folder.display()));
    if folder.exists()
        && let Err(error) = fs::remove_dir_all(&folder)
    {
        return failed(&error);
    }
    for (shell, file) in SHELLS {
        let place = folder.join("completions");
        let script = match read(Command::new(&program).args(["completions", shell])) {
            Ok(script) => script,
            Err(error) => return Outcome::Failed(error),
        };
        let written = fs::create_dir_all(&place).and_then(|()| fs::write(place.join(file), script));
        if let Err(error) = written {
            return failed(&error);
        }
    }
    run(Command::new(&program)
        .arg("man")
        .arg("--all")
        .arg(folder.join("man")))
}

/// Installs into an empty root, as dpkg does it, but for what it depends on.
fn unpack(deb: &Path, root: &Path) -> Outcome {
    let made = (|| {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("var/lib/dpkg/status"), "")?;
        fs::canonicalize(root)
    })();
    let root = match made {
        Ok(root) => root,
        Err(error) => return Outcome::Failed(format!("{}: {error}", root.display())),
    };
    let mut command = Command::new("dpkg");
    command.args(["--force-not-root", "--force-depends", "--log=/dev/null"]);
    run(command.arg("--root").arg(root).arg("--install").arg(deb))
}
