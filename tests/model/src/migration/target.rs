//! The host that takes the domain in: what `simulate migrate --listen` does around the target's ends.

use ia64save_codec::transfer::migration::{
    Input, Ledger, Outcome, Record, Request, TargetEnd, TargetStep, Token,
};

use super::bounds::{Bounds, Planted};
use super::source::{Said, shown};
use super::wire::{Who, Wire};
use super::{PIECES, TOKEN};

/// How a step goes that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Luck {
    Well,
    Fails,
    /// What was written down is on the disk, and the system says that it is not.
    FailsAndIsThere,
}

/// What follows once a line is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    SayComplete,
    Start,
    Nothing,
    /// Not before: a line that could not be written down may be on the disk all the same.
    Destroy,
    Answer(Outcome),
}

/// What is to be done before anything else, under the lock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Write(Option<Record>, Then),
    Start(Option<Record>),
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Talk {
    pub end: TargetEnd,
    pub input: Input,
    heard: Vec<u8>,
    payload: Vec<u8>,
    /// The domain is whole, and paused.
    whole: bool,
    token: Option<Token>,
    turned_away: bool,
    task: Option<Task>,
}

impl Talk {
    fn new() -> Self {
        Talk {
            end: TargetEnd::new(),
            input: Input::Open,
            heard: Vec::new(),
            payload: Vec::new(),
            whole: false,
            token: None,
            turned_away: false,
            task: None,
        }
    }

    /// It is the domain of this migration, and not a stranger's.
    fn is_ours(&self) -> bool {
        self.payload == PIECES.concat()
    }

    fn waits(&self) -> bool {
        self.task.is_none() && self.end.clone().step(&self.heard, self.input).1 == TargetStep::Wait
    }
}

/// The host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    pub up: bool,
    pub ledger: Ledger,
    pub disk: Vec<Record>,
    /// What could not be written down, and has to be before anything is said.
    owed: Vec<Record>,
    /// By connection.
    pub talks: Vec<Option<Box<Talk>>>,
    /// How often the domain runs here.
    pub running: u8,
    /// It has run here.
    pub ran: bool,
    /// It went down with this host, after it was decided that it runs here.
    pub went_down: bool,
    /// Whole domains that outlived the process: whose, and whether it is that of this migration.
    left: Vec<(Option<Token>, bool)>,
    pub lost_disk: bool,
    /// The source was told that nothing is known.
    pub said_unknown: bool,
}

impl Target {
    pub fn new() -> Self {
        Target {
            up: true,
            ledger: Ledger::default(),
            disk: Vec::new(),
            owed: Vec::new(),
            talks: Vec::new(),
            running: 0,
            ran: false,
            went_down: false,
            left: Vec::new(),
            lost_disk: false,
            said_unknown: false,
        }
    }

    /// A connection comes.
    pub fn accept(&mut self, wire: usize) {
        self.talks.resize(self.talks.len().max(wire + 1), None);
        self.talks[wire] = Some(Box::new(Talk::new()));
    }

    fn talk(&self, wire: usize) -> Option<&Talk> {
        self.talks.get(wire)?.as_deref()
    }

    /// Whether a connection waits for what may come, and no other holds the lock.
    pub fn waits(&self, wire: usize) -> bool {
        self.is_free(wire) && self.talk(wire).is_some_and(Talk::waits)
    }

    /// Whether it goes on by itself.
    pub fn may_step(&self, wire: usize) -> bool {
        self.is_free(wire) && self.talk(wire).is_some_and(|talk| !talk.waits())
    }

    fn is_free(&self, wire: usize) -> bool {
        let mut others = self.talks.iter().enumerate();
        !others.any(|(at, talk)| at != wire && talk.as_ref().is_some_and(|t| t.task.is_some()))
    }

    /// Whether something of that step can fail.
    pub fn may_fail(&self, wire: usize) -> bool {
        self.talk(wire).is_some_and(|talk| match &talk.task {
            Some(_) => true,
            None => matches!(
                talk.end.clone().step(&talk.heard, talk.input).1,
                TargetStep::Begin(_) | TargetStep::PayloadEnd
            ),
        })
    }

