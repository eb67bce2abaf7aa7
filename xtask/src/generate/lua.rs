//! The structures and the table of dialects for Wireshark's Lua.

use std::fmt::Write;

use ia64save_codec::Dialect;
use ia64save_codec::dialect::VcpumapRule;
use ia64save_codec::wire::memmap::EFI_TYPES;
use ia64save_codec::wire::{self, Field, Kind, Layout, Style, hvm};

use crate::structures;

/// Columns that a generated line may take.
const WIDTH: usize = 110;

/// Everything between the markers.
pub fn generated() -> String {
    let mut out = String::from(
        "-- A field: offset, name, type or structure, elements, style (d decimal, h hex, t text,\n\
         -- b bytes, p padding).\n",
    );
    out += "local LAYOUTS = {}\n";
    for layout in structures::all() {
        structure(&mut out, layout);
    }
    dialects(&mut out);
    records(&mut out);
    let names: Vec<String> = EFI_TYPES
        .iter()
        .enumerate()
        .map(|(value, name)| format!("[{value}]=\"{name}\""))
        .collect();
    out += "local EFI_TYPES = {\n";
    wrapped(&mut out, &names);
    out += "}\n";
    out
}

fn structure(out: &mut String, layout: &Layout) {
    let (name, size) = (layout.name, layout.size);
    // Writing into a String cannot fail, here and below.
    let _ = writeln!(out, "LAYOUTS.{name} = {{ name=\"{name}\", size={size},");
    let fields: Vec<String> = layout.fields.iter().map(field).collect();
    wrapped(out, &fields);
    out.push_str("}\n");
}

fn field(field: &Field) -> String {
    let kind = match field.kind {
        Kind::U8 => "u8",
        Kind::I8 => "i8",
        Kind::U16 => "u16",
        Kind::U32 => "u32",
        Kind::I32 => "i32",
        Kind::U64 => "u64",
        Kind::Struct(inner) => inner.name,
    };
    let style = match field.style {
        Style::Dec => "d",
        Style::Hex => "h",
        Style::Text => "t",
        Style::Bytes => "b",
        Style::Pad => "p",
    };
    format!(
        "{{{},\"{}\",\"{kind}\",{},\"{style}\"}}",
        field.offset, field.name, field.count
    )
}

fn dialects(out: &mut String) {
    out.push_str("local DIALECTS = {}\n");
    for dialect in Dialect::ALL {
        let spec = dialect.spec();
        let magic: Vec<String> = spec
            .magic_pfns
            .iter()
            .map(|&pfn| format!("\"{}\"", structures::magic(pfn)))
            .collect();
        let words = spec.vcpumap == VcpumapRule::Words;
        let _ = writeln!(
            out,
            "DIALECTS.{} = {{ id=\"{}\", name=\"{}\", version={}, hvm={}, pv_vcpumap={}, words={words}, \
             checkpoints={},\n  setup=LAYOUTS.{}, context=LAYOUTS.{}, privregs=LAYOUTS.{}, \
             shared_info=LAYOUTS.{},\n  magic={{{}}} }}",
            spec.id,
            spec.id,
            spec.name,
            spec.version as u64,
            spec.hvm,
            spec.pv_vcpumap,
            spec.checkpoints,
            wire::layout_of_arch_setup(spec.arch_setup).name,
            wire::layout_of_context(spec.context).name,
            structures::privregs(dialect).name,
            structures::shared_info(dialect).name,
            magic.join(", "),
        );
    }
    let ids: Vec<String> = Dialect::ALL
        .iter()
        .map(|dialect| format!("\"{}\"", dialect.id()))
        .collect();
    out.push_str("local DIALECT_IDS = {\n");
    wrapped(out, &ids);
    out.push_str("}\n");
}

fn records(out: &mut String) {
    out.push_str("local RECORDS = {}\n");
    for record in &hvm::RECORDS {
        let layout = if record.length == 0 {
            String::new()
        } else {
            format!(", layout=LAYOUTS.{}", record.layout.name)
        };
        let _ = writeln!(
            out,
            "RECORDS[{}] = {{ name=\"{}\", length={}{layout} }}",
            record.typecode, record.name, record.length
        );
    }
}

/// Items with commas, as many on a line as fit.
fn wrapped(out: &mut String, items: &[String]) {
    let mut line = String::new();
    for item in items {
        if !line.is_empty() && line.len() + item.len() + 4 > WIDTH {
            let _ = writeln!(out, "  {}", line.trim_end());
            line.clear();
        }
        line += item;
        line += ", ";
    }
    if !line.is_empty() {
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}
