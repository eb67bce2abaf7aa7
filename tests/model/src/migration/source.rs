//! The host that gives the domain away: what `xen migrate` does around the source's end, and `xen recover`
//! after it was killed.

use ia64save_codec::Dialect;
use ia64save_codec::transfer::migration::{
    Protocol, SourceEnd, SourceFate, SourceStep, frame_header,
};

use super::bounds::{Bounds, Planted};
use super::wire::Wire;
use super::{PIECES, TOKEN};

/// The domain here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Here {
    Runs,
    Suspended,
    Gone,
}

/// What is written down of the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Disk {
    Nothing,
    /// It is under way.
    Begun,
    /// The domain may run elsewhere.
    Given,
}

/// What the process does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// It is about to connect, to move the domain.
    Begins,
    Talks(Box<Talk>),
    /// It knows what has to become of the domain: it is gone, or goes on.
    Settles {
        gone: bool,
    },
    /// It is done with the domain, and forgets what is written down.
    Forgets,
    /// It does not know, and is about to connect, to ask.
    Asks,
    /// Nobody can tell it; a person decides.
    Doubt,
    Killed,
    Over,
}

/// The process over a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Talk {
    pub end: SourceEnd,
    pub wire: usize,
    /// How far the domain is sent, while it is.
    sending: Option<u8>,
    /// What is sent next: first something was to be written down.
    words: Option<Vec<u8>>,
}

/// The host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub domain: Here,
    pub disk: Disk,
    pub process: Process,
}

/// What is told of a step.
pub type Said = String;

impl Source {
    pub fn new() -> Self {
        Source {
            domain: Here::Runs,
            disk: Disk::Nothing,
            process: Process::Begins,
        }
    }

    /// Whether it opens a connection next, and whether only to ask.
    pub fn connects(&self) -> Option<bool> {
        match self.process {
            Process::Begins => Some(false),
            Process::Asks => Some(true),
            _ => None,
        }
    }

    /// It has opened one.
    pub fn connected(&mut self, bounds: &Bounds, wire: usize) {
        let asks = self.connects() == Some(true);
        let end = match bounds.protocol {
            _ if asks => SourceEnd::ask(TOKEN),
            Protocol::Acknowledged => SourceEnd::new(TOKEN, Dialect::D11),
            Protocol::Xend => SourceEnd::xend(),
        };
        if !asks {
            self.disk = Disk::Begun;
        }
        self.process = Process::Talks(Box::new(Talk {
            end,
            wire,
            sending: None,
            words: None,
        }));
    }

    /// The connection, where its end reads.
    pub fn reads(&self) -> Option<usize> {
        let Process::Talks(talk) = &self.process else {
            return None;
        };
        let free = talk.sending.is_none() && talk.words.is_none();
        let waits = free && talk.end.clone().step() == SourceStep::Wait;
        waits.then_some(talk.wire)
    }

    /// The connection, where its end writes next: what is lost with it is noticed then.
    pub fn writes(&self) -> Option<usize> {
        let Process::Talks(talk) = &self.process else {
            return None;
        };
        let writes = match talk.sending {
            _ if talk.words.is_some() => true,
            Some(at) => at == 0 || at == 2,
            None => matches!(talk.end.clone().step(), SourceStep::Send(_)),
        };
        writes.then_some(talk.wire)
    }

    /// Whether it saves the domain.
    pub fn sends(&self) -> bool {
        matches!(&self.process, Process::Talks(talk) if talk.sending.is_some())
    }

    /// Whether it goes on by itself.
    pub fn may_step(&self) -> bool {
        match &self.process {
            Process::Talks(_) => self.reads().is_none(),
            Process::Settles { .. } | Process::Forgets => true,
            _ => false,
        }
    }

    /// Goes on by one step.
    pub fn step(&mut self, bounds: &Bounds, kept: bool, wires: &mut [Wire]) -> Said {
        match &mut self.process {
            Process::Talks(talk) => {
                if talk.sending.is_some() {
                    return self.send(bounds, kept, wires);
                }
                if let Some(words) = talk.words.take() {
                    wires[talk.wire].tell_target(&words, kept);
                    return shown(&words);
                }
                match talk.end.step() {
                    SourceStep::Send(bytes)
                        if talk.end.is_committed() && self.disk != Disk::Given =>
                    {
                        talk.words = Some(bytes);
                        self.disk = Disk::Given;
                        "writes down that the domain is given".into()
                    }
                    SourceStep::Send(bytes) => {
                        wires[talk.wire].tell_target(&bytes, kept);
                        shown(&bytes)
                    }
                    SourceStep::Stream => {
                        talk.sending = Some(0);
                        "begins to save the domain".into()
                    }
                    SourceStep::CloseWriting => {
                        wires[talk.wire].to_target.closed = true;
                        "closes its half".into()
                    }
                    SourceStep::Wait => "waits".into(),
                    SourceStep::Done(fate) => {
                        wires[talk.wire].leave_source();
                        self.learn(bounds, &fate)
                    }
                }
            }
            Process::Settles { gone } => {
                let gone = *gone;
                self.process = Process::Forgets;
                if gone {
                    self.domain = Here::Gone;
                    "DESTROYS its domain".into()
                } else {
                    self.domain = Here::Runs;
                    "lets its domain GO ON".into()
                }
            }
            Process::Forgets => {
                self.disk = Disk::Nothing;
                self.process = Process::Over;
                "is done".into()
            }
            _ => String::new(),
        }
    }

