//! `corpus export`: seeds for the restore parsers of others.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueHint};
use ia64save::document::corpus::{Corpus, CorpusExport, CorpusFile};
use ia64save::document::name::{CorpusExportName, CorpusName};
use ia64save::document::word::Hex;
use ia64save::signals::Deferred;
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};
use ia64save_generate::defect::{Change, Defect, defects};
use ia64save_generate::{GeneratedImage, Params, generate, kinds};

use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::size::{grouped, human};
use crate::cli::render::style::{self, HEADING, Painted};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Subcommand, Debug)]
pub enum What {
    /// Write good and bad streams of every dialect, with a manifest that says what is wrong where
    Export(Export),
}

#[derive(clap::Args, Debug)]
pub struct Export {
    /// The folder to make; it must not hold anything yet
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,

    /// Streams of this dialect alone
    #[arg(long, value_name = "DIALECT", value_parser = crate::cli::args::dialect)]
    pub dialect: Option<Dialect>,

    /// Streams of this kind of guest alone: pv or hvm
    #[arg(long, value_name = "GUEST", value_parser = crate::cli::args::guest)]
    pub guest: Option<Guest>,

    /// Bytes of a page, for a reader that was built for small ones: a power of two from 16 on
    #[arg(long, value_name = "BYTES", default_value_t = PAGE_SIZE, value_parser = page_size)]
    pub page_size: usize,

    /// Decides what is in the streams
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

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

fn page_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 16..=0x10_0000) if usize::is_power_of_two(bytes) => Ok(bytes),
        _ => Err("a power of two from 16 to 1048576".into()),
    }
}

/// The columns of the manifest.
const COLUMNS: [&str; 12] = [
    "file",
    "dialect",
    "name",
    "guest",
    "page_size",
    "class",
    "path",
    "offset",
    "length",
    "was",
    "is",
    "what",
];

const README: &str = "\
Save images of Xen on Itanium, made up: seeds and test cases for a restore parser. Nothing of the
program that wrote them is needed to use them.

KIND/valid.sav        what a saver of that dialect would have written, as small as it can be
KIND/valid-rich.sav   everything that the dialect can have: passes, vcpus with holes, Remus rounds
KIND/NAME.sav         valid.sav with one thing changed, which NAME says
MANIFEST.tsv          one line a file; the first line names the columns, tabs divide them
manifest.json         the same as JSON

class      what a reader can notice
  valid       nothing
  truncated   the stream ends too early
  structure   a size, a count or the order of parts is wrong: what follows is not where it was
  value       every part is where it was; a number in one of them is wrong, and a restore that
              believes it does what it should not
path       the part or number that is wrong; its place in the stream is offset, in bytes
length     bytes at offset that are to blame; 0 where bytes are missing
was, is    the number in valid.sav and in the file, in hexadecimal, where a number was changed
page_size  bytes of a page; 16384 is that of every Xen/ia64

A reader is told which dialect and guest it is about to read, as Xen's own restore was built for one
dialect and told the guest. Good streams have to be read to their last byte. Of bad ones none may crash
it, make it read or write out of bounds, or hold memory by a number in the stream; one that is
truncated has to be refused, and of the others a reader should say what the manifest says.
";

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let What::Export(args) = &args.what;
    let kinds: Vec<(Dialect, Guest)> = kinds()
        .filter(|(dialect, _)| args.dialect.is_none_or(|wanted| wanted == *dialect))
        .filter(|(_, guest)| args.guest.is_none_or(|wanted| wanted == *guest))
        .collect();
    if kinds.is_empty() {
        let text = "that dialect was never written for such a guest";
        return Err(Failure::Usage(text.into()));
    }
    // A signal waits until the folder is removed: no handler can do that.
    let deferred = Deferred::new()?;
    let whole = Folder::create(&args.folder)?;
    let mut manifest = Manifest::default();
    let write = || -> io::Result<()> {
        for (dialect, guest) in kinds {
            kind(
                whole.path(),
                args,
                (dialect, guest),
                &mut manifest,
                &deferred,
            )?;
        }
        manifest.write(whole.path())?;
        fs::write(whole.path().join("README.txt"), README)?;
        deferred.check()?;
        whole.commit()
    };
    write().map_err(|error| named(&args.folder, &error))?;
    report(args, &manifest)?;
    Ok(Outcome::Fine)
}

/// Writes the streams of one dialect and guest.
fn kind(
    root: &Path,
    args: &Export,
    (dialect, guest): (Dialect, Guest),
    manifest: &mut Manifest,
    deferred: &Deferred,
) -> io::Result<()> {
    let name = format!("{}-{guest}", dialect.id());
    fs::create_dir(root.join(&name))?;
    let small = Params {
        page_size: args.page_size,
        pages: 4,
        seed: args.seed,
        ..Params::new(dialect, guest)
    };
    let rich = Params {
        page_size: args.page_size,
        ..Params::rich(dialect, guest, args.seed)
    };
    let (small, rich) = (generate(&small), generate(&rich));
    for (file, image) in [("valid.sav", &small), ("valid-rich.sav", &rich)] {
        let file = format!("{name}/{file}");
        manifest.valid(&file, image);
        manifest.bytes += image.bytes.len() as u64;
        fs::write(root.join(&file), &image.bytes)?;
    }
    for bad in defects(&small) {
        deferred.check()?;
        let file = format!("{name}/{}.sav", bad.name);
        let bytes = bad.change.apply(&small.bytes);
        manifest.bad(&file, &small, &bad);
        manifest.bytes += bytes.len() as u64;
        fs::write(root.join(&file), &bytes)?;
    }
    Ok(())
}