    /// Whether what it has to do next is to write.
    pub fn writes(&self, wire: usize) -> bool {
        let task = self.talk(wire).and_then(|talk| talk.task.as_ref());
        matches!(task, Some(Task::Write(..)))
    }

    /// Somebody else decided about the domain that this connection waits with.
    pub fn is_revoked(&self, wire: usize) -> bool {
        let token = self.talk(wire).and_then(|talk| talk.token);
        token.is_some_and(|token| !self.ledger.is_undecided(token))
    }

    /// Bytes come.
    pub fn hear(&mut self, wire: usize, bytes: &[u8]) {
        if let Some(talk) = &mut self.talks[wire] {
            talk.heard.extend_from_slice(bytes);
        }
    }

    /// Something else comes.
    pub fn notice(&mut self, wire: usize, input: Input) {
        if let Some(talk) = &mut self.talks[wire] {
            talk.input = input;
        }
    }

    /// What the connection's end notices.
    pub fn input(&self, wire: usize) -> Option<Input> {
        self.talk(wire).map(|talk| talk.input)
    }

    /// Goes on by one step.
    pub fn step(&mut self, at: usize, luck: Luck, bounds: &Bounds, wire: &mut Wire) -> Said {
        let Some(mut talk) = self.talks[at].take() else {
            return String::new();
        };
        let said = match talk.task.take() {
            Some(task) => self.go_through(task, luck, &mut talk, bounds, wire),
            None => Some(self.speak(luck, &mut talk, bounds, wire)),
        };
        match said {
            Some(said) if said.is_empty() => {
                wire.leave_target();
                "closes the connection".into()
            }
            Some(said) => {
                self.talks[at] = Some(talk);
                said
            }
            None => {
                wire.leave_target();
                "cannot write down what it decided, and closes without a word".into()
            }
        }
    }

    /// What the end says; an empty answer where it is over.
    fn speak(&mut self, luck: Luck, talk: &mut Talk, bounds: &Bounds, wire: &mut Wire) -> Said {
        let heard = std::mem::take(&mut talk.heard);
        let (used, step) = talk.end.step(&heard, talk.input);
        let rest = heard[used..].to_vec();
        let said = match step {
            TargetStep::Wait => "waits".into(),
            TargetStep::Send(words) => {
                let silent = bounds.original && words.starts_with("(err");
                if !silent && matches!(wire.who, Who::Source | Who::Asking) {
                    wire.tell_source(words.as_bytes());
                }
                if silent {
                    "says nothing of it".into()
                } else {
                    shown(words.as_bytes())
                }
            }
            TargetStep::Begin(request) => self.begin(luck, &request, talk, bounds),
            TargetStep::Payload(bytes) => {
                talk.payload.extend_from_slice(bytes);
                "restores a part".into()
            }
            TargetStep::PayloadEnd => self.restored(luck, talk, bounds, wire),
            TargetStep::Run => self.run(talk, bounds),
            TargetStep::Abandon(why) => {
                if !talk.turned_away {
                    let record = talk.token.and_then(|token| self.ledger.abandon(token));
                    if record.is_none() && self.owed.is_empty() {
                        talk.whole = false;
                    } else {
                        talk.task = Some(Task::Write(record, Then::Destroy));
                    }
                }
                format!("abandons it: {why}")
            }
            TargetStep::Query(token) => {
                let (record, outcome) = if bounds.planted == Some(Planted::AnswerDecidesNothing) {
                    self.ledger.clone().query(token)
                } else {
                    self.ledger.query(token)
                };
                if outcome == Outcome::Unknown && wire.who == Who::Asking {
                    self.said_unknown = true;
                }
                if record.is_none() && self.owed.is_empty() {
                    talk.end.answer(outcome);
                } else {
                    talk.task = Some(Task::Write(record, Then::Answer(outcome)));
                }
                format!("is asked: {outcome:?}")
            }
            TargetStep::Done => String::new(),
        };
        talk.heard = rest;
        said
    }

