//! Which files there are to be looked at.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What images are usually called, once .zst, .gz and .xz are taken off.
const EXTENSIONS: [&str; 8] = ["sav", "save", "chk", "img", "image", "bin", "dump", "ia64"];
/// What packed files are called.
const PACKED: [&str; 3] = ["zst", "gz", "xz"];

/// A file to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    pub size: u64,
}

/// The files named, and those in the folders named, each folder sorted; links to folders are not
/// followed, so that none is walked twice.
pub fn files(paths: &[PathBuf], all: bool) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| named(path, &error))?;
        if metadata.is_dir() {
            walk(path, all, &mut files)?;
        } else {
            files.push(File {
                path: path.clone(),
                size: metadata.len(),
            });
        }
    }
    Ok(files)
}

fn walk(folder: &Path, all: bool, files: &mut Vec<File>) -> io::Result<()> {
    let entries = fs::read_dir(folder).map_err(|error| named(folder, &error))?;
    let mut entries: Vec<_> = entries
        .collect::<io::Result<_>>()
        .map_err(|error| named(folder, &error))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            walk(&path, all, files)?;
        } else if (kind.is_file() || path.is_file()) && (all || looks_like_one(&path)) {
            let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            files.push(File { path, size });
        }
    }
    Ok(())
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

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
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
        let found = files(&[folder.path().to_owned()], false).unwrap();
        let found: Vec<_> = found.iter().map(|file| file.path.clone()).collect();
        assert_eq!(found, [path("a.sav"), path("b/x.sav"), path("c.sav")]);
        assert_eq!(files(&[path("a.txt")], false).unwrap()[0].size, 3);
        assert_eq!(files(&[folder.path().to_owned()], true).unwrap().len(), 4);
        assert!(files(&[path("none")], false).is_err());
    }
}
