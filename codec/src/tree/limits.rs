//! What a tree may ask for: what is made of it has to be read again.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::look::Problem;
use crate::image::Image;
use crate::limits::Limits;
use crate::pfns::Pfns;

/// Refuses what a reader with the usual limits refuses (spec 14.1).
pub(super) fn check(image: &Image, pages: &[Vec<Pfns>]) -> Result<(), Problem> {
    let limits = Limits::default();
    let within = |path: &str, found: u64, most: u64, what: &str| {
        if found <= most {
            return Ok(());
        }
        Err(Problem {
            path: path.to_string(),
            expected: format!("at most {most} {what}, what a reader takes"),
            found: found.to_string(),
        })
    };
    let rounds = &image.checkpoints;
    within(
        "checkpoints",
        rounds.len() as u64,
        limits.checkpoints as u64,
        "checkpoints",
    )?;
    let records = Pfns::sum(pages.iter().flatten().copied());
    within("checkpoints", records, limits.page_records, "page records")?;
    let lists = rounds.iter().filter_map(|one| one.unallocated.as_ref());
    let ranges: usize = lists.map(|list| list.runs.len()).sum();
    let most = limits.unallocated_ranges as u64;
    within(
        "checkpoints",
        ranges as u64,
        most,
        "ranges of unallocated pfns",
    )?;
    for (index, round) in rounds.iter().enumerate() {
        if let Some(context) = &round.hvm_context {
            let path = format!("checkpoints[{index}].hvm_context");
            let size = context.blob.bytes.len() as u64;
            within(&path, size, limits.hvm_context_bytes, "bytes")?;
        }
    }
    Ok(())
}
