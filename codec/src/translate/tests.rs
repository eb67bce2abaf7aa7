//! Views of memory made by hand: tables of every shape, sound and hostile.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::dialect::{ContextLayout, Guest};
use crate::image::{Checkpoint, Image, Options, PageIndex};
use crate::memory::Memory;
use crate::wire::layout_of_context;
use crate::wire::vcpu_context::Context;

const PSR_VIRTUAL: (&str, u64) = ("regs.psr", 1 << 17 | 1 << 36);
/// A page that is there, of the kernel.
const PTE: u64 = 0x0010_0000_0000_0661;
/// `0xa000000200000000`, and what its 16 KiB pages make of it: the first entry of each table but for
/// the middle one.
const VMALLOC: u64 = 0xa000_0002_0000_0000;
const K16: u64 = 1 << 14;

/// An image of pages of 16 KiB from pfn 0 on, which hold these words.
fn image(pages: u64, words: &[(u64, u64)]) -> Image {
    let mut bytes = vec![0; (pages * K16) as usize];
    for (address, word) in words {
        bytes[*address as usize..][..8].copy_from_slice(&word.to_le_bytes());
    }
    let mut image = Image::parse(&Bytes::new(), &Options::default());
    image.data = Some(bytes.into());
    let mut checkpoint = Checkpoint::default();
    checkpoint.pages = PageIndex::of_bare_pages(0, image.page_size, (0..pages).collect());
    image.checkpoints = vec![checkpoint];
    image
}

/// The registers of an HVM vcpu with these words in its context.
fn registers(words: &[(&str, u64)]) -> Registers {
    let layout = layout_of_context(ContextLayout::F);
    let mut bytes = vec![0; layout.size];
    for (path, word) in words {
        let at = layout.find(path).unwrap().offset;
        bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
    }
    let context = Context::parse(ContextLayout::F, &bytes).unwrap();
    Registers::new(Guest::Hvm, &context, None)
}

fn to(view: &View<'_>, address: u64) -> Option<(u64, How)> {
    let to = view.translate(address).ok()?;
    Some((to.physical?, to.how))
}

#[test]
fn a_linux_kernel_is_found_by_its_register_and_its_regions() {
    let image = image(1, &[]);
    let memory = Memory::new(&image, 0);
    let view = View::of(
        &memory,
        registers(&[
            PSR_VIRTUAL,
            ("regs.rr[5]", 0x10539),
            ("regs.tr.dtrs[0].pte", 0x0010_0000_0400_0661),
            ("regs.tr.dtrs[0].itir", 0x68),
            ("regs.tr.dtrs[0].vadr", 0xa000_0001_0000_0000),
            ("regs.tr.dtrs[0].rid", 0x10500),
        ]),
    );
    assert!(!view.is_physical());
    let register = How::Register(Slot::Data(0));
    assert_eq!(
        to(&view, 0xa000_0001_0000_1234),
        Some((0x400_1234, register))
    );
    let found = view.translate(0xe000_0000_0000_3ff8).unwrap();
    assert_eq!(
        (found.physical, found.offset, found.how),
        (Some(0x3ff8), Some(0x3ff8), How::OneToOne(7))
    );
    let found = view.translate(0xc000_0000_0000_4000).unwrap();
    assert_eq!((found.physical, found.offset), (Some(0x4000), None));
    // Without ar.k3 nothing is known of the per-cpu area.
    assert_eq!(view.translate(u64::MAX), Err(Fault::NoPhysical));
    let nobody = |region, why| Err(Fault::NoDirectory { region, why });
    assert_eq!(view.translate(VMALLOC), nobody(5, NoDirectory::Handler(0)));
    assert_eq!(view.translate(0x4000), nobody(0, NoDirectory::Register(0)));
}

#[test]
fn a_register_of_another_address_space_maps_nothing() {
    let image = image(1, &[]);
    let memory = Memory::new(&image, 0);
    let view = View::of(
        &memory,
        registers(&[
            PSR_VIRTUAL,
            ("regs.rr[5]", 0x10639),
            ("regs.tr.itrs[3].pte", 0x4000_0661),
            ("regs.tr.itrs[3].itir", 14 << 2),
            ("regs.tr.itrs[3].vadr", 0xa000_0000_0000_0000),
            ("regs.tr.itrs[3].rid", 0x10500),
        ]),
    );
    let error = Err(Fault::OtherRegion {
        slot: Slot::Code(3),
        rid: 0x10500,
    });
    assert_eq!(view.translate(0xa000_0000_0000_0010), error);
    assert_eq!(view.inactive().len(), 1);
}

