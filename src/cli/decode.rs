//! `decode`: an image as a tree that people edit, its pages in a file beside it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save::files::{self, Beside, Compress, OutputFile, Placed, is_stdout};
use ia64save::progress::Task;
use ia64save::tree::{Notation, write};
use ia64save::{Loaded, open};
use ia64save::document::name::DecodeName;
use ia64save::document::rewritten::Decode;
use ia64save_codec::image::is_zero;
use ia64save_codec::tree::{self, Names, Seal};
use sha2::{Digest, Sha256};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{options, spare};
use crate::cli::progress::Progress;
use crate::cli::render::account;
use crate::cli::render::size::{counted, human};
use crate::cli::render::style::{DIM, HEADING, OK, Painted};

/// Bytes of a mapped image that are copied before its memory is let go.
const RELEASE: u64 = 16 << 20;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write: a folder, for image.json and pages.bin in it, or the tree itself as NAME.json
    /// or NAME.yaml, with NAME.pages.bin beside it. Over an older tree the pages take another name
    /// (pages.2.bin), which the new tree says; those of the old one go once the new one is whole
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,

    /// Write YAML instead of JSON
    #[arg(long)]
    pub yaml: bool,

    /// Refuse where a file exists, instead of replacing it once the new one is whole
    #[arg(long)]
    pub no_clobber: bool,

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

/// What `-o` may be.
const WANTED: &str = "-o takes a folder, or NAME.json or NAME.yaml: a tree has its pages beside it";

/// Where everything goes.
struct Places {
    folder: PathBuf,
    tree: String,
    pages: Beside,
    behind: Beside,
    notation: Notation,
    /// The same tree in other notations, which may name the same files.
    others: Vec<PathBuf>,
}

