//! The steps `dissector` and `pattern`: Wireshark's dissector and ImHex's pattern against the goldens.

use crate::step::{Outcome, cargo, run};

/// Relocates every golden over the loopback interface and compares what `tshark` shows of it.
pub fn dissector() -> Outcome {
    program(&[])
}

/// Evaluates the pattern on every golden; skipped where its evaluator is not installed.
pub fn pattern() -> Outcome {
    match program(&["--pattern"]) {
        Outcome::Skipped(_) => {
            Outcome::Skipped("plcli, ImHex's evaluator, is not installed: NOT evaluated".into())
        }
        outcome => outcome,
    }
}

fn program(args: &[&str]) -> Outcome {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "capture",
    ]);
    run(command.args(["--bin", "dissector", "--"]).args(args))
}
