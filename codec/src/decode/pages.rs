//! Page records, the unallocated list, and the dialect, which is found out behind them.

use alloc::format;

use super::{Decoder, Event, Step};
use crate::code::Code;
use crate::detect::{self, Detection};
use crate::error::Error;
use crate::grammar::{self, PAGES_END, Part, Shape, u64_at};
use crate::size;

/// Records in one run. Bounds how far the decoder looks before the caller does, so that what it has
/// looked at is still in the cache then.
const RUN: usize = 256;

impl Decoder {
    pub(super) fn pages<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if u64_at(input, 0) == Some(PAGES_END) {
            return self.produce(input, end, grammar::page_end, |this, ()| {
                this.part = Part::UnallocatedCount;
                Ok(Event::PagesEnd)
            });
        }
        // A run stops at the limit, so that the complaint stands at the first record too many.
        let room = self.limits.page_records.saturating_sub(self.records);
        let most = size::place(room.clamp(1, RUN as u64));
        self.produce(
            input,
            end,
            grammar::page_run(self.page_size, most),
            |this, run| {
                this.count_records(run.len() as u64)?;
                Ok(Event::Pages(run))
            },
        )
    }

    pub(super) fn count_records(&mut self, count: u64) -> Result<(), Error> {
        let limit = self.limits.page_records;
        if self.records.saturating_add(count) > limit {
            let at = limit.saturating_sub(self.records);
            let offset = self.offset.saturating_add(at * (8 + self.page_size as u64));
            let path = self.within(format!("pages[{}]", self.records_here + at));
            return Err(Error::new(Code::LimitExceeded, offset, path)
                .expected(format!("at most {limit} page records"))
                .found("one more"));
        }
        self.records += count;
        self.records_here += count;
        Ok(())
    }

    pub(super) fn unallocated<'a>(
        &mut self,
        input: &'a [u8],
        end: bool,
    ) -> Result<Step<'a>, Error> {
        if self.unallocated_left > 0 {
            let left = self.unallocated_left;
            return self.produce(input, end, grammar::unallocated_run(left), |this, run| {
                this.unallocated_left -= run.len() as u32;
                Ok(Event::Unallocated(run))
            });
        }
        let Some(head) = &self.head else {
            return Err(self.impossible());
        };
        let (detection, news) = match (&self.detection, self.dialect) {
            (Some(known), _) => (known.clone(), false),
            (None, Some(dialect)) => (Detection::given(dialect, self.era, head.guest), true),
            (None, None) => match detect::detect(head, &self.limits, input, end) {
                Ok(Some(found)) => (found, true),
                Ok(None) => return Err(detect::none(head, self.offset, input)),
                Err(wanted) => return Ok(Step::NeedMore(wanted)),
            },
        };
        self.part = Shape {
            dialect: detection.best(),
            guest: detection.guest,
        }
        .tail();
        self.online = alloc::vec![0];
        self.vcpu = 0;
        self.detection = Some(detection.clone());
        if news {
            let event = Event::Detected(detection);
            return Ok(Step::Event {
                offset: self.offset,
                consumed: 0,
                event,
            });
        }
        self.step(input, end)
    }
}
