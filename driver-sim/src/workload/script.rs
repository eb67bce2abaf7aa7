//! Writes at given moments of a save.
//!
//! The images of the test corpus that were saved live come with a list of what happened, and when:
//! before the peek at the log-dirty bitmap of a pass, or before the clean at its end. Played again, it
//! gives a saver the bitmaps that the original saw.

use std::collections::VecDeque;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// The guest writes to the page before the peek of the pass.
    BeforePeek,
    /// The guest writes to the page before the clean at the end of the pass.
    BeforeClean,
    /// The device model writes to the page, after that clean.
    DeviceModel,
    /// The guest gives the page back, after that clean.
    BalloonedOut,
}

/// Something that happens to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The pass, the first being 1; 0 is before it.
    pub pass: u64,
    /// What, and when within the pass.
    pub moment: Moment,
    /// The page.
    pub pfn: u64,
}

impl Event {
    /// An event as it stands in the truth of an image: `[1, "dirty_before_peek", 25]`. `None` for
    /// those that a saver makes happen itself: that it suspends the guest, or switches the record of
    /// the device model on and off.
    pub fn from_record(pass: u64, what: &str, pfn: u64) -> Option<Event> {
        let moment = match what {
            "dirty_before_peek" => Moment::BeforePeek,
            "dirty_before_clean" => Moment::BeforeClean,
            "qemu_dirty" => Moment::DeviceModel,
            "ballooned_out_after_send" => Moment::BalloonedOut,
            _ => return None,
        };
        Some(Event { pass, moment, pfn })
    }

    /// Where it stands in the course of a save.
    fn at(&self) -> (u64, u8) {
        let within = match self.moment {
            Moment::BeforePeek => 0,
            Moment::BeforeClean => 1,
            Moment::DeviceModel | Moment::BalloonedOut => 2,
        };
        (self.pass, within)
    }
}

/// A list of events that is played as a save goes on.
#[derive(Clone, Debug, Default)]
pub struct Script {
    events: VecDeque<Event>,
    /// Peeks so far: the pass that the save is in.
    pass: u64,
}

impl Script {
    /// A script. Events that stand at the same place of a save keep their order.
    pub fn new(events: impl IntoIterator<Item = Event>) -> Self {
        let mut events: Vec<Event> = events.into_iter().collect();
        events.sort_by_key(Event::at);
        Script {
            events: events.into(),
            pass: 0,
        }
    }

    /// A peek is about to be made: what happens before.
    pub(crate) fn peek(&mut self) -> Vec<Event> {
        self.pass += 1;
        self.until((self.pass, 0))
    }

    /// A clean is about to be made: what happens before.
    pub(crate) fn clean(&mut self) -> Vec<Event> {
        self.until((self.pass, 1))
    }

    fn until(&mut self, place: (u64, u8)) -> Vec<Event> {
        let due = self.events.partition_point(|event| event.at() <= place);
        self.events.drain(..due).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_wait_for_their_place() {
        let record = |pass, what, pfn| Event::from_record(pass, what, pfn);
        let events = [
            record(0, "qemu_dirty", 14),
            record(1, "dirty_before_peek", 34),
            record(1, "dirty_before_clean", 39),
            record(1, "qemu_dirty", 49),
            record(2, "suspend", 0),
            record(2, "dirty_before_clean", 50),
        ];
        let mut script = Script::new(events.into_iter().flatten());
        let pfns = |events: Vec<Event>| events.iter().map(|e| e.pfn).collect::<Vec<_>>();
        assert_eq!(pfns(script.peek()), [14, 34]);
        assert_eq!(pfns(script.clean()), [39]);
        assert_eq!(pfns(script.peek()), [49]);
        assert_eq!(pfns(script.clean()), [50]);
    }
}
