//! The tables of `spec/layout` against the layouts, both ways, and the round trip of each structure.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::hvm::{self, vpd};
use super::*;
use crate::dialect::{
    ArchSetupLayout, ContextLayout, MappedRegsLayout, SharedInfoLayout, StartInfoLayout,
};

/// A table and the layout that it describes.
struct Case {
    file: &'static str,
    table: &'static str,
    layout: &'static Layout,
    /// Rows whose offset, size, count and type must have been compared: the rest are views of
    /// unions and bit fields.
    exact: usize,
}

macro_rules! case {
    ($file:literal, $layout:expr, $exact:literal) => {
        Case {
            file: $file,
            table: include_str!(concat!("../../../spec/layout/", $file, ".tsv")),
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
        case!("vcpu_guest_context.A_1056", layout_of_context(A), 1),
        case!("vcpu_guest_context.B_21904", layout_of_context(B), 1),
        case!("vcpu_guest_context.B2_5520", layout_of_context(B2), 1),
        case!("vcpu_guest_context.C_21904", layout_of_context(C), 1),
        case!("vcpu_guest_context.D_21936", layout_of_context(D), 1),
        case!("vcpu_guest_context.E_22208", layout_of_context(E), 1),
        case!("vcpu_guest_context.F_22208", layout_of_context(F), 1),
        case!("mapped_regs.1_3.0.3", layout_of_mapped_regs(M1), 1),
        case!("mapped_regs.2_2007-01-12", layout_of_mapped_regs(M2), 1),
        case!("mapped_regs.3_3.1.0", layout_of_mapped_regs(M3), 1),
        case!("mapped_regs.4_3.2", layout_of_mapped_regs(M4), 1),
        case!("mapped_regs.5_3.4", layout_of_mapped_regs(M5), 1),
        case!("shared_info.0_4128", layout_of_shared_info(S0), 1),
        case!("shared_info.1_4384_pad32", layout_of_shared_info(S1), 1),
        case!("shared_info.2_4384_memmap", layout_of_shared_info(S2), 1),
        case!("arch_shared_info", shared_info::ArchSharedInfoS2::LAYOUT, 5),
        case!("vcpu_info", shared_info::VcpuInfo::LAYOUT, 1),
        case!("vcpu_time_info", shared_info::VcpuTimeInfo::LAYOUT, 1),
        case!("start_info.0_1152_old_console", layout_of_start_info(I0), 1),
        case!("start_info.1_1152", layout_of_start_info(I1), 1),
        case!("start_info.2_1168", layout_of_start_info(I2), 1),
        case!("xen_ia64_boot_param.all", boot_param::BootParam::LAYOUT, 1),
        case!("hvm_save_descriptor", hvm::HvmSaveDescriptor::LAYOUT, 3),
        case!(
            "hvm.1_hvm_save_header",
            hvm::layout_of_record(1).unwrap(),
            1
        ),
        case!(
            "hvm.2_hvm_hw_ia64_cpu",
            hvm::layout_of_record(2).unwrap(),
            1
        ),
        case!(
            "hvm.3_hvm_hw_ia64_vpd",
            hvm::layout_of_record(3).unwrap(),
            1
        ),
        case!(
            "hvm.4_hvm_hw_ia64_vlsapic",
            hvm::layout_of_record(4).unwrap(),
            1
        ),
        case!(
            "hvm.5_hvm_hw_ia64_vtime",
            hvm::layout_of_record(5).unwrap(),
            1
        ),
        case!(
            "hvm.6_hvm_hw_ia64_viosapic",
            hvm::layout_of_record(6).unwrap(),
            1
        ),
        case!(
            "hvm.7_hvm_hw_ia64_vacpi",
            hvm::layout_of_record(7).unwrap(),
            1
        ),
        case!(
            "hvm.8_hvm_hw_ia64_identity_mappings",
            hvm::layout_of_record(8).unwrap(),
            1
        ),
        case!("vpd.4_3.2", vpd::VpdM4::LAYOUT, 1),
        case!("vpd.5_3.4", vpd::VpdM5::LAYOUT, 1),
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
        let size = case
            .table
            .split("size ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        if let Some(size) = size.and_then(|size| size.parse().ok()) {
            assert_eq!(case.layout.size, size, "{}", case.file);
        }
        std::println!(
            "COUNT {} {} {}",
            case.file,
            compare(&case),
            rows(case.table).count()
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

/// Bytes without pattern, cheaper than a proptest strategy for each of 65536.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    (0..size)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}

fn same_bytes<T: Wire>(seed: u64) {
    let bytes = noise(seed, T::SIZE);
    assert_eq!(T::layout().size, T::SIZE);
    assert!(
        T::parse(&bytes).unwrap().to_bytes() == bytes,
        "{}",
        T::layout().name
    );
    assert!(T::parse(&bytes[1..]).is_none(), "{}", T::layout().name);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    #[test]
    fn what_is_parsed_is_written_back(seed: u64) {
        use MappedRegsLayout::{M1, M2, M3, M4, M5};
        for layout in ContextLayout::ALL {
            let bytes = noise(seed, layout.size());
            let context = Context::parse(layout, &bytes).unwrap();
            proptest::prop_assert_eq!(context.layout(), layout);
            proptest::prop_assert!(context.to_bytes() == bytes);
            proptest::prop_assert!(Context::parse(layout, &bytes[1..]).is_none());
        }
        for layout in [ArchSetupLayout::Dom0Op, ArchSetupLayout::Plain, ArchSetupLayout::Vhpt] {
            let bytes = noise(seed, layout.size());
            proptest::prop_assert!(ArchSetup::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [M1, M2, M3, M4, M5] {
            let bytes = noise(seed, 4096);
            proptest::prop_assert!(MappedRegs::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [SharedInfoLayout::S0, SharedInfoLayout::S1, SharedInfoLayout::S2] {
            let bytes = noise(seed, layout_of_shared_info(layout).size);
            proptest::prop_assert!(SharedInfo::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [StartInfoLayout::I0, StartInfoLayout::I1, StartInfoLayout::I2] {
            let bytes = noise(seed, layout_of_start_info(layout).size);
            proptest::prop_assert!(StartInfo::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        for layout in [M4, M5] {
            let bytes = noise(seed, hvm::Vpd::SIZE);
            proptest::prop_assert!(hvm::Vpd::parse(layout, &bytes).unwrap().to_bytes() == bytes);
        }
        same_bytes::<memmap::MemmapInfo>(seed);
        same_bytes::<memmap::EfiMemoryDesc>(seed);
        same_bytes::<boot_param::BootParam>(seed);
        same_bytes::<nvram::NvramSaveAddr>(seed);
        same_bytes::<hvm::HvmSaveDescriptor>(seed);
        same_bytes::<hvm::HvmSaveHeader>(seed);
        same_bytes::<hvm::HvmHwIa64Cpu>(seed);
        same_bytes::<hvm::HvmHwIa64Vlsapic>(seed);
        same_bytes::<hvm::HvmHwIa64Vtime>(seed);
        same_bytes::<hvm::HvmHwIa64Viosapic>(seed);
        same_bytes::<hvm::HvmHwIa64Vacpi>(seed);
        same_bytes::<hvm::HvmHwIa64IdentityMappings>(seed);
    }
}

/// Every getter of a context reads the field of its name.
#[test]
fn getters_read_the_fields_of_their_names() {
    for layout in ContextLayout::ALL {
        let bytes = noise(7, layout.size());
        let context = Context::parse(layout, &bytes).unwrap();
        let field = |path: &str| {
            let found = layout_of_context(layout).find(path)?;
            let mut word = [0; 8];
            word[..found.size()].copy_from_slice(&bytes[found.offset..][..found.size()]);
            Some(u64::from_le_bytes(word))
        };
        let old = layout == ContextLayout::A;
        let named = |new: &str, a: &str| field(if old { a } else { new });
        let regs = [
            (Some(context.flags()), named("flags", "flags")),
            (Some(context.ip()), named("regs.ip", "user_regs.cr_iip")),
            (Some(context.psr()), named("regs.psr", "user_regs.cr_ipsr")),
            (Some(context.cfm()), named("regs.cfm", "user_regs.cr_ifs")),
            (Some(context.pr()), named("regs.pr", "user_regs.pr")),
            (context.r(31), named("regs.r[31]", "user_regs.r31")),
            (context.b(7), named("regs.b[7]", "user_regs.b7")),
            (context.b(1), field("regs.b[1]")),
            (context.bank(16), field("regs.bank[0]")),
            (
                context.fpr(9).map(|f| f[1]),
                named("regs.f[9].u.bits[1]", "user_regs.f9.u.bits[1]"),
            ),
            (
                context.fpr(127).map(|f| f[0]),
                field("regs.f[127].u.bits[0]"),
            ),
            (
                Some(context.nats()),
                named("regs.nats", "user_regs.eml_unat"),
            ),
            (context.bnats().map(u64::from), field("regs.bnats")),
            (context.ar_kr(7), field("regs.ar.ar[7]")),
            (
                Some(context.ar_rsc()),
                named("regs.ar.ar[16]", "user_regs.ar_rsc"),
            ),
            (context.ar_bsp(), field("regs.ar.ar[17]")),
            (
                Some(context.ar_bspstore()),
                named("regs.ar.ar[18]", "user_regs.ar_bspstore"),
            ),
            (
                Some(context.ar_rnat()),
                named("regs.ar.ar[19]", "user_regs.ar_rnat"),
            ),
            (
                Some(context.ar_csd()),
                named("regs.ar.ar[25]", "user_regs.ar_csd"),
            ),
            (
                Some(context.ar_ssd()),
                named("regs.ar.ar[26]", "user_regs.ar_ssd"),
            ),
            (
                Some(context.ar_ccv()),
                named("regs.ar.ar[32]", "user_regs.ar_ccv"),
            ),
            (
                Some(context.ar_unat()),
                named("regs.ar.ar[36]", "user_regs.ar_unat"),
            ),
            (
                Some(context.ar_fpsr()),
                named("regs.ar.ar[40]", "user_regs.ar_fpsr"),
            ),
            (context.ar_itc(), field("regs.ar.ar[44]")),
            (
                Some(context.ar_pfs()),
                named("regs.ar.ar[64]", "user_regs.ar_pfs"),
            ),
            (context.ar_lc(), field("regs.ar.ar[65]")),
            (context.ar_ec(), field("regs.ar.ar[66]")),
            (
                Some(context.cr_dcr()),
                named("regs.cr.cr[0]", "extra_regs.dcr"),
            ),
            (context.cr_itm(), field("regs.cr.cr[1]")),
            (
                Some(context.cr_iva()),
                named("regs.cr.cr[2]", "extra_regs.iva"),
            ),
            (context.cr_pta(), field("regs.cr.cr[8]")),
            (context.cr_ipsr(), field("regs.cr.cr[16]")),
            (context.cr_isr(), field("regs.cr.cr[17]")),
            (context.cr_iip(), field("regs.cr.cr[19]")),
            (context.cr_ifa(), field("regs.cr.cr[20]")),
            (context.cr_itir(), field("regs.cr.cr[21]")),
            (context.cr_iipa(), field("regs.cr.cr[22]")),
            (context.cr_ifs(), field("regs.cr.cr[23]")),
            (context.cr_iim(), field("regs.cr.cr[24]")),
            (context.cr_iha(), field("regs.cr.cr[25]")),
            (context.cr_lid(), field("regs.cr.cr[64]")),
            (context.cr_ivr(), field("regs.cr.cr[65]")),
            (context.cr_tpr(), field("regs.cr.cr[66]")),
            (context.cr_eoi(), field("regs.cr.cr[67]")),
            (context.cr_irr().map(|irr| irr[3]), field("regs.cr.cr[71]")),
            (context.cr_itv(), field("regs.cr.cr[72]")),
            (context.cr_pmv(), field("regs.cr.cr[73]")),
            (context.cr_cmcv(), field("regs.cr.cr[74]")),
            (context.cr_lrr0(), field("regs.cr.cr[80]")),
            (context.cr_lrr1(), field("regs.cr.cr[81]")),
            (context.dbr().map(|dbr| dbr[7]), field("regs.dbr[7]")),
            (context.ibr().map(|ibr| ibr[7]), field("regs.ibr[7]")),
            (context.rr().map(|rr| rr[7]), field("regs.rr[7]")),
            (context.pkr().map(|pkr| pkr[15]), field("regs.pkr[15]")),
            (
                Some(context.itrs()[7].rid),
                named("regs.tr.itrs[7].rid", "extra_regs.itrs[7].rid"),
            ),
            (
                Some(context.dtrs()[7].pte),
                named("regs.tr.dtrs[7].pte", "extra_regs.dtrs[7].pte"),
            ),
            (
                context.itrs().get(11).map(|tr| tr.vadr),
                field("regs.tr.itrs[11].vadr"),
            ),
            (context.rbs().map(|rbs| rbs[2047]), field("regs.rbs[2047]")),
            (context.rbs_voff().map(u64::from), field("regs.rbs_voff")),
            (context.rbs_nat(), field("regs.rbs_nat")),
            (context.rbs_rnat(), field("regs.rbs_rnat")),
            (context.num_phys_stacked(), field("regs.num_phys_stacked")),
            (
                Some(context.event_callback_ip()),
                named("event_callback_ip", "extra_regs.event_callback_ip"),
            ),
            (
                Some(context.privregs_pfn()),
                named("privregs_pfn", "privregs_pfn"),
            ),
        ];
        for (row, (got, want)) in regs.into_iter().enumerate() {
            assert_eq!(got, want, "{layout:?}: line {row}");
        }
        assert_eq!(context.r(32), None);
        assert_eq!(context.fpr(128), None);
        assert_eq!(context.bank(15), None);
    }
}

/// A thread with little stack must be able to read and write the largest structures.
#[test]
fn small_stacks_hold() {
    let small = std::thread::Builder::new().stack_size(128 << 10);
    let thread = small.spawn(|| {
        let bytes = noise(1, hvm::Vpd::SIZE);
        let vpd = hvm::Vpd::parse(MappedRegsLayout::M5, &bytes).unwrap();
        assert!(vpd.to_bytes() == bytes);
        for layout in ContextLayout::ALL {
            let context = Context::parse(layout, &bytes).unwrap();
            assert!(context.to_bytes() == bytes[..layout.size()]);
        }
    });
    thread.unwrap().join().unwrap();
}
