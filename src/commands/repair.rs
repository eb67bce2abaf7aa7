//! `repair`: what can be saved of a damaged image, as an image that passes `check`.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write as _};
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use clap::ValueHint;
use ia64save_codec::check::{self, CheckOptions, Report};
use ia64save_codec::image::{Image, is_zero};
use ia64save_codec::repair::{self, Note, Repair, Splice};
use ia64save_codec::{Finding, Severity};
use serde_json::{Value, json};

use super::print_json;
use crate::args::{Format, Reading};
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::file::OutputFile;
use crate::output::size::grouped;
use crate::output::style::{self, ADDRESS, DIM, ERROR, HEADING, LABEL, OK, Painted, WARNING};
use crate::report::finding;

/// Repairs one after the other; an image that needs more of them is no image any more.
const ROUNDS: usize = 12;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Where to write the repaired image; - is standard output. With --pages-only, a folder
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,

    /// Write the pages that are there, and nothing else: OUT/pages.bin, and OUT/pages.json, which says
    /// which they are. That is no image: vcpus and devices are never made up
    #[arg(long)]
    pub pages_only: bool,

    /// Refuse where OUT exists, instead of replacing it once the new file is whole
    #[arg(long)]
    pub no_clobber: bool,

    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub output: Format,

    #[command(flatten)]
    pub reading: Reading,
}

/// Bytes from their start to their end.
struct Whole {
    data: Bytes,
    at: usize,
}

impl Read for Whole {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let rest = &self.data[self.at..];
        let count = rest.len().min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Bytes with others in the place of some.
struct Spliced {
    inner: Box<dyn Read + Send>,
    /// Where `inner` is.
    at: u64,
    splices: VecDeque<Splice>,
    /// What is to be given before `inner` goes on.
    insert: VecDeque<u8>,
}

impl Read for Spliced {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.insert.is_empty() {
                return self.insert.read(space);
            }
            let until = match self.splices.front() {
                Some(splice) if splice.offset == self.at => {
                    let skipped = io::copy(
                        &mut self.inner.by_ref().take(splice.remove),
                        &mut io::sink(),
                    )?;
                    self.at += skipped;
                    self.insert = self
                        .splices
                        .pop_front()
                        .unwrap_or_else(nothing)
                        .insert
                        .into();
                    continue;
                }
                Some(splice) => splice.offset - self.at,
                None => u64::MAX,
            };
            let most = usize::try_from(until)
                .unwrap_or(usize::MAX)
                .min(space.len());
            let count = self.inner.read(&mut space[..most])?;
            self.at += count as u64;
            // What is to be put behind the end has its place there.
            if count == 0 && most > 0 && !self.splices.is_empty() {
                self.insert = self
                    .splices
                    .drain(..)
                    .flat_map(|splice| splice.insert)
                    .collect();
                continue;
            }
            return Ok(count);
        }
    }
}

fn nothing() -> Splice {
    Splice {
        offset: 0,
        remove: 0,
        insert: Vec::new(),
    }
}

/// The file with repairs applied one after the other.
fn reader<'r>(data: &Bytes, repairs: impl IntoIterator<Item = &'r Repair>) -> Box<dyn Read + Send> {
    let whole: Box<dyn Read + Send> = Box::new(Whole {
        data: data.clone(),
        at: 0,
    });
    repairs.into_iter().fold(whole, |inner, repair| {
        Box::new(Spliced {
            inner,
            at: 0,
            splices: repair.splices.clone().into(),
            insert: VecDeque::new(),
        })
    })
}

/// A file as repairs have left it.
struct State {
    loaded: Loaded,
    report: Report,
}

impl State {
    fn of(name: &str, data: &Bytes, repairs: &[&Repair], args: &Args) -> Result<State, Failure> {
        let stream = reader(data, repairs.iter().copied());
        let loaded = Loaded::from_reader(name, stream, &args.reading, Wanted::default())?;
        let report = check::run_file(&loaded.file, &CheckOptions::default());
        Ok(State { loaded, report })
    }

