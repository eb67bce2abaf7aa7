//! `dump`: every field with its offset, size and meaning.
//!
//! | file | what lives there |
//! |---|---|
//! | `bits` | registers that are sets of bits, taken apart |
//! | `unknown` | a path that leads nowhere: what was meant |

mod bits;

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::ValueHint;
use ia64save::document::fields::{DumpHead, FieldDocument, FieldValue};
use ia64save::document::name::DumpName;
use ia64save::document::stream::Listing;
use ia64save::{Loaded, open};
use ia64save_codec::Dialect;
use ia64save_codec::fields::{self, Field, Selection};
use ia64save_codec::wire::{Style, Value};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::options;
use crate::cli::render::style::{self, DIM, LABEL, Painted};
use crate::cli::render::{screen, wrap};
use crate::cli::unknown;

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    #[arg(help = "Only this part: vcpu[0], vcpu[0].regs.cfm, memmap, pages, start_info ...")]
    pub path: Option<String>,

    /// Show padding and reserved fields too
    #[arg(long)]
    pub padding: bool,

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

/// Words of an array that are shown where the array was not asked for by name.
const WORDS: usize = 8;
/// Columns of the path before the value.
const PATH: usize = 40;
/// Columns of offset, size and the gap behind them.
const PLACE: usize = 10 + 7 + 2;
/// Columns of the value before the meaning.
const VALUE: usize = 24;
/// Columns that a meaning needs beside the rest.
const MEANING: usize = 20;
/// Columns that a line with everything needs.
const ROOM: usize = PLACE + PATH + 2 + VALUE + 2 + MEANING;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let loaded = open(&args.image, &options(&args.reading))?;
    let selection = Selection::new(args.path.as_deref().unwrap_or(""));
    let named = |field: &Field<'_>| selection.is(field.path);
    let shown = |field: &Field<'_>| args.padding || field.style != Style::Pad || named(field);
    // There may be more fields than memory should hold: they go one by one.
    let walk = |tell: &mut dyn FnMut(&Field<'_>) -> bool| {
        let mut goes_on = true;
        loaded.keep_small(|| {
            fields::visit(&loaded.file, &selection, &mut |field| {
                goes_on = goes_on && (!shown(&field) || tell(&field));
            });
        });
    };
    let mut count = 0usize;
    // What takes out colours takes a DEL out of a text too: not for scripts.
    let plain: Box<dyn Write> = match args.format {
        Format::Text => Box::new(style::stdout().telling()),
        Format::Json | Format::Jsonl => Box::new(style::plain_stdout().telling()),
    };
    let mut out = BufWriter::new(plain);
    let mut written = Ok(());
    if args.format == Format::Text {
        walk(&mut |field| {
            let head = if count == 0 { head_row() } else { String::new() };
            count += 1;
            written = out.write_all((head + &line(field, named(field))).as_bytes());
            written.is_ok()
        });
        written = written.and_then(|()| out.flush());
    } else {
        let listing = match args.format {
            Format::Jsonl => Ok(Listing::lines(out)),
            Format::Json | Format::Text => Listing::begin(out, &head(&loaded), "fields"),
        };
        written = listing.and_then(|mut listing| {
            let mut written = Ok(());
            walk(&mut |field| {
                count += 1;
                written = listing.entry(&document(field));
                written.is_ok()
            });
            written.and_then(|()| listing.finish().map(drop))
        });
    }
    style::unless_gone(written)?;
    loaded.verify()?;
    if let Some(error) = &loaded.image().error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    if count == 0 {
        let said = unknown::said(&loaded, &selection.path);
        return Err(Failure::Usage(format!("{}: {said}", loaded.name)));
    }
    Ok(Outcome::Fine)
}

fn head(loaded: &Loaded) -> DumpHead {
    DumpHead {
        schema: DumpName,
        file: loaded.name.clone(),
        dialect: loaded.image().dialect().map(Dialect::name),
    }
}

fn document(field: &Field<'_>) -> FieldDocument {
    FieldDocument {
        path: field.path.to_owned(),
        offset: field.offset,
        size: field.size,
        value: FieldValue::of(field),
        meaning: field.meaning.to_string(),
        form: field.form.as_ref().map(ToString::to_string),
        bits: bits::document(field),
    }
}

/// What stands where in the lines that follow.
fn head_row() -> String {
    let place = format!("{:>10}{:>7}", "offset", "size");
    let row = if is_narrow() {
        format!("{place}  path\n    value\n    meaning")
    } else {
        format!("{place}  {:PATH$}  {:VALUE$}  meaning", "path", "value")
    };
    format!("{}\n", Painted(DIM, row))
}

