//! Page tables that anybody may have written.

use std::sync::OnceLock;

use bytes::Bytes;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::{Backward, How, Register, Registers, Slot, View};
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};
use ia64save_generate::{Params, generate};

use crate::usage::Budget;

/// Pages of guest memory: every one may be a table, or the code of a miss handler.
const PAGES: u64 = 12;
/// Bytes in front of the words.
const HEAD: usize = 16;
/// A word of memory: which page, which word of it, what it is, of which page.
const RECORD: usize = 6;
/// Every table of every shape, gone through several times.
const WALK: Budget = Budget {
    bytes: (16 << 20, 64),
    calls: (400_000, 64),
    time: (900_000_000, 20_000),
};
/// Sizes of pages that are asked for.
const SIZES: [u64; 8] = [12, 13, 14, 14, 14, 16, 24, 60];

/// Memory is walked, gone through, read and led back, however its tables name each other: nothing panics or
/// hangs; what is mapped translates to what it is mapped to, and back.
pub fn translate(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk::<HEAD>() else {
        return;
    };
    let image = image(rest);
    let memory = Memory::new(&image, 0);
    WALK.spend(data.len(), || walk(&memory, head));
}

fn walk(memory: &Memory<'_>, head: &[u8; HEAD]) {
    let page = |byte: u8| u64::from(byte % (PAGES as u8 + 2)) * PAGE_SIZE as u64;
    let mut view = View::of(memory, registers(head, page));
    if head[10] & 1 == 1 {
        view = view.with_directory(page(head[11]));
    }
    if head[10] & 2 == 2 {
        view = view.with_kernel_directory(page(head[12]));
    }
    let mut before = None;
    let mut last = 0;
    for mapping in view.mappings(0..=u64::MAX) {
        assert!(before < Some(mapping.first), "{mapping:?}");
        before = Some(mapping.last);
        for address in [mapping.first, mapping.last] {
            let to = view.translate(address).expect("what is mapped translates");
            let expected = mapping.physical + (address - mapping.first);
            assert_eq!((to.physical, to.how), (Some(expected), mapping.how));
        }
        if matches!(mapping.how, How::Table { .. }) {
            last = mapping.first;
        }
    }
    let backward = Backward::new(&view, true);
    for address in [last, u64::from_le_bytes(head[..8].try_into().expect("8"))] {
        if let Some(physical) = view.translate(address).ok().and_then(|to| to.physical) {
            for (virt, how) in backward.of(physical) {
                let to = view.translate(virt).expect("what leads back translates");
                assert_eq!((to.physical, to.how), (Some(physical), how));
            }
        }
        let mut bytes = [0; 100];
        let (count, unread) = view.read_some(address, &mut bytes);
        assert_eq!(count < bytes.len(), unread.is_some());
        let _ = view.text(address, 1 << 20);
    }
    assert!(view.segments(true, 1000).len() <= 1000);
}

fn registers(head: &[u8; HEAD], page: impl Fn(u8) -> u64) -> Registers {
    let size = SIZES[usize::from(head[0] % 8)];
    let rr = |region: u64, size: u64| Some(region << 8 | size << 2 | 1);
    let mut rrs = [0, 1, 2, 3, 4, 5, 6, 7].map(|region| rr(region, size));
    rrs[4] = rr(4, SIZES[usize::from(head[1] % 8)]);
    if head[1] & 0x80 != 0 {
        rrs[5] = None;
    }
    let mut kr = [0; 8];
    kr[3] = page(head[2]).wrapping_add(u64::from(head[3]) << 9);
    kr[7] = page(head[4]);
    let register = Register {
        slot: Slot::Data(0),
        first: 5 << 61 | u64::from(head[5]) << 16,
        size_log2: 16,
        physical: page(head[6]),
        rid: 5 << 8,
    };
    Registers {
        rr: rrs,
        kr: (head[7] & 1 == 0).then_some(kr),
        iva: match head[7] >> 1 & 3 {
            0 => 0,
            1 => 7 << 61 | page(head[8]),
            _ => register.first,
        },
        physical: head[9] & 7 == 7,
        level: head[9] >> 6,
        translations: vec![register],
    }
}

/// The stream that memory is put into.
fn stream() -> &'static Bytes {
    static STREAM: OnceLock<Bytes> = OnceLock::new();
    STREAM.get_or_init(|| {
        let made = generate(&Params {
            pages: PAGES,
            ..Params::new(Dialect::D11, Guest::Pv)
        });
        made.bytes
    })
}

/// An image whose pages hold the words that the records say, and 0.
fn image(records: &[u8]) -> Image {
    let mut image = Image::parse(stream(), &Options::default());
    let mut pages = vec![vec![0; PAGE_SIZE]; PAGES as usize];
    for record in records.as_chunks::<RECORD>().0 {
        let [page, low, high, kind, value, count] = *record;
        let at = usize::from(u16::from_le_bytes([low, high]) % 2048);
        let named = u64::from(value % (PAGES as u8 + 2)) * PAGE_SIZE as u64;
        let word = match kind % 8 {
            0..=2 => named,
            3 | 4 => named | 0x0010_0000_0000_0661,
            5 => u64::from(value) << (count & 0x3f),
            6 => !named,
            // movl r19 = named, in the second half of its bundle.
            _ => 6 << 60 | (named & 0x7f) << 36 | (named >> 7 & 0x1ff) << 50,
        };
        let repeated = if kind & 0x80 == 0 {
            1
        } else {
            usize::from(count) + 1
        };
        let place = usize::from(page) % pages.len();
        for at in (at..2048).take(repeated) {
            pages[place][at * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
    }
    if let Some(first) = image.checkpoints.first_mut() {
        for (pfn, page) in (0..PAGES).zip(pages) {
            if let Some(record) = first.pages.last(pfn) {
                first.replaced.insert(record, page.into());
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_recipe_has_pages_and_tables() {
        let whole = image(&[]);
        let there = Memory::new(&whole, 0);
        let mut there = (1..PAGES)
            .filter(|pfn| there.page(*pfn).is_some())
            .map(|pfn| pfn as u8);
        let [first, second, third, last] = [(); 4].map(|()| there.next().expect("a page"));
        // A page names the next by its first entry, that the third, and that memory.
        let records: Vec<u8> = [(first, 0, second), (second, 0, third), (third, 3, last)]
            .iter()
            .flat_map(|(page, kind, value)| [*page, 0, 0, *kind, *value, 0])
            .collect();
        let image = image(&records);
        let memory = Memory::new(&image, 0);
        assert!(memory.pages() >= PAGES);
        let mut head = [0; HEAD];
        head[0] = 2;
        head[4] = first;
        let view = View::of(&memory, registers(&head, |byte| u64::from(byte) << 14));
        let found = view.translate(5).expect("mapped");
        assert_eq!(found.physical, Some((u64::from(last) << 14) + 5));
        walk(&memory, &head);
    }
}
