//! Aligned text: blocks of `label  value`, and tables with columns.
//!
//! Cells are plain text with a style beside it, so that their width is known. Ours: on a
//! narrow screen texts give way and numbers never, rows become blocks where that is not enough, and no line ends
//! in blanks; comfy-table and tabled squeeze every column alike and pad the last.

use std::fmt;

use anstyle::Style;

use super::screen;
use super::style::{DIM, LABEL, Painted, VALUE};
use super::wrap::{self, width};

/// Between two columns.
const GAP: &str = "  ";
/// Columns that text keeps when a table is made narrower.
const NARROW: usize = 12;
/// Columns that a value needs beside its label.
const BESIDE: usize = 18;

/// Text and how it looks.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style.
    pub fn styled(style: Style, text: impl Into<String>) -> Self {
        Cell {
            text: text.into(),
            style,
        }
    }

    fn width(&self) -> usize {
        width(&self.text)
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        align: Align,
        width: usize,
        last: bool,
    ) -> fmt::Result {
        let pad = width.saturating_sub(self.width());
        if align == Align::Right {
            write!(f, "{:pad$}", "")?;
        }
        write!(f, "{}", Painted(self.style, &self.text))?;
        if align == Align::Left && !last {
            write!(f, "{:pad$}", "")?;
        }
        Ok(())
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell::styled(VALUE, text)
    }
}

/// On which side a column is flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Lines of a label and a value, the values flush. A value of several lines stays in its column.
#[derive(Clone, Debug, Default)]
pub struct Block {
    indent: usize,
    rows: Vec<(String, Cell)>,
    /// Columns of the screen.
    columns: Option<usize>,
}

impl Block {
    /// An empty block, `indent` columns from the left.
    pub fn new(indent: usize) -> Self {
        Block {
            indent,
            rows: Vec::new(),
            columns: screen::width(),
        }
    }

