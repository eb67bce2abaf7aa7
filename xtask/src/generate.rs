//! The step `generate`: the descriptions of the structures for other programs.

use crate::step::{Outcome, cargo, run};

/// Writes the generated parts of the files; or says whether they are what would be written, and
/// tests what writes them.
pub fn generate(check: bool) -> Outcome {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "tables",
    ]);
    command.args(["--bin", "generate", "--"]);
    if !check {
        return run(&mut command);
    }
    let tests = [
        "test",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "tables,capture",
        "--bins",
    ];
    run(command.arg("--check")).then(|| run(&mut cargo(&tests)))
}
