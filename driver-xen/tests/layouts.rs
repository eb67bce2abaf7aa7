//! Every structure against its table, both ways, and every number against those of each release.
//!
//! The tables in `tests/data/layout` were made from Xen's own headers, by the ABI of an ia64 compiler.

use std::collections::BTreeSet;
use std::path::Path;

use ia64save_codec::wire::{Layout, Style};
use ia64save_xen::abi::{domctl, hvm, memory, numbers, privcmd, xencomm};

fn table(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/layout")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The declared size, and offset and size of every row.
fn rows(table: &str) -> (usize, Vec<(String, usize, usize)>) {
    let head = table.lines().next().unwrap();
    let size = head.split("size ").nth(1).unwrap();
    let size: String = size.chars().take_while(char::is_ascii_digit).collect();
    let rows = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("path\t"))
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let name = cells[0].split('[').next().unwrap().to_owned();
            (name, cells[1].parse().unwrap(), cells[2].parse().unwrap())
        })
        .collect();
    (size.parse().unwrap(), rows)
}

#[test]
fn every_structure_is_that_of_the_headers() {
    let cases: [(&str, &'static Layout); 24] = [
        ("xen_domctl_header.v3_3.0.3", domctl::Domctl::LAYOUT),
        ("xen_domctl_header.v4_3.0.4", domctl::Domctl::LAYOUT),
        ("xen_domctl_header.v5", domctl::Domctl::LAYOUT),
        ("xen_domctl_header.v6", domctl::Domctl::LAYOUT),
        ("xen_domctl_header.v7", domctl::Domctl::LAYOUT),
        ("xen_domctl_createdomain.3.0.3", domctl::CreateV3::LAYOUT),
        (
            "xen_domctl_createdomain.3.0.4-4.2",
            domctl::CreateV4::LAYOUT,
        ),
        (
            "xen_domctl_getdomaininfo.v3-v5_3.0.3-3.4",
            domctl::DomainInfoV3::LAYOUT,
        ),
        (
            "xen_domctl_getdomaininfo.v6_4.0",
            domctl::DomainInfoV6::LAYOUT,
        ),
        (
            "xen_domctl_getdomaininfo.v7_4.1",
            domctl::DomainInfoV7::LAYOUT,
        ),
        (
            "xen_domctl_getdomaininfo.v8_4.2",
            domctl::DomainInfoV8::LAYOUT,
        ),
        ("xen_domctl_getmemlist.all", domctl::GetMemList::LAYOUT),
        ("xen_domctl_getvcpuinfo.all", domctl::GetVcpuInfo::LAYOUT),
        ("xen_domctl_hvmcontext.all", domctl::HvmContext::LAYOUT),
        (
            "xen_domctl_hvmcontext_partial.3.4+",
            domctl::HvmContextPartial::LAYOUT,
        ),
        ("xen_domctl_max_mem.all", domctl::MaxMem::LAYOUT),
        ("xen_domctl_max_vcpus.all", domctl::MaxVcpus::LAYOUT),
        ("xen_domctl_shadow_op.all", domctl::ShadowOp::LAYOUT),
        ("xen_domctl_vcpucontext.all", domctl::VcpuContext::LAYOUT),
        ("xen_hvm_param.all", hvm::Param::LAYOUT),
        ("xen_ia64_opt_feature.all", domctl::OptFeature::LAYOUT),
        (
            "xen_memory_reservation.3.0.3-3.2",
            memory::ReservationOld::LAYOUT,
        ),
        ("xen_memory_reservation.3.3+", memory::Reservation::LAYOUT),
        ("xencomm_desc.all", xencomm::Descriptor::LAYOUT),
    ];
    for (name, layout) in cases {
        let (size, rows) = rows(&table(&format!("{name}.tsv")));
        assert_eq!(layout.size, size, "{name}");
        let mut seen = BTreeSet::new();
        for (path, offset, size) in rows {
            // The union as a whole, the struct around a pointer, the array behind the structure.
            let Some(found) = layout.find(&path) else {
                let inner = format!("{path}.");
                let inside = layout
                    .fields
                    .iter()
                    .any(|field| field.name.starts_with(&inner));
                assert!(inside || size == 0, "{name}: no {path}");
                continue;
            };
            assert_eq!(
                (found.offset, found.size()),
                (offset, size),
                "{name}: {path}"
            );
            seen.insert(offset);
        }
        for field in layout
            .fields
            .iter()
            .filter(|field| field.style != Style::Pad)
        {
            assert!(
                seen.contains(&field.offset),
                "{name}: the table has no {}",
                field.name
            );
        }
    }
}

#[test]
fn every_table_is_looked_at() {
    let source = include_str!("layouts.rs");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layout");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".tsv");
        assert!(
            source.contains(&format!("\"{stem}")),
            "{name} is not compared"
        );
    }
}

