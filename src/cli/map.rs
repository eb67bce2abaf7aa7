//! `map`: which guest memory an image holds, and where in the file.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use clap::ValueHint;
use ia64save::document::map::{ExtentDocument, MapHead};
use ia64save::document::name::MapName;
use ia64save::document::stream::Listing;
use ia64save::{Loaded, open};
use ia64save_codec::image::{Checkpoint, Extent, State};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::ram::RamMap;

use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{no_checkpoint, options};
use crate::cli::render::looks::{LOOKS, look};
use crate::cli::render::screen;
use crate::cli::render::size::{grouped, human};
use crate::cli::render::style::{self, ADDRESS, DIM, HEADING, Painted};
use crate::cli::render::table::{Align, Cell, Table};

/// What the user says.
///
/// JSON has the keys of `qemu-img map`, and more: they stand in `extents`, addresses are texts ("0x4000"), and
/// pages that follow each other in memory are `stride` bytes apart in the file, since each record has a header.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// The checkpoint to draw: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

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

/// Cells of a bar where there is room.
const BAR: u64 = 64;
/// Most cells of a bar, on a wide screen.
const WIDEST_BAR: u64 = 128;
/// Fewest cells of a bar.
const NARROWEST_BAR: u64 = 8;
/// Columns of ` about 1 024 pages a cell`.
const SCALE: u64 = 26;
/// Rows of the table that are printed; a live image has thousands of extents.
const ROWS: usize = 40;

/// Bars that are drawn; a broken map can ask for millions.
const BARS: usize = 48;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = options(&args.reading).zero(true).cores(true);
    let loaded = open(&args.image, &wanted)?;
    let image = loaded.image();
    let count = image.checkpoints.len();
    if args.checkpoint >= count.max(1) {
        return Err(no_checkpoint(&loaded.name, args.checkpoint, count));
    }
    let nothing = (Checkpoint::default(), RamMap::default());
    let (checkpoint, ram) = (
        image.checkpoints.get(args.checkpoint).unwrap_or(&nothing.0),
        image.ram().unwrap_or(&nothing.1),
    );
    match args.format {
        Format::Text => {
            let drawing = Drawing::new(checkpoint, ram);
            write!(style::stdout(), "{}", drawing.text(&loaded, checkpoint))?;
        }
        Format::Json | Format::Jsonl => {
            style::unless_gone(print(&loaded, args, checkpoint, ram))?;
        }
    }
    loaded.verify()?;
    if let Some(error) = &image.error {
        return Err(Failure::Invalid(loaded.name.clone(), error.clone()));
    }
    Ok(Outcome::Fine)
}

/// Prints the extents one by one, as `qemu-img map` does: there may be more than memory should hold.
fn print(loaded: &Loaded, args: &Args, checkpoint: &Checkpoint, ram: &RamMap) -> io::Result<()> {
    let out = BufWriter::new(style::plain_stdout().telling());
    let page_size = loaded.image().page_size;
    let head = MapHead {
        schema: MapName,
        file: loaded.name.clone(),
        checkpoint: args.checkpoint,
        page_size,
    };
    let mut listing = match args.format {
        Format::Jsonl => Listing::lines(out),
        Format::Json | Format::Text => Listing::begin(out, &head, "extents")?,
    };
    let mut written = Ok(());
    checkpoint.map(ram, &mut |extent| {
        if written.is_ok() {
            written = listing.entry(&ExtentDocument::of(checkpoint, page_size, &extent));
        }
    });
    written?;
    listing.finish()?;
    Ok(())
}

/// What is drawn of a checkpoint: all of it in numbers, the first of it in detail.
struct Drawing {
    /// Pages by look.
    totals: [u64; LOOKS.len()],
    /// The first extents that are not gaps.
    rows: Vec<Extent>,
    more_rows: usize,
    /// Memory between gaps.
    bars: Vec<Bar>,
    more_bars: usize,
}

/// A stretch of memory that has no gap, and a look for each cell of its bar.
struct Bar {
    pfns: Pfns,
    cells: Vec<usize>,
}

