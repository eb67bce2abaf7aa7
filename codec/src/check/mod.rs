//! The checker: every rule that the specification has, held against a whole image.
//!
//! A decoder stops where a stream stops being one. The checker goes on: it takes what could be read
//! and says everything that is wrong, unusual or worth knowing about it, with offset, path, what was
//! expected and what is there. Registers are checked by what the architecture and Xen's hypervisor
//! allow, and only where the dialect is known to have filled them in.
//!
//! ```
//! use bytes::Bytes;
//! use ia64save_codec::check::{self, CheckOptions, Verdict};
//! use ia64save_codec::image::{Image, Options};
//!
//! let image = Image::parse(&Bytes::from_static(b"not an image"), &Options::default());
//! let report = check::run(&image, &CheckOptions::default());
//! assert_eq!(report.verdict, Verdict::Invalid);
//! assert_eq!(report.findings[0].code.name(), "truncated");
//! ```
//!
//! # Where the rules are
//!
//! [`RULES`] is the map: one line a rule, in the order of the stream, with the codes it can report.
//! Each rule is a function over the whole image.
//!
//! | file | rules about |
//! |---|---|
//! | `file` | [`run_file`]: the envelope against the image |
//! | `stream` | the error that ended the reading, the dialect, `p2m_size`, trailing bytes |
//! | `arch_setup` | the domain setup record |
//! | `memmap` | the memory map: its header, its descriptors, the RAM they make |
//! | `pages`, `unallocated` | page records and the unallocated list, and whether they cover RAM |
//! | `vcpumap` | which vcpus there are |
//! | `registers/` | vcpu contexts: `psr`, `frame`, `stack`, `regions`, `other` |
//! | `privregs` | the privregs pages of PV vcpus |
//! | `shared_info`, `start_info`, `magic_pfns` | the pages that a domain shares with Xen and dom0 |
//! | `hvm/` | the records of an HVM domain: `records`, `header`, `vcpu`, `viosapic`, `identity` |
//! | `checkpoints` | Remus rounds |
//!
//! `context` is what rules look at, `findings` what they report to, `spans` and `text` are tools.
//!
//! Time is linear in the image but for sorting; memory does not depend on any size that the input
//! names: rules work on ranges of pfns and on the records that are there.

mod arch_setup;
mod checkpoints;
mod context;
mod file;
mod findings;
mod hvm;
mod magic_pfns;
mod memmap;
mod pages;
mod privregs;
mod registers;
mod rules;
mod shared_info;
mod spans;
mod start_info;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod unallocated;
mod vcpumap;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

pub use file::run_file;
pub use rules::{RULES, Rule};

use crate::code::{Code, Severity};
use crate::error::Finding;
use crate::image::Image;
use context::Context;
use findings::Findings;

/// How to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Findings of one code that are kept in full; the rest is counted in [`Report::suppressed`].
    pub findings_per_code: u64,
}

impl CheckOptions {
    /// How many findings of one code are kept in full.
    #[must_use]
    pub fn findings_per_code(mut self, count: u64) -> Self {
        self.findings_per_code = count;
        self
    }
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions {
            findings_per_code: 16,
        }
    }
}

/// What came out of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The findings by offset.
    pub findings: Vec<Finding>,
    /// What they amount to.
    pub verdict: Verdict,
    /// How many more there are of each code.
    pub suppressed: BTreeMap<Code, u64>,
}

/// What the findings amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing, or notes.
    Valid,
    /// A warning, and no error.
    ValidWithWarnings,
    /// An error.
    Invalid,
}

impl Verdict {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::ValidWithWarnings => "valid_with_warnings",
            Verdict::Invalid => "invalid",
        }
    }

    fn of(worst: Option<Severity>) -> Self {
        match worst {
            Some(Severity::Error) => Verdict::Invalid,
            Some(Severity::Warning) => Verdict::ValidWithWarnings,
            Some(Severity::Note) | None => Verdict::Valid,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Holds every rule against an image.
pub fn run(image: &Image, options: &CheckOptions) -> Report {
    let mut findings = Findings::new(*options);
    apply(image, &mut findings);
    findings.into_report()
}

impl Report {
    /// The report on an input that has nothing more to check.
    pub fn of(finding: Finding) -> Report {
        let mut findings = Findings::new(CheckOptions::default());
        findings.add(finding);
        findings.into_report()
    }
}

fn apply(image: &Image, findings: &mut Findings) {
    let context = Context::new(image);
    for rule in RULES {
        (rule.check)(&context, findings);
    }
}