    fn badness(&self) -> u64 {
        repair::badness(&self.loaded.file, &self.report)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        random_access: true,
        ..Wanted::default()
    };
    let loaded = Loaded::open(&args.image, &args.reading, wanted)?;
    if args.pages_only {
        if args.out.as_os_str() == "-" {
            let text = "--pages-only makes a folder: -o takes its name";
            return Err(Failure::Usage(text.into()));
        }
        return pages_only(args, &loaded);
    }
    let data = loaded.data();
    let mut applied: Vec<Repair> = Vec::new();
    let mut state = State::of(&loaded.name, &data, &[], args)?;
    while repair::is_wanted(&state.report) && applied.len() < ROUNDS {
        let Some((best, after)) = next(&loaded.name, &data, &applied, &state, args) else {
            break;
        };
        applied.push(best);
        state = after;
    }
    if repair::is_wanted(&state.report) {
        // What was tried came to nothing: what is wrong is what was wrong at first.
        let first = State::of(&loaded.name, &data, &[], args)?;
        refuse(args, &loaded.name, &first)?;
        return Ok(Outcome::Invalid);
    }
    let notes = notes(&applied);
    let mut out = OutputFile::create(&args.out, !args.no_clobber)?;
    let written = io::copy(&mut reader(&data, &applied), &mut out)?;
    loaded.verify()?;
    out.commit()?;
    tell(args, &loaded.name, written, &notes)?;
    Ok(Outcome::Fine)
}

/// What was done, each with its place in the file as it was.
fn notes(applied: &[Repair]) -> Vec<Note> {
    let mut all = Vec::new();
    for (index, repair) in applied.iter().enumerate() {
        for note in &repair.notes {
            let mut offset = note.offset;
            for splice in applied[..index].iter().rev().flat_map(|r| r.splices.iter()) {
                if offset >= splice.offset + splice.insert.len() as u64 {
                    offset = offset + splice.remove - splice.insert.len() as u64;
                }
            }
            all.push(Note {
                offset,
                ..note.clone()
            });
        }
    }
    all
}

/// The proposal that leaves the fewest errors, if it leaves fewer than there are.
fn next(
    name: &str,
    data: &Bytes,
    applied: &[Repair],
    state: &State,
    args: &Args,
) -> Option<(Repair, State)> {
    let mut read = |offset: u64, length: usize| {
        let mut stream = reader(data, applied);
        let skipped = io::copy(&mut stream.by_ref().take(offset), &mut io::sink());
        let mut bytes = Vec::new();
        let taken = stream.take(length as u64).read_to_end(&mut bytes);
        // Both come from memory, which does not fail.
        if skipped.is_ok_and(|skipped| skipped == offset) && taken.is_ok() {
            bytes
        } else {
            Vec::new()
        }
    };
    let mut best: Option<(u64, Repair, State)> = None;
    for repair in repair::candidates(&state.loaded.file, &state.report, &mut read) {
        let all: Vec<&Repair> = applied.iter().chain([&repair]).collect();
        // A proposal may make the file something else altogether: then it was a bad one.
        let Ok(after) = State::of(name, data, &all, args) else {
            continue;
        };
        let left = after.badness();
        let least = best.as_ref().map_or(state.badness(), |(left, _, _)| *left);
        if left < least {
            let done = left == 0;
            best = Some((left, repair, after));
            if done {
                break;
            }
        }
    }
    best.map(|(_, repair, after)| (repair, after))
}

fn note(note: &Note) -> Value {
    let mut value = json!({
        "lost": note.lost,
        "path": note.path,
        "offset": note.offset,
        "what": note.what,
    });
    if let Some((was, is)) = note.number {
        value["was"] = number(&note.path, was);
        value["is"] = number(&note.path, is);
    }
    value
}