impl Drawing {
    fn new(checkpoint: &Checkpoint, ram: &RamMap) -> Self {
        let mut drawing = Drawing {
            totals: [0; LOOKS.len()],
            rows: Vec::new(),
            more_rows: 0,
            bars: Vec::new(),
            more_bars: 0,
        };
        let mut gap = true;
        checkpoint.map(ram, &mut |extent| drawing.count(extent, &mut gap));
        let (most, _) = room(drawing.digits(), screen::width());
        for bar in &mut drawing.bars {
            let cells = bar.pfns.pages().min(most);
            bar.cells = vec![LOOKS.len() - 1; cells as usize];
        }
        let mut at = 0;
        checkpoint.map(ram, &mut |extent| {
            while drawing
                .bars
                .get(at)
                .is_some_and(|bar| bar.pfns.last() < extent.pfns.first())
            {
                at += 1;
            }
            if let Some(bar) = drawing
                .bars
                .get_mut(at)
                .filter(|_| extent.state != State::NotRam)
            {
                bar.fill(&extent);
            }
        });
        drawing
    }

    fn count(&mut self, extent: Extent, gap: &mut bool) {
        let total = &mut self.totals[look(&extent)];
        *total = total.saturating_add(extent.pages());
        let was_gap = std::mem::replace(gap, extent.state == State::NotRam);
        if *gap {
            return;
        }
        if was_gap && self.bars.len() < BARS {
            self.bars.push(Bar {
                pfns: extent.pfns,
                cells: Vec::new(),
            });
        } else if was_gap {
            self.more_bars += 1;
        } else if self.more_bars == 0
            && let Some(bar) = self.bars.last_mut()
        {
            bar.pfns.push(extent.pfns);
        }
        if self.rows.len() < ROWS {
            self.rows.push(extent);
        } else {
            self.more_rows += 1;
        }
    }

    /// Columns of the widest pfn that a bar begins with.
    fn digits(&self) -> usize {
        let pfns = self.bars.iter().map(|bar| bar.pfns.first());
        pfns.map(|pfn| format!("{pfn:#x}").len()).max().unwrap_or(3)
    }

    fn text(&self, loaded: &Loaded, checkpoint: &Checkpoint) -> String {
        let mut out = String::new();
        let page_size = loaded.image().page_size as u64;
        let _ = writeln!(out, "{}\n", Painted(HEADING, &loaded.name));
        let most = grouped(
            self.totals[..LOOKS.len() - 1]
                .iter()
                .copied()
                .max()
                .unwrap_or(0),
        );
        let width = most.chars().count().max(9);
        for ((name, glyph, style), total) in LOOKS.iter().zip(self.totals) {
            if total > 0 && *name != "not RAM" {
                let bytes = human(total.saturating_mul(page_size));
                let (glyph, count) = (Painted(*style, glyph.shown()), grouped(total));
                let pages = if total == 1 { "page " } else { "pages" };
                let _ = writeln!(
                    out,
                    "  {glyph} {name:13} {count:>width$} {pages}  {bytes:>10}"
                );
            }
        }
        if self.rows.is_empty() {
            let _ = writeln!(out, "  {}", Painted(DIM, "no memory"));
            return out;
        }
        let _ = writeln!(out);
        for bar in &self.bars {
            bar.draw(&mut out, self.digits(), screen::width());
        }
        more(&mut out, self.more_bars, "bars");
        let columns = [
            ("pfns", Align::Right),
            ("", Align::Left),
            ("pages", Align::Right),
            ("state", Align::Left),
            ("record", Align::Right),
            ("page at byte", Align::Right),
        ];
        let mut table = Table::new(2, columns);
        for extent in &self.rows {
            let (name, _, style) = LOOKS[look(extent)];
            let number = |number: Option<u64>| number.map_or(String::new(), |n| n.to_string());
            let record = extent.record.map(|record| record as u64);
            let offset = extent
                .record
                .map(|record| checkpoint.pages.page_offset(record));
            table.row([
                Cell::styled(ADDRESS, format!("{:#x}", extent.pfns.first())),
                Cell::styled(ADDRESS, format!(".. {:#x}", end(extent.pfns))),
                grouped(extent.pages()).into(),
                Cell::styled(style, name),
                Cell::styled(DIM, number(record)),
                Cell::styled(DIM, number(offset)),
            ]);
        }
        let _ = write!(out, "\n{table}");
        more(&mut out, self.more_rows, "ranges (--format json)");
        out
    }
}

