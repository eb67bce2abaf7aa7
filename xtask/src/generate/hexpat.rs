//! The structures and the table of dialects for ImHex's pattern language.

use std::fmt::Write;

use ia64save_codec::Dialect;
use ia64save_codec::dialect::{ContextLayout, VcpumapRule};
use ia64save_codec::wire::memmap::EFI_TYPES;
use ia64save_codec::wire::{Field, Kind, Layout, Style, hvm};

use crate::structures;

/// Words of the language that a field may not be named by.
const KEYWORDS: [&str; 38] = [
    "addressof",
    "as",
    "auto",
    "be",
    "bitfield",
    "bool",
    "break",
    "catch",
    "char",
    "const",
    "continue",
    "else",
    "enum",
    "false",
    "fn",
    "for",
    "from",
    "if",
    "import",
    "in",
    "is",
    "le",
    "match",
    "namespace",
    "null",
    "out",
    "padding",
    "parent",
    "ref",
    "reference",
    "return",
    "sizeof",
    "struct",
    "this",
    "true",
    "type",
    "union",
    "using",
];

/// Everything between the markers.
pub fn generated() -> String {
    let mut out = String::from("enum Dialect : u8 {\n    Auto = 0,\n");
    for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
        let (id, name) = (dialect.id(), dialect.name());
        let _ = writeln!(out, "    {id} = {}, // {name}", index + 1);
    }
    out += "};\n\nenum EfiType : u32 {\n";
    for (value, name) in EFI_TYPES.iter().enumerate() {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(out, "    {name} = {value},");
    }
    out += "};\n\nenum HvmTypecode : u16 {\n";
    for record in &hvm::RECORDS {
        let _ = writeln!(out, "    {} = {},", record.name, record.typecode);
    }
    out += "};\n\n";
    for layout in structures::all() {
        structure(&mut out, layout);
    }
    record_bodies(&mut out);
    contexts(&mut out);
    dialects(&mut out);
    out
}

fn structure(out: &mut String, layout: &Layout) {
    let _ = writeln!(out, "struct {} {{", layout.name);
    for field in layout.fields {
        let _ = writeln!(out, "    {}", declared(layout, field));
    }
    let _ = writeln!(out, "}} [[static]]; // {} bytes\n", layout.size);
}

fn declared(layout: &Layout, field: &Field) -> String {
    let name = identifier(field.name);
    let (kind, count) = match (field.kind, field.style) {
        // Nobody reads padding: one array of bytes, which costs the editor least.
        (kind, Style::Pad) => ("u8", kind.size() * field.count),
        (_, Style::Text) => ("char", field.size()),
        (Kind::U8, _) => ("u8", field.count),
        (Kind::I8, _) => ("s8", field.count),
        (Kind::U16, _) => ("u16", field.count),
        (Kind::U32, _) if (layout.name, field.name) == ("EfiMemoryDesc", "type") => ("EfiType", 1),
        (Kind::U32, _) => ("u32", field.count),
        (Kind::I32, _) => ("s32", field.count),
        (Kind::U64, _) => ("u64", field.count),
        (Kind::Struct(inner), _) => (inner.name, field.count),
    };
    let array = if count > 1 {
        format!("[{count}]")
    } else {
        String::new()
    };
    let hidden = if field.style == Style::Pad {
        "hidden, "
    } else {
        ""
    };
    let meaning = field.meaning.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "{kind} {name}{array} [[{hidden}comment(\"{meaning}\")]]; // @{}",
        field.offset
    )
}

