//! What a target knows of all its migrations, and what it has to write down.
//!
//! ```text
//!   begin -> under way -> whole -> run ------> running       written down, then run, then said
//!               |           |       |
//!               |           +-------+--------> destroyed     abandoned, or asked about
//!               +-> abandoned: nothing is left of it, its source knows by itself
//! ```
//!
//! Sans-io: the caller writes each [`Record`] where it outlives a crash, *before* it does what the record is
//! given for. Read back in order ([`Ledger::replay`]), they give every question its answer: a target that has
//! them never says that it knows nothing of a migration whose source may have to ask.

use alloc::collections::BTreeMap;
use core::fmt;

use super::line::Token;
use super::outcome::{Outcome, Outcomes};

/// A line that a target must find again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// The domain is whole. To be written down before `(complete)` is said: its source may have to ask.
    Whole(Token),
    /// It was decided that the domain runs. To be written down before it does.
    Running(Token),
    /// It was decided that the domain never runs. To be written down before anybody is told.
    Destroyed(Token),
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Whole(token) => write!(f, "whole {token}"),
            Record::Running(token) => write!(f, "running {token}"),
            Record::Destroyed(token) => write!(f, "destroyed {token}"),
        }
    }
}

/// A line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRecord;

impl fmt::Display for NoRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not what is written down of a migration")
    }
}

impl core::error::Error for NoRecord {}

impl core::str::FromStr for Record {
    type Err = NoRecord;

    /// Reads one without its line feed.
    fn from_str(line: &str) -> Result<Self, NoRecord> {
        let (word, token) = line.split_once(' ').ok_or(NoRecord)?;
        let token = token.parse().map_err(|_| NoRecord)?;
        match word {
            "whole" => Ok(Record::Whole(token)),
            "running" => Ok(Record::Running(token)),
            "destroyed" => Ok(Record::Destroyed(token)),
            _ => Err(NoRecord),
        }
    }
}

/// How far a migration is that is not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Coming,
    Whole,
}

/// What became of migrations, and which are under way: one for all connections of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    outcomes: Outcomes,
    undecided: BTreeMap<Token, Stage>,
}

impl Ledger {
    /// A source begins. `false` where the migration has been here before: it is turned away, and nothing of
    /// the other one is touched.
    pub fn begin(&mut self, token: Token) -> bool {
        let new = self.outcomes.of(token) == Outcome::Unknown && !self.is_undecided(token);
        if new {
            self.undecided.insert(token, Stage::Coming);
        }
        new
    }

    /// The domain is whole: what to write down before its source is told.
    pub fn whole(&mut self, token: Token) -> Record {
        if let Some(stage) = self.undecided.get_mut(&token) {
            *stage = Stage::Whole;
        }
        Record::Whole(token)
    }

    /// The source says that the domain may run: what to write down before it does, or `None` where somebody
    /// asked meanwhile, and was told that it will not.
    pub fn run(&mut self, token: Token) -> Option<Record> {
        self.undecided.remove(&token)?;
        self.outcomes.remember(token, Outcome::Running);
        Some(Record::Running(token))
    }

    /// The domain does not come to run, for whatever reason, and is destroyed: what to write down, if its
    /// source may have to ask. Only who began the migration may say so.
    pub fn abandon(&mut self, token: Token) -> Option<Record> {
        let whole = self.undecided.remove(&token) == Some(Stage::Whole);
        if !whole && self.outcomes.of(token) != Outcome::Running {
            return None;
        }
        self.outcomes.remember(token, Outcome::Destroyed);
        Some(Record::Destroyed(token))
    }

    /// Somebody asks. A migration that is not decided is decided now: its domain will not run. What to write
    /// down before the answer is given, and the answer.
    pub fn query(&mut self, token: Token) -> (Option<Record>, Outcome) {
        let decided = self.undecided.remove(&token).map(|_| {
            self.outcomes.remember(token, Outcome::Destroyed);
            Record::Destroyed(token)
        });
        (decided, self.outcomes.of(token))
    }

