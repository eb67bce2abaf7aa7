//! What tells a file from all others, whatever it is called.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Device and inode.
pub type Identity = (u64, u64);

/// What changes when somebody writes to a file or puts another in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    identity: Identity,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// That of a file of which this is known.
    pub fn of(metadata: &Metadata) -> Self {
        Stamp {
            identity: of(metadata),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// That of what a path leads to, if there is something.
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Stamp::of)
    }
}

/// That of a file of which this is known.
pub fn of(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// That of what a path leads to, if there is something.
pub fn at(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().as_ref().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_what_it_leads_to_and_nothing_has_no_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a", "b"] {
            fs::write(path(name), name).unwrap();
        }
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        let a = at(&path("a"));
        assert!(a.is_some());
        assert_eq!((at(&path("link")), at(&path("hard"))), (a, a));
        assert_ne!(at(&path("b")), a);
        assert_eq!(at(&path("none")), None);
    }
}