/// Says what was done, on standard error where the image goes to standard output.
fn tell(args: &Args, name: &str, written: u64, notes: &[Note]) -> Result<(), Failure> {
    let outcome = if notes.is_empty() {
        "intact"
    } else {
        "repaired"
    };
    if args.output != Format::Text {
        return document(args, name, outcome, Some(written), notes, &[]);
    }
    let mut text = String::new();
    let said = if notes.is_empty() {
        "nothing to repair, copied"
    } else {
        outcome
    };
    let _ = writeln!(
        text,
        "{}: {} {}",
        Painted(HEADING, args.out.display()),
        Painted(OK, said),
        Painted(DIM, format!("{} bytes", grouped(written)))
    );
    text += &told(notes);
    print(args, &text)
}

fn told(notes: &[Note]) -> String {
    notes.iter().fold(String::new(), |mut text, note| {
        let (what, style) = if note.lost {
            ("lost", WARNING)
        } else {
            ("changed", OK)
        };
        let (what, path) = (Painted(style, what), Painted(LABEL, &note.path));
        let place = Painted(ADDRESS, format!("byte {}", note.offset));
        let number = note.number.map_or(String::new(), |(was, is)| {
            format!("{} -> {}, ", shown(&note.path, was), shown(&note.path, is))
        });
        let _ = writeln!(text, "  {what} {path} at {place}: {number}{}", note.what);
        text
    })
}

/// Whether a field is shown in hexadecimal, as `dump` has it.
fn is_address(path: &str) -> bool {
    ["pfn", "maxmem"].iter().any(|own| path.contains(own))
}

/// A number as `dump` shows it: counts and sizes in decimal, unless they are absurd.
fn shown(path: &str, number: u64) -> String {
    if number > u32::MAX.into() || is_address(path) {
        format!("{number:#x}")
    } else {
        number.to_string()
    }
}

/// A number for JSON: addresses are strings.
fn number(path: &str, number: u64) -> Value {
    if is_address(path) {
        json!(format!("{number:#x}"))
    } else {
        json!(number)
    }
}

fn print(args: &Args, text: &str) -> Result<(), Failure> {
    if args.out.as_os_str() == "-" {
        write!(style::stderr(), "{text}")?;
    } else {
        write!(style::stdout(), "{text}")?;
    }
    Ok(())
}

fn document(
    args: &Args,
    name: &str,
    outcome: &str,
    written: Option<u64>,
    notes: &[Note],
    remaining: &[&Finding],
) -> Result<(), Failure> {
    let value = json!({
        "schema": "ia64save/repair/1",
        "file": name,
        "outcome": outcome,
        "written": written,
        "notes": notes.iter().map(note).collect::<Vec<_>>(),
        "remaining": remaining.iter().map(|found| finding(found)).collect::<Vec<_>>(),
    });
    if args.out.as_os_str() == "-" {
        writeln!(io::stderr(), "{value}")?;
    } else {
        print_json(vec![value], args.output)?;
    }
    Ok(())
}

/// Says why nothing was written.
fn refuse(args: &Args, name: &str, state: &State) -> Result<(), Failure> {
    let errors = state.report.findings.iter();
    let errors: Vec<&Finding> = errors.filter(|f| f.severity == Severity::Error).collect();
    if args.output != Format::Text {
        return document(args, name, "refused", None, &[], &errors);
    }
    let head = Painted(ERROR, "error");
    let mut text = format!("ia64save: {head}: {name}: cannot be repaired, nothing was written\n");
    for error in errors.iter().take(8) {
        let _ = writeln!(text, "  {} {error}", Painted(ERROR, "error"));
    }
    for what in repair::missing(&state.loaded.file) {
        let _ = writeln!(text, "  {} {what}", Painted(WARNING, "missing"));
    }
    let pages = state
        .loaded
        .image()
        .checkpoints
        .iter()
        .map(|c| c.pages.len())
        .sum::<usize>();
    if pages > 0 {
        let advice = format!(
            "  what is missing is never made up; --pages-only writes the {} page records that are there",
            grouped(pages as u64)
        );
        let _ = writeln!(text, "{}", Painted(DIM, advice));
    }
    write!(style::stderr(), "{text}")?;
    Ok(())
}

