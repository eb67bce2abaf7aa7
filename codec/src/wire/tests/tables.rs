//! The tables of `spec/layout` against the layouts, both ways.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::dialect::{
    ArchSetupLayout, ContextLayout, MappedRegsLayout, SharedInfoLayout, StartInfoLayout,
};
use crate::wire::hvm::{self, vpd};
use crate::wire::*;

/// A table and the layout that it describes.
struct Case {
    file: &'static str,
    table: &'static str,
    layout: &'static Layout,
    /// Rows whose offset, size, count and type are compared. The rest go by rules of their own:
    /// bit fields, unnamed members of unions, and the start of an array behind the structure.
    exact: usize,
}

macro_rules! case {
    ($file:literal, $layout:expr, $exact:literal) => {
        Case {
            file: $file,
            table: include_str!(concat!("../../../../spec/layout/", $file, ".tsv")),
            layout: $layout,
            exact: $exact,
        }
    };
}

fn cases() -> Vec<Case> {
    use ArchSetupLayout::{Dom0Op, Plain, Vhpt};
    use ContextLayout::{A, B, B2, C, D, E, F};
    use MappedRegsLayout::{M1, M2, M3, M4, M5};
    use SharedInfoLayout::{S0, S1, S2};
    use StartInfoLayout::{I0, I1, I2};
    vec![
        case!("arch_setup.0_dom0_op_48", layout_of_arch_setup(Dom0Op), 6),
        case!("arch_setup.1_40", layout_of_arch_setup(Plain), 5),
        case!("arch_setup.2_40", layout_of_arch_setup(Vhpt), 6),
        case!("xen_ia64_memmap_info", memmap::MemmapInfo::LAYOUT, 3),
        case!("efi_memory_desc", memmap::EfiMemoryDesc::LAYOUT, 6),
        case!("vcpu_guest_context.A_1056", layout_of_context(A), 81),
        case!("vcpu_guest_context.B_21904", layout_of_context(B), 103),
        case!("vcpu_guest_context.B2_5520", layout_of_context(B2), 102),
        case!("vcpu_guest_context.C_21904", layout_of_context(C), 105),
        case!("vcpu_guest_context.D_21936", layout_of_context(D), 110),
        case!("vcpu_guest_context.E_22208", layout_of_context(E), 111),
        case!("vcpu_guest_context.F_22208", layout_of_context(F), 111),
        case!("mapped_regs.1_3.0.3", layout_of_mapped_regs(M1), 63),
        case!("mapped_regs.2_2007-01-12", layout_of_mapped_regs(M2), 62),
        case!("mapped_regs.3_3.1.0", layout_of_mapped_regs(M3), 64),
        case!("mapped_regs.4_3.2", layout_of_mapped_regs(M4), 63),
        case!("mapped_regs.5_3.4", layout_of_mapped_regs(M5), 65),
        case!("shared_info.0_4128", layout_of_shared_info(S0), 21),
        case!("shared_info.1_4384_pad32", layout_of_shared_info(S1), 22),
        case!("shared_info.2_4384_memmap", layout_of_shared_info(S2), 24),
        case!("arch_shared_info", shared_info::ArchSharedInfoS2::LAYOUT, 5),
        case!("vcpu_info", shared_info::VcpuInfo::LAYOUT, 11),
        case!("vcpu_time_info", shared_info::VcpuTimeInfo::LAYOUT, 7),
        case!(
            "start_info.0_1152_old_console",
            layout_of_start_info(I0),
            14
        ),
        case!("start_info.1_1152", layout_of_start_info(I1), 16),
        case!("start_info.2_1168", layout_of_start_info(I2), 18),
        case!("xen_ia64_boot_param.all", boot_param::BootParam::LAYOUT, 16),
        case!("hvm_save_descriptor", hvm::HvmSaveDescriptor::LAYOUT, 3),
        case!(
            "hvm.1_hvm_save_header",
            hvm::layout_of_record(1).unwrap(),
            4
        ),
        case!(
            "hvm.2_hvm_hw_ia64_cpu",
            hvm::layout_of_record(2).unwrap(),
            1
        ),
        case!(
            "hvm.3_hvm_hw_ia64_vpd",
            hvm::layout_of_record(3).unwrap(),
            70
        ),
        case!(
            "hvm.4_hvm_hw_ia64_vlsapic",
            hvm::layout_of_record(4).unwrap(),
            5
        ),
        case!(
            "hvm.5_hvm_hw_ia64_vtime",
            hvm::layout_of_record(5).unwrap(),
            4
        ),
        case!(
            "hvm.6_hvm_hw_ia64_viosapic",
            hvm::layout_of_record(6).unwrap(),
            12
        ),
        case!(
            "hvm.7_hvm_hw_ia64_vacpi",
            hvm::layout_of_record(7).unwrap(),
            3
        ),
        case!(
            "hvm.8_hvm_hw_ia64_identity_mappings",
            hvm::layout_of_record(8).unwrap(),
            12
        ),
        case!("vpd.4_3.2", vpd::VpdM4::LAYOUT, 67),
        case!("vpd.5_3.4", vpd::VpdM5::LAYOUT, 69),
        case!("nvram_save_addr.all", nvram::NvramSaveAddr::LAYOUT, 2),
    ]
}

