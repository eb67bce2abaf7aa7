//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};

/// Names of what is not ours.
const NOT_OURS: [&str; 3] = [".git", "target", "node_modules"];

/// What a run of the fuzzer leaves, and goes on changing.
const FUZZED: [&str; 2] = ["fuzz/corpus", "fuzz/artifacts"];

/// The root of the workspace.
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Every file below a directory, sorted, as paths relative to the current directory.
pub fn below(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            let path = path.strip_prefix(".").unwrap_or(&path).to_path_buf();
            let name = entry.file_name();
            if NOT_OURS.iter().any(|other| name == *other) {
                continue; // in a linked worktree, .git is a file
            }
            if FUZZED.iter().any(|other| path.ends_with(other)) {
                continue;
            }
            if kind.is_file() {
                found.push(path);
            } else if kind.is_dir() {
                pending.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Those with a given extension, with their text.
pub fn texts(extension: &str) -> std::io::Result<Vec<(PathBuf, String)>> {
    below(Path::new("."))?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|own| own == extension))
        .map(|path| Ok((path.clone(), fs::read_to_string(path)?)))
        .collect()
}
