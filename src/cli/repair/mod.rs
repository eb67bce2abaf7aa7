//! `repair`: what can be saved of a damaged image, as an image that passes `check`.
//!
//! | file | what lives there |
//! |---|---|
//! | `splice` | a file with repairs applied, as a stream |
//! | `said` | what is told of it, for people and for scripts |
//! | `cause` | one number that explains everything that is wrong, for `check` |
//! | `pages` | the pages alone, where there is no image to be saved |

mod args;
pub(super) mod cause;
mod pages;
mod said;
mod splice;
mod state;

use std::io::{self, Read};

use ia64save::files::{Held, OutputFile, is_stdout};
use ia64save::open;
use ia64save_codec::repair::{self, Answers, Choice, Note, Repair};

use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare_terminal};
use crate::cli::progress::Screen;
pub use args::Args;
use said::{refuse, tell};
use splice::{Data, reader};
use state::State;

/// Repairs one after the other; an image that needs more of them is no image any more.
const ROUNDS: usize = 12;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading).random_access(true).damaged(true);
    let held = Held::where_same(&args.image, Some(&args.out), &Screen)?;
    let loaded = open(&args.image, &wanted)?;
    if args.pages_only {
        if is_stdout(&args.out) || args.out.metadata().is_ok_and(|there| !there.is_dir()) {
            let text = "--pages-only makes a folder: -o takes its name";
            return Err(Failure::Usage(text.into()));
        }
        return pages::write(args, &loaded);
    }
    spare_terminal(&args.out)?;
    let data = Data {
        bytes: loaded.data(),
        passing: loaded.passing(),
    };
    let mut applied: Vec<Repair> = Vec::new();
    let mut state = State::of(&loaded.name, &data, &[], &args.reading)?;
    let mut question = Vec::new();
    while repair::is_wanted(&state.report) && applied.len() < ROUNDS {
        match next(&loaded.name, &data, &applied, &state, args) {
            Next::Nothing => break,
            Next::Ask(choices) => {
                question = choices;
                break;
            }
            Next::Best(best, after) => {
                applied.push(best);
                state = *after;
            }
        }
    }
    if repair::is_wanted(&state.report) {
        // What was tried came to nothing: what is wrong is what was wrong at first.
        let first = State::of(&loaded.name, &data, &[], &args.reading)?;
        refuse(args, &loaded.name, &first, &question)?;
        return Ok(Outcome::Invalid);
    }
    let notes = notes(&applied);
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    let written = io::copy(&mut reader(&data, &applied), &mut out)?;
    loaded.verify()?;
    if let Some(held) = &held {
        held.unchanged()?;
    }
    out.commit()?;
    tell(args, &loaded.name, written, &notes)?;
    Ok(Outcome::Fine)
}

/// What was done, each with its place in the file as it was.
fn notes(applied: &[Repair]) -> Vec<Note> {
    let mut all = Vec::new();
    for (index, repair) in applied.iter().enumerate() {
        for note in &repair.notes {
            let mut offset = note.offset;
            for splice in applied[..index].iter().rev().flat_map(|r| r.splices.iter()) {
                if offset >= splice.offset + splice.insert.len() as u64 {
                    offset = offset + splice.remove - splice.insert.len() as u64;
                }
            }
            all.push(Note {
                offset,
                ..note.clone()
            });
        }
    }
    all
}

/// What comes next.
enum Next {
    /// Nothing helps.
    Nothing,
    /// The proposal that leaves the fewest errors, and what it leaves.
    Best(Repair, Box<State>),
    /// Several values of a word leave as few, and nothing tells which was there.
    Ask(Vec<Choice>),
}

/// The proposal that leaves the fewest errors, if it leaves fewer than there are.
fn next(name: &str, data: &Data, applied: &[Repair], state: &State, args: &Args) -> Next {
    let mut read = |offset: u64, length: usize| {
        let mut stream = reader(data, applied);
        let skipped = io::copy(&mut stream.by_ref().take(offset), &mut io::sink());
        let mut bytes = Vec::new();
        let taken = stream.take(length as u64).read_to_end(&mut bytes);
        // Both come from memory, which does not fail.
        if skipped.is_ok_and(|skipped| skipped == offset) && taken.is_ok() {
            bytes
        } else {
            Vec::new()
        }
    };
    let answers = Answers {
        version: args.format_version,
    };
    let mut best: Option<(u64, Repair, State)> = None;
    // Other values of the word that the best one chooses, which leave as few errors.
    let mut rivals: Vec<Choice> = Vec::new();
    for repair in repair::candidates(&state.loaded.file, &state.report, answers, &mut read) {
        // Nothing beats no errors but another value of the same word.
        let done = best.as_ref().filter(|(left, ..)| *left == 0);
        if done.is_some_and(|(_, best, _)| !best.is_rival(&repair)) {
            continue;
        }
        let all: Vec<&Repair> = applied.iter().chain([&repair]).collect();
        // A proposal may make the file something else altogether: then it was a bad one.
        let Ok(after) = State::of(name, data, &all, &args.reading) else {
            continue;
        };
        let left = after.badness();
        let least = best.as_ref().map_or(state.badness(), |(left, _, _)| *left);
        if left < least {
            rivals.clear();
            best = Some((left, repair, after));
        } else if let (true, Some((_, best, _))) = (left == least, &best)
            && best.is_rival(&repair)
        {
            rivals.extend(repair.choice);
        }
    }
    let Some((_, best, after)) = best else {
        return Next::Nothing;
    };
    // The nearest comes first.
    if let Some(choice) = &best.choice
        && rivals.iter().any(|other| !choice.is_likelier(other))
    {
        rivals.insert(0, choice.clone());
        return Next::Ask(rivals);
    }
    Next::Best(best, Box::new(after))
}
