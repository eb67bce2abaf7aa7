//! The step `dissector`: Wireshark's dissector against the goldens.

use crate::step::{Outcome, cargo, run};

/// Relocates every golden over the loopback interface and compares what `tshark` shows of it.
pub fn dissector() -> Outcome {
    let mut command = cargo(&[
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--features",
        "capture",
    ]);
    run(command.args(["--bin", "dissector"]))
}