    /// Whether the domain is on its way, or waits to be told to run.
    pub fn is_undecided(&self, token: Token) -> bool {
        self.undecided.contains_key(&token)
    }

    /// Whether any is.
    pub fn is_busy(&self) -> bool {
        !self.undecided.is_empty()
    }

    /// What became of a migration. After a restart it also says what to do with a domain that outlived its
    /// target's process: let run what was decided to run, and destroy any other.
    pub fn of(&self, token: Token) -> Outcome {
        self.outcomes.of(token)
    }

    /// Takes back what was written down before a crash. A domain that was whole, and no more, was not told
    /// to run, and never will be.
    pub fn replay(&mut self, record: Record) {
        let (token, outcome) = match record {
            Record::Running(token) => (token, Outcome::Running),
            Record::Whole(token) | Record::Destroyed(token) => (token, Outcome::Destroyed),
        };
        self.outcomes.remember(token, outcome);
    }

    /// What there is to write down of all that is decided, for a file that has grown too long.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.outcomes.iter().map(|(token, outcome)| match outcome {
            Outcome::Running => Record::Running(token),
            Outcome::Destroyed | Outcome::Unknown => Record::Destroyed(token),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    const TOKEN: Token = Token(7);

    #[test]
    fn records_read_as_they_are_written() {
        for record in [
            Record::Whole(TOKEN),
            Record::Running(TOKEN),
            Record::Destroyed(Token(u64::MAX)),
        ] {
            assert_eq!(record.to_string().parse(), Ok(record));
        }
        for line in ["", "whole", "whole 7", "gone 0000000000000007", "\0\0\0"] {
            assert_eq!(line.parse::<Record>(), Err(NoRecord), "{line:?}");
        }
    }

    #[test]
    fn a_migration_is_decided_once() {
        let mut ledger = Ledger::default();
        assert!(ledger.begin(TOKEN) && !ledger.begin(TOKEN));
        assert_eq!(ledger.whole(TOKEN), Record::Whole(TOKEN));
        let (record, said) = ledger.query(TOKEN);
        assert_eq!(record, Some(Record::Destroyed(TOKEN)));
        assert_eq!(said, Outcome::Destroyed);
        assert_eq!(ledger.run(TOKEN), None, "somebody was told otherwise");
        assert_eq!(ledger.query(TOKEN), (None, Outcome::Destroyed));
        assert!(!ledger.begin(TOKEN), "it has been here");
        assert_eq!(ledger.query(Token(8)), (None, Outcome::Unknown));
    }

    #[test]
    fn what_failed_before_it_was_whole_leaves_nothing() {
        let mut ledger = Ledger::default();
        assert!(ledger.begin(TOKEN) && ledger.is_busy());
        assert_eq!(ledger.abandon(TOKEN), None);
        assert!(!ledger.is_busy());
        assert!(ledger.begin(TOKEN), "it may come again");
        ledger.whole(TOKEN);
        assert_eq!(ledger.run(TOKEN), Some(Record::Running(TOKEN)));
        assert_eq!(
            ledger.abandon(TOKEN),
            Some(Record::Destroyed(TOKEN)),
            "it could not be made to run"
        );
    }

    #[test]
    fn what_was_written_down_comes_back() {
        let mut ledger = Ledger::default();
        for record in [
            Record::Whole(Token(1)),
            Record::Whole(Token(2)),
            Record::Running(Token(2)),
            Record::Whole(Token(3)),
            Record::Destroyed(Token(3)),
        ] {
            ledger.replay(record);
        }
        let said = [1, 2, 3, 4].map(|token| ledger.of(Token(token)));
        let (runs, gone) = (Outcome::Running, Outcome::Destroyed);
        assert_eq!(said, [gone, runs, gone, Outcome::Unknown]);
        let mut again = Ledger::default();
        for record in ledger.records().collect::<Vec<_>>() {
            again.replay(record);
        }
        assert_eq!(again, ledger);
    }
}
