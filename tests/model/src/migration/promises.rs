//! What is promised, by its words.

/// Never two.
pub const NEVER_TWO: &str = "never do two domains run";
/// Nor one after the other.
pub const ONE_HISTORY: &str = "what has run there never goes on here";
/// Never none.
pub const NEVER_NONE: &str = "no domain is destroyed that has run nowhere else";
/// At the end.
pub const ENDS_WITH_ONE: &str = "in the end exactly one domain runs, and nobody is in doubt";
/// Nothing is left over.
pub const ENDS_TIDY: &str = "in the end nothing half-done is left";
/// What is written down is enough.
pub const NEVER_UNKNOWN: &str = "a target that has its disk knows every answer";
/// No path goes on for ever; looked at by itself.
pub const ENDS: &str = "every path ends";
