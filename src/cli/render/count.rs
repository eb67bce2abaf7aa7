//! So many of something, as people say it.

use crate::output::size::grouped;

/// A number and what it counts, in the plural unless it is one: `1 pass`, `2 passes`, `1 024 pages`.
pub fn counted(count: u64, noun: &str) -> String {
    let hisses = noun.ends_with('s') || noun.ends_with("ch");
    let plural = if hisses { "es" } else { "s" };
    let ending = if count == 1 { "" } else { plural };
    format!("{} {noun}{ending}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        for (count, noun, text) in [
            (0, "page", "0 pages"),
            (1, "page", "1 page"),
            (1, "pass", "1 pass"),
            (2, "pass", "2 passes"),
            (3, "stretch", "3 stretches"),
            (4096, "byte", "4 096 bytes"),
        ] {
            assert_eq!(counted(count, noun), text);
        }
    }
}