fn is_narrow() -> bool {
    screen::width().is_some_and(|columns| columns < ROOM)
}

/// `offset size path value meaning`, aligned, and below it what is in the value.
fn line(field: &Field<'_>, whole: bool) -> String {
    let mut text = String::new();
    let place = Painted(DIM, format!("{:>10}{:>7}", field.offset, field.size));
    let path = Painted(LABEL, format!("{:PATH$}", field.path));
    let said = match &field.form {
        Some(form) => format!("{} [{form}]", field.meaning),
        None => field.meaning.into(),
    };
    let lines = rendered(field, whole);
    let decoded = bits::lines(field, whole);
    let indent = PLACE + wrap::width(field.path).max(PATH) + 2;
    let behind = indent + wrap::width(&lines[0]).max(VALUE) + 2;
    if is_narrow() || screen::width().is_some_and(|columns| columns < behind + MEANING) {
        let columns = screen::width().unwrap_or(ROOM).saturating_sub(6);
        let _ = writeln!(text, "{place}  {}", Painted(LABEL, field.path));
        let values = lines.iter().chain(&decoded).enumerate();
        for (index, line) in values {
            for part in wrap::lines(line, columns) {
                let style = if index < lines.len() {
                    style::VALUE
                } else {
                    DIM
                };
                let _ = writeln!(text, "    {}", Painted(style, part));
            }
        }
        for part in wrap::lines(&said, columns) {
            let _ = writeln!(text, "    {}", Painted(DIM, part));
        }
        return text;
    }
    let room = screen::width().map_or(usize::MAX, |columns| columns.saturating_sub(behind).max(16));
    let mut meaning = wrap::lines(&said, room).into_iter();
    let first = Painted(DIM, meaning.next().unwrap_or_default());
    let value = Painted(style::VALUE, &lines[0]);
    let _ = writeln!(text, "{place}  {path}  {value:VALUE$}  {first}");
    for more in meaning {
        let _ = writeln!(text, "{:behind$}{}", "", Painted(DIM, more));
    }
    for more in &lines[1..] {
        let _ = writeln!(text, "{:1$}{more}", "", PLACE + PATH + 2);
    }
    let room = screen::width().map_or(80, |columns| columns.saturating_sub(PLACE + PATH + 4));
    for more in decoded
        .iter()
        .flat_map(|line| wrap::lines(line, room.max(16)))
    {
        let _ = writeln!(text, "{:1$}{2}", "", PLACE + PATH + 2, Painted(DIM, more));
    }
    text
}

fn rendered(field: &Field<'_>, whole: bool) -> Vec<String> {
    let word = |word: &u64| match field.style {
        Style::Hex => format!("{word:#x}"),
        _ => word.to_string(),
    };
    match &field.value {
        Value::Unsigned(number) => vec![word(number)],
        Value::Signed(number) => vec![number.to_string()],
        Value::Text(text) => vec![format!("{text:?}")],
        Value::List(words) => list(words, whole, word),
        Value::Bytes(bytes) => hex_bytes(bytes, whole),
    }
}

fn list(words: &[u64], whole: bool, word: impl Fn(&u64) -> String) -> Vec<String> {
    if words.is_empty() {
        return vec!["none".into()];
    }
    if let Some(first) = words
        .first()
        .filter(|first| words.len() > 1 && words.iter().all(|w| w == *first))
    {
        return vec![format!("{} x {}", words.len(), word(first))];
    }
    let shown = if whole {
        words.len()
    } else {
        words.len().min(WORDS)
    };
    let mut lines: Vec<String> = words[..shown]
        .chunks(4)
        .map(|four| four.iter().map(&word).collect::<Vec<_>>().join(" "))
        .collect();
    if shown < words.len() {
        lines.push(format!("… and {} more", words.len() - shown));
    }
    lines
}

fn hex_bytes(bytes: &[u8], whole: bool) -> Vec<String> {
    if bytes.len() > 4 && bytes.iter().all(|byte| *byte == bytes[0]) {
        return vec![format!("{} x {:02x}", bytes.len(), bytes[0])];
    }
    let shown = if whole {
        bytes.len()
    } else {
        bytes.len().min(32)
    };
    let mut lines: Vec<String> = bytes[..shown]
        .chunks(16)
        .map(|row| {
            row.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    if shown < bytes.len() {
        lines.push(format!("… and {} more bytes", bytes.len() - shown));
    }
    if lines.is_empty() {
        lines.push("none".into());
    }
    lines
}
