//! Which worlds are looked at, and how much may go wrong in each.

use std::fmt;

use ia64save_codec::transfer::migration::Protocol;

/// Where bytes under way can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cuts {
    /// Between what was sent at once.
    Between,
    /// And in the midst of it.
    Halves,
    /// At every byte.
    EveryByte,
}

/// Who else connects, once, at any time, and says everything at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Says what is no request.
    Babbles,
    /// Asks about the migration: the token is no secret from him.
    Asks,
    /// Has another domain, under the same token.
    TakesTheName,
}

/// A fault that is planted into what is around the ends, to see whether the checker finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A source lets its domain go on where it does not know.
    ResumesInDoubt,
    /// A source destroys its domain where it does not know.
    DestroysInDoubt,
    /// A source that was killed after it had sent everything takes its domain back without asking.
    RecoversWithoutAsking,
    /// A target runs what is whole.
    RunsWhenWhole,
    /// A target answers a question and goes on as before.
    AnswerDecidesNothing,
    /// A target writes nothing down.
    WritesNothing,
    /// A target lets a domain run, then writes it down.
    RunsThenWrites,
    /// A target says `(complete)`, then writes it down.
    SaysThenWrites,
    /// A target takes one migration twice.
    TakesTwice,
    /// A source asks for ever.
    AsksForEver,
}

/// A world, and its bounds.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Its name in tables.
    pub name: &'static str,
    /// How the ends speak.
    pub protocol: Protocol,
    /// Time-outs before their time, breaks of a connection, failures of a save, a restore or a start.
    pub faults: u8,
    /// How often a process is killed, the source's and the target's together.
    pub crashes: u8,
    /// How often a connection is opened again with the same words.
    pub copies: u8,
    /// Who else connects to the target.
    pub strangers: &'static [Stranger],
    /// How often a stranger answers in the target's place, and speaks first.
    pub impostors: u8,
    /// How often what a target has written down is lost while it is down.
    pub lost_disks: u8,
    /// Where bytes are cut.
    pub cuts: Cuts,
    /// Domains outlive the target's process, as they do under a hypervisor; in `simulate migrate` they do not.
    pub outlive: bool,
    /// A target that says nothing before it closes, as xend's.
    pub original: bool,
    /// What is wrong with it.
    pub planted: Option<Planted>,
}

impl Bounds {
    /// Nothing goes wrong.
    pub const fn new(name: &'static str, protocol: Protocol) -> Self {
        Bounds {
            name,
            protocol,
            faults: 0,
            crashes: 0,
            copies: 0,
            strangers: &[],
            impostors: 0,
            lost_disks: 0,
            cuts: Cuts::Between,
            outlive: true,
            original: false,
            planted: None,
        }
    }
}

impl fmt::Display for Bounds {
    /// Its name, and how much goes wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = vec![self.name.to_owned()];
        for (count, one, more) in [
            (self.faults, "fault", "faults"),
            (self.crashes, "kill", "kills"),
            (self.copies, "copy", "copies"),
            (self.strangers.len() as u8, "stranger", "strangers"),
            (self.impostors, "impostor", "impostors"),
            (self.lost_disks, "lost disk", "lost disks"),
        ] {
            match count {
                0 => {}
                1 => all.push(format!("1 {one}")),
                count => all.push(format!("{count} {more}")),
            }
        }
        all.push(match self.cuts {
            Cuts::Between => "whole messages".into(),
            Cuts::Halves => "cut in two".into(),
            Cuts::EveryByte => "cut at every byte".into(),
        });
        f.write_str(&all.join(", "))
    }
}

const ACKNOWLEDGED: Bounds = Bounds::new("", Protocol::Acknowledged);
const XEND: Bounds = Bounds::new("", Protocol::Xend);

