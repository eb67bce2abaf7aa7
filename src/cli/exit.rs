//! How the program ends.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use ia64save::input::Damage;
use ia64save::signals;
use ia64save_codec::Error;
use ia64save_codec::envelope::Foreign;
use ia64save_codec::transfer::TransferError;

use super::render::style;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Fine,
    /// The input is invalid.
    Invalid,
    /// Two inputs differ.
    Differ,
    /// Warnings only, and the user asked to be told (`--strict`).
    Warnings,
    /// The input is something else.
    Foreign,
    /// Reading or writing failed.
    Io,
    /// The program was used wrongly, or is wrong.
    Usage,
}

impl Outcome {
    /// Worst first, for several inputs.
    const ORDER: [Outcome; 7] = [
        Outcome::Usage,
        Outcome::Io,
        Outcome::Invalid,
        Outcome::Differ,
        Outcome::Foreign,
        Outcome::Warnings,
        Outcome::Fine,
    ];

    fn code(self) -> u8 {
        match self {
            Outcome::Fine => 0,
            Outcome::Invalid | Outcome::Differ => 1,
            Outcome::Usage => 2,
            Outcome::Warnings => 3,
            Outcome::Io => 4,
            Outcome::Foreign => 63,
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Outcome) -> Outcome {
        let place = |outcome| Self::ORDER.iter().position(|o| *o == outcome);
        if place(self) <= place(other) {
            self
        } else {
            other
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(outcome.code())
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Reading or writing failed; the error names the file.
    Io(io::Error),
    /// The input is something else.
    Foreign(String, Foreign),
    /// The input is broken.
    Invalid(String, ia64save_codec::Error),
    /// A tree says something else than it should.
    Tree(String, String),
    /// A domain could not be saved or restored.
    Transfer(String, Box<TransferError>),
    /// What was asked for makes no sense.
    Usage(String),
}

impl Failure {
    /// What the exit code says of it.
    pub fn outcome(&self) -> Outcome {
        match self {
            // What is packed badly is a bad image.
            Failure::Io(error) if Damage::of(error).is_some() => Outcome::Invalid,
            Failure::Io(_) => Outcome::Io,
            Failure::Foreign(..) => Outcome::Foreign,
            Failure::Invalid(..) | Failure::Tree(..) | Failure::Transfer(..) => Outcome::Invalid,
            Failure::Usage(_) => Outcome::Usage,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Io(error) => write!(f, "{error}"),
            Failure::Foreign(name, Foreign::Unknown) => write!(f, "{name}: {}", Foreign::Unknown),
            Failure::Foreign(name, foreign) => {
                write!(f, "{name}: not an ia64 save image: {foreign}")?;
                Ok(())
            }
            Failure::Invalid(name, error) => write!(f, "{name}: {error}"),
            Failure::Transfer(name, error) => write!(f, "{name}: {error}"),
            Failure::Tree(name, text) => write!(f, "{name}: {text}"),
            Failure::Usage(text) => f.write_str(text),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

impl From<ia64save::Error> for Failure {
    fn from(error: ia64save::Error) -> Self {
        match error {
            ia64save::Error::Io(error) => Failure::Io(error),
            ia64save::Error::Foreign { name, format } => Failure::Foreign(name, format),
            ia64save::Error::Broken { name, error } => Failure::Invalid(name, error),
            folder @ ia64save::Error::Folder { .. } => {
                Failure::Usage(format!("{folder}, or let check or batch look through it"))
            }
            other => Failure::Io(io::Error::other(other)),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Invalid(String::from("image"), error)
    }
}

/// Says on standard error why something was not done.
pub fn complain(failure: &Failure) -> Outcome {
    // A reader that went away wants no more, and no complaint either.
    if let Failure::Io(error) = failure
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        return Outcome::Fine;
    }
    let error = style::Painted(style::ERROR, "error");
    let text = failure.to_string();
    let _ = writeln!(style::stderr(), "ia64save: {error}: {}", style::safe(&text));
    failure.outcome()
}

/// The end of a command that could be cancelled: where a signal is why it failed, the process ends by
/// that signal, as whoever sent it expects.
pub fn ended(done: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    let failure = match done {
        Err(failure) if signals::is_asked() => failure,
        done => return done,
    };
    let outcome = complain(&failure);
    signals::end_by_signal();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_decides() {
        assert_eq!(Outcome::Fine.and(Outcome::Warnings), Outcome::Warnings);
        assert_eq!(Outcome::Invalid.and(Outcome::Foreign), Outcome::Invalid);
        assert_eq!(Outcome::Foreign.and(Outcome::Io), Outcome::Io);
        for (outcome, code) in [(Outcome::Fine, 0), (Outcome::Io, 4), (Outcome::Foreign, 63)] {
            assert_eq!(outcome.code(), code);
        }
    }
}
