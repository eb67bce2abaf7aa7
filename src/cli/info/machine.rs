//! The virtual machine: vcpus and devices.

use std::fmt::Write as _;

use ia64save_codec::image::Checkpoint;
use ia64save_codec::wire::hvm;
use ia64save_codec::wire::vcpu_context::Context;

use super::rows::{ROWS, at, more};
use crate::cli::render::size::grouped;
use crate::cli::render::style::{ADDRESS, DIM, HEADING, Painted};
use crate::cli::render::table::{Align, Block, Cell, Table};

pub(super) fn vcpus(out: &mut String, checkpoint: &Checkpoint) {
    if checkpoint.vcpus.is_empty() {
        return;
    }
    let columns = [
        ("id", Align::Right),
        ("ip", Align::Right),
        ("psr", Align::Right),
        ("cfm", Align::Right),
        ("privregs_pfn", Align::Right),
        ("layout", Align::Left),
        ("at byte", Align::Right),
    ];
    let mut table = Table::new(4, columns);
    for vcpu in checkpoint.vcpus.iter().take(ROWS) {
        let Some(context) = Context::parse(vcpu.layout, &vcpu.context.bytes) else {
            continue;
        };
        let word = |word: u64| Cell::styled(ADDRESS, format!("{word:#x}"));
        table.row([
            vcpu.id.to_string().into(),
            word(context.ip()),
            word(context.psr()),
            word(context.cfm()),
            word(context.privregs_pfn()),
            Cell::styled(
                DIM,
                format!("{:?}, {} bytes", vcpu.layout, vcpu.context.bytes.len()),
            ),
            Cell::styled(DIM, vcpu.context.offset.to_string()),
        ]);
    }
    let _ = write!(out, "\n  {}", Painted(HEADING, "Vcpus"));
    if let Some(map) = &checkpoint.vcpumap {
        let text = format!(
            "  {} of {} online",
            checkpoint.vcpus.len(),
            map.max_virt_cpus
        );
        let _ = write!(out, "{}", Painted(DIM, text));
    }
    let _ = writeln!(out);
    let _ = write!(out, "{table}");
    more(out, checkpoint.vcpus.len().saturating_sub(ROWS), "vcpus");
}

pub(super) fn hvm(out: &mut String, checkpoint: &Checkpoint) {
    let Some(magic) = &checkpoint.magic_pfns else {
        return;
    };
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "HVM"),
        at(magic.section.offset)
    );
    let mut block = Block::new(4);
    let pfns: Vec<_> = magic
        .iter()
        .map(|(m, pfn, _)| format!("{} {pfn:#x}", m.name()))
        .collect();
    block.row("magic pfns", pfns.join(", "));
    if let Some(context) = &checkpoint.hvm_context {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for (_, record) in context.records() {
            let name = hvm::record_of(record.typecode).map_or("unknown", |record| record.name);
            match counts.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => counts.push((name, 1)),
            }
        }
        let names = counts.iter().map(|(name, count)| match count {
            1 => (*name).to_owned(),
            _ => format!("{count} {name}"),
        });
        block.row(
            "context",
            format!("{} bytes", grouped(context.blob.bytes.len() as u64)),
        );
        block.row("records", names.collect::<Vec<_>>().join(", "));
    }
    let _ = write!(out, "{block}");
}
