//! The decoder over a stream in memory, against the loop that anybody would write by hand.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ia64save_codec::PAGE_SIZE;
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::grammar::PAGES_END;

use super::image::{PAGES_OFFSET, Plan};

/// Times of both, repetition by repetition.
#[derive(Debug)]
pub struct Decoding {
    /// Page records in the stream.
    pub records: u64,
    /// The decoder, the whole stream from head to tail.
    pub decoder: Vec<Duration>,
    /// The loop over the page records.
    pub by_hand: Vec<Duration>,
}

/// Measures them in turns. Both add up the frames, so that neither can leave one out.
pub fn measure(plan: Plan, reps: usize) -> Result<Decoding, String> {
    let bytes = plan.in_memory().map_err(|error| error.to_string())?;
    let start = PAGES_OFFSET as usize;
    let wanted = plan.pages * (plan.pages - 1) / 2;
    let mut times = Decoding {
        records: plan.pages,
        decoder: Vec::new(),
        by_hand: Vec::new(),
    };
    // The first round warms up and is not counted.
    for round in 0..=reps {
        let at = Instant::now();
        let by_hand = black_box(walk(black_box(&bytes[start..])));
        let by_hand_time = at.elapsed();
        let at = Instant::now();
        let decoded = black_box(decode(black_box(&bytes))?);
        let decoder_time = at.elapsed();
        if by_hand != wanted || decoded != wanted {
            return Err(format!(
                "sums of frames: {by_hand}, {decoded}, not {wanted}"
            ));
        }
        if round > 0 {
            times.by_hand.push(by_hand_time);
            times.decoder.push(decoder_time);
        }
    }
    Ok(times)
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

fn decode(bytes: &[u8]) -> Result<u64, String> {
    let mut decoder = Decoder::new();
    let mut at = 0;
    let mut sum = 0u64;
    loop {
        match decoder.decode(&bytes[at..], true) {
            Ok(Step::Event {
                consumed, event, ..
            }) => {
                if let Event::Pages(run) = event {
                    sum = run.gmfns().fold(sum, u64::wrapping_add);
                }
                at += consumed;
            }
            Ok(Step::NeedMore(_)) => return Err("the decoder wants more than there is".into()),
            Ok(Step::Done) => return Ok(sum),
            Err(error) => return Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_see_every_record() {
        let times = measure(Plan::of_size(1 << 20), 2).unwrap();
        assert_eq!(
            (times.records, times.decoder.len(), times.by_hand.len()),
            (64, 2, 2)
        );
    }
}