    fn begin(&mut self, luck: Luck, request: &Request, talk: &mut Talk, bounds: &Bounds) -> Said {
        let Request::Migrate { token, .. } = *request else {
            if luck != Luck::Well {
                talk.end.refuse("there is no room");
                return "has no room".into();
            }
            return "a domain comes".into();
        };
        let new = self.ledger.begin(token);
        if !new && bounds.planted != Some(Planted::TakesTwice) {
            talk.turned_away = true;
            talk.end.refuse("this migration has been here before");
            return "turns it away".into();
        }
        talk.token = Some(token);
        if luck != Luck::Well {
            talk.end.refuse("there is no room");
            return "has no room".into();
        }
        "a domain comes".into()
    }

    fn restored(&mut self, luck: Luck, talk: &mut Talk, bounds: &Bounds, wire: &mut Wire) -> Said {
        let complete = talk.is_ours() || talk.payload == b"x";
        if luck != Luck::Well || !complete {
            talk.end.restored(Err("a broken stream"));
            return "cannot restore it".into();
        }
        talk.whole = true;
        match talk.token {
            None => talk.end.restored(Ok(())),
            Some(token) => {
                let record = self.ledger.whole(token);
                match bounds.planted {
                    Some(Planted::SaysThenWrites) => {
                        talk.end.restored(Ok(()));
                        if let (_, TargetStep::Send(words)) = talk.end.step(&[], talk.input) {
                            wire.tell_source(words.as_bytes());
                        }
                        self.write(talk, Some(record), Then::Nothing);
                    }
                    Some(Planted::RunsWhenWhole) => {
                        self.start(talk);
                        talk.end.restored(Ok(()));
                    }
                    _ => self.write(talk, Some(record), Then::SayComplete),
                }
            }
        }
        "it is whole".into()
    }

    fn run(&mut self, talk: &mut Talk, bounds: &Bounds) -> Said {
        let Some(token) = talk.token else {
            talk.task = Some(Task::Start(None));
            return "may run it".into();
        };
        if !talk.whole {
            talk.end.ran(Err("there is no domain"));
            return "has no domain to run".into();
        }
        let record = if bounds.planted == Some(Planted::TakesTwice) {
            self.ledger.run(token).or(Some(Record::Running(token)))
        } else {
            self.ledger.run(token)
        };
        match record {
            None => {
                talk.end.ran(Err("it was said that it will not run"));
                "was told to run what must not".into()
            }
            Some(record) if bounds.planted == Some(Planted::RunsThenWrites) => {
                talk.task = Some(Task::Start(Some(record)));
                "is told to run it".into()
            }
            Some(record) => {
                self.write(talk, Some(record), Then::Start);
                "is told to run it".into()
            }
        }
    }

    #[allow(clippy::unused_self)] // beside the others
    fn write(&mut self, talk: &mut Talk, record: Option<Record>, then: Then) {
        if record.is_some() {
            talk.task = Some(Task::Write(record, then));
        }
    }

    fn start(&mut self, talk: &mut Talk) {
        talk.whole = false;
        if talk.is_ours() {
            self.running += 1;
            self.ran = true;
        }
    }

