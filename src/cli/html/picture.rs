//! The memory of a checkpoint as ranges, few enough for a page.

use ia64save_codec::image::{Checkpoint, Extent, State};
use ia64save_codec::ram::RamMap;
use serde_json::{Value, json};

use crate::cli::render::looks::{LOOKS, look};

/// Ranges that are told one by one; where there are more, they are summarised.
const EXTENTS: usize = 20_000;
/// Pieces of a summary.
const PIECES: u64 = 8192;

/// A picture of checkpoint `index`, for the page's script.
pub fn picture(index: usize, checkpoint: &Checkpoint, ram: &RamMap) -> Value {
    draw(index, checkpoint, ram, EXTENTS)
}

fn draw(index: usize, checkpoint: &Checkpoint, ram: &RamMap, most: usize) -> Value {
    let mut totals = [0u64; LOOKS.len()];
    let mut extents = 0usize;
    let mut pages = 0u64;
    checkpoint.map(ram, &mut |extent| {
        let total = &mut totals[look(&extent)];
        *total = total.saturating_add(extent.pages());
        if extent.state != State::NotRam {
            extents += 1;
            pages = pages.saturating_add(extent.pages());
        }
    });
    let coarse = extents > most;
    let list = if coarse {
        let mut summary = Summary::new(pages);
        checkpoint.map(ram, &mut |extent| summary.add(&extent));
        summary.finish()
    } else {
        let mut list = Vec::with_capacity(extents);
        checkpoint.map(ram, &mut |extent| {
            if extent.state != State::NotRam {
                let record = extent.record.map_or(-1, |record| record as i64);
                let first = format!("{:#x}", extent.pfns.first());
                list.push(json!([first, extent.pages(), look(&extent), record]));
            }
        });
        list
    };
    json!({
        "checkpoint": index,
        "offset": checkpoint.pages.offset(),
        "stride": checkpoint.pages.stride(),
        "totals": totals,
        "coarse": coarse,
        "extents": list,
    })
}

/// Neighbouring extents put together until each piece holds a fair share of all pages.
struct Summary {
    share: u64,
    first: u64,
    /// The pfn behind what was added last.
    end: Option<u64>,
    counts: [u64; LOOKS.len()],
    pieces: Vec<Value>,
}

impl Summary {
    fn new(pages: u64) -> Self {
        Summary {
            share: pages.div_ceil(PIECES).max(1),
            first: 0,
            end: Some(0),
            counts: [0; LOOKS.len()],
            pieces: Vec::new(),
        }
    }

    fn held(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn add(&mut self, extent: &Extent) {
        if extent.state == State::NotRam {
            return;
        }
        // A gap ends a piece, so that a piece is a range of pfns; where gaps are so many that pieces
        // would be too, it only counts its pages.
        let gap = Some(extent.pfns.first()) != self.end;
        if gap && self.pieces.len() < PIECES as usize {
            self.flush();
        }
        let mut left = Some(extent.pfns);
        while let Some(run) = left {
            if self.held() == 0 {
                self.first = run.first();
            }
            let room = self.share.saturating_sub(self.held()).max(1);
            let part = room.min(run.pages());
            self.counts[look(extent)] += part;
            left = run.after(run.first() + (part - 1));
            if self.held() >= self.share {
                self.flush();
            }
        }
        self.end = extent.pfns.end();
    }

    fn flush(&mut self) {
        let pages = self.held();
        if pages > 0 {
            let first = format!("{:#x}", self.first);
            self.pieces.push(json!([first, pages, 0, -1, self.counts]));
            self.counts = [0; LOOKS.len()];
        }
    }

    fn finish(mut self) -> Vec<Value> {
        self.flush();
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ia64save_codec::image::{Image, Options};
    use ia64save_codec::pfns::Pfns;
    use ia64save_corpus::golden;

    #[test]
    fn a_summary_counts_what_the_ranges_count() {
        let golden = golden("r410-pv-live-balloon");
        let image = Image::parse(&golden.bytes(), &Options::default());
        let (checkpoint, ram) = (image.first().unwrap(), image.ram().unwrap());
        let whole = draw(0, checkpoint, ram, EXTENTS);
        let coarse = draw(0, checkpoint, ram, 3);
        assert_eq!(
            (&whole["coarse"], &coarse["coarse"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(whole["totals"], coarse["totals"]);
        let mut counted = [0u64; LOOKS.len()];
        for extent in whole["extents"].as_array().unwrap() {
            counted[extent[2].as_u64().unwrap() as usize] += extent[1].as_u64().unwrap();
        }
        let mut summed = [0u64; LOOKS.len()];
        for piece in coarse["extents"].as_array().unwrap() {
            for (sum, count) in summed.iter_mut().zip(piece[4].as_array().unwrap()) {
                *sum += count.as_u64().unwrap();
            }
        }
        assert_eq!(counted, summed);
        assert_eq!(
            json!(&counted[..6]),
            json!(&whole["totals"].as_array().unwrap()[..6])
        );
    }

    #[test]
    fn a_summary_has_few_pieces_whatever_the_image_claims() {
        let ram = RamMap::new((0..30_000u64).map(|index| Pfns::one(index * 3)));
        let picture = picture(0, &Checkpoint::default(), &ram);
        let pieces = picture["extents"].as_array().unwrap().len();
        assert!(pieces <= 2 * PIECES as usize, "{pieces}");
        let huge = [0..1 << 60, 1 << 61..u64::MAX].into_iter();
        let huge = RamMap::new(huge.filter_map(Pfns::of).chain([Pfns::one(u64::MAX)]));
        let picture = draw(0, &Checkpoint::default(), &huge, 0);
        assert!(picture["extents"].as_array().unwrap().len() <= 2 * PIECES as usize);
    }
}
