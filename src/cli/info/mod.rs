//! `info`: what an image is, on one screen.
//!
//! | file | what lives there |
//! |---|---|
//! | `stream` | the stream, or a core |
//! | `memory` | the memory map and the pages |
//! | `machine` | vcpus and devices |
//! | `behind` | Remus rounds, and what is behind the stream |
//! | `rows` | what every section has |

mod behind;
mod machine;
mod memory;
mod rows;
mod stream;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueHint;
use ia64save::document::failure::{Failure as Why, FileOutcome};
use ia64save::document::files::Entry;
use ia64save::document::info::Info;
use ia64save::document::name::InfoName;
use ia64save::document::word::digits;
use ia64save::{Loaded, inventory, open};

use behind::{behind, rounds};
use machine::{hvm, vcpus};
use memory::{memory_map, pages};
use stream::{core, stream};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome, complain};
use crate::cli::opened::options;
use crate::cli::render::json::Documents;
use crate::cli::render::size::human;
use crate::cli::render::style::{self, DIM, HEADING, Painted};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Images; - is standard input. Compressed ones (.zst, .gz, .xz) are recognised
    #[arg(value_name = "IMAGE", required = true, value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// Read every byte: give the SHA-256 of the file, and of what is in a packed one; count zero pages
    #[arg(long)]
    pub digest: bool,

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

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading)
        .zero(args.digest)
        .digest(args.digest)
        .cores(true);
    let mut outcome = Outcome::Fine;
    let mut documents = Documents::<InfoName, Info>::new(args.format);
    for (index, path) in args.images.iter().enumerate() {
        let loaded = match open(path, &wanted) {
            Ok(loaded) => loaded,
            Err(failure) => {
                let failure = failure.into();
                outcome = outcome.and(complain(&failure));
                documents.add_failure(inventory::name(path), &failure)?;
                continue;
            }
        };
        let written = if args.format == Format::Text {
            let gap = if index > 0 { "\n" } else { "" };
            write!(style::stdout(), "{gap}{}", text(&loaded))
        } else {
            documents.add(loaded.keep_small(|| entry(&loaded)))
        };
        written?;
        loaded.verify()?;
        if let Some(error) = &loaded.image().error {
            outcome = outcome.and(complain(&Failure::Invalid(
                loaded.name.clone(),
                error.clone(),
            )));
        }
    }
    documents.finish()?;
    Ok(outcome)
}

/// What a script is told of an image.
fn entry(loaded: &Loaded) -> Entry<Info> {
    let error = loaded.image().error.as_ref();
    Entry {
        file: loaded.name.clone(),
        outcome: error.map_or(FileOutcome::Fine, |_| FileOutcome::Invalid),
        error: error.map(Why::from),
        of: Some(Info::from(loaded)),
    }
}

fn text(loaded: &Loaded) -> String {
    let image = loaded.image();
    let mut out = String::new();
    heading(&mut out, loaded);
    if let Some(facts) = &loaded.file.core {
        let _ = write!(out, "{}", core(facts));
    } else {
        let config = loaded.file.config.as_ref().and_then(|c| c.as_ref().ok());
        let _ = write!(out, "{}", stream(image, config));
    }
    memory_map(&mut out, image);
    if let Some(first) = image.first() {
        pages(&mut out, image, first);
        vcpus(&mut out, first);
        hvm(&mut out, first);
    }
    rounds(&mut out, image);
    behind(&mut out, loaded);
    out
}

fn heading(out: &mut String, loaded: &Loaded) {
    let file = &loaded.file;
    let mut what = human(file.size);
    if let Some(compression) = loaded.compression {
        let _ = write!(what, " in {compression}");
    }
    let _ = match file.envelope.kind.name() {
        "bare" if file.core.is_some() => write!(what, ", core of xm dump-core"),
        "bare" if file.image.prologue.is_none() => Ok(()),
        "bare" => write!(what, ", bare stream"),
        kind => write!(
            what,
            ", {kind} file, stream at byte {}",
            file.envelope.stream_offset
        ),
    };
    let _ = writeln!(
        out,
        "{}  {}",
        Painted(HEADING, &loaded.name),
        Painted(DIM, what)
    );
    if let Some(digest) = loaded.file_digest() {
        let hex = digits(&digest);
        let _ = writeln!(out, "{}", Painted(DIM, format!("sha256 {hex}")));
    }
    if let Some(digest) = loaded.unpacked_digest() {
        let hex = digits(&digest);
        let text = format!("sha256 {hex} unpacked");
        let _ = writeln!(out, "{}", Painted(DIM, text));
    }
    let _ = writeln!(out);
}
