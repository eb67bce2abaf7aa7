//! What comes behind the first checkpoint: more of them, and what is no part of the stream.

use std::fmt::Write as _;

use ia64save::Loaded;
use ia64save_codec::image::Image;

use super::rows::{ROWS, at, more};
use crate::cli::render::size::{grouped, human};
use crate::cli::render::style::{DIM, ERROR, HEADING, Painted, WARNING};
use crate::cli::render::table::{Align, Cell, Table};

pub(super) fn rounds(out: &mut String, image: &Image) {
    if image.checkpoints.len() < 2 {
        return;
    }
    let columns = [
        ("checkpoint", Align::Right),
        ("records", Align::Right),
        ("at byte", Align::Right),
    ];
    let mut table = Table::new(4, columns);
    for (index, checkpoint) in image.checkpoints.iter().enumerate().skip(1).take(ROWS) {
        let whole = if checkpoint.complete {
            ""
        } else {
            " (not whole)"
        };
        table.row([
            format!("{index}{whole}").into(),
            grouped(checkpoint.pages.len() as u64).into(),
            Cell::styled(DIM, checkpoint.pages.offset().to_string()),
        ]);
    }
    let _ = writeln!(out, "\n  {}", Painted(HEADING, "Remus rounds"));
    let _ = write!(out, "{table}");
    more(
        out,
        (image.checkpoints.len() - 1).saturating_sub(ROWS),
        "rounds",
    );
    let mut records = image.checkpoints.iter().flat_map(|c| &c.device_model);
    if let Some(first) = records.next() {
        let _ = writeln!(
            out,
            "    device model between them: {}, {} in all, the first {}",
            first.kind,
            grouped(1 + records.count() as u64),
            at(first.signature_offset)
        );
    }
}

pub(super) fn behind(out: &mut String, loaded: &Loaded) {
    if let Some(Ok(model)) = &loaded.file.device_model {
        let size = human(model.data.end - model.data.start);
        let _ = writeln!(
            out,
            "\n  {}  {}, {size}  {}",
            Painted(HEADING, "Device model"),
            model.kind.name(),
            at(model.signature_offset)
        );
    }
    if let Some((offset, size)) = loaded.file.trailing() {
        let text = format!("{} bytes behind the end belong to nobody", grouped(size));
        let _ = writeln!(out, "\n  {}  {}", Painted(WARNING, text), at(offset));
    }
    if loaded.image().error.is_some() {
        let gap = if out.ends_with("\n\n") { "" } else { "\n" };
        let _ = writeln!(
            out,
            "{gap}  {}",
            Painted(ERROR, "The image is broken: see ia64save check")
        );
    }
}