    /// Adds a line.
    pub fn row(&mut self, label: impl Into<String>, value: impl Into<Cell>) -> &mut Self {
        self.rows.push((label.into(), value.into()));
        self
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.rows.iter().map(|(label, _)| width(label));
        let widest = labels.max().unwrap_or(0);
        let column = self.indent + widest + GAP.len();
        // Where labels leave too little room, values stand below them.
        let room = self.columns.map(|columns| columns.saturating_sub(column));
        let below = room.is_some_and(|room| room < BESIDE);
        let room = match self.columns {
            Some(columns) if below => Some(columns.saturating_sub(self.indent + 2)),
            _ => room,
        };
        for (label, value) in &self.rows {
            let lines: Vec<String> = match room {
                Some(room) => value
                    .text
                    .lines()
                    .flat_map(|line| wrap::lines(line, room.max(1)))
                    .collect(),
                None => value.text.lines().map(str::to_owned).collect(),
            };
            let indent = self.indent;
            let head = Cell::styled(LABEL, label.as_str());
            if below || lines.is_empty() {
                write!(f, "{:indent$}", "")?;
                head.write(f, Align::Left, widest, true)?;
                writeln!(f)?;
            }
            for (index, line) in lines.iter().enumerate() {
                write!(f, "{:indent$}", "")?;
                match (below, index) {
                    (true, _) => f.write_str("  ")?,
                    (false, 0) => head.write(f, Align::Left, widest, line.is_empty())?,
                    (false, _) => write!(f, "{:widest$}", "")?,
                }
                if !line.is_empty() {
                    let gap = if below { "" } else { GAP };
                    write!(f, "{gap}{}", Painted(value.style, line))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// Rows of cells below a head.
#[derive(Clone, Debug)]
pub struct Table {
    indent: usize,
    columns: Vec<(Cell, Align)>,
    rows: Vec<Vec<Cell>>,
    /// Columns of the screen.
    screen: Option<usize>,
}

impl Table {
    /// A table with these columns and no rows, `indent` columns from the left.
    pub fn new<const N: usize>(indent: usize, columns: [(&str, Align); N]) -> Self {
        let columns = columns
            .map(|(name, align)| (Cell::styled(DIM, name), align))
            .into();
        Table {
            indent,
            columns,
            rows: Vec::new(),
            screen: screen::width(),
        }
    }

    /// Adds a row; what it has beyond the columns is not shown.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) -> &mut Self {
        self.rows.push(cells.into());
        self
    }
}

impl Table {
    /// How wide each column is, so that all fit; `None` where they do not.
    fn widths(&self) -> Option<Vec<usize>> {
        let mut widths: Vec<_> = self.columns.iter().map(|(name, _)| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let Some(screen) = self.screen else {
            return Some(widths);
        };
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        let mut over = (self.indent + gaps + widths.iter().sum::<usize>()).saturating_sub(screen);
        // Text gives way, the widest first; numbers do not.
        while over > 0 {
            let texts = widths.iter_mut().zip(&self.columns);
            let texts = texts.filter(|(_, (_, align))| *align == Align::Left);
            let (widest, _) = texts.max_by_key(|(width, _)| **width)?;
            if *widest <= NARROW {
                return None;
            }
            *widest -= 1;
            over -= 1;
        }
        Some(widths)
    }

    fn in_columns(&self, f: &mut fmt::Formatter<'_>, widths: &[usize]) -> fmt::Result {
        let head: Vec<_> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            // What is too wide for its column goes on below.
            let cells = widths.iter().zip(row).map(|(width, cell)| {
                if cell.width() <= *width {
                    return vec![cell.clone()];
                }
                let lines = wrap::lines(&cell.text, (*width).max(1));
                let lines = lines.into_iter();
                lines.map(|line| Cell::styled(cell.style, line)).collect()
            });
            let cells: Vec<Vec<Cell>> = cells.collect();
            let lines = cells.iter().map(Vec::len).max().unwrap_or(0);
            for line in 0..lines {
                write!(f, "{:1$}", "", self.indent)?;
                let parts: Vec<Cell> = cells
                    .iter()
                    .map(|cell| cell.get(line).cloned().unwrap_or_else(|| "".into()))
                    .collect();
                // Empty cells at the end would only leave blanks there.
                let shown = parts
                    .iter()
                    .rposition(|cell| !cell.text.is_empty())
                    .map_or(0, |i| i + 1);
                let columns = widths.iter().zip(&self.columns).zip(&parts[..shown]);
                for (i, ((&width, &(_, align)), cell)) in columns.enumerate() {
                    if i > 0 {
                        f.write_str(GAP)?;
                    }
                    cell.write(f, align, width, i + 1 == shown)?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }

    /// Each row as lines of its own: what is said first, and below it the rest with the names of its columns.
    fn as_records(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            // What has no name belongs to what stands before it.
            let mut parts: Vec<(&str, String, Style)> = Vec::new();
            for ((name, _), cell) in self.columns.iter().zip(row) {
                match parts.last_mut() {
                    Some((_, text, _)) if name.text.is_empty() => {
                        format!("{text} {}", cell.text).trim().clone_into(text);
                    }
                    _ => parts.push((&name.text, cell.text.clone(), cell.style)),
                }
            }
            parts.retain(|(_, text, _)| !text.is_empty());
            let Some((name, first, style)) = parts.first() else {
                continue;
            };
            let indent = self.indent;
            let name = if name.is_empty() {
                String::new()
            } else {
                format!("{name} ")
            };
            let (name, first) = (Painted(DIM, name), Painted(*style, first));
            writeln!(f, "{:indent$}{name}{first}", "")?;
            let mut block = Block::new(indent + 2);
            block.columns = self.screen;
            for (name, text, style) in &parts[1..] {
                block.row(*name, Cell::styled(*style, text.as_str()));
            }
            write!(f, "{block}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.widths() {
            Some(widths) => self.in_columns(f, &widths),
            None => self.as_records(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::style::OK;

    fn plain(text: &impl fmt::Display) -> String {
        anstream::adapter::strip_str(&text.to_string()).to_string()
    }

    #[test]
    fn values_of_a_block_are_flush() {
        let mut block = Block::new(2);
        block
            .row("guest", "pv")
            .row("dialect", Cell::styled(OK, "xen-3.3"))
            .row("evidence", "one\ntwo")
            .row("none", "");
        assert_eq!(
            plain(&block),
            "  guest     pv\n  dialect   xen-3.3\n  evidence  one\n            two\n  none\n"
        );
    }

    #[test]
    fn numbers_are_flush_right_and_lines_have_no_tail() {
        let mut table = Table::new(
            1,
            [
                ("size", Align::Right),
                ("typ", Align::Left),
                ("x", Align::Left),
            ],
        );
        table
            .row(["8".into(), Cell::styled(OK, "größe"), "a".into()])
            .row(["16 384".into(), "b".into(), "".into()]);
        assert_eq!(
            plain(&table),
            "   size  typ    x\n      8  größe  a\n 16 384  b\n"
        );
    }

    #[test]
    fn a_block_and_a_table_fit_into_narrow_screens() {
        let mut block = Block::new(2);
        block
            .row("because", "one two three four five six seven")
            .row("a", "b");
        block.columns = Some(32);
        assert_eq!(
            plain(&block),
            "  because  one two three four\n           five six seven\n  a        b\n"
        );
        block.columns = Some(22);
        assert_eq!(
            plain(&block),
            "  because\n    one two three four\n    five six seven\n  a\n    b\n"
        );
        let mut table = Table::new(
            2,
            [
                ("pfns", Align::Right),
                ("", Align::Left),
                ("what", Align::Left),
            ],
        );
        let what = "conventional memory, of the guest";
        table.row(["0x0".into(), ".. 0x1000".into(), what.into()]);
        table.screen = Some(40);
        assert_eq!(
            plain(&table),
            "  pfns             what\n   0x0  .. 0x1000  conventional memory,\n                   of the guest\n"
        );
        table.screen = Some(26);
        assert_eq!(
            plain(&table),
            "  pfns 0x0 .. 0x1000\n    what\n      conventional memory,\n      of the guest\n"
        );
    }
}
