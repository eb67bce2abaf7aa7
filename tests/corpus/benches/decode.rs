//! The decoder over a stream in memory, against the loop that anybody would write by hand. Both add up
//! the frames, so that neither can leave one out.

use divan::Bencher;
use divan::counter::ItemsCount;
use ia64save_codec::PAGE_SIZE;
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::grammar::PAGES_END;
use ia64save_corpus::large::{PAGES_OFFSET, Plan};

/// Bytes of guest memory; pages that are never touched take none of the machine's.
const SIZES: [u64; 2] = [64 << 20, 1 << 30];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn loop_by_hand(bencher: Bencher<'_, '_>, size: u64) {
    let (plan, bytes) = stream(size);
    let pages = &bytes[PAGES_OFFSET as usize..];
    assert_eq!(walk(pages), sum(plan));
    bencher
        .counter(ItemsCount::new(plan.pages))
        .bench(|| walk(divan::black_box(pages)));
}

#[divan::bench(args = SIZES)]
fn decoder(bencher: Bencher<'_, '_>, size: u64) {
    let (plan, bytes) = stream(size);
    assert_eq!(decode(&bytes), sum(plan));
    bencher
        .counter(ItemsCount::new(plan.pages))
        .bench(|| decode(divan::black_box(&bytes)));
}

fn stream(size: u64) -> (Plan, Vec<u8>) {
    let plan = Plan::of_size(size);
    let bytes = plan.in_memory().expect("a stream in memory");
    (plan, bytes)
}

/// Of all frames.
fn sum(plan: Plan) -> u64 {
    plan.pages * (plan.pages - 1) / 2
}

fn walk(bytes: &[u8]) -> u64 {
    let mut sum = 0u64;
    let mut at = 0;
    while let Some(word) = bytes.get(at..at + 8) {
        let gmfn = u64::from_le_bytes(word.try_into().unwrap_or([0xff; 8]));
        if gmfn == PAGES_END {
            break;
        }
        sum = sum.wrapping_add(gmfn);
        at += 8 + PAGE_SIZE;
    }
    sum
}

/// The whole stream, from head to tail.
fn decode(bytes: &[u8]) -> u64 {
    let mut decoder = Decoder::new();
    let mut at = 0;
    let mut sum = 0u64;
    loop {
        match decoder.decode(&bytes[at..], true).expect("a good stream") {
            Step::Event {
                consumed, event, ..
            } => {
                if let Event::Pages(run) = event {
                    sum = run.gmfns().fold(sum, u64::wrapping_add);
                }
                at += consumed;
            }
            Step::NeedMore(_) => panic!("the decoder wants more than there is"),
            Step::Done => return sum,
        }
    }
}
