//! The cores of `ia64save extract` in readelf, gdb and volatility3: `tests/debuggers/compare.py`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{release, target};
use crate::kaitai::once;
use crate::step::{Outcome, run};

/// What the test needs from PyPI.
const MODULES: [&str; 1] = ["volatility3==2.28.2"];

/// Installs volatility3 into the target directory, builds the tool and runs the test. The other
/// programs are Debian's: gdb-multiarch and binutils-ia64-linux-gnu.
pub fn check() -> Outcome {
    let target = target();
    let venv = target.join("debuggers");
    install(&venv).then(release).then(|| {
        run(Command::new(venv.join("bin/python"))
            .arg("tests/debuggers/compare.py")
            .arg("--tool")
            .arg(target.join("release/ia64save"))
            .args(["--golden", "tests/corpus/golden"]))
    })
}

fn install(venv: &Path) -> Outcome {
    if let Err(error) = fs::create_dir_all(venv) {
        return Outcome::Failed(format!("{}: {error}", venv.display()));
    }
    once(venv, &MODULES.join("\n"), || {
        run(Command::new("python3").args(["-m", "venv"]).arg(venv)).then(|| {
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ];
            run(Command::new(venv.join("bin/python"))
                .args(pip)
                .args(MODULES))
        })
    })
}