/// The pfn behind the last, which 64 bits need not hold.
fn end(pfns: Pfns) -> u128 {
    u128::from(pfns.last()) + 1
}

impl Bar {
    /// Lets an extent show in its cells; the more telling look wins.
    fn fill(&mut self, extent: &Extent) {
        let Some(pfns) = extent.pfns.common(self.pfns) else {
            return;
        };
        let start = self.pfns.first();
        let (pages, cells) = (end(self.pfns) - u128::from(start), self.cells.len() as u128);
        let cell = |pfn: u64| (u128::from(pfn - start) * cells / pages) as usize;
        for place in &mut self.cells[cell(pfns.first())..=cell(pfns.last())] {
            *place = (*place).min(look(extent));
        }
    }

    fn draw(&self, out: &mut String, width: usize, columns: Option<usize>) {
        let (start, end) = (self.pfns.first(), end(self.pfns));
        let _ = write!(out, "  {} ", Painted(ADDRESS, format!("{start:#width$x}")));
        for run in self.cells.chunk_by(|a, b| a == b) {
            let (_, glyph, style) = LOOKS[run[0]];
            let _ = write!(
                out,
                "{}",
                Painted(style, glyph.shown().to_string().repeat(run.len()))
            );
        }
        let (most, beside) = room(width, columns);
        let pad = most as usize - self.cells.len();
        let each = self.pfns.pages().div_ceil(self.cells.len() as u64);
        let scale = match each {
            0 | 1 => String::new(),
            _ if beside => format!("  about {} pages a cell", grouped(each)),
            _ => format!("\n    about {} pages a cell", grouped(each)),
        };
        let end = Painted(ADDRESS, format!("{end:#x}"));
        let _ = writeln!(out, "{:pad$} {end}{}", "", Painted(DIM, scale));
    }
}

/// How many cells a bar may have beside pfns of so many columns, and whether its scale stands beside it.
fn room(digits: usize, columns: Option<usize>) -> (u64, bool) {
    let Some(columns) = columns else {
        return (BAR, true);
    };
    let pfns = 2 + (digits as u64 + 1) * 2;
    let left = (columns as u64).saturating_sub(pfns);
    match left.checked_sub(SCALE) {
        Some(cells @ 32..) => (cells.min(WIDEST_BAR), true),
        _ => (left.clamp(NARROWEST_BAR, BAR), false),
    }
}

fn more(out: &mut String, count: usize, of: &str) {
    if count > 0 {
        let _ = writeln!(
            out,
            "  {}",
            Painted(DIM, format!("and {} more {of}", grouped(count as u64)))
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ia64save_codec::image::Unallocated;

    #[test]
    fn the_last_number_of_all_has_a_bar_and_a_cell() {
        let max = u64::MAX;
        let mut checkpoint = Checkpoint::default();
        checkpoint.complete = true;
        checkpoint.unallocated = Some(Unallocated {
            count: 3,
            runs: vec![
                Pfns::one(3),
                Pfns::of(max - 1..max).unwrap(),
                Pfns::one(max),
            ],
            ..Unallocated::default()
        });
        let drawing = Drawing::new(&checkpoint, &RamMap::default());
        let bars: Vec<_> = drawing.bars.iter().map(|bar| bar.pfns).collect();
        assert_eq!(bars, [Pfns::one(3), Pfns::new(max - 1, max).unwrap()]);
        let unallocated = 5;
        assert!(
            drawing.bars[1]
                .cells
                .iter()
                .all(|cell| *cell == unallocated)
        );
        assert_eq!(drawing.totals[unallocated], 3);
        let mut out = String::new();
        drawing.bars[1].draw(&mut out, 3, None);
        assert!(out.contains("0x10000000000000000"), "{out}");
    }

    #[test]
    fn bars_fill_the_screen_and_no_more() {
        for columns in 40..=200 {
            let (cells, beside) = room(10, Some(columns));
            let used = 2 + 11 + cells + 11 + if beside { SCALE } else { 0 };
            assert!(used <= columns as u64, "{columns}: {cells}");
        }
        assert_eq!(room(10, None), (BAR, true));
        assert!(room(10, Some(200)).0 > BAR);
    }
}
