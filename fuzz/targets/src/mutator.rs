//! A mutator that knows the parts of a stream.
//!
//! What libFuzzer does to bytes it does blindly: in an image of tens of kilobytes the words that steer a
//! reader are few. This one decodes the input, and changes a word, a record or a part where it stands.

use ia64save_codec::decode::{Event, Step};
use ia64save_generate::Random;

use crate::Input;
use crate::input::HEADER;

/// Words that readers stumble over.
const WORDS: [u64; 20] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    63,
    64,
    65,
    4096,
    4097,
    1 << 18,
    1 << 31,
    1 << 32,
    1 << 40,
    1 << 61,
    u64::MAX - 1,
    u64::MAX,
];

/// A place where something can be done.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: usize,
    length: usize,
    /// It is a number of that many bytes; otherwise a part.
    number: bool,
}

/// Changes an input of `size` bytes at the front of `data`, to no more than `max` bytes; says how many
/// it has then. `bytes` is libFuzzer's own mutator, which now and then is asked, and always where there
/// is no stream.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max: usize,
    seed: u32,
    bytes: impl FnOnce(&mut [u8], usize, usize) -> usize,
) -> usize {
    let mut random = Random::new(seed.into(), &[7]);
    let places = if random.once_in(4) {
        Vec::new()
    } else {
        places(&data[..size])
    };
    if places.is_empty() {
        return bytes(data, size, max);
    }
    let mut input = data[..size].to_vec();
    for _ in 0..=random.below(3) {
        change(&mut input, &places, &mut random);
    }
    if input.len() > max || input.len() < HEADER {
        return bytes(data, size, max);
    }
    data[..input.len()].copy_from_slice(&input);
    input.len()
}

fn change(input: &mut Vec<u8>, places: &[Place], random: &mut Random) {
    let place = random.pick(places);
    // An earlier change may have moved it; that is a change too.
    let from = place.offset.min(input.len());
    let to = (place.offset + place.length).min(input.len());
    if place.number && !random.once_in(6) {
        let mut word = [0; 8];
        word[..to - from].copy_from_slice(&input[from..to]);
        let old = u64::from_le_bytes(word);
        let new = match random.below(5) {
            0 => old.wrapping_add(1),
            1 => old.wrapping_sub(1),
            2 => old ^ 1 << random.below(64),
            3 => old.wrapping_add(random.pick(&WORDS)),
            _ => random.pick(&WORDS),
        };
        input[from..to].copy_from_slice(&new.to_le_bytes()[..to - from]);
        return;
    }
    match random.below(6) {
        0 => {
            input.drain(from..to);
        }
        1 => {
            let again = input[from..to].to_vec();
            input.splice(to..to, again);
        }
        2 => input.truncate(from + random.below((to - from + 1) as u64) as usize),
        3 => {
            // In the place of another.
            let other = random.pick(places);
            let part = input[from..to].to_vec();
            let from = other.offset.min(input.len());
            let to = (other.offset + other.length).min(input.len());
            input.splice(from..to, part);
        }
        4 if to > from => {
            let at = from + random.below((to - from) as u64) as usize;
            input[at] = random.word() as u8;
        }
        _ => {
            // Page size, dialect, guest, choice.
            let at = random.below(HEADER as u64) as usize;
            input[at] = random.word() as u8;
        }
    }
}

/// Where the parts of the stream are, and the numbers in them.
fn places(data: &[u8]) -> Vec<Place> {
    let mut found = Vec::new();
    let Some(input) = Input::of(data) else {
        return found;
    };
    let mut decoder = input.decoder();
    let mut at = 0;
    while let Ok(Step::Event {
        consumed, event, ..
    }) = decoder.decode(&input.stream[at..], true)
    {
        let offset = HEADER + at;
        // What is longer than a word is a part: a page record.
        let mut number = |at, length| {
            found.push(Place {
                offset: offset + at,
                length,
                number: length <= 8,
            });
        };
        match event {
            Event::Prologue(_) => {
                number(0, 8);
                number(8, 8);
            }
            Event::ArchSetup { bytes, .. } => (0..bytes.len() / 8).for_each(|i| number(i * 8, 8)),
            Event::Memmap(map) => {
                number(0, 4);
                for at in (0..map.bytes.len().min(24 + 40 * 4) / 8).map(|word| 4 + word * 8) {
                    number(at, 8);
                }
            }
            Event::Pages(run) => {
                for record in 0..run.len().min(16) {
                    number(record * run.stride(), 8);
                    number(record * run.stride(), run.stride());
                }
            }
            Event::PagesEnd => number(0, 8),
            Event::UnallocatedCount(_) => number(0, 4),
            Event::Unallocated(run) => (0..run.len().min(16)).for_each(|i| number(i * 8, 8)),
            Event::Vcpumap(map) => {
                number(0, 8);
                (0..map.bytes.len().min(9)).for_each(|byte| number(8 + byte, 1));
            }
            Event::MagicPfns { order, .. } => (0..order.len()).for_each(|i| number(i * 8, 8)),
            Event::HvmContext(blob) => {
                number(0, 8);
                records(blob, &mut number);
            }
            Event::SharedInfo(page) if page.len() >= 4128 => number(4096 + 16, 8),
            _ => {}
        }
        if consumed > 0 {
            found.push(Place {
                offset,
                length: consumed,
                number: false,
            });
        }
        at += consumed;
    }
    // What could not be read, or trails.
    let left = data.len() - HEADER - at;
    if left > 0 {
        found.push(Place {
            offset: HEADER + at,
            length: left.min(8),
            number: true,
        });
    }
    found
}

/// The heads of the records of an HVM context.
fn records(blob: &[u8], number: &mut impl FnMut(usize, usize)) {
    let mut at = 0;
    while let Some(head) = blob.get(at..at + 8) {
        number(8 + at, 2);
        number(8 + at + 2, 2);
        number(8 + at + 4, 4);
        number(8 + at + 8, 8);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        at = at.saturating_add(8 + length as usize);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ia64save_generate::{Params, generate, kinds};

    use super::*;
    use crate::input::header;

    #[test]
    fn mutated_inputs_are_of_the_size_that_is_said_and_all_different() {
        for (dialect, guest) in kinds() {
            let made = generate(&Params {
                page_size: 64,
                ..Params::rich(dialect, guest, 1)
            });
            let input = [&header(64, None, None, 0), &made.bytes[..]].concat();
            let mut seen = BTreeSet::new();
            for seed in 0..64 {
                let mut data = input.clone();
                data.resize(input.len() * 2, 0);
                let max = data.len();
                let blind = |data: &mut [u8], size: usize, _| {
                    data[size / 2] ^= 0x10;
                    size - 1
                };
                let size = mutate(&mut data, input.len(), max, seed, blind);
                assert!(size <= max);
                data.truncate(size);
                seen.insert(data);
            }
            assert!(seen.len() > 40, "{dialect} {guest}: {}", seen.len());
        }
    }

    #[test]
    fn an_input_without_a_stream_is_left_to_the_blind_one() {
        let mut data = vec![0; 64];
        for seed in 0..8 {
            let size = mutate(&mut data, 2, 64, seed, |_, _, _| 33);
            assert_eq!(size, 33);
        }
    }
}
