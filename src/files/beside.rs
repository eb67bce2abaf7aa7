//! Files that belong to a document which names them: replaced together with it.
//!
//! A document and a file beside it cannot be renamed at once. So the new file takes a name that nobody
//! has; the document, replaced last, names it; and only then the file that the old document named goes.
//! Whenever that is interrupted, there is a document whose file is its own.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tempfile::TempPath;

use super::file::OutputFile;
use crate::signals::RemovedOnSignal;

/// Names that are tried.
const MOST: usize = 10_000;

/// How a file beside a document is called: `pages.bin`, and `pages.2.bin` where that is taken.
#[derive(Clone, Debug)]
pub struct Beside {
    folder: PathBuf,
    stem: String,
    extension: &'static str,
}

/// A file that has its name, and loses it again unless the document that names it comes to be.
#[derive(Debug)]
pub struct Placed {
    path: TempPath,
    name: String,
    _guard: RemovedOnSignal,
}

impl Beside {
    /// A file of this stem beside a document in `folder`.
    pub fn new(folder: &Path, stem: &str, extension: &'static str) -> Self {
        Beside {
            folder: folder.into(),
            stem: stem.into(),
            extension,
        }
    }

    /// The first name.
    pub fn first(&self) -> PathBuf {
        self.folder.join(self.name(1))
    }

    fn name(&self, number: usize) -> String {
        match number {
            1 => format!("{}.{}", self.stem, self.extension),
            _ => format!("{}.{number}.{}", self.stem, self.extension),
        }
    }

    /// Whether a file may be called so.
    fn is_one(&self, name: &str) -> bool {
        let middle = name
            .strip_prefix(&self.stem)
            .and_then(|rest| rest.strip_suffix(self.extension));
        match middle {
            Some(".") => true,
            Some(middle) => middle
                .strip_prefix('.')
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|number| number.parse::<usize>().is_ok()),
            None => false,
        }
    }

    /// Completes a file under the first name that nobody has.
    pub fn place(&self, file: OutputFile) -> io::Result<Placed> {
        let names = (1..MOST).map(|number| self.folder.join(self.name(number)));
        let path = file.commit_as(names)?;
        let name = path.file_name().unwrap_or_default();
        Ok(Placed {
            name: name.to_string_lossy().into_owned(),
            _guard: RemovedOnSignal::new(&path)?,
            path: TempPath::try_from_path(&path)?,
        })
    }

    /// The files that a document names, if it is one.
    pub fn named_by(&self, document: &Path, key: &str) -> Vec<String> {
        let text = fs::read(document).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        values(&text, key)
            .filter(|name| self.is_one(name))
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Removes files that nobody names any more. They are in nobody's way where that fails.
    pub fn remove(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}

impl Placed {
    /// How the file is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document is there: the file stays.
    pub fn keep(self) -> io::Result<()> {
        self.path.keep().map(drop).map_err(|error| error.error)
    }
}

/// What stands behind a key, in JSON or YAML.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(key).filter_map(move |(at, _)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
            return None;
        }
        let rest = text[at + key.len()..].trim_start_matches(['"', '\'']);
        let rest = rest.strip_prefix(':')?.trim_start_matches([' ', '"', '\'']);
        let end = rest.find(['"', '\'', '\n', '\r', ',', '}'])?;
        Some(rest[..end].trim_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_both_notations() {
        let json = "{\n  \"pages_file\": \"a.pages.2.bin\",\n \"behind\": {\"file\": \"b.bin\"}}\n";
        let yaml = "schema: x\npages_file: a.pages.2.bin\nbehind:\n  file: b.bin\n";
        for text in [json, yaml] {
            let found: Vec<_> = values(text, "pages_file").collect();
            assert_eq!(found, ["a.pages.2.bin"]);
            let found: Vec<_> = values(text, "file").collect();
            assert_eq!(found, ["b.bin"]);
        }
    }

    #[test]
    fn only_names_of_its_own_are_its() {
        let beside = Beside::new(Path::new(""), "pages", "bin");
        for name in ["pages.bin", "pages.2.bin", "pages.17.bin"] {
            assert!(beside.is_one(name), "{name}");
        }
        for name in [
            "pages",
            "pages.2",
            "pages.x.bin",
            "x.pages.bin",
            "pagesbin",
            "../pages.bin",
        ] {
            assert!(!beside.is_one(name), "{name}");
        }
    }

    #[test]
    fn a_file_stays_only_if_its_document_comes() {
        let folder = tempfile::tempdir().unwrap();
        let beside = Beside::new(folder.path(), "pages", "bin");
        let place = || {
            let file = OutputFile::create(&beside.first(), true).unwrap();
            beside.place(file).unwrap()
        };
        let first = place();
        let second = place();
        assert_eq!((first.name(), second.name()), ("pages.bin", "pages.2.bin"));
        drop(first);
        second.keep().unwrap();
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1);
        beside.remove(["pages.2.bin".to_owned()]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
