//! The cores of `ia64save extract` in readelf, gdb and volatility3: `tests/debuggers/compare.py`; backtraces of
//! a whole kernel in gdb, and the same core in drgn: `tests/debuggers/guestk.py`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{release, target};
use crate::kaitai::once;
use crate::step::{Outcome, run};

/// What the tests need from PyPI.
const MODULES: [&str; 2] = ["volatility3==2.28.2", "drgn==0.3.0"];
/// The tests, each with the option that names its images, and these.
const TESTS: [[&str; 3]; 2] = [
    ["compare.py", "--golden", "tests/corpus/golden"],
    ["guestk.py", "--guestk", "tests/corpus/guestk"],
];

/// Installs volatility3 and drgn into the target directory, builds the tool and runs the tests. The
/// other programs are Debian's: gdb-multiarch, binutils-ia64-linux-gnu and zstd.
pub fn check() -> Outcome {
    let target = target();
    let venv = target.join("debuggers");
    install(&venv)
        .then(release)
        .then(|| compare(&venv, &target, TESTS[0]))
        .then(|| compare(&venv, &target, TESTS[1]))
}

fn compare(venv: &Path, target: &Path, [test, option, images]: [&str; 3]) -> Outcome {
    run(Command::new(venv.join("bin/python"))
        .arg(Path::new("tests/debuggers").join(test))
        .arg("--tool")
        .arg(target.join("release/ia64save"))
        .args([option, images]))
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
