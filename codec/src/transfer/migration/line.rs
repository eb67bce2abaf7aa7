//! The lines of both protocols.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::dialect::Dialect;
use crate::envelope::relocation;

/// Most bytes of a line. Longer ones are nobody's.
pub(super) const LONGEST: usize = 4096;

/// How the two ends speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// This project's: the target says when the domain is whole, and runs it when told to.
    Acknowledged,
    /// The original's, which acknowledges nothing.
    Xend,
}

/// The name of one migration, chosen by the source: a number that no other migration to the same
/// target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl core::str::FromStr for Token {
    type Err = NoToken;

    /// Reads 16 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, NoToken> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok();
        number.filter(|_| digits).map(Token).ok_or(NoToken)
    }
}

/// A text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoToken;

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a migration is named by 16 hexadecimal digits")
    }
}

impl core::error::Error for NoToken {}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// A domain is coming, with an acknowledgement at the end.
    Migrate {
        /// Names the migration.
        token: Token,
        /// What the stream is written in.
        dialect: Dialect,
    },
    /// A domain is coming, as xend sends it.
    Receive,
    /// What became of a migration?
    Outcome(Token),
}

impl Request {
    /// Its line, with the line feed.
    pub fn line(&self) -> String {
        match self {
            Request::Migrate { token, dialect } => {
                format!("ia64save-migrate 1 {token} {}\n", dialect.name())
            }
            Request::Receive => String::from_utf8_lossy(relocation::REQUEST).to_string(),
            Request::Outcome(token) => format!("ia64save-outcome 1 {token}\n"),
        }
    }

    /// Reads a line without its line feed. xend read requests as S-expressions, so `(receive)` is as
    /// good as `receive`.
    pub fn parse(line: &str) -> Option<Request> {
        let mut words = line.split_ascii_whitespace();
        let token = |word: &str| word.parse::<Token>().ok();
        let request = match words.next()? {
            "receive" | "(receive)" => Request::Receive,
            "ia64save-migrate" if words.next()? == "1" => Request::Migrate {
                token: token(words.next()?)?,
                dialect: words.next()?.parse().ok()?,
            },
            "ia64save-outcome" if words.next()? == "1" => Request::Outcome(token(words.next()?)?),
            _ => return None,
        };
        words.next().is_none().then_some(request)
    }
}

/// The answer of a target that takes an acknowledged migration.
pub(super) const READY: &str = "(ready migrate)\n";
/// The domain is whole.
pub(super) const COMPLETE: &str = "(complete)\n";
/// The target may run it.
pub(super) const COMMIT: &str = "commit\n";

/// The source has heard that the domain runs, and has no question left. Nothing depends on it.
pub(super) const DONE: &str = "done\n";

/// The source's proof that it knows the secret.
pub(super) fn proof(proof: &str) -> String {
    format!("proof {proof}\n")
}

/// A complaint as xend words it, on one line.
pub(super) fn complaint(kind: &str, text: &str) -> String {
    let quoted = text.replace(['"', '\n', '\r', '\\'], "'");
    let room = LONGEST - 64 - kind.len();
    let cut = (0..=quoted.len().min(room))
        .rev()
        .find(|at| quoted.is_char_boundary(*at));
    let short = &quoted[..cut.unwrap_or(0)];
    format!("(err (type {kind}) (value \"{short}\"))\n")
}

/// What a complaint says, or the line itself where it is none that we know.
pub(super) fn complained(line: &str) -> String {
    let value = line.split_once("(value ").map(|(_, rest)| rest);
    let value = value.and_then(|rest| rest.strip_suffix("))"));
    value.unwrap_or(line).trim_matches('"').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_they_are_written() {
        for request in [
            Request::Migrate {
                token: Token(0xfeed),
                dialect: Dialect::D10,
            },
            Request::Receive,
            Request::Outcome(Token(u64::MAX)),
        ] {
            let line = request.line();
            assert_eq!(
                Request::parse(line.strip_suffix('\n').unwrap()),
                Some(request)
            );
        }
        assert_eq!(Request::parse("(receive)"), Some(Request::Receive));
        for line in [
            "",
            "sslreceive",
            "receive now",
            "ia64save-migrate 2 000000000000feed xen-3.2",
            "ia64save-migrate 1 feed xen-3.2",
            "ia64save-migrate 1 +00000000000feed xen-3.2",
            "ia64save-migrate 1 000000000000feed xen-9",
            "ia64save-outcome 1",
        ] {
            assert_eq!(Request::parse(line), None, "{line}");
        }
    }

    #[test]
    fn complaints_stay_on_one_line_and_are_understood() {
        let line = complaint("restore", "no \"room\"\nat all");
        assert_eq!(line, "(err (type restore) (value \"no 'room''at all\"))\n");
        assert_eq!(complained(line.trim_end()), "no 'room''at all");
        assert_eq!(complained("(err)"), "(err)");
        assert!(complaint("restore", &"ä".repeat(5000)).len() < LONGEST);
    }
}
