//! What the result will be read as.
//!
//! Eras share bytes, so a reader may take the result for another's than was asked for. Only head and tail
//! decide that, and they are made in memory: no page is looked at.

use alloc::vec::Vec;

use super::Conversion;
use crate::decode::{Decoder, Event, Step};
use crate::detect::{self, Detection};
use crate::encode::Encoder;
use crate::error::Error;
use crate::limits::Limits;

impl Conversion<'_> {
    /// What a reader makes of the result that is told nothing: compare [`Detection::dialect`] and
    /// [`Detection::best_era`] with what was asked for ([`eras`](Self::eras)). `None` where it would not
    /// recognise the result at all, or [`write`](Self::write) will fail.
    pub fn read_as(&self) -> Option<Detection> {
        let (head, mut tail) = self.head_and_tail().ok()?;
        let ends = self.rounds.len() == 1;
        if ends {
            tail.extend_from_slice(self.trailing);
        } else {
            // A round is no end. What is in it decides nothing, only that there is something.
            tail.resize(2 * tail.len() + 4 * self.page_size, 0);
        }
        let mut decoder = Decoder::new().page_size(self.page_size);
        let mut rest = &head[..];
        while let Ok(Step::Event { consumed, .. }) = decoder.decode(rest, false) {
            rest = &rest[consumed..];
        }
        let (head, limits) = (decoder.head()?, Limits::default());
        // A window that is longer than all of that would hold nothing more that decides.
        detect::detect(head, &limits, &tail, ends)
            .or_else(|_| detect::detect(head, &limits, &tail, true))
            .ok()?
    }

    /// The stream up to its pages, and the tail of its first checkpoint.
    fn head_and_tail(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let mut encoder = Encoder::new(self.route.to, self.route.guest).page_size(self.page_size);
        let [mut head, mut tail] = [Vec::new(), Vec::new()];
        self.head(&mut |event| {
            encoder.encode(&event)?.write_to(&mut head);
            Ok::<_, Error>(())
        })?;
        encoder.encode(&Event::PagesEnd)?;
        encoder.encode(&Event::UnallocatedCount(0))?;
        self.rounds[0].tail.write(self.route, |event| {
            encoder.encode(&event)?.write_to(&mut tail);
            Ok::<_, Error>(())
        })?;
        Ok((head, tail))
    }
}