/// One row of a table.
struct Row<'a> {
    /// Without the `[n]` of an array of n.
    path: &'a str,
    offset: usize,
    size: usize,
    ty: &'a str,
    count: usize,
}

fn rows(table: &str) -> impl Iterator<Item = Row<'_>> {
    let body = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    body.map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let count: usize = columns[4].parse().unwrap();
        let path = columns[0];
        // A row that is no array of several may still end in an index: that of an element.
        let array = alloc::format!("[{count}]");
        Row {
            path: if count > 1 {
                path.strip_suffix(&*array).unwrap()
            } else {
                path
            },
            offset: columns[1].parse().unwrap(),
            size: columns[2].parse().unwrap(),
            ty: columns[3],
            count,
        }
    })
}

/// The type of a table as a kind. Characters are `i8` in C and bytes here.
fn same_type(ty: &str, found: &Located) -> bool {
    match (ty, found.kind) {
        ("u8", Kind::U8)
        | ("i8", Kind::I8)
        | ("u16", Kind::U16)
        | ("u32", Kind::U32)
        | ("i32", Kind::I32)
        | ("u64" | "ptr64", Kind::U64) => true,
        ("i8", Kind::U8) => matches!(found.field.style, Style::Text | Style::Pad),
        (_, Kind::Struct(_)) => {
            ty.starts_with("struct ") || ty.starts_with("union ") || ty.contains('(')
        }
        _ => false,
    }
}

/// First and last byte behind each leaf.
fn boundaries(layout: &Layout) -> BTreeSet<usize> {
    let mut ends = BTreeSet::from([0]);
    layout.walk(&vec![0; layout.size], &mut |entry| {
        ends.insert(entry.offset + entry.size);
    });
    ends
}

