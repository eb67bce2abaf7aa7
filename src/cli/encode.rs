//! `encode`: an image out of a tree that `decode` wrote and somebody may have edited.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use clap::ValueHint;
use ia64save::document::name::EncodeName;
use ia64save::document::rewritten::Encode;
use ia64save::document::word::digits;
use ia64save::files::OutputFile;
use ia64save::input::{Mapped, identity};
use ia64save::scan;
use ia64save::tree::{Notation, read};
use ia64save_codec::Error;
use ia64save_codec::envelope::device_model_header;
use ia64save_codec::tree::{self, Parts, Seal};

use crate::cli::args::{Format, Packing};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::spare_terminal;
use crate::cli::progress::Progress;
use crate::cli::render::account;
use crate::cli::render::size::counted;
use crate::cli::render::style::{DIM, HEADING, OK, Painted};

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

    /// Take files beside the tree that are not those it was written with: after editing pages.bin
    #[arg(long)]
    pub any_pages: bool,

    /// Write an image that is far larger than the tree and its files
    #[arg(long)]
    pub allow_large: bool,
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

/// Bytes of a stream that a tree may list without having them, but for what it has four times.
const MADE_UP: u64 = 64 << 20;
/// Bytes of unallocated lists that no memory map has to vouch for.
const UNVOUCHED: u64 = 16 << 20;

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
    let text = fs::read(&path).map_err(|error| named(&path, &error))?;
    let notation = Notation::of(&path).unwrap_or(Notation::Json);
    let wrong = |text: String| Failure::Tree(name.clone(), text);
    let node = read(&text, notation).map_err(|why| {
        let takes = "encode takes what decode wrote, a tree or the folder that it is in";
        wrong(format!("{why}; {takes}"))
    })?;
    // Each takes several times what the one before does: none stays longer than it is needed.
    let tree_size = text.len();
    drop(text);
    let parts = tree::read(&node).map_err(|problem| wrong(problem.to_string()))?;
    drop(node);
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
    let behind_path = parts
        .behind
        .as_ref()
        .map(|behind| beside(folder, &behind.file));
    let behind_path = behind_path.transpose().map_err(wrong)?;
    let behind = behind_path.as_ref().map(|path| map(path)).transpose()?;
    for own in [Some(&path), Some(&pages_path), behind_path.as_ref()] {
        let there = identity::at(&args.out);
        if there.is_some() && own.is_some_and(|own| identity::at(own) == there) {
            let text = format!(
                "{}: it is read here, and would be replaced by what is made of it: choose another OUT",
                args.out.display()
            );
            return Err(Failure::Usage(text));
        }
    }
    if !args.any_pages {
        intact(
            &parts.pages_file,
            &pages_path,
            &pages,
            parts.pages_seal.as_ref(),
        )
        .map_err(wrong)??;
        if let (Some(behind), Some(path), Some(data)) = (&parts.behind, &behind_path, &behind) {
            intact(&behind.file, path, data, behind.seal.as_ref()).map_err(wrong)??;
        }
    }
    let input = tree_size + pages.len() + behind.as_ref().map_or(0, |data| data.len());
    if !args.allow_large {
        bounded(&parts, input as u64).map_err(wrong)?;
    }
    spare_terminal(&args.out)?;
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
    if let (Some(behind), Some(path), Some(data)) = (&parts.behind, &behind_path, behind) {
        if let Some(kind) = behind.device_model {
            let header = device_model_header(kind, data.len() as u64, stream.byte_order)
                .map_err(|error| Failure::Invalid(name.clone(), error))?;
            out.write_all(&header)?;
            size += header.len() as u64;
        }
        out.write_all(&data)?;
        size += data.len() as u64;
        verify(path, &data)?;
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
    let value = || Encode {
        schema: EncodeName,
        tree: name.clone(),
        file: args.out.display().to_string(),
        written: size,
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

/// Refuses a file that is not the one that the tree was written with. The outer error is the tree's.
fn intact(
    name: &str,
    path: &Path,
    file: &Mapped,
    seal: Option<&Seal>,
) -> Result<Result<(), Failure>, String> {
    let Some(seal) = seal else {
        return Ok(Ok(()));
    };
    let size = file.len() as u64;
    let progress = Progress::new(&format!("{}: digest", path.display()), Some(size));
    let found = match scan::digest(file.source(), size, &progress) {
        Ok(found) => found,
        Err(error) => return Ok(Err(named(path, &error).into())),
    };
    if size == seal.bytes && found == seal.sha256 {
        return Ok(Ok(()));
    }
    Err(format!(
        "it was written with a {name} of {} bytes and SHA-256 {}, and that there has {size} bytes and {}: \
         it is another image's, or was edited (--any-pages takes it)",
        seal.bytes,
        digits(&seal.sha256),
        digits(&found)
    ))
}

/// Refuses a few kilobytes that would fill a disk.
fn bounded(parts: &Parts, input: u64) -> Result<(), String> {
    let stream = &parts.stream;
    let list = stream.unallocated().saturating_mul(8);
    let ram = stream.ram_pages();
    let longest = stream.longest_unallocated();
    if list > UNVOUCHED && ram.is_none_or(|ram| longest > ram) {
        let ram = ram.map_or_else(
            || "there is no memory map".into(),
            |ram| format!("the memory map has {}", counted(ram, "page")),
        );
        return Err(format!(
            "it lists {longest} unallocated pfns, and {ram}: --allow-large writes that"
        ));
    }
    let size = stream.size().saturating_add(parts.front.len() as u64);
    let most = input.saturating_mul(4).saturating_add(MADE_UP);
    if size > most {
        return Err(format!(
            "{size} bytes would be made of {input}: --allow-large writes that"
        ));
    }
    Ok(())
}

fn map(path: &Path) -> Result<Mapped, Failure> {
    let open = || {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Mapped::from(Vec::new()));
        }
        Mapped::map(file, &path.display().to_string())
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
