//! How a save went: stretches, traffic, downtime; a plot of what was sent and dirtied.
//!
//! A pass is what a reader of the image finds ([`Saved::passes`]); a stretch is a step of the policy's.

use std::fmt::{self, Write as _};
use std::time::Duration;

use ia64save::document::simulate::SimulatedSave;
use ia64save::document::transfer::{SavedDocument, Stretch};
use ia64save::progress::Task;
use ia64save_codec::transfer::observer::{Observer, Pass};
use ia64save_codec::transfer::save::Saved;

use crate::cli::progress::Progress;
use crate::cli::render::size::{counted, grouped, human};
use crate::cli::render::style::{HEADING, OK, Painted, VALUE, WARNING};
use crate::cli::render::table::{Align, Block, Cell, Table};

/// Cells of the longest bar.
const BAR: u64 = 40;
/// Rows of the plot, the last stretch apart.
const ROWS: usize = 16;
/// Eighths of a cell.
const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Looks on while a domain is saved.
pub struct Watch<'a> {
    progress: &'a Progress,
    page_size: u64,
    shown: u64,
    rounds: u32,
    /// What was sent, stretch by stretch.
    pub stretches: Vec<Pass>,
}

impl<'a> Watch<'a> {
    /// Shows on `progress` how far it is, and wants `rounds` further checkpoints.
    pub fn new(progress: &'a Progress, page_size: usize, rounds: u32) -> Self {
        Watch {
            progress,
            page_size: page_size as u64,
            shown: 0,
            rounds,
            stretches: Vec::new(),
        }
    }
}

impl Observer for Watch<'_> {
    fn sending(&mut self, sent: u64) -> bool {
        let new = sent.saturating_sub(self.shown);
        self.progress.add(new * (self.page_size + 8));
        self.shown = sent;
        true
    }

    fn passed(&mut self, pass: &Pass) {
        self.stretches.push(*pass);
    }

    fn checkpoint(&mut self, index: u32) -> bool {
        index < self.rounds
    }
}

/// A save that was made.
pub struct Summary<'a> {
    /// Who decided.
    pub policy: &'static str,
    /// What the guest did meanwhile, and how many pages it wrote to in a second.
    pub workload: (&'static str, u64),
    /// While the domain ran.
    pub live: bool,
    /// What it came to.
    pub saved: &'a Saved,
    /// Stretch by stretch.
    pub stretches: &'a [Pass],
    /// Bytes of a page.
    pub page_size: usize,
}

impl Summary<'_> {
    /// Each stretch was a trip through all of RAM, as the original's are.
    fn by_passes(&self) -> bool {
        self.saved.passes == self.saved.stretches
    }

    /// For scripts.
    pub fn document(&self) -> SimulatedSave {
        SimulatedSave {
            saved: SavedDocument::from(self.saved),
            live: self.live,
            policy: self.policy,
            workload: self.workload.0,
            rate: self.workload.1,
            stretches: self.stretches.iter().map(Stretch::from).collect(),
        }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saved = self.saved;
        let mut block = Block::new(2);
        let guest = format!(
            "{}, {}, {}",
            saved.guest,
            saved.dialect,
            counted(saved.vcpus.len() as u64, "vcpu")
        );
        block.row("domain", guest);
        let pages = |pages: u64| {
            let bytes = pages.saturating_mul(self.page_size as u64);
            format!("{} ({})", counted(pages, "page"), human(bytes))
        };
        block.row("memory", pages(saved.ram_pages));
        if self.live {
            let (workload, rate) = self.workload;
            block.row(
                "workload",
                format!("{workload}, {}/s", counted(rate, "page")),
            );
            block.row("policy", self.policy);
        }
        block.row(
            "sent",
            format!(
                "{} in {}{}",
                pages(saved.sent),
                counted(saved.passes.into(), "pass"),
                if self.by_passes() {
                    String::new()
                } else {
                    format!(", {}", counted(saved.stretches.into(), "stretch"))
                }
            ),
        );
        if saved.checkpoints > 1 {
            block.row("checkpoints", grouped(saved.checkpoints.into()));
        }
        block.row("stream", counted(saved.bytes, "byte"));
        let down = saved.downtime();
        let style = if down < Duration::from_secs(1) {
            OK
        } else {
            WARNING
        };
        block.row("downtime", Cell::styled(style, seconds(down)));
        block.row("total", seconds(saved.total()));
        write!(f, "{block}")?;
        if self.live {
            write!(f, "\n{}", plot(self.stretches, self.by_passes()))?;
        }
        Ok(())
    }
}