#[test]
fn the_ioctls_are_those_of_linux() {
    for line in table("privcmd_ioctl.tsv")
        .lines()
        .filter(|line| !line.starts_with(['#', 'n']))
    {
        let cells: Vec<&str> = line.split('\t').collect();
        let (layout, request) = match cells[0] {
            "HYPERCALL" => (
                privcmd::PrivcmdHypercall::LAYOUT,
                Some(privcmd::Request::Hypercall),
            ),
            "MMAP" => (privcmd::PrivcmdMmap::LAYOUT, Some(privcmd::Request::Mmap)),
            "MMAP_ENTRY" => (privcmd::PrivcmdMmapEntry::LAYOUT, None),
            "MMAPBATCH" => (
                privcmd::PrivcmdMmapBatch::LAYOUT,
                Some(privcmd::Request::MmapBatch),
            ),
            "MMAPBATCH_V2" => (
                privcmd::PrivcmdMmapBatchV2::LAYOUT,
                Some(privcmd::Request::MmapBatchV2),
            ),
            other => panic!("{other}"),
        };
        if let Some(request) = request {
            let number = u32::from_str_radix(cells[1].trim_start_matches("0x"), 16);
            assert_eq!(number, Ok(request as u32), "{line}");
        }
        assert_eq!(cells[3].parse(), Ok(layout.size), "{line}");
        let offsets = cells[5].split(',').zip(cells[6].split(','));
        for (field, (offset, size)) in cells[4].split(',').zip(offsets) {
            let found = layout.find(field.split('[').next().unwrap()).expect(line);
            assert_eq!(offset.parse(), Ok(found.offset), "{line}");
            assert_eq!(size.parse(), Ok(found.size()), "{line}");
        }
    }
}

#[test]
fn every_number_is_that_of_each_release_that_has_it() {
    let table = table("constants_by_release.tsv");
    for (name, value) in numbers::ALL {
        let row = table
            .lines()
            .find(|line| line.split('\t').next() == Some(name));
        let mut seen = 0;
        for cell in row
            .unwrap_or_else(|| panic!("no {name}"))
            .split('\t')
            .skip(1)
        {
            let number = match cell.strip_prefix("0x") {
                _ if cell == "-" => continue,
                // An operation of 3.0.3 that got another number when it became one of tools.
                _ if cell == "18" => continue,
                Some(digits) => u64::from_str_radix(digits, 16),
                None => cell.parse(),
            };
            assert_eq!(number, Ok(*value), "{name}");
            seen += 1;
        }
        assert!(seen > 0, "{name}");
    }
}

#[test]
fn interface_versions_are_those_of_each_release() {
    let table = table("constants_by_release.tsv");
    let cells = |name: &str| -> Vec<String> {
        let row = table
            .lines()
            .find(|line| line.split('\t').next() == Some(name));
        row.unwrap()
            .split('\t')
            .skip(1)
            .map(str::to_owned)
            .collect()
    };
    let releases: Vec<String> = cells("name")
        .iter()
        .map(|name| {
            name.trim_start_matches("RELEASE-")
                .split('-')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    let versions = cells("XEN_DOMCTL_INTERFACE_VERSION");
    for release in &ia64save_xen::abi::release::RELEASES {
        let column = releases.iter().position(|name| {
            *name == release.name || name.strip_suffix(".0") == Some(release.name)
        });
        let version = versions[column.unwrap()].trim_start_matches("0x");
        assert_eq!(
            u32::from_str_radix(version, 16),
            Ok(release.interface),
            "{}",
            release.name
        );
    }
}
