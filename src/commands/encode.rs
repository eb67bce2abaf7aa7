//! `encode`: an image out of a tree that `decode` wrote and somebody may have edited.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use clap::ValueHint;
use ia64save_codec::Error;
use ia64save_codec::envelope::device_model_header;
use ia64save_codec::tree;
use serde_json::json;

use super::account;
use super::count::counted;
use super::decode::notation_of;
use crate::args::Format;
use crate::exit::{Failure, Outcome};
use crate::input::Mapped;
use crate::output::file::OutputFile;
use crate::output::packing::Packing;
use crate::output::style::{DIM, HEADING, OK, Painted};
use crate::output::tree::{Notation, read};

/// Bytes of a mapped file that are copied before its memory is let go.
const RELEASE: usize = 16 << 20;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The tree, or the folder that holds it as image.json or image.yaml
    #[arg(value_name = "TREE", value_hint = ValueHint::AnyPath)]
    pub tree: PathBuf,

    /// Where to write the image; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

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

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let path = tree_of(&args.tree)?;
    let name = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Failure::Tree(
            path.display().to_string(),
            "no tree, but bytes: encode takes what decode wrote, tree.json or the folder that it is in".into(),
        ),
        _ => named(&path, &error).into(),
    })?;
    let notation = notation_of(&path).unwrap_or(Notation::Json);
    let wrong = |text: String| Failure::Tree(name.clone(), text);
    let node = read(&text, notation).map_err(wrong)?;
    let parts = tree::read(&node).map_err(|problem| wrong(problem.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));

    let stream = &parts.stream;
    let pages_path = beside(folder, &parts.pages_file).map_err(wrong)?;
    let pages = map(&pages_path)?;
    let wanted = stream.records().checked_mul(stream.page_size as u64);
    if wanted != Some(pages.len() as u64) {
        let text = format!(
            "it lists {} pages of {} bytes, and {} has {} bytes",
            stream.records(),
            stream.page_size,
            parts.pages_file,
            pages.len()
        );
        return Err(wrong(text));
    }
    account::spare_terminal(&args.out)?;
    let out = OutputFile::create(&args.out, !args.no_clobber)?;
    let mut out = out.packed(args.packing.of(&args.out))?;
    out.write_all(&parts.front)?;
    let mut held = 0;
    let page = |number: u64| -> Result<&[u8], Stopped> {
        let start = number as usize * stream.page_size;
        if start - held >= RELEASE {
            pages.release(held..start);
            held = start;
        }
        Ok(&pages[start..start + stream.page_size])
    };
    let written = stream.write(page, |piece| {
        out.write_all(piece.own())?;
        Ok(out.write_all(piece.body())?)
    });
    let mut size = parts.front.len() as u64;
    size += written.map_err(|stopped| match stopped {
        Stopped::Io(error) => Failure::Io(error),
        Stopped::Codec(error) => Failure::Invalid(name.clone(), error),
    })?;
    if let Some(behind) = &parts.behind {
        let path = beside(folder, &behind.file).map_err(wrong)?;
        let data = map(&path)?;
        if let Some(kind) = behind.device_model {
            let header = device_model_header(kind, data.len() as u64)
                .map_err(|error| Failure::Invalid(name.clone(), error))?;
            out.write_all(&header)?;
            size += header.len() as u64;
        }
        out.write_all(&data)?;
        size += data.len() as u64;
        verify(&path, &data)?;
    }
    verify(&pages_path, &pages)?;
    out.commit()?;
    let said = || {
        format!(
            "{}: {} {}\n",
            Painted(HEADING, args.out.display()),
            Painted(OK, "written"),
            Painted(DIM, counted(size, "byte"))
        )
    };
    let value = || {
        json!({
            "schema": "ia64save/encode/1",
            "tree": name,
            "file": args.out.display().to_string(),
            "written": size,
        })
    };
    account::print(Some(&args.out), args.format, said, value)?;
    Ok(Outcome::Fine)
}

/// The tree itself, where the user named its folder.
fn tree_of(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let yaml = path.join("image.yaml");
    let json = path.join("image.json");
    match (yaml.exists(), json.exists()) {
        (true, true) => {
            let (json, yaml) = (json.display(), yaml.display());
            let text = format!("{json} and {yaml} are both there: name the one that is meant");
            Err(Failure::Usage(text))
        }
        (true, false) => Ok(yaml),
        (false, _) => Ok(json),
    }
}

/// A file beside the tree. One elsewhere is not read: the tree may come from anywhere.
fn beside(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(folder.join(name)),
        _ => Err(format!(
            "{name:?} is not the name of a file beside the tree"
        )),
    }
}

fn map(path: &Path) -> Result<Mapped, Failure> {
    let open = || {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Mapped::from(Vec::new()));
        }
        Mapped::map(file)
    };
    open().map_err(|error| Failure::Io(named(path, &error)))
}

fn verify(path: &Path, mapped: &Mapped) -> Result<(), Failure> {
    mapped
        .verify()
        .map_err(|error| Failure::Io(named(path, &error)))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
