//! Aligned text: blocks of `label  value`, and tables with columns.
//!
//! Cells are plain text with a style beside it, so that their width is known.

use std::fmt;

use anstyle::Style;

use super::style::{DIM, LABEL, Painted, VALUE};

/// Between two columns.
const GAP: &str = "  ";

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
        self.text.chars().count()
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
}

impl Block {
    /// An empty block, `indent` columns from the left.
    pub fn new(indent: usize) -> Self {
        Block {
            indent,
            rows: Vec::new(),
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
        let width = self
            .rows
            .iter()
            .map(|(label, _)| label.chars().count())
            .max()
            .unwrap_or(0);
        for (label, value) in &self.rows {
            let mut label = Cell::styled(LABEL, label.as_str());
            // An empty value still has its label.
            for line in value
                .text
                .lines()
                .chain(value.text.is_empty().then_some(""))
            {
                write!(f, "{:1$}", "", self.indent)?;
                label.write(f, Align::Left, width, line.is_empty())?;
                if !line.is_empty() {
                    write!(f, "{GAP}{}", Painted(value.style, line))?;
                }
                writeln!(f)?;
                label = Cell::from("");
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
        }
    }

    /// Adds a row; what it has beyond the columns is not shown.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) -> &mut Self {
        self.rows.push(cells.into());
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<_> = self.columns.iter().map(|(name, _)| name.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let head: Vec<_> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            write!(f, "{:1$}", "", self.indent)?;
            // Empty cells at the end would only leave blanks there.
            let shown = row
                .iter()
                .rposition(|cell| !cell.text.is_empty())
                .map_or(0, |i| i + 1);
            let columns = widths
                .iter()
                .zip(&self.columns)
                .zip(&row[..shown])
                .enumerate();
            for (i, ((&width, &(_, align)), cell)) in columns {
                if i > 0 {
                    f.write_str(GAP)?;
                }
                cell.write(f, align, width, i + 1 == shown)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::style::OK;

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
}