/// A time as people read it.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

/// Pages sent and dirtied in each stretch, which may be a whole pass each.
fn plot(stretches: &[Pass], by_passes: bool) -> String {
    let (title, name) = if by_passes {
        ("Passes", "pass")
    } else {
        ("Stretches", "stretch")
    };
    let rows = rows(stretches);
    let largest = rows.iter().map(|(_, row)| row.sent.max(row.dirty)).max();
    let largest = largest.unwrap_or(0).max(1);
    let mut table = Table::new(
        2,
        [
            (name, Align::Right),
            ("sent", Align::Right),
            ("dirty", Align::Right),
            ("took", Align::Right),
            ("█ sent  ░ dirtied meanwhile", Align::Left),
        ],
    );
    for (name, row) in rows {
        let style = if row.last { OK } else { VALUE };
        table.row([
            Cell::styled(style, name),
            grouped(row.sent).into(),
            grouped(row.dirty).into(),
            seconds(row.ended.saturating_sub(row.began)).into(),
            Cell::styled(style, bar(&row, largest)),
        ]);
    }
    let mut text = String::new();
    let _ = writeln!(text, "  {}", Painted(HEADING, title));
    let _ = write!(text, "{table}");
    text
}

/// Stretches with their names. A policy that goes in small stretches makes many: neighbours become one
/// row then.
fn rows(passes: &[Pass]) -> Vec<(String, Pass)> {
    let running = passes.iter().filter(|pass| !pass.last).count();
    let together = running.div_ceil(ROWS).max(1);
    let mut rows: Vec<(String, Pass)> = Vec::new();
    let mut gathered = 0;
    for pass in passes {
        match rows.last_mut() {
            Some((name, row)) if !pass.last && !row.last && gathered < together => {
                row.sent += pass.sent;
                row.dirty += pass.dirty;
                row.ended = pass.ended;
                *name = format!("{}-{}", row.number, pass.number);
                gathered += 1;
            }
            _ => {
                let name = if pass.last {
                    "last".into()
                } else {
                    pass.number.to_string()
                };
                rows.push((name, *pass));
                gathered = 1;
            }
        }
    }
    rows
}

fn bar(pass: &Pass, largest: u64) -> String {
    let eighths =
        |pages: u64| (u128::from(pages) * u128::from(BAR) * 8 / u128::from(largest)) as usize;
    let sent = eighths(pass.sent);
    let mut bar = "█".repeat(sent / 8);
    if !sent.is_multiple_of(8) {
        bar.push(PARTS[sent % 8]);
    }
    if bar.is_empty() && pass.sent > 0 {
        bar.push(PARTS[1]);
    }
    let dirty = eighths(pass.dirty).div_ceil(8);
    let have = bar.chars().count();
    bar.extend(std::iter::repeat_n('░', dirty.saturating_sub(have)));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_pages() {
        let pass = |sent, dirty| Pass {
            sent,
            dirty,
            ..Pass::default()
        };
        assert_eq!(bar(&pass(320, 0), 320), "█".repeat(40));
        assert_eq!(bar(&pass(9, 0), 320), "█▏");
        assert_eq!(bar(&pass(1, 0), 1 << 40), "▏");
        assert_eq!(bar(&pass(8, 32), 320), "█░░░");
        assert_eq!(bar(&pass(0, 0), 320), "");
    }

    #[test]
    fn many_passes_share_rows() {
        let mut passes: Vec<Pass> = (1..=100)
            .map(|number| Pass {
                number,
                sent: 1,
                ..Pass::default()
            })
            .collect();
        passes[99].last = true;
        let rows = rows(&passes);
        assert!(rows.len() <= ROWS + 1, "{}", rows.len());
        assert_eq!(rows.iter().map(|(_, row)| row.sent).sum::<u64>(), 100);
        assert_eq!(rows[0].0, "1-7");
        assert_eq!(rows.last().unwrap().0, "last");
        assert_eq!(super::rows(&passes[..3])[1].0, "2");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(seconds(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(seconds(Duration::from_millis(2_500)), "2.50 s");
    }
}
