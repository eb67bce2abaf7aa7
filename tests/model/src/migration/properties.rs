//! What has to hold in every state, and what has to be seen in some.

use std::collections::BTreeSet;

use stateright::Property;

use super::bounds::Bounds;
use super::promises::{
    ENDS_TIDY, ENDS_WITH_ONE, NEVER_NONE, NEVER_TWO, NEVER_UNKNOWN, ONE_HISTORY,
};
use super::source::{Here, Process};
use super::wire::{Who, Wire};
use super::world::World;

/// All of them.
pub fn of(acknowledged: bool) -> Vec<Property<Bounds>> {
    let mut all = vec![
        Property::always(NEVER_TWO, |_: &Bounds, world: &World| world.running() < 2),
        Property::always(ONE_HISTORY, |_, world: &World| {
            !(world.target.ran && world.source.domain == Here::Runs)
        }),
        Property::always(NEVER_NONE, |_, world: &World| {
            world.source.domain != Here::Gone || world.target.ran || world.target.went_down
        }),
        Property::always(ENDS_WITH_ONE, |bounds, world: &World| {
            let excused = world.target.went_down || world.target.lost_disk;
            let settled = world.source.process == Process::Over && world.running() == 1;
            excused || settled || !world.is_over(bounds)
        }),
        Property::always(ENDS_TIDY, |bounds, world: &World| {
            !world.target.is_busy() || !world.is_over(bounds)
        }),
        Property::always(NEVER_UNKNOWN, |_, world: &World| {
            !world.target.said_unknown || world.target.lost_disk
        }),
        Property::sometimes("the domain moves", |_, world: &World| {
            world.source.domain == Here::Gone && world.target.running == 1
        }),
    ];
    if acknowledged {
        all.push(Property::sometimes(
            "nothing goes wrong",
            |_, world: &World| {
                world.source.process == Process::Over && world.target.ran && world.wires.len() == 1
            },
        ));
    }
    all
}

/// The states that both ends were seen in, by their names.
#[derive(Clone, Debug, Default)]
pub struct States {
    pub source: BTreeSet<String>,
    pub target: BTreeSet<String>,
}

impl States {
    /// Looks at a world.
    pub fn see(&mut self, world: &World) {
        if let Process::Talks(talk) = &world.source.process {
            self.source.extend(state(&format!("{:?}", talk.end)));
        }
        for talk in world.target.talks.iter().flatten() {
            self.target.extend(state(&format!("{:?}", talk.end)));
        }
    }
}

/// The name behind `state: `.
fn state(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(" state: ")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
    Some(rest[..end].to_owned())
}

/// Whether it is seen in a world.
pub type Seen = fn(&World) -> bool;

/// What has to be seen at least once, over all worlds of the acknowledged protocol together.
pub const SEEN: [(&str, Seen); 9] = [
    ("the domain stays", |world| {
        world.source.process == Process::Over && world.source.domain == Here::Runs
    }),
    ("the source is in doubt, and asks", |world| {
        world.source.process == Process::Asks
    }),
    ("a person has to decide", |world| {
        world.source.process == Process::Doubt
    }),
    ("the source was killed", |world| {
        world.source.process == Process::Killed
    }),
    ("the target was killed while the domain runs", |world| {
        !world.target.up && world.target.running == 1
    }),
    ("the domain went down with the target's host", |world| {
        world.target.went_down
    }),
    ("the target has lost its disk", |world| {
        world.target.lost_disk
    }),
    ("three connections at once", |world| {
        let open = world
            .wires
            .iter()
            .filter(|wire| !(wire.source_left && wire.target_left));
        open.count() >= 3
    }),
    ("commit is on its way while the source asks", |world| {
        let asking = world
            .wires
            .iter()
            .any(|w| w.who == Who::Asking && !w.source_left);
        let commit = |w: &Wire| w.who == Who::Source && w.to_target.next(7) == b"commit\n";
        asking && world.wires.iter().any(commit)
    }),
];
