//! `repair --pages-only`: the pages that are there, and which they are.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};

use ia64save::Loaded;
use ia64save::document::failure::Failure as Why;
use ia64save::document::name::PagesOnlyName;
use ia64save::document::rewritten::{PagesOnly, SavedRange};
use ia64save::files::{Beside, OutputFile};
use ia64save_codec::image::{Image, is_zero};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::repair;

use super::args::Args;
use super::said::{document, print};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::spare;
use crate::cli::render::size::counted;
use crate::cli::render::style::{DIM, HEADING, OK, Painted, WARNING};

/// Writes the last copy of each page, ascending by pfn, and says which they are.
pub fn write(args: &Args, loaded: &Loaded) -> Result<Outcome, Failure> {
    let image = loaded.image();
    let (pfns, strange) = pfns(image);
    if pfns.is_empty() {
        return Err(match &image.error {
            Some(error) => Failure::Invalid(loaded.name.clone(), error.clone()),
            None => Failure::Usage(format!("{}: there is no page in it", loaded.name)),
        });
    }
    fs::create_dir_all(&args.out).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", args.out.display()))
    })?;
    let create = |name: &str| -> Result<OutputFile, Failure> {
        let path = args.out.join(name);
        spare(loaded, &path)?;
        Ok(OutputFile::create(&path, !args.no_clobber)?)
    };
    let beside = Beside::new(&args.out, "pages", "bin");
    let replaced = beside.named_by(&args.out.join("pages.json"), "pages_file");
    let mut index = create("pages.json")?;
    let mut pages = create("pages.bin")?;
    let mut passing = loaded.passing();
    let last = image.checkpoints.len() - 1;
    let mut there: Vec<u64> = Vec::new();
    let mut zeros = 0;
    for pfn in &pfns {
        let Some((_, page)) = image.page_of(last, *pfn) else {
            continue;
        };
        there.push(*pfn);
        passing.over(page.len());
        if is_zero(page) {
            zeros += page.len() as u64;
        } else {
            pages.hole(std::mem::take(&mut zeros))?;
            pages.write_all(page)?;
        }
    }
    pages.hole(zeros)?;
    let mut offset = 0;
    let list = Pfns::gather(there.iter().copied()).into_iter().map(|run| {
        let at = offset;
        offset += run.pages() * image.page_size as u64;
        SavedRange {
            first_pfn: run.first().into(),
            num_pages: run.pages(),
            offset: at,
        }
    });
    loaded.verify()?;
    // The index last: what it names is there, and is its own.
    let pages = beside.place(pages)?;
    let name = pages.name().to_owned();
    let missing = repair::missing(&loaded.file);
    let value = PagesOnly {
        schema: PagesOnlyName,
        what: "pages of guest memory out of a damaged image. This is no image: it has no vcpus and no devices",
        file: loaded.name.clone(),
        pages_file: name.clone(),
        page_size: image.page_size,
        num_pages: there.len(),
        records_without_a_place: strange,
        missing: missing.clone(),
        error: image.error.as_ref().map(Why::from),
        ranges: list.collect(),
    };
    serde_json::to_writer_pretty(&mut index, &value).map_err(io::Error::from)?;
    index.write_all(b"\n")?;
    index.commit()?;
    pages.keep()?;
    beside.remove(replaced.into_iter().filter(|old| *old != name));
    if args.format == Format::Text {
        let mut text = format!(
            "{}: {} {}\n",
            Painted(HEADING, args.out.join(&name).display()),
            Painted(OK, "pages only"),
            Painted(
                DIM,
                format!("{}, no image", counted(there.len() as u64, "page"))
            )
        );
        if strange > 0 {
            let _ = writeln!(
                text,
                "  {} {} whose pfn is no RAM",
                Painted(WARNING, "lost"),
                counted(strange as u64, "record")
            );
        }
        for what in missing {
            let _ = writeln!(text, "  {} {what}", Painted(WARNING, "missing"));
        }
        print(args, &text)?;
    } else {
        document(
            args,
            &loaded.name,
            "pages_only",
            Some((there.len() * image.page_size) as u64),
            &[],
            &[],
        )?;
    }
    Ok(Outcome::Fine)
}

/// The pfns that have a page, ascending, and how many records have none that is RAM: where the
/// terminator is gone, what follows is no page.
fn pfns(image: &Image) -> (Vec<u64>, usize) {
    let ram = image.ram().filter(|ram| !ram.is_empty());
    let is_ram = |pfn: u64| ram.is_none_or(|ram| ram.contains(pfn));
    let all = || {
        image
            .checkpoints
            .iter()
            .flat_map(|c| c.pages.pfns().iter().copied())
    };
    let mut pfns: Vec<u64> = all().filter(|pfn| is_ram(*pfn)).collect();
    pfns.sort_unstable();
    pfns.dedup();
    (pfns, all().filter(|pfn| !is_ram(*pfn)).count())
}
