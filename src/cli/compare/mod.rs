//! `compare`: two images, by what they mean or byte by byte.
//!
//! | file | what lives there |
//! |---|---|
//! | `pages` | pages of two files, compared side by side on all cores |
//! | `strict` | files, byte by byte |
//! | `shown` | the result, for people and as JSON |

mod args;
mod pages;
mod shown;
mod strict;

use std::path::PathBuf;
use std::thread;

use ia64save::{Loaded, open};
use ia64save_codec::Guest;
use ia64save_codec::compare::{self, PagePairs, Report, restored};
use ia64save_codec::memory::Memory;

use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::options;
pub use args::Args;
use pages::PageReport;
use shown::{ByDesign, Logical, Round};

/// Checkpoints whose memory is compared one by one.
const MANY: usize = 16;

/// Runs the command. An image that cannot be read is an error, and no difference: as with
/// `qemu-img compare` 1 says that the two differ, and nothing else.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    match run_or_fail(args) {
        Err(failure) if failure.outcome() == Outcome::Invalid => {
            Err(Failure::Usage(failure.to_string()))
        }
        done => done,
    }
}

fn run_or_fail(args: &Args) -> Result<Outcome, Failure> {
    let [a, b] = both(args)?;
    let same = if args.strict {
        let found = strict::run(&a, &b)?;
        shown::strict(args, &a, &b, found.as_ref())?;
        found.is_none()
    } else {
        let logical = logical(args, &a, &b)?;
        shown::logical(args, &a, &b, &logical)?;
        logical.is_same()
    };
    Ok(if same { Outcome::Fine } else { Outcome::Differ })
}

/// Opens both files, side by side.
fn both(args: &Args) -> Result<[Loaded; 2], Failure> {
    let stdin = |path: &PathBuf| path.as_os_str() == "-";
    if stdin(&args.a) && stdin(&args.b) {
        return Err(Failure::Usage(
            "only one of the two can be standard input".into(),
        ));
    }
    let wanted = options(&args.reading).random_access(true).cores(true);
    let open = |path| -> Result<Loaded, Failure> {
        let loaded = open(path, &wanted)?;
        match &loaded.image().error {
            Some(error) if !args.strict => {
                Err(Failure::Invalid(loaded.name.clone(), error.clone()))
            }
            _ => Ok(loaded),
        }
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| open(&args.b));
        let one = open(&args.a);
        let other = other.join().expect("reading does not panic");
        Ok([one?, other?])
    })
}

fn logical(args: &Args, a: &Loaded, b: &Loaded) -> Result<Logical, Failure> {
    // What is taken out of a report has to be in it.
    let limit = if args.restored {
        usize::MAX
    } else {
        args.limit
    };
    let options = compare::Options::new(limit).garbage(args.garbage);
    let sizes = [a, b].map(|loaded| loaded.image().page_size);
    if sizes[0] != sizes[1] {
        let text = format!(
            "pages of {} and of {} bytes cannot be compared",
            sizes[0], sizes[1]
        );
        return Err(Failure::Usage(text));
    }
    let mut state: Report = compare::state(&a.file, &b.file, &options);
    let mut by_design = Vec::new();
    if args.restored {
        let guest = a.image().guest().unwrap_or(Guest::Pv);
        let taken = restored::take_out(&mut state, guest);
        by_design.extend(taken.into_iter().map(|(difference, rule)| ByDesign {
            path: difference.path,
            a: difference.a,
            b: difference.b,
            rule,
        }));
        state.differences.truncate(args.limit);
    }
    let rounds = a.image().checkpoints.len().min(b.image().checkpoints.len());
    // Each one's memory is that of all before it: of many, the first and the last tell.
    let chosen: Vec<usize> = match rounds {
        0..=MANY => (0..rounds).collect(),
        _ => vec![0, rounds - 1],
    };
    let mut pages = Vec::new();
    for checkpoint in chosen {
        let memory = [a, b].map(|loaded| Memory::new(loaded.image(), checkpoint));
        let pairs = PagePairs::new(&memory[0], &memory[1]);
        let mut found = PageReport::of(&pairs, a, b, options.limit)?;
        if args.restored {
            for (pfn, rule) in found.take_out(a, b, checkpoint)? {
                by_design.push(ByDesign::page(pfn, rule));
            }
            found.first.truncate(args.limit);
        }
        pages.push(Round {
            checkpoint,
            pairs,
            found,
        });
    }
    a.verify()?;
    b.verify()?;
    Ok(Logical {
        state,
        pages,
        by_design: args.restored.then_some(by_design),
    })
}
