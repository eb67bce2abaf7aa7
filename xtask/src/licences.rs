//! Licences: every package that anything of ours is built from, run with or tested with has one that
//! `deny.toml` allows, comes from where it should, and, where its licence would bind the whole program,
//! comes in by the one door for it, which is closed unless somebody asks. What needs a database of
//! advisories is left out: it is another every day.

use crate::step::{Outcome, cargo, run};
use crate::tools;

/// With every feature, and with the default ones.
pub fn check() -> Outcome {
    let deny = ["deny", "--workspace"];
    let default = ["--config", "xtask/deny-default.toml", "check", "bans"];
    tools::DENY
        .ensure()
        .then(|| run(cargo(&deny).args(["check", "licenses", "bans", "sources"])))
        .then(|| run(cargo(&deny).args(default)))
}
