//! What all connections of a listener know.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ia64save_codec::transfer::migration::{Outcome as Became, Outcomes, Secret, Token};

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
    /// Those that are over.
    pub outcomes: Outcomes,
    /// Migrations whose domain is neither running nor destroyed yet.
    pub undecided: BTreeSet<Token>,
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
    /// What became of a migration. Its source may have to ask where it was told that the domain is whole.
    pub fn decide(&mut self, token: Option<Token>, became: Became, completed: bool) {
        let Some(token) = token else { return };
        self.undecided.remove(&token);
        if completed {
            self.outcomes.remember(token, became);
            self.unheard.insert(token);
        }
    }

    /// Somebody else has decided it meanwhile.
    pub fn is_revoked(&self, token: Option<Token>) -> bool {
        token.is_some_and(|token| !self.undecided.contains(&token))
    }
}

impl Shared {
    /// Looks at it.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
