//! `decode`: an image as a tree that people edit, its pages in a file beside it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save_codec::image::is_zero;
use ia64save_codec::tree::{self, Names, Tree};
use serde_json::json;

use crate::args::{Format, Reading};
use crate::commands::account;
use crate::commands::count::counted;
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::file::OutputFile;
use crate::output::size::human;
use crate::output::style::{DIM, HEADING, OK, Painted};
use crate::output::tree::{Notation, write};
use crate::progress::Progress;

/// Bytes of a mapped image that are copied before its memory is let go.
const RELEASE: u64 = 16 << 20;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write: a folder, for image.json and pages.bin in it, or the tree itself as NAME.json
    /// or NAME.yaml, with NAME.pages.bin beside it
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

/// Where everything goes.
struct Places {
    folder: PathBuf,
    tree: String,
    pages: String,
    behind: String,
    notation: Notation,
}

impl Places {
    fn new(args: &Args) -> Result<Self, Failure> {
        let name = args.out.file_name().and_then(|name| name.to_str());
        let asked = if args.yaml {
            Notation::Yaml
        } else {
            Notation::Json
        };
        match (notation_of(&args.out), name) {
            (Some(notation), Some(name)) if !args.out.is_dir() => {
                if args.yaml && notation == Notation::Json {
                    return Err(Failure::Usage(format!("--yaml, and {name} is JSON")));
                }
                let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                let parent = args.out.parent().unwrap_or(Path::new(""));
                Ok(Places {
                    folder: parent.to_owned(),
                    tree: name.to_owned(),
                    pages: format!("{stem}.pages.bin"),
                    behind: format!("{stem}.behind.bin"),
                    notation,
                })
            }
            _ => {
                fs::create_dir_all(&args.out).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", args.out.display()))
                })?;
                let tree = match asked {
                    Notation::Json => "image.json",
                    Notation::Yaml => "image.yaml",
                };
                Ok(Places {
                    folder: args.out.clone(),
                    tree: tree.into(),
                    pages: "pages.bin".into(),
                    behind: "behind.bin".into(),
                    notation: asked,
                })
            }
        }
    }
}

/// The notation of a file, by its name.
pub fn notation_of(path: &Path) -> Option<Notation> {
    match path.extension()?.to_str()? {
        "json" => Some(Notation::Json),
        "yaml" | "yml" => Some(Notation::Yaml),
        _ => None,
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    if args.out.as_os_str() == "-" {
        let text = "-o takes a folder, or NAME.json or NAME.yaml: a tree has its pages beside it";
        return Err(Failure::Usage(text.into()));
    }
    let wanted = Wanted {
        random_access: true,
        ..Wanted::default()
    };
    let loaded = Loaded::open(&args.image, &args.reading, wanted)?;
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
        pages: &places.pages,
        behind: &places.behind,
    };
    let Tree { node, behind } =
        tree::of_file(&loaded.file, &data, &data[end as usize..], names).map_err(broken)?;
    let text = write(&node, places.notation)
        .map_err(|error| Failure::Usage(format!("{}: {error}", loaded.name)))?;
    let create = |name: &str| -> Result<OutputFile, Failure> {
        let path = places.folder.join(name);
        loaded.spare(&path)?;
        Ok(OutputFile::create(&path, !args.no_clobber)?)
    };

    let mut pages = create(&places.pages)?;
    copy_pages(&loaded, &mut pages)?;
    let behind = match behind {
        None => None,
        Some(range) => {
            let mut out = create(&places.behind)?;
            out.write_all(&data[range.start as usize..range.end as usize])?;
            Some(out)
        }
    };
    let mut out = create(&places.tree)?;
    out.write_all(text.as_bytes())?;
    loaded.verify()?;
    // The tree last: where it is, what it names is there too.
    pages.commit()?;
    let has_behind = behind.is_some();
    if let Some(behind) = behind {
        behind.commit()?;
    }
    out.commit()?;

    let records: usize = image.checkpoints.iter().map(|c| c.pages.len()).sum();
    let tree = places.folder.join(&places.tree);
    let said = || {
        let note = format!(
            "{} of tree, {} ({}) in {}",
            human(text.len() as u64),
            counted(records as u64, "page"),
            human((records * image.page_size) as u64),
            places.pages
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
        json!({
            "schema": "ia64save/decode/1",
            "file": loaded.name,
            "tree": tree.display().to_string(),
            "pages": path(&places.pages),
            "behind": has_behind.then(|| path(&places.behind)),
            "num_records": records,
            "page_size": image.page_size,
        })
    };
    account::print(None, args.format, said, value)?;
    Ok(Outcome::Fine)
}

/// Writes the pages in stream order; those that are zero become holes.
fn copy_pages(loaded: &Loaded, out: &mut OutputFile) -> Result<(), Failure> {
    let image = loaded.image();
    let progress = Progress::new(&loaded.name, Some(loaded.file.size));
    let page_size = image.page_size as u64;
    let (mut held, mut zeros) = (0, 0);
    for checkpoint in &image.checkpoints {
        for record in 0..checkpoint.pages.len() {
            let page = image.page(checkpoint, record).unwrap_or(&[]);
            progress.counter().add(page_size);
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
    Ok(())
}