    /// The next part of the domain.
    fn send(&mut self, bounds: &Bounds, kept: bool, wires: &mut [Wire]) -> Said {
        let Process::Talks(talk) = &mut self.process else {
            return String::new();
        };
        let at = talk.sending.unwrap_or(0);
        talk.sending = Some(at + 1);
        match at {
            0 | 2 => {
                let piece = PIECES[usize::from(at / 2)];
                let frame = match bounds.protocol {
                    Protocol::Acknowledged => [&frame_header(piece.len()), piece].concat(),
                    Protocol::Xend => piece.to_vec(),
                };
                wires[talk.wire].tell_target(&frame, kept);
                format!("part {} of the domain", at / 2 + 1)
            }
            1 => {
                self.domain = Here::Suspended;
                if bounds.protocol == Protocol::Xend {
                    self.disk = Disk::Given;
                }
                "suspends the domain".into()
            }
            3 => {
                talk.end.imaged();
                "has sent the image".into()
            }
            _ => {
                talk.sending = None;
                talk.end.streamed(Ok(()));
                "has sent everything".into()
            }
        }
    }

    /// Saving the domain fails. Where it was not whole, the engine has let it go on.
    pub fn fail(&mut self, kept: bool, wires: &mut [Wire]) -> Said {
        let Process::Talks(talk) = &mut self.process else {
            return String::new();
        };
        if talk.sending.take().is_some_and(|at| at < 3) {
            self.domain = Here::Runs;
        }
        talk.end.streamed(Err("it cannot be saved"));
        if let Some(word) = talk.end.farewell() {
            wires[talk.wire].tell_target(&word, kept);
        }
        "cannot save the domain".into()
    }

    /// What is written does not go out any more; what has arrived is read once, or had not arrived.
    pub fn fail_to_write(&mut self, arrived: bool, wires: &mut [Wire]) -> Said {
        let Process::Talks(talk) = &mut self.process else {
            return String::new();
        };
        match talk.sending.take() {
            Some(at) if at < 3 => self.domain = Here::Runs,
            // The bytes that cannot be sent.
            None if talk.words.take().is_none() => drop(talk.end.step()),
            _ => {}
        }
        if arrived {
            let bytes = wires[talk.wire].to_source.arrive(usize::MAX);
            talk.end.received(&bytes);
        }
        talk.end.broken();
        "cannot write any more".into()
    }

    /// What its end is told while it waits.
    pub fn hear(&mut self, how: impl FnOnce(&mut SourceEnd)) {
        if let Process::Talks(talk) = &mut self.process {
            how(&mut talk.end);
        }
    }

    /// What a connection came to.
    fn learn(&mut self, bounds: &Bounds, fate: &SourceFate) -> Said {
        let (process, said) = match fate {
            SourceFate::Gone => (Process::Settles { gone: true }, "it runs there".into()),
            SourceFate::Stays(why) => {
                (Process::Settles { gone: false }, format!("it stays: {why}"))
            }
            SourceFate::InDoubt(why) => {
                let person = bounds.protocol == Protocol::Xend || why.contains("knows nothing");
                let next = match bounds.planted {
                    Some(Planted::ResumesInDoubt) => Process::Settles { gone: false },
                    Some(Planted::DestroysInDoubt) => Process::Settles { gone: true },
                    Some(Planted::AsksForEver) => Process::Asks,
                    _ if person => Process::Doubt,
                    _ => Process::Asks,
                };
                (next, format!("in doubt: {why}"))
            }
        };
        self.process = process;
        said
    }

    /// Whether there is a process to be killed.
    pub fn may_die(&self) -> bool {
        !matches!(
            self.process,
            Process::Begins | Process::Doubt | Process::Killed | Process::Over
        )
    }

    /// The process is killed; its connection is closed by the system, or reset.
    pub fn die(&mut self, reset: bool, wires: &mut [Wire]) {
        if let Process::Talks(talk) = &self.process {
            let wire = &mut wires[talk.wire];
            wire.broken |= reset;
            wire.leave_source();
        }
        self.process = Process::Killed;
    }

    /// A person mends what was left.
    pub fn recover(&mut self, bounds: &Bounds) {
        let asks = bounds.planted != Some(Planted::RecoversWithoutAsking);
        self.process = match (self.domain, self.disk) {
            (Here::Gone, _) => Process::Forgets,
            (_, Disk::Nothing) => Process::Over,
            (_, Disk::Given) if asks => match bounds.protocol {
                Protocol::Acknowledged => Process::Asks,
                Protocol::Xend => Process::Doubt,
            },
            (_, Disk::Begun | Disk::Given) => Process::Settles { gone: false },
        };
    }
}

/// Words, as people read them.
pub fn shown(bytes: &[u8]) -> String {
    match bytes {
        [255, 255, 255, 255] => "(given up)".into(),
        [0, 0, 0, 0] => "(end of the domain)".into(),
        [1, 0, 0, 0, piece] => format!("({}: a part of the domain)", char::from(*piece)),
        bytes => String::from_utf8_lossy(bytes)
            .chars()
            .map(|c| if c.is_control() { '.' } else { c })
            .collect::<String>()
            .trim_end_matches('.')
            .to_owned(),
    }
}
