//! All of it, and what may happen next.

use ia64save_codec::transfer::migration::{Input, SourceEnd};

use super::bounds::{Bounds, Cuts};
use super::source::{Here, Process, Said, Source, shown};
use super::target::{Luck, Target};
use super::wire::{Who, Wire};

/// How a connection ends, as an end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    Closed,
    Broken,
    Late,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The source opens a connection: to the target, or to whoever listens in its place.
    Connect { impostor: bool },
    /// The source goes on.
    Source,
    /// Its save fails.
    SaveFails,
    /// It notices in writing that the connection is broken; what the target said has arrived, or not.
    WriteFails { arrived: bool },
    /// Bytes arrive at the source.
    SourceHears { wire: usize, bytes: usize },
    /// So does the end.
    SourceNotices { wire: usize, ending: Ending },
    /// The target goes on with a connection.
    Target { wire: usize, luck: Luck },
    /// Bytes arrive at the target.
    TargetHears { wire: usize, bytes: usize },
    /// So does the end.
    TargetNotices { wire: usize, ending: Ending },
    /// The target notices that somebody else has decided about the domain that waits here.
    Revoked { wire: usize },
    /// What could not be written down before is now.
    TargetSettles,
    /// A connection breaks.
    Breaks { wire: usize },
    /// A connection comes once more.
    Copies { wire: usize },
    /// A stranger connects.
    Stranger { number: usize },
    /// The source's process is killed.
    SourceDies { reset: bool },
    /// Somebody mends what it left.
    SourceRecovers,
    /// The target's process is killed.
    TargetDies { reset: bool },
    /// It is started again.
    TargetRestarts { without_disk: bool },
}

/// How much may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Left {
    faults: u8,
    crashes: u8,
    copies: u8,
    impostors: u8,
    lost_disks: u8,
    /// A bit each.
    strangers: u8,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub source: Source,
    pub target: Target,
    pub wires: Vec<Wire>,
    left: Left,
}

impl World {
    /// How many domains run.
    pub fn running(&self) -> u8 {
        u8::from(self.source.domain == Here::Runs) + self.target.running
    }

    pub(super) fn new(bounds: &Bounds) -> Self {
        World {
            source: Source::new(),
            target: Target::new(),
            wires: Vec::new(),
            left: Left {
                faults: bounds.faults,
                crashes: bounds.crashes,
                copies: bounds.copies,
                impostors: bounds.impostors,
                lost_disks: bounds.lost_disks,
                strangers: (1 << bounds.strangers.len()) - 1,
            },
        }
    }

