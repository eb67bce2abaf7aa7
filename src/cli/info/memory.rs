//! The memory of the guest: its map, and the pages that are there.

use std::fmt::Write as _;

use ia64save_codec::image::{Checkpoint, Image};
use ia64save_codec::ram;

use super::rows::{ROWS, at, more};
use crate::cli::render::size::{grouped, human};
use crate::cli::render::style::{self, ADDRESS, DIM, HEADING, Painted};
use crate::cli::render::table::{Align, Block, Cell, Table};

pub(super) fn memory_map(out: &mut String, image: &Image) {
    let Some(section) = &image.memmap else { return };
    let page_size = image.page_size as u64;
    let columns = [
        ("type", Align::Left),
        ("pfns", Align::Right),
        ("", Align::Left),
        ("size", Align::Right),
        ("attribute", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(4, columns);
    let mut left_out = 0;
    for (index, (_, descriptor)) in ram::descriptors(&section.bytes).enumerate() {
        if index >= ROWS {
            left_out += 1;
            continue;
        }
        let name = descriptor
            .type_name()
            .map_or_else(|| descriptor.r#type.to_string(), short_type);
        let pfn = |byte: u64| format!("{:#x}", byte / page_size);
        let (first, end) = match descriptor.end() {
            Some(end) => (pfn(descriptor.phys_addr), format!(".. {}", pfn(end))),
            None => ("beyond 64 bits".into(), String::new()),
        };
        // A range that begins or ends within a page is told in bytes as well: its pfns alone say something else.
        let start = descriptor.phys_addr;
        let stop = descriptor
            .num_pages
            .checked_mul(4096)
            .and_then(|size| start.checked_add(size));
        let uneven = stop.filter(|end| start % page_size != 0 || end % page_size != 0);
        let uneven = uneven.map(|end| format!("bytes {start:#x} .. {end:#x}"));
        let bytes = descriptor
            .num_pages
            .checked_mul(4096)
            .map_or("huge".into(), human);
        let style = if descriptor.is_ram() {
            style::VALUE
        } else {
            DIM
        };
        table.row([
            Cell::styled(
                style,
                if descriptor.is_ram() {
                    format!("{name} (RAM)")
                } else {
                    name
                },
            ),
            Cell::styled(ADDRESS, first),
            Cell::styled(ADDRESS, end),
            Cell::styled(style, bytes),
            Cell::styled(style, format!("{:#x}", descriptor.attribute)),
            Cell::styled(DIM, uneven.unwrap_or_default()),
        ]);
    }
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "Memory map"),
        at(section.offset)
    );
    let _ = write!(out, "{table}");
    more(out, left_out, "descriptors");
}

/// `EFI_CONVENTIONAL_MEMORY` as `conventional memory`.
fn short_type(name: &str) -> String {
    name.trim_start_matches("EFI_")
        .to_lowercase()
        .replace('_', " ")
}

pub(super) fn pages(out: &mut String, image: &Image, checkpoint: &Checkpoint) {
    let pages = &checkpoint.pages;
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "Pages"),
        at(pages.offset())
    );
    let mut block = Block::new(4);
    let bytes = (pages.len() as u64).saturating_mul(image.page_size as u64);
    block.row(
        "records",
        format!("{} ({})", grouped(pages.len() as u64), human(bytes)),
    );
    block.row("distinct", grouped(pages.distinct() as u64));
    if pages.superseded() > 0 {
        let passes = image.ram().map_or(0, |ram| pages.passes(ram).len());
        let count = grouped(pages.superseded() as u64);
        block.row(
            "superseded",
            format!(
                "{count}, in {} passes (a live save)",
                grouped(passes as u64)
            ),
        );
    }
    if let Some(zero) = pages.zero() {
        block.row("zero", grouped(zero));
    }
    if let Some(list) = &checkpoint.unallocated {
        let mut text = grouped(list.count.into());
        for run in list.runs.iter().take(4) {
            let _ = write!(text, "  {run}");
        }
        if list.runs.len() > 4 {
            text.push_str("  …");
        }
        block.row("unallocated", text);
    }
    let _ = write!(out, "{block}");
}