#[test]
fn a_register_stands_before_the_region_that_it_lies_in() {
    let image = image(1, &[]);
    let memory = Memory::new(&image, 0);
    let view = View::of(
        &memory,
        registers(&[
            PSR_VIRTUAL,
            ("regs.tr.dtrs[1].pte", 0x8000_0661),
            ("regs.tr.dtrs[1].itir", 16 << 2),
            ("regs.tr.dtrs[1].vadr", 0xe000_0000_0001_0000),
            ("regs.tr.itrs[1].pte", 0x1_0000_0661),
            ("regs.tr.itrs[1].itir", 16 << 2),
            ("regs.tr.itrs[1].vadr", 0xe000_0000_0001_0000),
        ]),
    );
    let register = How::Register(Slot::Data(1));
    assert_eq!(
        to(&view, 0xe000_0000_0001_ffff),
        Some((0x8000_ffff, register))
    );
    assert_eq!(
        to(&view, 0xe000_0000_0002_0000),
        Some((0x2_0000, How::OneToOne(7)))
    );
    assert_eq!(view.hidden().len(), 1);
    assert_eq!(view.pinned().len(), 4);
    let all: Vec<_> = view.mappings(0..=u64::MAX).collect();
    assert_eq!(all, view.pinned());
}

#[test]
fn without_translation_an_address_is_physical() {
    let image = image(1, &[]);
    let memory = Memory::new(&image, 0);
    let view = View::of(&memory, registers(&[]));
    assert!(view.is_physical());
    assert_eq!(to(&view, 0x1234), Some((0x1234, How::Physical)));
    assert_eq!(to(&view, 1 << 63 | 0x1234), Some((0x1234, How::Physical)));
    assert_eq!(to(&view, 0x2000_0000_0000_0000), None);
    // The addresses of a process are virtual, whatever the vcpu does.
    assert_eq!(to(&view.with_directory(0x4000), 0x1234), None);
}

/// A view whose kernel has that directory, with pages of that size.
fn kernel<'a>(memory: &'a Memory<'a>, page_log2: u64, directory: u64) -> View<'a> {
    let rr = |region: u64| region << 8 | page_log2 << 2 | 1;
    let registers = registers(&[
        PSR_VIRTUAL,
        ("regs.rr[5]", rr(5)),
        ("regs.rr[4]", 4 << 8 | 24 << 2 | 1),
    ]);
    View::of(memory, registers).with_kernel_directory(directory)
}

/// The index of an address in a table whose entries cover so many bits.
fn at(table: u64, address: u64, span: u32, page_log2: u32) -> u64 {
    table + (address >> span & ((1 << (page_log2 - 3)) - 1)) * 8
}

#[test]
fn tables_of_every_shape_are_walked() {
    for (page_log2, levels) in [(14, 3), (14, 4), (12, 3), (12, 4), (13, 3), (16, 3)] {
        let size = 1u64 << page_log2;
        let address = VMALLOC + 5 * size + 24;
        let tables: Vec<u64> = (0..=levels).map(|level| 0x1_0000 * (level + 1)).collect();
        let mut words = Vec::new();
        for (number, level) in (0..levels as u32).rev().enumerate() {
            let span = page_log2 + level * (page_log2 - 3);
            let word = tables[number + 1] | if level == 0 { PTE } else { 0 };
            let offset = address & ((1 << 61) - 1);
            words.push((at(tables[number], offset, span, page_log2), word));
        }
        let image = image(32, &words);
        let memory = Memory::new(&image, 0);
        let view = kernel(&memory, u64::from(page_log2), tables[0]);
        let geometry = view.geometry();
        assert_eq!(
            (geometry.page_log2, u64::from(geometry.levels)),
            (page_log2, levels)
        );
        assert!(!geometry.assumed);
        let how = How::Table {
            directory: tables[0],
            origin: Origin::Given,
            assumed: false,
        };
        let page = tables[levels as usize];
        assert_eq!(to(&view, address), Some((page + 24, how)), "{page_log2}");
        assert_eq!(view.translate(address).unwrap().left, size - 24);
        let all: Vec<_> = view.mappings(5 << 61..=(6 << 61) - 1).collect();
        let expected = Mapping {
            first: address - 24,
            last: address - 24 + size - 1,
            physical: page,
            how,
        };
        assert_eq!(all, [expected], "{page_log2} {levels}");
        let back = Backward::new(&view, false);
        assert_eq!(back.of(page + 7)[0], (address - 17, how));
        // The next page is not mapped, and the entry that says so is named.
        let Err(Fault::Unmapped(entry)) = view.translate(address + size) else {
            panic!("{:?}", view.translate(address + size));
        };
        assert_eq!((entry.level, entry.word), (0, 0));
    }
}

