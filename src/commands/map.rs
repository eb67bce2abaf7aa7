//! `map`: which guest memory an image holds, and where in the file.

use std::fmt::Write as _;
use std::io::Write as _;

use anstyle::Style;
use ia64save_codec::image::{Checkpoint, Extent, State};
use serde_json::{Value, json};

use super::print_json;
use crate::args::{Format, Map};
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::size::{grouped, human};
use crate::output::style::{self, ADDRESS, DIM, ERROR, HEADING, OK, Painted, WARNING};
use crate::output::table::{Align, Cell, Table};

/// Cells of a bar.
const BAR: u64 = 64;
/// Rows of the table that are printed; a live image has thousands of extents.
const ROWS: usize = 40;

/// Runs the command.
pub fn run(args: &Map) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        zero: true,
        ..Wanted::default()
    };
    let loaded = Loaded::open(&args.image, &args.reading, wanted)?;
    let image = loaded.image();
    let checkpoint = image.checkpoints.get(args.checkpoint);
    let extents = match (checkpoint, image.ram()) {
        (Some(checkpoint), Some(ram)) => checkpoint.map(ram),
        _ => Vec::new(),
    };
    if args.output == Format::Text {
        write!(
            style::stdout(),
            "{}",
            text(&loaded, args.checkpoint, &extents)
        )?;
    } else {
        let values: Vec<Value> = extents
            .iter()
            .map(|extent| value(&loaded, checkpoint, extent))
            .collect();
        let values = if args.output == Format::Json {
            vec![Value::Array(values)]
        } else {
            values
        };
        print_json(values, args.output)?;
    }
    loaded.verify()?;
    if let Some(error) = &image.error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    if checkpoint.is_none() {
        let count = image.checkpoints.len();
        return Err(Failure::Usage(format!(
            "{}: there are only {count} checkpoints",
            loaded.name
        )));
    }
    Ok(Outcome::Fine)
}

/// An extent as `qemu-img map` has it, in bytes of guest memory, and what it does not know besides.
fn value(loaded: &Loaded, checkpoint: Option<&Checkpoint>, extent: &Extent) -> Value {
    let page_size = loaded.image().page_size as u64;
    let data = extent.record.is_some() && extent.zero != Some(true);
    let mut value = json!({
        "start": extent.pfns.start.saturating_mul(page_size),
        "length": extent.pages().saturating_mul(page_size),
        "depth": 0,
        "present": extent.record.is_some(),
        "zero": extent.zero.unwrap_or(extent.record.is_none()),
        "data": data,
    });
    let first = extent.record.zip(checkpoint);
    if let Some((record, checkpoint)) = first {
        value["offset"] = json!(checkpoint.pages.record_offset(record) + 8);
        value["stride"] = json!(checkpoint.pages.stride());
    }
    value["first_pfn"] = json!(extent.pfns.start);
    value["num_pages"] = json!(extent.pages());
    value["state"] = json!(extent.state.name().to_lowercase().replace(' ', "_"));
    value["unallocated"] = json!(extent.listed);
    value
}

/// How a state looks: most telling first, which decides what a cell of several shows.
const LOOKS: [(&str, char, Style); 7] = [
    ("hole", '!', ERROR),
    ("sent again", '▓', WARNING),
    ("sent", '█', OK),
    ("zero", '░', OK),
    ("ballooned out", '▒', ADDRESS),
    ("unallocated", '·', ADDRESS),
    ("not RAM", ' ', DIM),
];

/// The row of [`LOOKS`] that an extent has.
fn look(extent: &Extent) -> usize {
    match (extent.state, extent.zero) {
        (State::Hole, _) => 0,
        (State::Sent | State::SentAgain, _) if extent.listed => 4,
        (State::Sent | State::SentAgain, Some(true)) => 3,
        (State::SentAgain, _) => 1,
        (State::Sent, _) => 2,
        (State::Unallocated, _) => 5,
        (State::NotRam, _) => 6,
    }
}