    /// Something happens; what people call it.
    pub(super) fn happen(&mut self, action: Action, bounds: &Bounds) -> Said {
        let World {
            source,
            target,
            wires,
            left,
        } = self;
        match action {
            Action::Connect { impostor } => {
                let asks = source.connects() == Some(true);
                let mut wire = Wire::new(if asks { Who::Asking } else { Who::Source });
                if impostor {
                    left.impostors -= 1;
                    wire.to_source.send(b"SSH-2.0-x\n");
                    wire.leave_target();
                }
                let at = place(wires, wire);
                source.connected(bounds, at);
                if !impostor {
                    target.accept(at);
                }
                let why = if asks { "to ask" } else { "to move the domain" };
                let whom = if impostor { "a stranger" } else { "the target" };
                format!("connects to {whom}, {why}")
            }
            Action::Source => source.step(bounds, left.copies > 0, wires),
            Action::SaveFails => {
                left.faults -= 1;
                source.fail(left.copies > 0, wires)
            }
            Action::WriteFails { arrived } => source.fail_to_write(arrived, wires),
            Action::SourceHears { wire, bytes } => {
                let bytes = wires[wire].to_source.arrive(bytes);
                source.hear(|end| end.received(&bytes));
                shown(&bytes)
            }
            Action::SourceNotices { wire, ending } => {
                if ending == Ending::Late && !wires[wire].is_dead_at_source() {
                    left.faults -= 1;
                }
                let (how, said): (fn(&mut SourceEnd), _) = match ending {
                    Ending::Closed => (SourceEnd::closed, "hears the end of it"),
                    Ending::Broken => (SourceEnd::broken, "sees the connection broken"),
                    Ending::Late => (SourceEnd::timed_out, "has waited too long"),
                };
                wires[wire].to_source.lose();
                source.hear(how);
                said.into()
            }
            Action::Target { wire, luck } => {
                if luck != Luck::Well {
                    left.faults -= 1;
                }
                target.step(wire, luck, bounds, &mut wires[wire])
            }
            Action::TargetHears { wire, bytes } => {
                let bytes = wires[wire].to_target.arrive(bytes);
                target.hear(wire, &bytes);
                shown(&bytes)
            }
            Action::TargetNotices { wire, ending } => {
                if ending == Ending::Late && !wires[wire].broken {
                    left.faults -= 1;
                }
                let (input, said) = match ending {
                    Ending::Closed => (Input::Closed, "hears the end of it"),
                    Ending::Broken => (Input::Broken, "sees the connection broken"),
                    Ending::Late => (Input::TimedOut, "has waited too long"),
                };
                if ending != Ending::Closed {
                    wires[wire].to_target.lose();
                }
                target.notice(wire, input);
                said.into()
            }
            Action::Revoked { wire } => {
                target.notice(wire, Input::Closed);
                "hears that it was decided elsewhere".into()
            }
            Action::TargetSettles => {
                target.settle(bounds);
                "writes down what it owed".into()
            }
            Action::Breaks { wire } => {
                left.faults -= 1;
                wires[wire].broken = true;
                "the connection breaks".into()
            }
            Action::Copies { wire } => {
                left.copies -= 1;
                let last = left.copies == 0;
                let mut copy = Wire::new(Who::Copy);
                copy.to_target.send(&wires[wire].said);
                if last {
                    for wire in wires.iter_mut() {
                        wire.said.clear();
                    }
                }
                copy.leave_source();
                target.accept(place(wires, copy));
                format!("connection {wire} comes once more")
            }
            Action::Stranger { number } => {
                left.strangers &= !(1 << number);
                let mut wire = Wire::new(Who::Stranger);
                let words = bounds.strangers[number].words();
                wire.to_target.send(&words);
                wire.leave_source();
                target.accept(place(wires, wire));
                format!("a stranger connects: {}", shown(&words))
            }
            Action::SourceDies { reset } => {
                left.crashes -= 1;
                source.die(reset, wires);
                "its process is KILLED".into()
            }
            Action::SourceRecovers => {
                source.recover(bounds);
                "somebody mends what was left".into()
            }
            Action::TargetDies { reset } => {
                left.crashes -= 1;
                target.die(reset, bounds, wires);
                "its process is KILLED".into()
            }
            Action::TargetRestarts { without_disk } => {
                left.lost_disks -= u8::from(without_disk);
                let said = target.restart(without_disk);
                if without_disk {
                    said + ", without what it wrote down"
                } else {
                    said
                }
            }
        }
    }

    fn of_the_source(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        let (source, left) = (&self.source, &self.left);
        if source.connects().is_some() {
            if self.target.up {
                actions.push(Action::Connect { impostor: false });
            }
            if left.impostors > 0 {
                actions.push(Action::Connect { impostor: true });
            }
        }
        if source.may_step() {
            actions.push(Action::Source);
        }
        if source.sends() && left.faults > 0 {
            actions.push(Action::SaveFails);
        }
        if let Some(at) = source.writes() {
            let wire = &self.wires[at];
            if wire.broken || wire.target_left {
                actions.push(Action::WriteFails { arrived: false });
                if !wire.to_source.may_arrive(Cuts::Between).is_empty() {
                    actions.push(Action::WriteFails { arrived: true });
                }
            }
        }
        if let Some(at) = source.reads() {
            let wire = &self.wires[at];
            for bytes in wire.to_source.may_arrive(bounds.cuts) {
                actions.push(Action::SourceHears { wire: at, bytes });
            }
            let mut notice = |ending| actions.push(Action::SourceNotices { wire: at, ending });
            if wire.to_source.has_ended() && !wire.broken {
                notice(Ending::Closed);
            }
            if wire.broken {
                notice(Ending::Broken);
            }
            if wire.is_dead_at_source() || left.faults > 0 {
                notice(Ending::Late);
            }
        }
        if left.crashes > 0 && source.may_die() {
            actions.extend([false, true].map(|reset| Action::SourceDies { reset }));
        }
        if source.process == Process::Killed {
            actions.push(Action::SourceRecovers);
        }
    }

