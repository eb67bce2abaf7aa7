//! The step `real-xen`: the driver's generic calls, and a running guest saved and restored, on a real
//! Xen under QEMU.

use std::process::Command;

use crate::step::{Outcome, run};

/// Boots it and runs the tests there; skipped where there is no QEMU and none can be installed.
pub fn check() -> Outcome {
    match run(&mut Command::new("tests/real-xen/run")) {
        Outcome::Skipped(_) => {
            Outcome::Skipped("no QEMU and no way to install it: NOT run on a real Xen".into())
        }
        outcome => outcome,
    }
}