#[test]
fn what_is_no_page_says_what_it_is() {
    let tables = [0x4000, 0x8000, 0xc000];
    let address = |page: u64| VMALLOC + page * K16;
    let entry = |page| at(tables[2], address(page) & ((1 << 61) - 1), 14, 14);
    let middle = |part: u64| {
        at(
            tables[1],
            (address(0) + (part << 25)) & ((1 << 61) - 1),
            25,
            14,
        )
    };
    let top = at(tables[0], address(0) & ((1 << 61) - 1), 36, 14);
    let image = image(
        5,
        &[
            (top, tables[1]),
            (middle(0), tables[2]),
            (middle(1), 0x8010),
            (middle(2), 0x10_0000),
            (middle(3), tables[0]),
            (middle(4), 1 << 60),
            (entry(0), 0x1_0000 | PTE),
            (entry(1), 0x1234_0002),
            (entry(2), 1 << 63 | 0x1_0020),
            (entry(3), 0xfec0_0000 | PTE),
        ],
    );
    let memory = Memory::new(&image, 0);
    let view = kernel(&memory, 14, tables[0]);
    assert_eq!(to(&view, address(0) + 9).unwrap().0, 0x1_0009);
    let said = |address| view.translate(address).unwrap_err();
    let text = |address| alloc::format!("{}", said(address));
    assert!(
        text(address(1)).starts_with("swapped out"),
        "{}",
        text(address(1))
    );
    assert!(text(address(2)).starts_with("protected from all"));
    let device = view.translate(address(3)).unwrap();
    assert_eq!((device.physical, device.offset), (Some(0xfec0_0000), None));
    let mut bytes = [0; 8];
    let unread = view.read(address(3), &mut bytes).unwrap_err();
    assert_eq!(
        (unread.address, unread.why),
        (address(3), NoBytes::NoPage(0xfec0_0000))
    );
    // Reading stops where the next page is none.
    let (count, unread) = view.read_some(address(1) - 5, &mut bytes);
    assert_eq!((count, unread.unwrap().address), (5, address(1)));
    for (part, what) in [
        (1, Nonsense::Unaligned),
        (2, Nonsense::NoMemory),
        (3, Nonsense::Again),
        (4, Nonsense::NoMemory),
    ] {
        let Fault::Nonsense(entry, found) = said(address(0) + (part << 25)) else {
            panic!("{part}");
        };
        assert_eq!((entry.at, entry.level, found), (middle(part), 1, what));
    }
    let beyond = Fault::OutOfReach { reach_log2: 47 };
    assert_eq!(said(VMALLOC | 1 << 50), beyond);
    let all: Vec<_> = view.mappings(5 << 61..=(6 << 61) - 1).collect();
    let told: Vec<_> = all.iter().map(|m| (m.first, m.physical)).collect();
    assert_eq!(told, [(address(0), 0x1_0000), (address(3), 0xfec0_0000)]);
}

#[test]
fn tables_that_name_each_other_are_gone_through_once() {
    // Every entry of every table is the next table, the last one's are pages; then one that names itself.
    let mut words = Vec::new();
    for index in 0..2048 {
        words.push((0x4000 + index * 8, 0x8000));
        words.push((0x8000 + index * 8, 0xc000));
        words.push((0xc000 + index * 8, 0xc000 | PTE));
        words.push((0x1_0000 + index * 8, 0x1_0000));
    }
    let image = image(5, &words);
    let memory = Memory::new(&image, 0);
    let view = kernel(&memory, 14, 0x4000);
    let all = view.mappings(5 << 61..=(6 << 61) - 1);
    assert_eq!(all.map(|m| m.last - m.first + 1).sum::<u64>(), 2048 * K16);
    assert_eq!(Backward::new(&view, false).of(0xc000).len(), 2048 + 2);
    assert_eq!(view.segments(false, 100).len(), 100);
    let own = kernel(&memory, 14, 0x1_0000);
    assert_eq!(own.mappings(5 << 61..=(6 << 61) - 1).count(), 0);
    assert!(matches!(
        own.translate(VMALLOC),
        Err(Fault::Nonsense(_, Nonsense::Again))
    ));
}

#[test]
fn pages_of_hugetlbfs_have_tables_of_their_own() {
    // Region 4 has pages of 16 MiB: the tables see the address shifted by 10.
    let address = 0x8000_0000_0300_0000u64;
    let shifted = (address & ((1 << 61) - 1)) >> 10;
    let image = image(
        4,
        &[
            (0x4000 + (4 << 8) * 8, 0x8000),
            (at(0x8000, shifted, 25, 14), 0xc000),
            (at(0xc000, shifted, 14, 14), 0x700_0000 | PTE),
        ],
    );
    let memory = Memory::new(&image, 0);
    let view = kernel(&memory, 14, 0x4000).with_directory(0x4000);
    assert_eq!(to(&view, address + 0x12_3456).unwrap().0, 0x712_3456);
    let all: Vec<_> = view.mappings(4 << 61..=(5 << 61) - 1).collect();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].first, all[0].last, all[0].physical),
        (address, address + 0xff_ffff, 0x700_0000)
    );
}

#[test]
fn the_end_of_memory_and_of_addresses_is_an_end() {
    let image = image(1, &[(K16 - 8, u64::MAX)]);
    let memory = Memory::new(&image, 0);
    let view = View::of(&memory, registers(&[PSR_VIRTUAL]));
    let mut bytes = [0; 16];
    let unread = view.read(0xe000_0000_0000_3ff8, &mut bytes).unwrap_err();
    assert_eq!(unread.address, 0xe000_0000_0000_4000);
    let text = view.text(0xe000_0000_0000_3ff8, 1 << 40).unwrap();
    assert_eq!(text, [255; 8]);
    assert!(view.text(u64::MAX, 16).is_err());
    assert_eq!(view.segments(true, 10).len(), 2);
}