/// The name of a field, as the language takes it.
fn identifier(name: &str) -> String {
    let name = name.replace('.', "_");
    if KEYWORDS.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

fn record_bodies(out: &mut String) {
    out.push_str("struct HvmRecord {\n    HvmTypecode typecode;\n    u16 instance;\n");
    out.push_str("    u32 length;\n    match (u16(typecode)) {\n");
    for record in hvm::RECORDS.iter().filter(|record| record.length > 0) {
        let (code, name) = (record.typecode, record.layout.name);
        let _ = writeln!(out, "        ({code}): {name} body;");
    }
    let end = hvm::END;
    let _ = writeln!(out, "        ({end}): break;");
    out.push_str("        (_): builtin::std::error(\"no HVM record has this typecode\");\n    }\n");
    out.push_str("};\n\n");
}

/// One type that reads the context of whatever dialect the stream turned out to be in.
fn contexts(out: &mut String) {
    out.push_str("struct Context {\n    match (dialect) {\n");
    for layout in ContextLayout::ALL {
        let dialects: Vec<String> = of(|dialect| dialect.spec().context == layout);
        let name = ia64save_codec::wire::layout_of_context(layout).name;
        let _ = writeln!(out, "        ({}): {name} context;", dialects.join(" | "));
    }
    out.push_str("    }\n} [[inline]];\n\nstruct MappedRegs {\n    match (dialect) {\n");
    by_layout(out, structures::privregs, "mapped_regs");
    out.push_str("    }\n} [[inline]];\n\nstruct SharedInfo {\n    match (dialect) {\n");
    by_layout(out, structures::shared_info, "shared_info");
    out.push_str("    }\n} [[inline]];\n\n");
}

fn by_layout(out: &mut String, layout_of: fn(Dialect) -> &'static Layout, field: &str) {
    for layout in structures::all() {
        let dialects = of(|dialect| layout_of(dialect).name == layout.name);
        if !dialects.is_empty() {
            let (dialects, name) = (dialects.join(" | "), layout.name);
            let _ = writeln!(out, "        ({dialects}): {name} {field};");
        }
    }
}

fn dialects(out: &mut String) {
    out.push_str("fn context_size(u8 of) {\n    match (of) {\n");
    for layout in ContextLayout::ALL {
        let dialects = of(|dialect| dialect.spec().context == layout);
        let (dialects, size) = (dialects.join(" | "), layout.size());
        let _ = writeln!(out, "        ({dialects}): return {size};");
    }
    out.push_str("    }\n};\n\nfn bitmap_size(u8 of, u64 max_virt_cpus) {\n    match (of) {\n");
    let words = of(|dialect| dialect.spec().vcpumap == VcpumapRule::Words);
    let words = words.join(" | ");
    let _ = writeln!(
        out,
        "        ({words}): return (max_virt_cpus + 63) / 64 * 8;"
    );
    out.push_str("        (_): return (max_virt_cpus + 8) / 8;\n    }\n};\n\n");
    let magic = |spec: &ia64save_codec::dialect::Spec| -> Vec<&str> {
        let names = spec.magic_pfns.iter();
        names.map(|&pfn| structures::magic(pfn)).collect()
    };
    out.push_str("struct MagicPfns {\n    match (dialect) {\n");
    for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
        let names = magic(dialect.spec());
        if !names.is_empty() {
            let names = names.join(", ");
            let _ = writeln!(
                out,
                "        ({}): u64 {names}; // {}",
                index + 1,
                dialect.id()
            );
        }
    }
    out.push_str("    }\n};\n");
}

/// The dialects for which something holds, by their number in `Dialect`: 1 is D0.
fn of(holds: impl Fn(Dialect) -> bool) -> Vec<String> {
    let all = Dialect::ALL.into_iter().enumerate();
    all.filter(|(_, dialect)| holds(*dialect))
        .map(|(index, _)| (index + 1).to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Bytes of every structure in a text of the language, by nothing but its declarations; the
    /// offsets and sizes that its comments claim are compared on the way.
    fn sizes(text: &str) -> HashMap<String, usize> {
        let basic = [
            ("u8", 1),
            ("s8", 1),
            ("char", 1),
            ("u16", 2),
            ("u32", 4),
            ("s32", 4),
        ];
        let mut sizes: HashMap<String, usize> =
            basic.map(|(name, size)| (name.into(), size)).into();
        sizes.extend([("u64".into(), 8), ("EfiType".into(), 4)]);
        let mut open: Option<(&str, usize)> = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("struct ") {
                open = Some((name.trim_end_matches(" {"), 0));
            } else if let Some(claim) = line.strip_prefix("} [[static]]; // ") {
                let (name, size) = open.take().expect("a structure is open");
                assert_eq!(claim, format!("{size} bytes"), "{name}");
                sizes.insert(name.into(), size);
            } else if let (Some((name, at)), Some((field, offset))) =
                (&mut open, line.split_once("; // @"))
            {
                assert_eq!(offset.parse(), Ok(*at), "{name}: {line}");
                let declared = field.split(" [[").next().expect("a declaration");
                let (kind, field) = declared.trim().split_once(' ').expect("a type and a name");
                let count = field.split_once('[').map_or(1, |(_, count)| {
                    count
                        .trim_end_matches(']')
                        .parse()
                        .expect("a number of elements")
                });
                *at += count * sizes[kind];
            }
        }
        sizes
    }

    #[test]
    fn declarations_add_up_to_the_layouts() {
        let sizes = sizes(&generated());
        for layout in structures::all() {
            assert_eq!(
                sizes.get(layout.name),
                Some(&layout.size),
                "{}",
                layout.name
            );
        }
    }

    #[test]
    fn no_field_has_the_name_of_another_or_a_keyword() {
        for layout in structures::all() {
            let mut names: Vec<String> = layout.fields.iter().map(|f| identifier(f.name)).collect();
            assert!(names.iter().all(|name| !KEYWORDS.contains(&name.as_str())));
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "{}", layout.name);
        }
    }
}
