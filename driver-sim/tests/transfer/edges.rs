//! Strange memory maps, many vcpus, tiny and huge domains.

use ia64save_codec::wire::memmap::{EFI_MEMORY_UC, EFI_MEMORY_WB, EfiMemoryDesc};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::{Contents, DomId, GuestSpec, Host};

use crate::common::{assert_same, host, restore, save, state};

/// Saves a domain, restores it elsewhere, and compares.
fn there_and_back(there: &Host, domid: DomId, vcpus: u32, what: &str) -> (Host, DomId) {
    let info = there.domain_info(domid).unwrap();
    let (_, image) = save(there, domid, false).unwrap();
    let here = Host::new(there.machine());
    let (twin, restored) = restore(&here, info.guest, vcpus, info.max_pages, &image, 1 << 18)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_same(&state(there, domid), &state(&here, twin), &restored, what);
    (here, twin)
}

#[test]
fn one_vcpu_and_sixty_four() {
    for guest in [Guest::Pv, Guest::Hvm] {
        for vcpus in [1, 64] {
            let there = host(Dialect::D11, 4096);
            let spec = GuestSpec {
                vcpus,
                firmware: 4,
                offline: (0..vcpus).filter(|vcpu| vcpu % 7 == 3).collect(),
                ..GuestSpec::new(guest, 80)
            };
            let domid = spec.build(&there).unwrap();
            there_and_back(&there, domid, vcpus, &format!("{guest}, {vcpus} vcpus"));
        }
    }
}

#[test]
fn memory_with_holes() {
    for dialect in [Dialect::D1b, Dialect::D10, Dialect::D11] {
        let there = host(dialect, 16384);
        let spec = GuestSpec {
            holes: vec![3..9, 20..21, 40..64],
            ballooned: 11,
            ..GuestSpec::new(Guest::Pv, 100)
        };
        let domid = spec.build(&there).unwrap();
        there_and_back(&there, domid, 1, "holes");
    }
}

#[test]
fn several_pages_of_memory_map() {
    let there = host(Dialect::D11, 16384);
    let spec = GuestSpec {
        memmap_pages: 3,
        ..GuestSpec::new(Guest::Pv, 64)
    };
    let domid = spec.build(&there).unwrap();
    there_and_back(&there, domid, 1, "three pages of memory map");
}

fn descriptor(first: u64, pages: u64) -> EfiMemoryDesc {
    EfiMemoryDesc {
        r#type: 7,
        pad: 0,
        phys_addr: first * 4096,
        virt_addr: 0,
        num_pages: pages,
        attribute: EFI_MEMORY_WB,
    }
}

#[test]
fn descriptors_that_overlap_and_that_are_not_aligned() {
    // 64 pages of 16 KiB: 256 of 4 KiB. Overlapping; a partial first page is sent; what is uncached
    // is not.
    let overlapping = vec![descriptor(0, 160), descriptor(100, 156)];
    let unaligned = vec![descriptor(0, 97), descriptor(97, 159)];
    let other = vec![
        descriptor(0, 256),
        EfiMemoryDesc {
            attribute: EFI_MEMORY_WB | EFI_MEMORY_UC,
            ..descriptor(256, 64)
        },
    ];
    for (descriptors, what) in [
        (overlapping, "overlapping"),
        (unaligned, "unaligned"),
        (other, "not only write-back"),
    ] {
        let there = host(Dialect::D11, 16384);
        let spec = GuestSpec {
            ballooned: 9,
            descriptors: Some(descriptors),
            ..GuestSpec::new(Guest::Pv, 64)
        };
        let domid = spec.build(&there).unwrap();
        there_and_back(&there, domid, 1, what);
    }
}

#[test]
fn memory_of_one_page() {
    // Everything that a domain needs would be in it; version 1 needs no memory map.
    for dialect in [Dialect::D1b, Dialect::D3] {
        let there = host(dialect, 16384);
        let domid = GuestSpec::new(Guest::Pv, 1).build(&there).unwrap();
        there_and_back(&there, domid, 1, "16 KiB");
    }
}

#[test]
fn memory_of_64_gib_with_few_pages() {
    for guest in [Guest::Pv, Guest::Hvm] {
        let there = host(Dialect::D11, 16384);
        let pages = 64 << 16;
        let spec = GuestSpec {
            ballooned: pages - 500,
            contents: Contents::Marked,
            firmware: 4,
            ..GuestSpec::new(guest, pages)
        };
        let domid = spec.build(&there).unwrap();
        assert!(there.domain_info(domid).unwrap().tot_pages < 600);
        there_and_back(&there, domid, 1, "64 GiB");
    }
}