fn text(loaded: &Loaded, number: usize, extents: &[Extent]) -> String {
    let mut out = String::new();
    let image = loaded.image();
    let Some(checkpoint) = image.checkpoints.get(number) else {
        return out;
    };
    let _ = writeln!(out, "{}", Painted(HEADING, &loaded.name));
    let totals = totals(extents);
    let _ = writeln!(out);
    for (index, (name, glyph, style)) in LOOKS.iter().enumerate() {
        if totals[index] > 0 && index != 6 {
            let bytes = human(totals[index].saturating_mul(image.page_size as u64));
            let count = grouped(totals[index]);
            let _ = writeln!(
                out,
                "  {} {name:13} {count:>9} pages  {bytes:>10}",
                Painted(*style, glyph)
            );
        }
    }
    let _ = writeln!(out);
    picture(&mut out, extents);
    let columns = [
        ("pfns", Align::Right),
        ("", Align::Left),
        ("pages", Align::Right),
        ("state", Align::Left),
        ("record", Align::Right),
        ("page at byte", Align::Right),
    ];
    let mut table = Table::new(2, columns);
    let shown: Vec<_> = extents
        .iter()
        .filter(|extent| extent.state != State::NotRam)
        .collect();
    for extent in shown.iter().take(ROWS) {
        let (name, _, style) = LOOKS[look(extent)];
        let offset = extent
            .record
            .map(|record| checkpoint.pages.record_offset(record) + 8);
        table.row([
            Cell::styled(ADDRESS, format!("{:#x}", extent.pfns.start)),
            Cell::styled(ADDRESS, format!(".. {:#x}", extent.pfns.end)),
            grouped(extent.pages()).into(),
            Cell::styled(style, name),
            Cell::styled(
                DIM,
                extent
                    .record
                    .map_or(String::new(), |record| record.to_string()),
            ),
            Cell::styled(
                DIM,
                offset.map_or(String::new(), |offset| offset.to_string()),
            ),
        ]);
    }
    let _ = write!(out, "\n{table}");
    if shown.len() > ROWS {
        let text = format!("and {} more (--output json)", shown.len() - ROWS);
        let _ = writeln!(out, "  {}", Painted(DIM, text));
    }
    out
}

/// Pages by look.
fn totals(extents: &[Extent]) -> [u64; LOOKS.len()] {
    let mut totals = [0u64; LOOKS.len()];
    for extent in extents {
        let total = &mut totals[look(extent)];
        *total = total.saturating_add(extent.pages());
    }
    totals
}

/// One bar for each stretch of memory between gaps that are not RAM.
fn picture(out: &mut String, extents: &[Extent]) {
    let width = extents
        .iter()
        .map(|e| format!("{:#x}", e.pfns.start).len())
        .max()
        .unwrap_or(3);
    for stretch in extents.split(|extent| extent.state == State::NotRam) {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else {
            continue;
        };
        let (start, end) = (first.pfns.start, last.pfns.end);
        let cells = (end - start).min(BAR);
        let mut looks = vec![LOOKS.len() - 1; cells as usize];
        for extent in stretch {
            let cell = |pfn: u64| {
                (u128::from(pfn - start) * u128::from(cells) / u128::from(end - start)) as usize
            };
            let (from, to) = (cell(extent.pfns.start), cell(extent.pfns.end - 1));
            for place in &mut looks[from..=to] {
                *place = (*place).min(look(extent));
            }
        }
        let _ = write!(out, "  {} ", Painted(ADDRESS, format!("{start:#width$x}")));
        for run in looks.chunk_by(|a, b| a == b) {
            let (_, glyph, style) = LOOKS[run[0]];
            let _ = write!(
                out,
                "{}",
                Painted(style, glyph.to_string().repeat(run.len()))
            );
        }
        let pad = (BAR - cells) as usize;
        let each = (end - start).div_ceil(cells);
        let scale = if each > 1 {
            format!("  about {each} pages a cell")
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "{:pad$} {}{}",
            "",
            Painted(ADDRESS, format!("{end:#x}")),
            Painted(DIM, scale)
        );
    }
}
