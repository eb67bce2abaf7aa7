//! One number that explains everything that is wrong: where a count is off, all that follows is read from the
//! wrong place.

use bytes::Bytes;
use ia64save::Loaded;
use ia64save_codec::check::Report;
use ia64save_codec::repair::{self, Answers, Note, Repair};

use super::splice::Data;
use super::state::State;
use crate::cli::args::Reading;

/// Errors from which on a cause is looked for.
const SEVERAL: u64 = 3;
/// Bytes that looking for it may read.
const EFFORT: u64 = 256 << 20;
/// Proposals that are tried.
const TRIED: u64 = 48;

/// Whether there is so much wrong that a cause is worth looking for.
pub fn is_wanted(loaded: &Loaded, report: &Report) -> bool {
    repair::badness(&loaded.file, report) >= SEVERAL
}

/// The number that is wrong, with the one that makes the image valid; `None` where there are few complaints, or no
/// single number explains them all.
pub fn of(loaded: &Loaded, report: &Report, reading: &Reading) -> Option<Note> {
    if !is_wanted(loaded, report) {
        return None;
    }
    let data: Bytes = loaded.data();
    let size = data.len() as u64;
    let tried = (EFFORT / size.max(1)).min(TRIED);
    if size == 0 || tried == 0 {
        return None;
    }
    let mut read = |offset: u64, length: usize| {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(data.len());
        data[from..from.saturating_add(length).min(data.len())].to_vec()
    };
    let all = repair::candidates(&loaded.file, report, Answers { version: None }, &mut read);
    let numbers: Vec<_> = all
        .into_iter()
        .filter(|one| number(one).is_some())
        .collect();
    let data = Data {
        bytes: data.clone(),
        passing: loaded.passing(),
    };
    let helps = |one: &Repair| {
        let after = State::of(&loaded.name, &data, &[one], reading);
        after.is_ok_and(|after| after.badness() == 0)
    };
    let numbers = &numbers[..numbers.len().min(tried as usize)];
    let found = numbers.iter().find(|one| helps(one))?;
    // Where another value of the same word explains as much, nobody knows which was meant.
    let mut rivals = numbers.iter().filter(|other| found.is_rival(other));
    if rivals.any(helps) {
        return None;
    }
    number(found).cloned()
}

/// The only thing that a repair does, where that is to put one number in the place of another.
fn number(repair: &Repair) -> Option<&Note> {
    match &repair.notes[..] {
        [note] if !note.lost && note.number.is_some() => Some(note),
        _ => None,
    }
}
