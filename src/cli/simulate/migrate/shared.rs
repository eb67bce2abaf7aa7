//! What all connections of a listener know.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ia64save::migration::Journal;
use ia64save_codec::transfer::migration::{Ledger, Outcome as Became, Record, Secret, Token};

use super::limits::{Budget, Places};
use super::printer::Printer;
use crate::cli::exit::Outcome;

/// What all connections know.
pub struct Shared {
    pub(super) known: Mutex<Known>,
    /// Who is there.
    pub places: Places,
    /// What domains may take.
    pub budget: Budget,
    /// What sources have to know.
    pub secret: Option<Secret>,
    /// Where reports go.
    pub printer: Printer,
}

/// What became of migrations.
pub struct Known {
    /// Those that are over, and those that are under way.
    pub ledger: Ledger,
    /// Where that is written down, if it is.
    pub journal: Option<Journal>,
    /// Those that are over, whose sources may not know it.
    pub unheard: BTreeSet<Token>,
    /// Domains that came, whatever became of them.
    pub came: u64,
    /// No more are taken: only questions are answered.
    pub full: bool,
    /// All is over.
    pub over: bool,
    /// How the command ends.
    pub outcome: Outcome,
}

impl Known {
    /// Writes down what may be done, or is decided against, before it is; without a journal, nothing.
    pub fn write(&mut self, record: Option<Record>) -> io::Result<()> {
        match &mut self.journal {
            Some(journal) => journal.write(record),
            None => Ok(()),
        }
    }

    /// A domain is whole: its source may be told.
    pub fn whole(&mut self, token: Option<Token>) -> io::Result<()> {
        let record = token.map(|token| self.ledger.whole(token));
        self.write(record)
    }

    /// The source says that its domain may run. Where that cannot be written down, or `start` fails, it is
    /// decided against before anybody else can ask.
    pub fn run(
        &mut self,
        token: Option<Token>,
        start: impl FnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(token) = token else { return start() };
        let record = self
            .ledger
            .run(token)
            .ok_or("another connection asked, and was told that it will not run")?;
        let written = self.write(Some(record));
        let ran = written
            .map_err(|error| error.to_string())
            .and_then(|()| start());
        self.unheard.insert(token);
        if ran.is_err() {
            // Nobody is told before it is written down: who abandons it sees to that.
            if let (Some(record), Some(journal)) = (self.ledger.abandon(token), &mut self.journal) {
                journal.owe(record);
            }
        }
        ran
    }

    /// A domain does not come to run.
    pub fn abandon(&mut self, token: Option<Token>) -> io::Result<()> {
        let record = token.and_then(|token| self.ledger.abandon(token));
        if let (Some(token), Some(_)) = (token, record) {
            self.unheard.insert(token);
        }
        self.write(record)
    }

    /// Somebody asks: what he may be told.
    pub fn query(&mut self, token: Token) -> io::Result<Became> {
        let (record, became) = self.ledger.query(token);
        if record.is_some() {
            self.unheard.insert(token);
        }
        self.write(record)?;
        Ok(became)
    }

    /// Somebody else has decided it meanwhile.
    pub fn is_revoked(&self, token: Option<Token>) -> bool {
        token.is_some_and(|token| !self.ledger.is_undecided(token))
    }
}

impl Shared {
    /// Looks at it.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
