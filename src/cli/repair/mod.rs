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

use clap::ValueHint;
use ia64save::files::Held;
use ia64save::files::OutputFile;
use ia64save::files::is_stdout;
use ia64save::{Loaded, from_reader, open};
use ia64save_codec::Version;
use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::repair::{self, Answers, Choice, Note, Repair};

use self::said::{refuse, tell};
use self::splice::{Data, reader};
use crate::cli::args::Packing;
use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::progress::Screen;
use crate::cli::render::account;

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

    /// The version of the stream (1, 2 or 3), where its word is damaged and more than one would fit
    #[arg(long, value_name = "N", value_parser = version)]
    pub format_version: Option<Version>,

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

fn version(text: &str) -> Result<Version, String> {
    let number = text.parse().ok().and_then(Version::from_word);
    number.ok_or_else(|| "1, 2 or 3".into())
}

/// A file as repairs have left it.
struct State {
    loaded: Loaded,
    report: Report,
}

impl State {
    fn of(
        name: &str,
        data: &Data,
        repairs: &[&Repair],
        reading: &Reading,
    ) -> Result<State, Failure> {
        let stream = reader(data, repairs.iter().copied());
        let loaded = from_reader(name, stream, &reading.options())?;
        let report = check::run_file(&loaded.file, &CheckOptions::default());
        Ok(State { loaded, report })
    }

    fn badness(&self) -> u64 {
        repair::badness(&self.loaded.file, &self.report)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = args.reading.options().random_access(true).damaged(true);
    let held = Held::where_same(&args.image, Some(&args.out), &Screen)?;
    let loaded = open(&args.image, &wanted)?;
    if args.pages_only {
        if is_stdout(&args.out) || args.out.metadata().is_ok_and(|there| !there.is_dir()) {
            let text = "--pages-only makes a folder: -o takes its name";
            return Err(Failure::Usage(text.into()));
        }
        return pages::write(args, &loaded);
    }
    account::spare_terminal(&args.out)?;
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
