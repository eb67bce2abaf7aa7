//! A migration between two hosts: the real [`SourceEnd`], [`TargetEnd`] and [`Ledger`], with a network, two
//! machines and time around them that do whatever they may.
//!
//! [`SourceEnd`]: ia64save_codec::transfer::migration::SourceEnd
//! [`TargetEnd`]: ia64save_codec::transfer::migration::TargetEnd
//! [`Ledger`]: ia64save_codec::transfer::migration::Ledger
//!
//! | file | what |
//! |---|---|
//! | `wire` | connections: bytes under way, cut, late, copied |
//! | `source` | the host that gives the domain away, what its process does and what it keeps on disk |
//! | `target` | the host that takes it in, likewise |
//! | `world` | all of it, and what may happen next |
//! | `promises`, `properties` | what has to hold: in words, and in a world |
//! | `bounds` | which worlds are looked at |
//! | `search` | how they are walked through |
//!
//! What may happen, within the bounds: any end goes on by one step; bytes arrive, whole or in part; nothing
//! comes for too long, though it is on its way; a connection breaks, and what was on it arrives, or some of it,
//! or nothing, and each end notices when it does; a save, a restore or the start of a domain fails; either
//! process is killed, between any two steps, and started again with what is on its disk; a connection is
//! opened again with the same words; a stranger connects, or answers in the target's place.

mod bounds;
mod promises;
mod properties;
mod search;
mod source;
mod target;
mod wire;
mod world;

use ia64save_codec::transfer::migration::Token;

use crate::check::{self, Steps};
use crate::diagram::diagram;

pub use bounds::{Bounds, Cuts, Planted, Stranger, bounds, holes, planted};
pub use promises::ENDS;
pub use properties::{SEEN, States};
pub use world::{Action, World};

/// The migration.
pub const TOKEN: Token = Token(7);
/// The domain as it is sent: in two frames, of which the second is sent when it is suspended.
const PIECES: [&[u8]; 2] = [b"ab", b"c"];

/// A path on which a property does not hold, as a sequence diagram.
pub fn told(bounds: &Bounds, property: &str, steps: &Steps<Bounds>) -> String {
    let told = steps
        .iter()
        .map(|(before, action)| action.told(before, bounds));
    let title = format!("{}: it does not hold that {property}", bounds.name);
    diagram(&title, &told.collect::<Vec<_>>())
}

/// All that is not promised, each with a shortest way to it.
pub fn shown_holes() -> String {
    let mut text = String::from(
        "What neither protocol promises, found by `cargo xtask model` over the real ends of a migration.\n\
         Of each the shortest way there is. In the middle: over which connection, and what arrives.\n",
    );
    for (bounds, property) in holes() {
        let steps = check::first(bounds.clone(), property).unwrap_or_default();
        text += "\n\n";
        text += &told(&bounds, property, &steps);
    }
    text
}
