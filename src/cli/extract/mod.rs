//! `extract`: something out of an image, for tools that know nothing of it.
//!
//! | file | what lives there |
//! |---|---|
//! | `args` | what the user can say |
//! | `memory` | cores and raw memory: files made of pages |
//! | `part` | a context, the configuration, device state: bytes as they are |
//! | `strings` | what a person can read in memory |
//! | `wanted` | what was asked for |
//! | `said` | what is told about it |

mod args;
mod memory;
mod part;
mod said;
mod strings;
mod wanted;

use ia64save::open;

pub use args::Args;

use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{accept, no_checkpoint, options, spare};

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading)
        .random_access(true)
        .cores(true)
        .damaged(args.damaged);
    let loaded = open(&args.image, &wanted)?;
    accept(&loaded, args.damaged)?;
    let count = loaded.image().checkpoints.len();
    if args.checkpoint >= count.max(1) {
        return Err(no_checkpoint(&loaded.name, args.checkpoint, count));
    }
    if let Some(out) = &args.out {
        spare(&loaded, out)?;
    }
    let alone = !(args.elf_core || args.virtual_);
    if args.config {
        part::config(args, &loaded)?;
    } else if args.device_model {
        part::device_model(args, &loaded)?;
    } else if let Some(record) = &args.hvm_record {
        part::hvm_record(args, &loaded, record)?;
    } else if args.strings {
        strings::run(args, &loaded)?;
    } else if let Some(vcpu) = args.vcpu.filter(|_| alone) {
        part::context(args, &loaded, vcpu)?;
    } else if let Some(pfn) = args.page {
        part::page(args, &loaded, pfn)?;
    } else {
        memory::run(args, &loaded)?;
    }
    Ok(Outcome::Fine)
}