    fn of_the_target(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        let (target, left) = (&self.target, &self.left);
        for (at, wire) in self.wires.iter().enumerate() {
            if target.may_step(at) {
                let mut step = |luck| actions.push(Action::Target { wire: at, luck });
                step(Luck::Well);
                if left.faults > 0 && target.may_fail(at) {
                    step(Luck::Fails);
                    if target.writes(at) {
                        step(Luck::FailsAndIsThere);
                    }
                }
            }
            if target.waits(at) && target.input(at) == Some(Input::Open) {
                let cuts = match wire.who {
                    Who::Source | Who::Asking => bounds.cuts,
                    Who::Copy | Who::Stranger => Cuts::Between,
                };
                for bytes in wire.to_target.may_arrive(cuts) {
                    actions.push(Action::TargetHears { wire: at, bytes });
                }
                let mut notice = |ending| actions.push(Action::TargetNotices { wire: at, ending });
                if wire.to_target.has_ended() && !wire.broken {
                    notice(Ending::Closed);
                }
                if wire.broken {
                    notice(Ending::Broken);
                }
                if wire.broken || left.faults > 0 {
                    notice(Ending::Late);
                }
                if target.is_revoked(at) {
                    actions.push(Action::Revoked { wire: at });
                }
            }
        }
        if left.crashes > 0 && target.up {
            actions.extend([false, true].map(|reset| Action::TargetDies { reset }));
        }
        if target.owes() {
            actions.push(Action::TargetSettles);
        }
        if !target.up {
            actions.push(Action::TargetRestarts {
                without_disk: false,
            });
            if left.lost_disks > 0 {
                actions.push(Action::TargetRestarts { without_disk: true });
            }
        }
    }

    fn of_the_network(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        let left = &self.left;
        for (at, wire) in self.wires.iter().enumerate() {
            let over = wire.broken || (wire.source_left && wire.target_left);
            if left.faults > 0 && !over {
                actions.push(Action::Breaks { wire: at });
            }
            if left.copies > 0 && self.target.up && wire.who == Who::Source && !wire.said.is_empty()
            {
                actions.push(Action::Copies { wire: at });
            }
        }
        if self.target.up {
            let strangers = (0..bounds.strangers.len()).filter(|n| left.strangers >> n & 1 == 1);
            actions.extend(strangers.map(|number| Action::Stranger { number }));
        }
    }

    /// All that may happen.
    pub fn actions(&self, bounds: &Bounds, actions: &mut Vec<Action>) {
        self.of_the_source(bounds, actions);
        self.of_the_target(bounds, actions);
        self.of_the_network(bounds, actions);
    }

    /// Nothing more happens by itself.
    pub fn is_over(&self, bounds: &Bounds) -> bool {
        let mut actions = Vec::new();
        self.actions(bounds, &mut actions);
        actions.is_empty()
    }
}

/// Puts a connection where none is any more, so that those that are over make no difference.
fn place(wires: &mut Vec<Wire>, wire: Wire) -> usize {
    let at = free(wires);
    if at == wires.len() {
        wires.push(wire);
    } else {
        wires[at] = wire;
    }
    at
}

/// The place of the next connection.
fn free(wires: &[Wire]) -> usize {
    let over = |wire: &Wire| wire.source_left && wire.target_left && wire.said.is_empty();
    wires.iter().position(over).unwrap_or(wires.len())
}

impl Wire {
    /// Nothing comes to the source any more, and nobody tells it.
    fn is_dead_at_source(&self) -> bool {
        self.broken || (self.source_left && !self.target_left)
    }
}

impl Action {
    /// What happens, for people: at which end, and over which connection.
    pub fn told(self, before: &World, bounds: &Bounds) -> crate::diagram::Told {
        use crate::diagram::{Told, Where};
        let said = before.clone().happen(self, bounds);
        let source_wire = match &before.source.process {
            Process::Talks(talk) => Some(talk.wire),
            _ => None,
        };
        let (place, wire) = match self {
            Action::Connect { .. } => (Where::Source, Some(free(&before.wires))),
            Action::Source | Action::SaveFails | Action::WriteFails { .. } => {
                (Where::Source, source_wire)
            }
            Action::SourceHears { wire, .. } => (Where::ToSource, Some(wire)),
            Action::SourceNotices { wire, .. } => (Where::Source, Some(wire)),
            Action::Target { wire, .. }
            | Action::TargetNotices { wire, .. }
            | Action::Revoked { wire } => (Where::Target, Some(wire)),
            Action::TargetHears { wire, .. } => (Where::ToTarget, Some(wire)),
            Action::Breaks { wire } => (Where::Between, Some(wire)),
            Action::Copies { .. } | Action::Stranger { .. } => {
                (Where::Between, Some(free(&before.wires)))
            }
            Action::SourceDies { .. } | Action::SourceRecovers => (Where::Source, None),
            Action::TargetSettles | Action::TargetDies { .. } | Action::TargetRestarts { .. } => {
                (Where::Target, None)
            }
        };
        Told { place, wire, said }
    }
}
