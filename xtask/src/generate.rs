//! The step `generate`: the descriptions of the structures for other programs.

use crate::step::{Outcome, cargo, run};

/// Writes the generated parts of the files, or says whether they are what would be written.
pub fn generate(check: bool) -> Outcome {
    let mut command = cargo(&["run", "--quiet", "--package", "xtask", "--features", "tables"]);
    command.args(["--bin", "generate", "--"]);
    if check {
        command.arg("--check");
    }
    run(&mut command)
}
