//! Subcommands of cargo that steps stand on: those that are missing are built from crates.io.

use crate::step::{Outcome, cargo, run};

/// A tool, and what of it is known to do.
pub struct Tool {
    /// `cargo NAME`.
    pub name: &'static str,
    /// A requirement as cargo writes it; whatever is here already will do.
    version: &'static str,
}

/// Licences, bans and sources.
pub const DENY: Tool = Tool::new("deny", "^0.20");
/// The matrix of features.
pub const HACK: Tool = Tool::new("hack", "^0.6");
/// Mutation tests.
pub const MUTANTS: Tool = Tool::new("mutants", "^27");
/// The Debian package.
pub const DEB: Tool = Tool::new("deb", "^3");
/// The fuzz targets.
pub const FUZZ: Tool = Tool::new("fuzz", "^0.13");
/// Tests, all of them side by side; built by nobody here: that takes longer than it saves.
pub const NEXTEST: Tool = Tool::new("nextest", "^0.9");

/// Built quickly: these tools run for seconds, and an optimised one takes minutes longer to build.
const QUICK: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
];

impl Tool {
    const fn new(name: &'static str, version: &'static str) -> Tool {
        Tool { name, version }
    }

    /// Whether it answers.
    pub fn is_here(&self) -> bool {
        cargo(&[self.name, "--version"])
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// Builds it unless it is here.
    pub fn ensure(&self) -> Outcome {
        if self.is_here() {
            return Outcome::Passed(String::new());
        }
        let package = format!("cargo-{}", self.name);
        let mut install = cargo(&["install", "--locked", "--quiet", &package]);
        install.args(["--version", self.version]).envs(QUICK);
        match run(&mut install) {
            Outcome::Failed(why) => Outcome::Skipped(format!(
                "there is no {package}, and it cannot be had: {why}"
            )),
            outcome => outcome,
        }
    }
}
