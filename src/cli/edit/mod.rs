//! `edit`: other values for single fields.

mod change;

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::{ArgGroup, ValueHint};
use ia64save::files::{Held, OutputFile};
use ia64save::input::Passing;
use ia64save::{Loaded, from_reader, open};
use ia64save::document::name::EditName;
use ia64save::document::rewritten::Edit;
use ia64save_codec::Dialect;
use ia64save_codec::edit::{Patch, Refusal, patch};

use crate::cli::args::{Format, Packing, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare_terminal};
use crate::cli::progress::Screen;
use crate::cli::render::account;
use crate::cli::render::style::{DIM, HEADING, LABEL, OK, Painted};
use crate::cli::unknown;
use change::Change;

#[derive(clap::Args, Debug)]
#[command(group = ArgGroup::new("where").required(true).args(["out", "in_place"]))]
pub struct Args {
    /// The image
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    #[arg(help = "A field as dump names it, and its value: vcpu[0].regs.ip=0xa000000100010000. Numbers in decimal or after 0x, those of an array with commas between them; bytes as hexadecimal digits",
          value_name = "PATH=VALUE", required = true, value_parser = assignment)]
    pub edits: Vec<(String, String)>,

    /// Where to write the edited image; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,

    /// Put the edited image in the place of IMAGE, once it is whole
    #[arg(long)]
    pub in_place: bool,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long, conflicts_with = "in_place")]
    pub no_clobber: bool,

    /// Write even what cannot be read any more, or is read as another dialect
    #[arg(long)]
    pub force: bool,

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

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.into(), value.into())),
        _ => Err("PATH=VALUE is wanted".into()),
    }
}

/// Bytes with patches, read from their start to their end.
struct Patched {
    data: Bytes,
    at: usize,
    /// By offset.
    patches: Vec<Patch>,
    passing: Passing,
}

impl Read for Patched {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let rest = &self.data[self.at..];
        let count = rest.len().min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        let window = self.at..self.at + count;
        for patch in &self.patches {
            let start = patch.offset as usize;
            let from = start.max(window.start);
            let to = (start + patch.bytes.len()).min(window.end);
            if from < to {
                space[from - window.start..to - window.start]
                    .copy_from_slice(&patch.bytes[from - start..to - start]);
            }
        }
        self.at += count;
        self.passing.over(count);
        Ok(count)
    }
}

/// Why a field cannot have another value. One that a broken stream has no more of is no slip of the finger.
fn refused(loaded: &Loaded, refusal: Refusal) -> Failure {
    match (refusal, &loaded.image().error) {
        (Refusal::Unknown(_), Some(error)) => Failure::Invalid(loaded.name.clone(), error.clone()),
        (Refusal::Unknown(path), None) => {
            let said = unknown::said(loaded, &path);
            Failure::Usage(format!("{}: {said}", loaded.name))
        }
        (refusal, _) => Failure::Usage(format!("{}: {refusal}", loaded.name)),
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading).random_access(true);
    let held = Held::where_same(&args.image, args.out.as_deref(), &Screen)?;
    let loaded = open(&args.image, &wanted)?;
    let target: &Path = args.out.as_ref().unwrap_or(&args.image);
    if args.in_place && (args.image.as_os_str() == "-" || loaded.compression.is_some()) {
        let text = "what is packed or comes through a pipe has no place to be edited in: give -o";
        return Err(Failure::Usage(format!("{}: {text}", loaded.name)));
    }
    let mut patches: Vec<Patch> = Vec::new();
    for (path, value) in &args.edits {
        let one = patch(&loaded.file, path, value).map_err(|refusal| refused(&loaded, refusal))?;
        let ends = |patch: &Patch| patch.offset + patch.bytes.len() as u64;
        let clash = patches
            .iter()
            .find(|other| other.offset < ends(&one) && one.offset < ends(other));
        if let Some(other) = clash {
            let text = format!("{} and {path} are the same bytes", other.path);
            return Err(Failure::Usage(text));
        }
        patches.push(one);
    }
    let edited = || Patched {
        data: loaded.data(),
        at: 0,
        patches: patches.clone(),
        passing: loaded.passing(),
    };
    if !args.force {
        let again = from_reader(&loaded.name, Box::new(edited()), &options(&args.reading))?;
        still_an_image(&loaded, &again)?;
    }
    spare_terminal(target)?;
    let out = OutputFile::create(target, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(target))?;
    io::copy(&mut edited(), &mut out)?;
    loaded.verify()?;
    if let Some(held) = &held {
        held.unchanged()?;
    }
    out.commit()?;
    let changes: Vec<_> = patches
        .iter()
        .map(|patch| Change::new(&loaded, patch))
        .collect();
    let text = || told(target, &changes);
    let value = || Edit {
        schema: EditName,
        image: loaded.name.clone(),
        file: target.display().to_string(),
        edits: changes.iter().map(Change::document).collect(),
    };
    account::print(Some(target), args.format, text, value)?;
    Ok(Outcome::Fine)
}

/// An edit may change what an image says, not what it is.
fn still_an_image(before: &Loaded, after: &Loaded) -> Result<(), Failure> {
    let (old, new) = (before.image(), after.image());
    if let (None, Some(error)) = (&old.error, &new.error) {
        let name = format!("{}, edited (--force writes it)", before.name);
        return Err(Failure::Invalid(name, error.clone()));
    }
    let parts = |image: &ia64save_codec::image::Image| {
        let pages = image.checkpoints.iter().map(|c| c.pages.len());
        (image.read_as(), image.guest(), pages.collect::<Vec<_>>())
    };
    if old.error.is_none() && parts(old) != parts(new) {
        let names = [old, new].map(|image| image.read_as().map_or("nothing known", Dialect::name));
        let text = format!(
            "{}: edited, it would be read as something else ({}, not {}): --force writes it",
            before.name, names[1], names[0]
        );
        return Err(Failure::Usage(text));
    }
    Ok(())
}

fn told(target: &Path, changes: &[Change<'_>]) -> String {
    let mut out = format!(
        "{}: {}\n",
        Painted(HEADING, target.display()),
        Painted(OK, "written")
    );
    for change in changes {
        let place = Painted(DIM, format!("at byte {}", change.patch.offset));
        let path = Painted(LABEL, &change.patch.path);
        let _ = writeln!(out, "  {path} {place}: {}", change.text());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_show_through_windows_of_any_size() {
        let patch = |offset, bytes: &[u8]| Patch {
            path: String::new(),
            offset,
            bytes: bytes.to_vec(),
        };
        for size in 1..12 {
            let mut reader = Patched {
                data: Bytes::from_static(b"0123456789"),
                at: 0,
                patches: vec![patch(2, b"abc"), patch(9, b"z")],
                passing: Passing::default(),
            };
            let mut all = Vec::new();
            let mut space = vec![0; size];
            loop {
                let count = reader.read(&mut space).unwrap();
                if count == 0 {
                    break;
                }
                all.extend_from_slice(&space[..count]);
            }
            assert_eq!(all, b"01abc5678z", "{size}");
        }
    }
}
