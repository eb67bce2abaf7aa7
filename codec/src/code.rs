//! Every complaint that this crate can make, declared once.
//!
//! One declaration yields the [`Code`], its stable name, its usual severity and the clause of the
//! specification that the input breaks. `spec/findings.md` has an entry for each.

use core::fmt;
use core::str::FromStr;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// No Xen wrote this, or a restore may not do what the user expects.
    Warning,
    /// The image breaks the format: it cannot be restored, or not as it stands.
    Error,
}

impl Severity {
    /// `"error"`, `"warning"` or `"note"`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($( $variant:ident = $name:literal, $severity:ident, $clause:literal, $title:literal; )*) => {
        /// The stable name of one complaint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(
                #[doc = concat!("`", $name, "`: ", $title, " (spec ", $clause, ").")]
                $variant,
            )*
        }

        impl Code {
            /// Every code, in the order of the stream.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The stable name, as printed, in JSON and for `explain`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            /// The usual severity.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity),* }
            }

            /// The clause of `spec/ia64-save.md` that the input breaks.
            pub fn clause(self) -> &'static str {
                match self { $(Code::$variant => $clause),* }
            }

            /// What is wrong, in half a sentence.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }
        }
    };
}

codes! {
    // The stream as a whole: what a decoder cannot get past.
    Truncated = "truncated", Error, "2.1", "the input ends inside the stream";
    LimitExceeded = "limit-exceeded", Error, "14.1", "a size in the input exceeds what the reader was told to hold";
    OutOfOrder = "out-of-order", Error, "2.1", "a part of the stream was given out of its order";
    PartSize = "part-size", Error, "2.1", "a part of the stream was given in another size than its place asks for";
    VersionUnknown = "version-unknown", Error, "3.2", "the version word is not 1, 2 or 3";
    DialectNone = "dialect-none", Error, "12.2", "no dialect of this version explains the stream";
    DialectAmbiguous = "dialect-ambiguous", Note, "12.2", "several dialects explain the stream equally well";
    DialectMismatch = "dialect-mismatch", Warning, "12.2", "the stream fits another dialect better than the one asked for";
    GuestUnsupported = "guest-unsupported", Error, "2.3", "this dialect cannot hold this kind of guest";
    VcpumapSize = "vcpumap-size", Error, "8.1", "the size of the vcpumap cannot be computed";
    // Conversion.
    ConvertVcpu0 = "convert-vcpu0-offline", Error, "8.2", "the dialect asked for carries vcpu 0 alone, which is offline";
    ConvertPages = "convert-pages-absent", Error, "5.1", "the pages of the image are not at hand";
    ConvertUnallocated = "convert-unallocated-count", Error, "6.1", "the unallocated list would have more entries than its count can say";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = crate::dialect::UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.name() == s)
            .ok_or(crate::dialect::UnknownName)
    }
}
