//! What was asked for, where it is there.

use std::path::Path;

use ia64save::Loaded;
use ia64save_codec::image::Checkpoint;

use super::args::Args;
use crate::cli::exit::Failure;

/// The checkpoint that was asked for.
pub fn checkpoint<'a>(args: &Args, loaded: &'a Loaded) -> Result<&'a Checkpoint, Failure> {
    let found = loaded.image().checkpoints.get(args.checkpoint);
    found.ok_or_else(|| nothing(loaded, "no domain"))
}

/// Where to write; what is large or binary goes nowhere by itself.
pub fn out(args: &Args) -> Result<&Path, Failure> {
    args.out.as_deref().ok_or_else(|| {
        Failure::Usage("say where to write: -o FILE, or -o - for standard output".into())
    })
}

/// That there is nothing of the kind.
pub fn nothing(loaded: &Loaded, what: &str) -> Failure {
    Failure::Usage(format!("{}: there is {what} in it", loaded.name))
}