impl Places {
    fn new(args: &Args) -> Result<Self, Failure> {
        let name = args.out.file_name().and_then(|name| name.to_str());
        let asked = if args.yaml {
            Notation::Yaml
        } else {
            Notation::Json
        };
        match (Notation::of(&args.out), name) {
            (Some(notation), Some(name)) if !args.out.is_dir() => {
                if args.yaml && notation == Notation::Json {
                    return Err(Failure::Usage(format!("--yaml, and {name} is JSON")));
                }
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                let parent = args.out.parent().unwrap_or(Path::new(""));
                Ok(Places::of(
                    parent,
                    name,
                    stem,
                    &format!("{stem}."),
                    notation,
                ))
            }
            _ if fs::metadata(&args.out).is_ok_and(|there| !there.is_dir()) => {
                let text = format!("{}: {WANTED}", args.out.display());
                Err(Failure::Usage(text))
            }
            _ if files::by_name(&args.out) != Compress::None && !args.out.is_dir() => {
                let text = format!("{}: a tree is not packed; {WANTED}", args.out.display());
                Err(Failure::Usage(text))
            }
            _ => {
                fs::create_dir_all(&args.out).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", args.out.display()))
                })?;
                let tree = format!("image.{}", asked.extension());
                Ok(Places::of(&args.out, &tree, "image", "", asked))
            }
        }
    }

    fn of(folder: &Path, tree: &str, stem: &str, prefix: &str, notation: Notation) -> Self {
        let others = ["json", "yaml", "yml"].map(|extension| format!("{stem}.{extension}"));
        let others = others.into_iter().filter(|name| name != tree);
        Places {
            folder: folder.to_owned(),
            tree: tree.to_owned(),
            pages: Beside::new(folder, &format!("{prefix}pages"), "bin"),
            behind: Beside::new(folder, &format!("{prefix}behind"), "bin"),
            notation,
            others: others.map(|name| folder.join(name)).collect(),
        }
    }

    /// The files of the tree that is replaced, those that another tree names aside.
    fn replaced(&self) -> [Vec<String>; 2] {
        let own = self.folder.join(&self.tree);
        let of = |beside: &Beside, key: &str| {
            let others = self.others.iter();
            let kept: Vec<_> = others.flat_map(|one| beside.named_by(one, key)).collect();
            let mut names = beside.named_by(&own, key);
            names.retain(|name| !kept.contains(name));
            names
        };
        [of(&self.pages, "pages_file"), of(&self.behind, "file")]
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    if is_stdout(&args.out) {
        return Err(Failure::Usage(WANTED.into()));
    }
    let wanted = options(&args.reading).random_access(true);
    let loaded = open(&args.image, &wanted)?;
    let data = loaded.data();
    let image = loaded.image();
    let end = image
        .trailing
        .as_ref()
        .map_or(data.len() as u64, |t| t.offset);
    let broken = |error| Failure::Invalid(loaded.name.clone(), error);
    if let Some(error) = &image.error {
        return Err(broken(error.clone()));
    }
    let places = Places::new(args)?;
    let names = Names {
        pages: "pages.bin",
        behind: "behind.bin",
    };
    let mut tree =
        tree::of_file(&loaded.file, &data, &data[end as usize..], names).map_err(broken)?;
    let replaced = places.replaced();
    let create = |path: PathBuf| -> Result<OutputFile, Failure> {
        spare(&loaded, &path)?;
        Ok(OutputFile::create(&path, !args.no_clobber)?)
    };
    let mut out = create(places.folder.join(&places.tree))?;
    let mut pages = create(places.pages.first())?;
    let seal = copy_pages(&loaded, &mut pages)?;
    loaded.verify()?;
    let pages = places.pages.place(pages)?;
    tree.seal_pages(pages.name(), &seal);
    let behind = match tree.behind.clone() {
        None => None,
        Some(range) => {
            let bytes = &data[range.start as usize..range.end as usize];
            let mut out = create(places.behind.first())?;
            let mut hash = Sha256::new();
            for part in bytes.chunks(RELEASE as usize) {
                out.write_all(part)?;
                hash.update(part);
                loaded.release();
            }
            loaded.verify()?;
            let placed = places.behind.place(out)?;
            let seal = Seal {
                bytes: bytes.len() as u64,
                sha256: hash.finalize().into(),
            };
            tree.seal_behind(placed.name(), &seal);
            Some(placed)
        }
    };
    let text = write(&tree.node, places.notation)
        .map_err(|error| Failure::Usage(format!("{}: {error}", loaded.name)))?;
    drop(tree.node);
    out.write_all(text.as_bytes())?;
    // The tree last: where it is, what it names is there too.
    out.commit()?;
    let pages_name = pages.name().to_owned();
    let behind_name = behind.as_ref().map(|placed| placed.name().to_owned());
    pages.keep()?;
    behind.map(Placed::keep).transpose()?;
    let [old_pages, old_behind] = replaced;
    places
        .pages
        .remove(old_pages.into_iter().filter(|name| *name != pages_name));
    let stays = |name: &String| behind_name.as_ref() == Some(name);
    places
        .behind
        .remove(old_behind.into_iter().filter(|name| !stays(name)));

    let records: usize = image.checkpoints.iter().map(|c| c.pages.len()).sum();
    let tree = places.folder.join(&places.tree);
    let said = || {
        let note = format!(
            "{} of tree, {} ({}) in {}",
            human(text.len() as u64),
            counted(records as u64, "page"),
            human((records * image.page_size) as u64),
            pages_name
        );
        let tree = Painted(HEADING, tree.display());
        format!(
            "{tree}: {} {}\n",
            Painted(OK, "written"),
            Painted(DIM, note)
        )
    };
    let value = || {
        let path = |name: &str| places.folder.join(name).display().to_string();
        Decode {
            schema: DecodeName,
            file: loaded.name.clone(),
            tree: tree.display().to_string(),
            pages: path(&pages_name),
            behind: behind_name.as_ref().map(|name| path(name)),
            num_records: records,
            page_size: image.page_size,
        }
    };
    account::print(None, args.format, said, value)?;
    Ok(Outcome::Fine)
}

/// Writes the pages in stream order; those that are zero become holes. Says what was written.
fn copy_pages(loaded: &Loaded, out: &mut OutputFile) -> Result<Seal, Failure> {
    let image = loaded.image();
    let progress = Progress::new(&loaded.name, Some(loaded.file.size));
    let page_size = image.page_size as u64;
    let (mut held, mut zeros, mut bytes) = (0, 0, 0);
    let mut hash = Sha256::new();
    for checkpoint in &image.checkpoints {
        for record in 0..checkpoint.pages.len() {
            let page = image.page(checkpoint, record).unwrap_or(&[]);
            progress.add(page_size);
            hash.update(page);
            bytes += page.len() as u64;
            if is_zero(page) {
                zeros += page.len() as u64;
            } else {
                if zeros > 0 {
                    out.hole(std::mem::take(&mut zeros))?;
                }
                out.write_all(page)?;
            }
            held += page_size;
            if held >= RELEASE {
                loaded.release();
                held = 0;
            }
        }
    }
    if zeros > 0 {
        out.hole(zeros)?;
    }
    Ok(Seal {
        bytes,
        sha256: hash.finalize().into(),
    })
}
