//! `batch`: an inventory of many images, one line each.
//!
//! | file | what lives there |
//! |---|---|
//! | `lines` | a file of lines that can be gone on with |
//! | `table` | the same as Parquet (feature `parquet`) |

mod lines;
#[cfg(feature = "parquet")]
mod table;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::ValueHint;
use ia64save::document::inventory::InventoryRow;
use ia64save::files::{self, Compress, is_stdout};
use ia64save::input::identity::{self, Identity};
use ia64save::inventory;
use ia64save::progress::Task;

use crate::cli::args::Reading;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::progress::Progress;
use crate::cli::render::style::{self, DIM, Painted};
use lines::Lines;

#[allow(clippy::struct_excessive_bools)] // each is an option of its own
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Images, and folders to look for them in
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,

    /// Where to write the lines; - is standard output
    #[arg(short, long = "out", value_name = "OUT", default_value = "-", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Go on with OUT: skip the images that it has, add those that it has not
    #[arg(long)]
    pub resume: bool,

    /// Refuse where OUT or the table exists, instead of replacing it once the new one is whole
    #[arg(long, conflicts_with = "resume")]
    pub no_clobber: bool,

    /// Write a Parquet table too, once all lines are there
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub parquet: Option<PathBuf>,

    /// Write a Parquet table too: for that the program has to be built with the feature parquet
    #[cfg(not(feature = "parquet"))]
    #[arg(long, value_name = "FILE", hide = true)]
    pub parquet: Option<PathBuf>,

    /// Images at a time [default: as many as there are processors]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// Read every byte: count zero pages and give the SHA-256 of each file
    #[arg(long)]
    pub digest: bool,

    #[arg(long, help = all_help())]
    pub all: bool,

    #[command(flatten)]
    pub reading: Reading,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let to_stdout = is_stdout(&args.out);
    let usage = |text: &str| Err(Failure::Usage(text.into()));
    if args.resume && to_stdout {
        return usage("--resume goes on with a file: give -o");
    }
    if files::by_name(&args.out) != Compress::None {
        return usage(
            "-o: lines are not packed, so that --resume can go on with them: give it another name",
        );
    }
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        return usage("-: batch looks at files and folders, not at standard input");
    }
    #[cfg(not(feature = "parquet"))]
    if args.parquet.is_some() {
        return usage(
            "--parquet: this program was built without the feature parquet: cargo install ia64save --features \
             parquet makes one that has it, and DuckDB and Spark read the lines of JSON as well",
        );
    }
    #[cfg(feature = "parquet")]
    if args.parquet.is_some() && to_stdout {
        return usage("--parquet is made of the lines in OUT: give -o");
    }
    let mut files = inventory::files(&args.paths, args.all);
    keep_inputs(args, &mut files)?;
    let mut lines = Lines::open(&args.out, args.resume, args.no_clobber)?;
    #[cfg(feature = "parquet")]
    keep_lines(args)?;
    let had = lines.names().clone();
    let todo: Vec<_> = files
        .iter()
        .filter(|file| !had.contains(&inventory::name(&file.path)))
        .collect();
    let total = todo.iter().map(|file| file.size).sum();
    let progress = Progress::new(&format!("{} images", todo.len()), Some(total));
    let jobs = args.jobs.map_or_else(
        || thread::available_parallelism().map_or(1, NonZeroUsize::get),
        NonZeroUsize::get,
    );
    let options = args.reading.options();
    let options = options.zero(args.digest).digest(args.digest);
    let next = AtomicUsize::new(0);
    // A few rows ahead of the writer, no more.
    let (send, receive) = mpsc::sync_channel::<InventoryRow>(jobs * 2);
    let mut tally = Tally::default();
    let written = thread::scope(|scope| -> io::Result<()> {
        for _ in 0..jobs.min(todo.len()) {
            let (send, next, todo, progress) = (send.clone(), &next, &todo, &progress);
            let options = &options;
            scope.spawn(move || {
                while let Some(file) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = inventory::row(file, options);
                    progress.add(file.size);
                    if send.send(row).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        // Dropping the receiver on an error ends the workers.
        let receive = receive;
        for row in &receive {
            tally.count(&row);
            lines.write(&row)?;
        }
        Ok(())
    });
    style::unless_gone(written)?;
    drop(progress);
    style::unless_gone(lines.finish())?;
    #[cfg(feature = "parquet")]
    if let Some(path) = &args.parquet {
        table::write(&args.out, path)?;
    }
    if !to_stdout {
        let text = tally.text(had.len());
        writeln!(style::stderr(), "{}", Painted(DIM, text))?;
    }
    Ok(tally.outcome)
}

/// Sees to it that the table takes no other file's place, that of the lines least of all.
#[cfg(feature = "parquet")]
fn keep_lines(args: &Args) -> Result<(), Failure> {
    let Some(path) = &args.parquet else {
        return Ok(());
    };
    // By now the lines have their file, by whatever name.
    let table = identity::at(path);
    let text = if table.is_some() && args.no_clobber {
        "the file exists, and --no-clobber keeps it"
    } else if table.is_some() && table == identity::at(&args.out) {
        "it holds the lines, and would be lost"
    } else if !table::is_replaceable(path) {
        "it is no Parquet table, and would be lost"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(format!("{}: {text}", path.display())))
}

/// What `--all` adds to.
fn all_help() -> String {
    format!(
        "Look at files of every name in folders, not only at .{} and those without an extension, packed (.{}) or not",
        inventory::EXTENSIONS.join(", ."),
        inventory::PACKED.join(", .")
    )
}

/// Sees to it that nothing is written over one of the images. An inventory that is gone on with may have
/// been found in a folder: it is none of them.
fn keep_inputs(args: &Args, files: &mut Vec<inventory::File>) -> Result<(), Failure> {
    let over = |out: &Path| {
        let text = format!("{}: it is read here, and would be lost", out.display());
        Err(Failure::Usage(text))
    };
    let among = |files: &[inventory::File], there: Identity| {
        files.iter().any(|file| file.identity == Some(there))
    };
    let out = identity::at(&args.out).filter(|_| !is_stdout(&args.out));
    #[cfg(feature = "parquet")]
    if let Some(path) = &args.parquet {
        let table = identity::at(path);
        let same = path == &args.out || table.is_some() && table == out;
        if same || table.is_some_and(|table| among(files, table)) {
            return over(path);
        }
    }
    let Some(out) = out else {
        return Ok(());
    };
    if args.resume {
        let named = |file: &inventory::File| args.paths.contains(&file.path);
        files.retain(|file| named(file) || file.identity != Some(out));
    }
    if among(files, out) {
        return over(&args.out);
    }
    Ok(())
}

/// How it went.
struct Tally {
    images: usize,
    invalid: usize,
    others: usize,
    failed: usize,
    outcome: Outcome,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            images: 0,
            invalid: 0,
            others: 0,
            failed: 0,
            outcome: Outcome::Fine,
        }
    }
}

impl Tally {
    fn count(&mut self, row: &InventoryRow) {
        match row.verdict {
            "invalid" => self.invalid += 1,
            "foreign" => self.others += 1,
            "unreadable" => {
                self.failed += 1;
                self.outcome = self.outcome.and(Outcome::Io);
            }
            _ => self.images += 1,
        }
    }

    fn text(&self, had: usize) -> String {
        let mut text = format!("{} valid, {} invalid", self.images, self.invalid);
        for (count, what) in [
            (self.others, "of another format"),
            (self.failed, "unreadable"),
            (had, "there before"),
        ] {
            if count > 0 {
                let _ = write!(text, ", {count} {what}");
            }
        }
        text
    }
}
