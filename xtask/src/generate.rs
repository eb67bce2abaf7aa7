//! The step `generate`: the descriptions of the structures for other programs.

use crate::cargo::program;
use crate::step::Outcome;

/// Writes the generated parts of the files; or says whether they are what would be written.
pub fn generate(check: bool) -> Outcome {
    program("generate", if check { &["--check"] } else { &[] })
}
