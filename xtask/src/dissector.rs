//! The steps `dissector` and `pattern`: Wireshark's dissector and ImHex's pattern against the goldens.

use crate::cargo::program;
use crate::step::Outcome;

/// Relocates every golden over the loopback interface and compares what `tshark` shows of it.
pub fn dissector() -> Outcome {
    program("dissector", &[])
}

/// Evaluates the pattern on every golden; skipped where its evaluator is not installed.
pub fn pattern() -> Outcome {
    match program("dissector", &["--pattern"]) {
        Outcome::Skipped(_) => {
            Outcome::Skipped("plcli, ImHex's evaluator, is not installed: NOT evaluated".into())
        }
        outcome => outcome,
    }
}
