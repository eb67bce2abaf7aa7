//! Which files there are to be looked at.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::input::identity::{self, Identity};

/// What images are usually called, once .zst, .gz and .xz are taken off.
pub const EXTENSIONS: [&str; 8] = ["sav", "save", "chk", "img", "image", "bin", "dump", "ia64"];
/// What packed files are called.
pub const PACKED: [&str; 3] = ["zst", "gz", "xz"];

/// A file to be looked at, or a path that leads to none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes; 0 where there is none.
    pub size: u64,
    /// Why nothing can be looked at there.
    pub error: Option<String>,
    /// `None` where there is no file.
    pub identity: Option<Identity>,
}

impl File {
    fn new(path: &Path, metadata: io::Result<Metadata>) -> File {
        match metadata {
            Ok(metadata) => File {
                path: path.to_owned(),
                size: metadata.len(),
                error: None,
                identity: Some(identity::of(&metadata)),
            },
            Err(error) => File::unreadable(path, &error),
        }
    }

    fn unreadable(path: &Path, error: &io::Error) -> File {
        File {
            path: path.to_owned(),
            size: 0,
            error: Some(format!("{}: {error}", path.display())),
            identity: None,
        }
    }
}

/// The files named, and those in the folders named, each folder sorted; links to folders are not
/// followed, so that none is walked twice. What cannot be looked at is one of them, so that it has its
/// line too.
pub fn files(paths: &[PathBuf], all: bool) -> Vec<File> {
    let mut files = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => walk(path, all, &mut files),
            metadata => files.push(File::new(path, metadata)),
        }
    }
    files
}

fn walk(folder: &Path, all: bool, files: &mut Vec<File>) {
    for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                // Only a loop of links is none of the system's, and none is followed.
                let error = error.into_io_error();
                let error = error.unwrap_or_else(|| io::Error::from_raw_os_error(libc::ELOOP));
                files.push(File::unreadable(&path, &error));
                continue;
            }
        };
        let path = entry.path();
        // A link that leads nowhere is no less missing than a file that is named.
        let is_dangling = || entry.path_is_symlink() && fs::metadata(path).is_err();
        let is_file = path.is_file() || is_dangling();
        if is_file && (all || looks_like_one(path)) {
            files.push(File::new(path, fs::metadata(path)));
        }
    }
}

/// Whether a file is called as images are: by extension, or without one, as xend called them.
fn looks_like_one(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return true;
    };
    let name = name.to_ascii_lowercase();
    let plain = PACKED
        .iter()
        .find_map(|packed| name.strip_suffix(packed)?.strip_suffix('.'))
        .unwrap_or(&name);
    match plain.rsplit_once('.') {
        None => true,
        Some((before, own)) => !before.is_empty() && EXTENSIONS.contains(&own),
    }
}

/// How a file is called in a line.
pub fn name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_names() {
        for name in [
            "a.sav",
            "A.SAV.zst",
            "checkpoint.chk",
            "domain",
            "domain.gz",
            "x.y.img",
        ] {
            assert!(looks_like_one(Path::new(name)), "{name}");
        }
        for name in ["a.json", "README.md", ".hidden", "a.sav.txt", "a.tsv.gz"] {
            assert!(!looks_like_one(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn folders_are_walked_in_order_and_links_to_folders_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("b")).unwrap();
        for name in ["c.sav", "b/x.sav", "a.sav", "a.txt"] {
            fs::write(path(name), b"123").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), path("b/loop")).unwrap();
        let found = files(&[folder.path().to_owned()], false);
        let found: Vec<_> = found.iter().map(|file| file.path.clone()).collect();
        assert_eq!(found, [path("a.sav"), path("b/x.sav"), path("c.sav")]);
        assert_eq!(files(&[path("a.txt")], false)[0].size, 3);
        assert_eq!(files(&[folder.path().to_owned()], true).len(), 4);
    }

    #[test]
    fn what_cannot_be_looked_at_is_listed_and_the_rest_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.sav"), b"123").unwrap();
        let found = files(&[path("none"), path("a.sav")], false);
        assert!(found[0].error.as_ref().unwrap().contains("none: "));
        assert_eq!((&found[1].path, found[1].size), (&path("a.sav"), 3));
        // No folder can be read where there is none, whoever asks.
        let mut found = Vec::new();
        walk(&path("none"), false, &mut found);
        assert_eq!(found.len(), 1);
        assert!(found[0].error.is_some(), "{found:?}");
    }

    #[test]
    fn a_file_is_known_by_every_name_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.sav"), b"123").unwrap();
        fs::write(path("b.sav"), b"123").unwrap();
        fs::hard_link(path("a.sav"), path("hard")).unwrap();
        std::os::unix::fs::symlink("a.sav", path("soft")).unwrap();
        let file = &files(&[path("a.sav")], false)[0];
        assert!(file.identity.is_some());
        for name in ["a.sav", "hard", "soft"] {
            assert_eq!(identity::at(&path(name)), file.identity, "{name}");
        }
        assert_ne!(identity::at(&path("b.sav")), file.identity);
        assert_eq!(identity::at(&path("none")), None);
    }
}
