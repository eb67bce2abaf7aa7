//! `convert`: an image in another dialect, another envelope, or without superseded pages.
//!
//! | file | what lives there |
//! |---|---|
//! | `target` | what to convert to |
//! | `surroundings` | what stands around the stream |
//! | `said` | the account |
//! | `together` | fields of which the same is said, in one line |

mod args;
mod said;
mod surroundings;
mod target;
mod together;

use std::io::{self, Write};

use ia64save::files::{Held, OutputFile};
use ia64save::open;
use ia64save_codec::Error;
use ia64save_codec::convert::{self, ConvertOptions};

use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare_terminal};
use crate::cli::progress::Screen;
pub use args::Args;
use said::Report;
use surroundings::Surroundings;

/// Bytes of a mapped image that are copied before its memory is let go.
const RELEASE: usize = 16 << 20;

/// Bytes that a conversion may add to four times what there was.
const MOST_MADE_UP: u64 = 1 << 30;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading).random_access(true);
    let own = Held::where_same(&args.image, Some(&args.out), &Screen)?;
    let mut loaded = open(&args.image, &wanted)?;
    if let Some(error) = &loaded.image().error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    let Some(era) = loaded.image().era() else {
        return Err(Failure::Usage(format!(
            "{}: there is nothing to convert",
            loaded.name
        )));
    };
    // What stands in front of the stream and behind it is the envelope's business.
    let trailing = loaded.file.image.trailing.take();
    let surroundings = Surroundings::new(args, &loaded, trailing)?;
    let options = ConvertOptions::to(args.to.map_or(era, |to| to.era(era))).compact(args.compact);
    let conversion = convert::plan(&loaded.file.image, &options)
        .map_err(|error| Failure::Invalid(loaded.name.clone(), error))?
        .byte_order(surroundings.order);
    let most = loaded
        .file
        .size
        .saturating_mul(4)
        .saturating_add(MOST_MADE_UP);
    if conversion.size() > most {
        // A list of version 1 is as long as p2m_size says.
        let size = conversion.size();
        let text = format!(
            "{}: the result would have {size} bytes: p2m_size is absurd",
            loaded.name
        );
        return Err(Failure::Usage(text));
    }
    let mut losses = conversion.losses().to_vec();
    losses.extend(surroundings.losses.iter().cloned());
    let report = Report {
        eras: conversion.eras(),
        guest: loaded.image().guest(),
        losses: &losses,
        notes: conversion.notes(),
        read_as: conversion.read_as(),
    };
    if !losses.is_empty() && !args.allow_loss {
        report.print(args, None)?;
        let text = format!(
            "{}: nothing was written; --allow-loss accepts this",
            loaded.name
        );
        return Err(Failure::Usage(text));
    }
    spare_terminal(&args.out)?;
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    out.write_all(&surroundings.front)?;
    let mut held = 0;
    let written = conversion.write(|piece| -> Result<(), Stopped> {
        held += piece.len();
        if held >= RELEASE {
            loaded.release();
            held = 0;
        }
        out.write_all(piece.own())?;
        Ok(out.write_all(piece.body())?)
    });
    let stream = written.map_err(|stopped| match stopped {
        Stopped::Io(error) => Failure::Io(error),
        Stopped::Codec(error) => Failure::Invalid(loaded.name.clone(), error),
    })?;
    out.write_all(&surroundings.back_own)?;
    out.write_all(&surroundings.back)?;
    // Before the name is taken: a file that shrank meanwhile was not read whole.
    loaded.verify()?;
    if let Some(held) = &own {
        held.unchanged()?;
    }
    out.commit()?;
    let around = surroundings.front.len() + surroundings.back_own.len() + surroundings.back.len();
    report.print(args, Some(stream + around as u64))?;
    Ok(Outcome::Fine)
}

/// Why writing stopped.
enum Stopped {
    Io(io::Error),
    Codec(Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Io(error)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Codec(error)
    }
}