/// The acknowledged protocol, in which everything has to hold.
pub fn bounds(deep: bool) -> Vec<Bounds> {
    let more = u8::from(deep);
    let cuts = if deep { Cuts::EveryByte } else { Cuts::Halves };
    vec![
        Bounds {
            name: "smooth",
            cuts,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "faults",
            faults: 1 + more,
            cuts,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "crashes",
            faults: 1,
            crashes: 1 + more,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "crashes with the host",
            faults: 1,
            crashes: 1 + more,
            outlive: false,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "copies",
            faults: 1 + more,
            crashes: more,
            copies: 1 + more,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "a stranger babbles",
            faults: 1,
            crashes: more,
            strangers: &[Stranger::Babbles],
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "a stranger asks",
            faults: 1 + more,
            crashes: more,
            strangers: &[Stranger::Asks],
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "a stranger takes the name",
            faults: 1,
            crashes: more,
            strangers: &[Stranger::TakesTheName],
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "strangers at once",
            faults: more,
            strangers: &[Stranger::Asks, Stranger::TakesTheName],
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "impostors",
            faults: 1 + more,
            crashes: 1,
            impostors: 1 + more,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "lost disk",
            faults: 1 + more,
            crashes: 1 + more,
            lost_disks: 1,
            ..ACKNOWLEDGED
        },
        Bounds {
            name: "all at once",
            crashes: 1,
            copies: 1,
            strangers: if deep { &[Stranger::Asks] } else { &[] },
            ..ACKNOWLEDGED
        },
    ]
}

/// What is not promised: each of these is violated, by the smallest means.
pub fn holes() -> Vec<(Bounds, &'static str)> {
    use super::promises::{ENDS_WITH_ONE, NEVER_NONE, NEVER_TWO};
    vec![
        (
            Bounds {
                name: "xend: an original target fails late",
                faults: 1,
                original: true,
                ..XEND
            },
            NEVER_NONE,
        ),
        (
            Bounds {
                name: "xend: the target is killed",
                crashes: 1,
                ..XEND
            },
            NEVER_NONE,
        ),
        (
            Bounds {
                name: "xend: the answer is late",
                faults: 1,
                ..XEND
            },
            ENDS_WITH_ONE,
        ),
        (
            Bounds {
                name: "xend: a connection comes twice",
                copies: 1,
                ..XEND
            },
            NEVER_TWO,
        ),
        (
            Bounds {
                name: "acknowledged: the target's disk is lost, and the connection comes twice",
                crashes: 1,
                copies: 1,
                lost_disks: 1,
                ..ACKNOWLEDGED
            },
            NEVER_TWO,
        ),
    ]
}

/// Worlds with a fault in them, and what has to find it.
pub fn planted() -> Vec<(Bounds, &'static str)> {
    use super::promises::{ENDS, ENDS_WITH_ONE, NEVER_NONE, NEVER_TWO, NEVER_UNKNOWN, ONE_HISTORY};
    let with = |planted, base: Bounds| Bounds {
        planted: Some(planted),
        ..base
    };
    let late = Bounds {
        name: "planted",
        faults: 1,
        ..ACKNOWLEDGED
    };
    let killed = Bounds {
        faults: 1,
        crashes: 1,
        ..late.clone()
    };
    vec![
        (with(Planted::ResumesInDoubt, late.clone()), NEVER_TWO),
        (with(Planted::DestroysInDoubt, late.clone()), NEVER_NONE),
        (
            with(Planted::RecoversWithoutAsking, killed.clone()),
            NEVER_TWO,
        ),
        (with(Planted::RunsWhenWhole, late.clone()), NEVER_TWO),
        (with(Planted::AnswerDecidesNothing, late.clone()), NEVER_TWO),
        (with(Planted::WritesNothing, killed.clone()), NEVER_UNKNOWN),
        (with(Planted::WritesNothing, killed.clone()), ENDS_WITH_ONE),
        (with(Planted::RunsThenWrites, killed.clone()), ONE_HISTORY),
        (
            with(
                Planted::SaysThenWrites,
                Bounds {
                    crashes: 2,
                    ..killed.clone()
                },
            ),
            NEVER_UNKNOWN,
        ),
        (
            with(Planted::TakesTwice, Bounds { copies: 1, ..late }),
            NEVER_TWO,
        ),
        (
            with(
                Planted::AsksForEver,
                Bounds {
                    lost_disks: 1,
                    ..killed
                },
            ),
            ENDS,
        ),
    ]
}
