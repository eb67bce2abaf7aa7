//! What became of a migration, remembered by the target.

use alloc::collections::VecDeque;

use super::line::Token;

/// What became of the domain at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It runs.
    Running,
    /// It was destroyed, and will never run.
    Destroyed,
    /// Nothing is known of this migration.
    Unknown,
}

impl Outcome {
    /// As it stands on the line: `"(running)\n"`.
    pub(super) fn line(self) -> &'static str {
        match self {
            Outcome::Running => "(running)\n",
            Outcome::Destroyed => "(destroyed)\n",
            Outcome::Unknown => "(unknown)\n",
        }
    }
}

/// How many migrations are remembered.
const REMEMBERED: usize = 1024;

/// What became of the latest migrations, oldest forgotten first. A target keeps one for all its
/// connections.
#[derive(Clone, Debug, Default)]
pub struct Outcomes(VecDeque<(Token, Outcome)>);

impl Outcomes {
    /// Remembers one. What was said of the same migration before is forgotten.
    pub fn remember(&mut self, token: Token, outcome: Outcome) {
        self.0.retain(|(known, _)| *known != token);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((token, outcome));
    }

    /// What is known of one.
    pub fn of(&self, token: Token) -> Outcome {
        let found = self.0.iter().find(|(known, _)| *known == token);
        found.map_or(Outcome::Unknown, |(_, outcome)| *outcome)
    }
}