/// Compares every row by the rule for its sort and returns how many were found field for field.
fn compare(case: &Case) -> usize {
    let Case {
        file,
        table,
        layout,
        ..
    } = case;
    let ends = boundaries(layout);
    let mut exact = 0;
    for row in rows(table) {
        let path = row.path;
        if let Some((member, bits)) = path.split_once(':') {
            // A bit field: its offset is that of the byte with its first bit, and inside the
            // number that carries it.
            let (width, first) = bits.split_once("@bit").unwrap();
            let (width, first): (usize, usize) = (width.parse().unwrap(), first.parse().unwrap());
            let parent = member.rsplit_once('.').unwrap().0;
            let carrier = ["", ".value", ".evt_blk"]
                .iter()
                .find_map(|name| {
                    let found = layout.find(&(parent.to_string() + name))?;
                    (!matches!(found.kind, Kind::Struct(_))).then_some(found)
                })
                .or_else(|| layout.find(&parent.replace(".fields", ".bits")))
                .unwrap_or_else(|| panic!("{file}: nothing carries {path}"));
            assert_eq!(row.offset, carrier.offset + first / 8, "{file}: {path}");
            assert!(first + width <= 8 * carrier.size(), "{file}: {path}");
            continue;
        }
        let view = row.ty.starts_with("struct ") || row.ty.starts_with("union ");
        match layout.find(path) {
            Some(found) if (found.offset, found.size()) == (row.offset, row.size) => {
                assert_eq!(found.count, row.count, "{file}: {path}");
                // `u` of a register and `vac` of a page are unions whose one member is the field.
                assert!(
                    view || same_type(row.ty, &found),
                    "{file}: {path}: {:?}",
                    found.kind
                );
                exact += 1;
            }
            // A member without a name has the path of its parent, and the only view of a union has
            // none of its own: both begin and end with fields.
            found if view && (found.is_none() || row.ty.ends_with(" anon")) => {
                let bounds = [row.offset, row.offset + row.size];
                assert!(bounds.iter().all(|at| ends.contains(at)), "{file}: {path}");
            }
            // The start of an array that is no part of the structure.
            _ if row.count == 0 => assert_eq!(row.offset, layout.size, "{file}: {path}"),
            found => panic!("{file}: {path} at {}: {found:?}", row.offset),
        }
    }
    exact
}

#[test]
fn every_row_of_every_table_is_in_the_layout() {
    for case in cases() {
        // Its first line ends in "size N bytes; taken from …".
        let size = case
            .table
            .split_once("size ")
            .and_then(|(_, rest)| rest.split_once(' '));
        match size.and_then(|(size, _)| size.parse::<usize>().ok()) {
            Some(size) => assert_eq!(case.layout.size, size, "{}", case.file),
            None => assert_eq!(case.file, "efi_memory_desc", "says no size"),
        }
        assert_eq!(
            compare(&case),
            case.exact,
            "{}: rows compared exactly",
            case.file
        );
    }
}

#[test]
fn every_field_that_someone_reads_is_in_its_table() {
    for case in cases() {
        let named: BTreeSet<&str> = rows(case.table).map(|row| row.path).collect();
        let mut leaves = 0;
        case.layout.walk(&vec![0; case.layout.size], &mut |entry| {
            // Tables show the first element of an array only.
            let path = first_elements(entry.path);
            assert!(
                entry.style == Style::Pad || named.contains(&*path),
                "{}: {path}",
                case.file
            );
            leaves += 1;
        });
        assert!(leaves > 0, "{}", case.file);
    }
}

/// `itrs[7].pte` as `itrs[0].pte`.
fn first_elements(path: &str) -> String {
    let mut out = String::new();
    for (i, part) in path.split('[').enumerate() {
        match part.split_once(']') {
            Some((_, rest)) if i > 0 => {
                out.push_str("[0]");
                out.push_str(rest);
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[test]
fn a_walk_covers_every_byte_and_finds_its_own_paths() {
    for case in cases() {
        let mut end = 0;
        case.layout.walk(&vec![0; case.layout.size], &mut |entry| {
            assert_eq!(entry.offset, end, "{}: {}", case.file, entry.path);
            let found = case.layout.find(entry.path).unwrap();
            assert_eq!((found.offset, found.size()), (entry.offset, entry.size));
            let signed_array = entry.count > 1 && matches!(entry.kind, Kind::I8 | Kind::I32);
            assert!(
                !signed_array,
                "{}: Value::List cannot hold {}",
                case.file, entry.path
            );
            end += entry.size;
        });
        assert_eq!(end, case.layout.size, "{}", case.file);
    }
}
