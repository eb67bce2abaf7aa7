//! `repair`: what can be saved of a damaged image, as an image that passes `check`.
//!
//! | file | what lives there |
//! |---|---|
//! | `splice` | a file with repairs applied, as a stream |
//! | `said` | what is told of it, for people and for scripts |
//! | `cause` | one number that explains everything that is wrong, for `check` |
//! | `pages` | the pages alone, where there is no image to be saved |

pub(super) mod cause;
mod pages;
mod said;
mod splice;

use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use clap::ValueHint;
use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::repair::{self, Note, Repair};

use self::said::{refuse, tell};
use self::splice::reader;
use super::account;
use crate::args::{Format, Reading};
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::file::OutputFile;
use crate::output::packing::Packing;

/// Repairs one after the other; an image that needs more of them is no image any more.
const ROUNDS: usize = 12;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write the repaired image; - is standard output. With --pages-only, a folder
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,

    /// Write the pages that are there, and nothing else: OUT/pages.bin, and OUT/pages.json, which says
    /// which they are. That is no image: vcpus and devices are never made up
    #[arg(long)]
    pub pages_only: bool,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long)]
    pub no_clobber: bool,

    #[command(flatten)]
    pub packing: Packing,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

/// A file as repairs have left it.
struct State {
    loaded: Loaded,
    report: Report,
}

impl State {
    fn of(
        name: &str,
        data: &Bytes,
        repairs: &[&Repair],
        reading: &Reading,
    ) -> Result<State, Failure> {
        let stream = reader(data, repairs.iter().copied());
        let loaded = Loaded::from_reader(name, stream, reading, Wanted::default())?;
        let report = check::run_file(&loaded.file, &CheckOptions::default());
        Ok(State { loaded, report })
    }

    fn badness(&self) -> u64 {
        repair::badness(&self.loaded.file, &self.report)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        random_access: true,
        ..Wanted::default()
    };
    let loaded = Loaded::open(&args.image, &args.reading, wanted)?;
    if args.pages_only {
        if args.out.as_os_str() == "-" {
            let text = "--pages-only makes a folder: -o takes its name";
            return Err(Failure::Usage(text.into()));
        }
        return pages::write(args, &loaded);
    }
    account::spare_terminal(&args.out)?;
    let data = loaded.data();
    let mut applied: Vec<Repair> = Vec::new();
    let mut state = State::of(&loaded.name, &data, &[], &args.reading)?;
    while repair::is_wanted(&state.report) && applied.len() < ROUNDS {
        let Some((best, after)) = next(&loaded.name, &data, &applied, &state, args) else {
            break;
        };
        applied.push(best);
        state = after;
    }
    if repair::is_wanted(&state.report) {
        // What was tried came to nothing: what is wrong is what was wrong at first.
        let first = State::of(&loaded.name, &data, &[], &args.reading)?;
        refuse(args, &loaded.name, &first)?;
        return Ok(Outcome::Invalid);
    }
    let notes = notes(&applied);
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    let written = io::copy(&mut reader(&data, &applied), &mut out)?;
    loaded.verify()?;
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

/// The proposal that leaves the fewest errors, if it leaves fewer than there are.
fn next(
    name: &str,
    data: &Bytes,
    applied: &[Repair],
    state: &State,
    args: &Args,
) -> Option<(Repair, State)> {
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
    let mut best: Option<(u64, Repair, State)> = None;
    for repair in repair::candidates(&state.loaded.file, &state.report, &mut read) {
        let all: Vec<&Repair> = applied.iter().chain([&repair]).collect();
        // A proposal may make the file something else altogether: then it was a bad one.
        let Ok(after) = State::of(name, data, &all, &args.reading) else {
            continue;
        };
        let left = after.badness();
        let least = best.as_ref().map_or(state.badness(), |(left, _, _)| *left);
        if left < least {
            let done = left == 0;
            best = Some((left, repair, after));
            if done {
                break;
            }
        }
    }
    best.map(|(_, repair, after)| (repair, after))
}