/// What is in the folder, a row a file.
#[derive(Default)]
struct Manifest {
    rows: Vec<CorpusFile>,
    bytes: u64,
}

impl Manifest {
    fn valid(&mut self, file: &str, image: &GeneratedImage) {
        let row = row(file, image, "valid", "a good stream");
        self.rows.push(row);
    }

    fn bad(&mut self, file: &str, image: &GeneratedImage, bad: &Defect) {
        let (was, is) = match &bad.change {
            Change::Set { was, is, .. } => (Some(Hex(*was)), Some(Hex(*is))),
            _ => (None, None),
        };
        self.rows.push(CorpusFile {
            path: Some(bad.path.clone()),
            offset: Some(bad.change.offset()),
            length: Some(bad.change.length()),
            was,
            is,
            ..row(file, image, bad.class.name(), &bad.what)
        });
    }

    fn count(&self, class: &str) -> usize {
        self.rows.iter().filter(|row| row.class == class).count()
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut table = COLUMNS.join("\t") + "\n";
        for row in &self.rows {
            let or_none = |cell: Option<String>| cell.unwrap_or_else(|| "-".into());
            let cells = [
                row.file.clone(),
                row.dialect.into(),
                row.name.into(),
                row.guest.into(),
                row.page_size.to_string(),
                row.class.clone(),
                or_none(row.path.clone()),
                or_none(row.offset.map(|offset| offset.to_string())),
                or_none(row.length.map(|length| length.to_string())),
                or_none(row.was.map(|word| word.to_string())),
                or_none(row.is.map(|word| word.to_string())),
                row.what.clone(),
            ];
            let _: &[String; COLUMNS.len()] = &cells;
            table += &cells.join("\t");
            table.push('\n');
        }
        fs::write(folder.join("MANIFEST.tsv"), table)?;
        let document = Corpus {
            schema: CorpusName,
            files: self.rows.clone(),
        };
        let text = serde_json::to_string_pretty(&document)?;
        fs::write(folder.join("manifest.json"), text + "\n")
    }
}

/// A line about a stream in which nothing is wrong.
fn row(file: &str, image: &GeneratedImage, class: &str, what: &str) -> CorpusFile {
    CorpusFile {
        file: file.to_owned(),
        dialect: image.dialect.id(),
        name: image.dialect.name(),
        guest: image.guest.name(),
        page_size: image.page_size,
        class: class.to_owned(),
        path: None,
        offset: None,
        length: None,
        was: None,
        is: None,
        what: what.to_owned(),
    }
}

/// A folder that takes its name when all of it is there.
struct Folder {
    temporary: tempfile::TempDir,
    target: PathBuf,
    /// Who may read the folder that was there.
    mode: Option<Permissions>,
}

impl Folder {
    fn create(target: &Path) -> Result<Self, Failure> {
        let named = |error: io::Error| named(target, &error);
        let mode = match fs::read_dir(target) {
            Ok(mut there) => {
                if there.next().is_some() {
                    let text = format!("{}: the folder is not empty", target.display());
                    return Err(Failure::Usage(text));
                }
                Some(fs::metadata(target).map_err(named)?.permissions())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(named(error).into()),
        };
        let beside = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".corpus.")
            // Not for its owner alone, as temporary folders are: the umask says who may read it.
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(beside)
            .map_err(named)?;
        Ok(Folder {
            temporary,
            target: target.into(),
            mode,
        })
    }

    fn path(&self) -> &Path {
        self.temporary.path()
    }

    fn commit(self) -> io::Result<()> {
        let path = self.temporary.path();
        if let Some(mode) = self.mode {
            fs::set_permissions(path, mode)?;
        }
        fs::rename(path, &self.target)?;
        // It has another name now: there is nothing to remove.
        let _ = self.temporary.keep();
        Ok(())
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn report(args: &Export, manifest: &Manifest) -> io::Result<()> {
    let folder = args.folder.display();
    let classes = ["valid", "truncated", "structure", "value"];
    let files = manifest.rows.len();
    if args.format != Format::Text {
        let counts = classes.iter().map(|class| (*class, manifest.count(class)));
        let document = CorpusExport {
            schema: CorpusExportName,
            folder: folder.to_string(),
            files,
            bytes: manifest.bytes,
            classes: counts.collect(),
        };
        return print_json(&document, args.format);
    }
    let mut out = String::new();
    let all = format!(
        "{} streams, {}",
        grouped(files as u64),
        human(manifest.bytes)
    );
    let _ = writeln!(out, "{}  {all}", Painted(HEADING, &folder));
    for class in classes {
        let _ = writeln!(
            out,
            "  {:>6}  {class}",
            grouped(manifest.count(class) as u64)
        );
    }
    let _ = writeln!(
        out,
        "  MANIFEST.tsv and manifest.json say what is wrong, and where; README.txt how to use them"
    );
    write!(style::stdout(), "{out}")
}
