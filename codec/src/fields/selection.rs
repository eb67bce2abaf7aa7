//! Which fields are wanted.

use alloc::string::String;

/// Which fields to visit.
///
/// ```
/// use ia64save_codec::fields::Selection;
/// let every = Selection::new("vcpu[*].regs.cfm");
/// assert!(every.takes("vcpu[3].regs.cfm") && !every.takes("vcpu[3].regs.psr"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only the fields at or below this path; empty means all. `[*]` stands for every index.
    pub path: String,
}

/// What stands for every index.
pub(super) const EVERY: &str = "[*]";

impl Selection {
    /// The fields at or below a path.
    pub fn new(path: &str) -> Self {
        Selection { path: path.into() }
    }

    /// Whether a path is selected.
    pub fn takes(&self, path: &str) -> bool {
        self.path.is_empty()
            || Self::common(&self.path, path).is_some_and(|(pattern, rest)| {
                pattern.is_empty() && (rest.is_empty() || rest.starts_with(['.', '[']))
            })
    }

    /// Whether a path is what was asked for, and not below it.
    pub fn is(&self, path: &str) -> bool {
        Self::common(&self.path, path) == Some(("", ""))
    }

    /// Whether anything below `part` could be selected.
    pub(super) fn reaches(&self, part: &str) -> bool {
        self.takes(part) || Self::common(&self.path, part).is_some_and(|(_, rest)| rest.is_empty())
    }

    /// Whether `part` was asked for by name: what is large or secret is shown only then.
    pub(super) fn names(&self, part: &str) -> bool {
        !self.path.is_empty() && self.reaches(part)
    }

    /// The paths below `prefix` that were asked for, without it.
    pub(super) fn below(&self, prefix: &str) -> Option<&str> {
        let (inner, rest) = Self::common(&self.path, prefix)?;
        inner.strip_prefix('.').filter(|_| rest.is_empty())
    }

    /// What is left of a pattern and of a path behind what they have in common; `None` where they part before
    /// either ends.
    pub(super) fn common<'p, 'q>(
        mut pattern: &'p str,
        mut path: &'q str,
    ) -> Option<(&'p str, &'q str)> {
        loop {
            if let Some(rest) = pattern.strip_prefix(EVERY)
                && let Some(indexed) = path.strip_prefix('[')
            {
                pattern = rest;
                path = indexed.split_once(']')?.1;
                continue;
            }
            match (pattern.chars().next(), path.chars().next()) {
                (Some(one), Some(other)) if one == other => {
                    pattern = &pattern[one.len_utf8()..];
                    path = &path[other.len_utf8()..];
                }
                (Some(_), Some(_)) => return None,
                _ => return Some((pattern, path)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_every_index() {
        let every = Selection::new("vcpu[*].regs.b[*]");
        for path in [
            "vcpu[0].regs.b[7]",
            "vcpu[12].regs.b[0]",
            "vcpu[1].regs.b[2].x",
        ] {
            assert!(every.takes(path), "{path}");
        }
        for path in [
            "vcpu[0].regs.bsp",
            "vcpu[0].regs.b",
            "vcpu.regs.b[0]",
            "vcpu[0].regs",
        ] {
            assert!(!every.takes(path), "{path}");
        }
        assert!(every.is("vcpu[0].regs.b[7]") && !every.is("vcpu[0].regs.b[7].x"));
        assert!(every.reaches("vcpu[3]") && !every.reaches("privregs[3]"));
        assert_eq!(every.below("vcpu[3]"), Some("regs.b[*]"));
        assert_eq!(every.below("vcpu[3].re"), None);
        let all = Selection::default();
        assert!(all.takes("p2m_size") && !all.names("pages") && all.reaches("x"));
    }
}