/// Writes the last copy of each page, ascending by pfn, and says which they are.
fn pages_only(args: &Args, loaded: &Loaded) -> Result<Outcome, Failure> {
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
        loaded.spare(&path)?;
        Ok(OutputFile::create(&path, !args.no_clobber)?)
    };
    let mut pages = create("pages.bin")?;
    let last = image.checkpoints.len() - 1;
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut zeros = 0;
    for pfn in &pfns {
        let Some((_, page)) = image.page_of(last, *pfn) else {
            continue;
        };
        match ranges.last_mut() {
            Some(range) if range.end == *pfn => range.end += 1,
            _ => ranges.push(*pfn..pfn + 1),
        }
        if is_zero(page) {
            zeros += page.len() as u64;
        } else {
            pages.hole(std::mem::take(&mut zeros))?;
            pages.write_all(page)?;
        }
    }
    pages.hole(zeros)?;
    let mut offset = 0;
    let list = ranges.iter().map(|range| {
        let count = range.end - range.start;
        let at = offset;
        offset += count * image.page_size as u64;
        json!({ "first_pfn": range.start, "num_pages": count, "offset": at })
    });
    let missing = repair::missing(&loaded.file);
    let value = json!({
        "schema": "ia64save/pages-only/1",
        "what": "pages of guest memory out of a damaged image. This is no image: it has no vcpus and no devices",
        "file": loaded.name,
        "pages_file": "pages.bin",
        "page_size": image.page_size,
        "num_pages": pfns.len(),
        "records_without_a_place": strange,
        "missing": missing,
        "error": image.error.as_ref().map(finding),
        "ranges": list.collect::<Vec<_>>(),
    });
    let mut index = create("pages.json")?;
    serde_json::to_writer_pretty(&mut index, &value).map_err(io::Error::from)?;
    index.write_all(b"\n")?;
    loaded.verify()?;
    pages.commit()?;
    index.commit()?;
    if args.output == Format::Text {
        let mut text = format!(
            "{}: {} {}\n",
            Painted(HEADING, args.out.join("pages.bin").display()),
            Painted(OK, "pages only"),
            Painted(
                DIM,
                format!("{} pages, no image", grouped(pfns.len() as u64))
            )
        );
        if strange > 0 {
            let _ = writeln!(
                text,
                "  {} {strange} records whose pfn is no RAM",
                Painted(WARNING, "lost")
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
            Some((pfns.len() * image.page_size) as u64),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(splices: Vec<Splice>) -> Vec<u8> {
        let repair = Repair {
            splices,
            notes: Vec::new(),
        };
        let data = Bytes::from_static(b"0123456789");
        let mut all = Vec::new();
        reader(&data, [&repair]).read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn splices_take_and_give() {
        let splice = |offset, remove, insert: &[u8]| Splice {
            offset,
            remove,
            insert: insert.to_vec(),
        };
        assert_eq!(read(vec![]), b"0123456789");
        assert_eq!(
            read(vec![splice(0, 2, b"ab"), splice(5, 0, b"xyz")]),
            b"ab234xyz56789"
        );
        assert_eq!(
            read(vec![splice(3, 1, b""), splice(4, 1, b"")]),
            b"01256789"
        );
        assert_eq!(read(vec![splice(8, 9, b"")]), b"01234567");
        assert_eq!(read(vec![splice(10, 0, b"end")]), b"0123456789end");
    }

    #[test]
    fn repairs_build_on_each_other() {
        let put = |offset, insert: &[u8]| Repair {
            splices: vec![Splice {
                offset,
                remove: 0,
                insert: insert.to_vec(),
            }],
            notes: Vec::new(),
        };
        let repairs = [put(0, b"ab"), put(1, b"-")];
        let mut all = Vec::new();
        let data = Bytes::from_static(b"01");
        reader(&data, &repairs).read_to_end(&mut all).unwrap();
        assert_eq!(all, b"a-b01");
    }
}