    /// One of what is done under the lock; `None` where nothing may be said any more.
    fn go_through(
        &mut self,
        task: Task,
        luck: Luck,
        talk: &mut Talk,
        bounds: &Bounds,
        wire: &mut Wire,
    ) -> Option<Said> {
        match task {
            Task::Start(_) if luck != Luck::Well => {
                // Decided against before anybody else can ask.
                let against = talk.token.and_then(|token| self.ledger.abandon(token));
                talk.end.ran(Err("it cannot run"));
                self.write(talk, against, Then::Nothing);
                Some("cannot start it".into())
            }
            Task::Start(record) => {
                self.start(talk);
                if record.is_some() {
                    self.write(talk, record, Then::Nothing);
                }
                talk.end.ran(Ok(()));
                Some("LETS IT RUN".into())
            }
            Task::Write(record, then) => {
                let kept = bounds.planted != Some(Planted::WritesNothing);
                if kept && luck != Luck::Fails {
                    self.disk.append(&mut self.owed.clone());
                    self.disk.extend(record);
                }
                if luck != Luck::Well {
                    return self.fail_to_write(record, &then, talk);
                }
                if !self.owed.is_empty() {
                    self.owed.clear();
                    self.left.clear();
                }
                match then {
                    Then::SayComplete => talk.end.restored(Ok(())),
                    Then::Start => talk.task = Some(Task::Start(None)),
                    Then::Nothing => {}
                    Then::Destroy => talk.whole = false,
                    Then::Answer(outcome) => talk.end.answer(outcome),
                }
                let _ = wire;
                Some(record.map_or_else(
                    || "writes down what it owed".into(),
                    |record| format!("writes down: {record}"),
                ))
            }
        }
    }

    /// What may not be done is not done; what was decided against is owed.
    fn fail_to_write(
        &mut self,
        record: Option<Record>,
        then: &Then,
        talk: &mut Talk,
    ) -> Option<Said> {
        match then {
            Then::SayComplete => talk.end.restored(Err("it cannot be written down")),
            Then::Start => {
                let against = talk.token.and_then(|token| self.ledger.abandon(token));
                self.owed.extend(against);
                talk.end.ran(Err("it cannot be written down"));
            }
            Then::Nothing | Then::Destroy | Then::Answer(_) => {
                self.owed.extend(record);
                if talk.whole {
                    self.left.push((talk.token, talk.is_ours()));
                }
                return None;
            }
        }
        Some("cannot write it down".into())
    }

    /// Whether it still has to write something down, and nobody holds the lock.
    pub fn owes(&self) -> bool {
        let locked = self.talks.iter().flatten().any(|talk| talk.task.is_some());
        !self.owed.is_empty() && !locked
    }

    /// It tries again.
    pub fn settle(&mut self, bounds: &Bounds) {
        if bounds.planted != Some(Planted::WritesNothing) {
            self.disk.append(&mut self.owed);
        }
        self.owed.clear();
        self.left.clear();
    }

    /// The process is killed; its connections are closed by the system, or reset.
    pub fn die(&mut self, reset: bool, bounds: &Bounds, wires: &mut [Wire]) {
        self.up = false;
        for (at, talk) in self.talks.iter_mut().enumerate() {
            let Some(talk) = talk.take() else { continue };
            wires[at].broken |= reset;
            wires[at].leave_target();
            if talk.whole && bounds.outlive {
                self.left.push((talk.token, talk.is_ours()));
            }
        }
        if !bounds.outlive {
            let decided = self.disk.contains(&Record::Running(TOKEN));
            self.went_down |= self.running > 0 || decided;
            self.running = 0;
        }
        self.ledger = Ledger::default();
        self.owed.clear();
    }

    /// It is started again.
    pub fn restart(&mut self, without_disk: bool) -> Said {
        self.up = true;
        if without_disk {
            self.disk.clear();
            self.lost_disk = true;
        }
        for record in &self.disk {
            self.ledger.replay(*record);
        }
        let mut said = String::from("is started again");
        for (token, ours) in std::mem::take(&mut self.left) {
            let runs = token.is_some_and(|token| self.ledger.of(token) == Outcome::Running);
            if runs {
                said += ", and LETS RUN what was decided to";
                self.running += u8::from(ours);
                self.ran |= ours;
            } else {
                said += ", and destroys what was left";
            }
        }
        said
    }

    /// Whether anything of a migration is left that is not over.
    pub fn is_busy(&self) -> bool {
        self.ledger.is_busy() || self.talks.iter().any(Option::is_some) || !self.left.is_empty()
    }
}
