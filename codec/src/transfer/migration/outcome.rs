//! What became of a migration, remembered by the target.

use alloc::collections::{BTreeMap, VecDeque};

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

/// How many migrations are remembered of each kind.
const REMEMBERED: usize = 1 << 16;

/// What became of the latest migrations, oldest forgotten first. A target keeps one for all its
/// connections.
///
/// Those that run and those that were destroyed are counted apart: who only begins migrations and lets
/// them fail makes nobody forget what runs. A target remembers those alone that a source may have to ask
/// about: from `(complete)` on, or asked about already. Before that a source knows by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outcomes {
    known: BTreeMap<Token, Outcome>,
    running: VecDeque<Token>,
    destroyed: VecDeque<Token>,
}

impl Outcomes {
    /// Remembers one. What was said of the same migration before is forgotten.
    pub fn remember(&mut self, token: Token, outcome: Outcome) {
        let before = self.known.insert(token, outcome);
        if before == Some(outcome) {
            return;
        }
        match before {
            Some(Outcome::Running) => self.running.retain(|known| *known != token),
            Some(_) => self.destroyed.retain(|known| *known != token),
            None => {}
        }
        let queue = match outcome {
            Outcome::Running => &mut self.running,
            Outcome::Destroyed | Outcome::Unknown => &mut self.destroyed,
        };
        queue.push_back(token);
        if queue.len() > REMEMBERED
            && let Some(oldest) = queue.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// What is known of one.
    pub fn of(&self, token: Token) -> Outcome {
        self.known.get(&token).copied().unwrap_or(Outcome::Unknown)
    }

    /// All that is remembered: of each kind the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (Token, Outcome)> + '_ {
        let tokens = self.running.iter().chain(&self.destroyed);
        tokens.map(|token| (*token, self.of(*token)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_nobody_forget_what_runs() {
        let mut outcomes = Outcomes::default();
        outcomes.remember(Token(0), Outcome::Destroyed);
        outcomes.remember(Token(0), Outcome::Running);
        for token in 1..=2 * REMEMBERED as u64 {
            outcomes.remember(Token(token), Outcome::Destroyed);
        }
        assert_eq!(outcomes.of(Token(0)), Outcome::Running);
        assert_eq!(outcomes.of(Token(1)), Outcome::Unknown);
        let last = Token(2 * REMEMBERED as u64);
        assert_eq!(outcomes.of(last), Outcome::Destroyed);
        assert_eq!(outcomes.known.len(), REMEMBERED + 1);
    }
}
