//! A file of lines that grows, and that can be gone on with.
//!
//! Lines are written one by one as they come, so that what was done stays done when the program is
//! interrupted. A line that was cut short then is taken off by `--resume`. Where there are lines already
//! that are not gone on with, they stay until the new ones are whole.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ia64save::files::{OutputFile, is_stdout};
use ia64save::document::name::BatchName;
use serde::Serialize;
use serde_json::Value;

use crate::cli::exit::Failure;
use crate::cli::render::style;

/// How every line begins.
const BEGIN: &str = "{\"schema\":\"ia64save/batch/";

/// Where the lines go.
pub struct Lines {
    out: Out,
    name: String,
    had: HashSet<String>,
}

enum Out {
    /// Standard output.
    Stdout(Box<dyn Write>),
    /// A file that grows.
    Growing(File),
    /// A file that takes the place of another when it is whole.
    Whole(Box<OutputFile>),
}

impl Lines {
    /// Starts a file of lines, or goes on with it; `-` is standard output. Only lines of this command
    /// are replaced by others, and none with `keep`.
    pub fn open(path: &Path, resume: bool, keep: bool) -> Result<Lines, Failure> {
        let name = path.display().to_string();
        if is_stdout(path) {
            return Ok(Lines {
                out: Out::Stdout(Box::new(style::plain_stdout().telling())),
                name: "standard output".into(),
                had: HashSet::new(),
            });
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .create_new(keep)
            // Not before it is known what would be lost.
            .truncate(false)
            .open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => io::Error::new(
                    error.kind(),
                    format!("{name}: the file exists, and --no-clobber keeps it"),
                ),
                _ => named(error),
            })?;
        // A pipe or a device keeps nothing, and may have nothing to be read.
        let keeps = file.metadata().map_err(named)?.is_file();
        let mut had = HashSet::new();
        let mut out = None;
        if keeps && resume {
            had = self::had(&mut file).map_err(named)?;
        } else if keeps {
            if !holds_lines(&mut file).map_err(named)? {
                let text = format!("{name} is no inventory of batch, and would be lost");
                return Err(Failure::Usage(text));
            }
            if file.metadata().map_err(named)?.len() > 0 {
                out = Some(Out::Whole(Box::new(OutputFile::create_public(path, true)?)));
            }
        }
        Ok(Lines {
            out: out.unwrap_or(Out::Growing(file)),
            name,
            had,
        })
    }

    /// The files that have a line already.
    pub fn names(&self) -> &HashSet<String> {
        &self.had
    }

    /// Writes a line, all of it at once.
    pub fn write(&mut self, row: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(row)? + "\n";
        let written = match &mut self.out {
            Out::Stdout(out) => out.write_all(line.as_bytes()),
            Out::Growing(file) => file.write_all(line.as_bytes()),
            Out::Whole(file) => return file.write_all(line.as_bytes()),
        };
        written.map_err(|error| self.named(&error))
    }

    /// Sees to it that the lines are on the disk, under their name.
    pub fn finish(self) -> io::Result<()> {
        let Lines { out, name, .. } = self;
        let done = match out {
            Out::Whole(file) => return file.commit(),
            Out::Stdout(mut out) => out.flush(),
            Out::Growing(file) => match file.sync_all() {
                // A pipe or a device has no disk.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                done => done,
            },
        };
        done.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

/// Whether a file holds lines of this command, be it only the beginning of one, or nothing at all.
fn holds_lines(file: &mut File) -> io::Result<bool> {
    let mut first = Vec::new();
    Read::by_ref(file)
        .take(BEGIN.len() as u64)
        .read_to_end(&mut first)?;
    file.rewind()?;
    Ok(BEGIN.as_bytes().starts_with(&first))
}

/// The names in the lines that are whole; what is behind them is taken off.
fn had(file: &mut File) -> io::Result<HashSet<String>> {
    let mut names = HashSet::new();
    let mut whole = 0;
    let mut reader = BufReader::new(&mut *file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if count == 0 {
            break;
        }
        if line.last() != Some(&b'\n') {
            // Only a line of this command that was cut short is taken off.
            let begun = &line[..line.len().min(BEGIN.len())];
            if BEGIN.as_bytes().starts_with(begun) {
                break;
            }
            let text = format!("byte {whole}: no line of this command");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let row: Value = match serde_json::from_slice(&line) {
            Ok(row) => row,
            Err(error) => {
                let text = format!("byte {whole}: no line of this command: {error}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        };
        match (row["file"].as_str(), row["schema"].as_str()) {
            (Some(name), Some(BatchName::TEXT)) => names.insert(name.to_owned()),
            (Some(_), Some(other)) if other.starts_with("ia64save/batch/") => {
                let text = format!(
                    "byte {whole}: a line of {other}, and these are {}: begin anew",
                    BatchName::TEXT
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            _ => {
                let text = format!("byte {whole}: no line of this command");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        };
        whole += count as u64;
    }
    drop(reader);
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn row(name: &str) -> Value {
        json!({ "schema": BatchName::TEXT, "file": name })
    }

    #[test]
    fn what_was_cut_short_is_taken_off_and_the_rest_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let mut lines = Lines::open(&path, false, false).unwrap();
        lines.write(&row("a")).unwrap();
        lines.write(&row("b")).unwrap();
        lines.finish().unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut lines = Lines::open(&path, true, false).unwrap();
            let had = lines.names().len();
            for name in ["a", "b"] {
                if !lines.names().contains(name) {
                    lines.write(&row(name)).unwrap();
                }
            }
            lines.finish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole, "{cut}, {had}");
        }
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        for other in ["precious\n", "precious", "{\"file\": \"a\"}\n"] {
            fs::write(&path, other).unwrap();
            for resume in [false, true] {
                assert!(Lines::open(&path, resume, false).is_err());
                assert_eq!(fs::read_to_string(&path).unwrap(), other);
            }
        }
    }

    #[test]
    fn lines_give_place_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let line = format!("{}\n", row("a"));
        assert!(line.starts_with(BEGIN), "{line}");
        for there in ["", &line[..20], &line, &[&line[..], &line].concat()] {
            fs::write(&path, there).unwrap();
            let mut lines = Lines::open(&path, false, false).unwrap();
            assert!(lines.names().is_empty());
            lines.write(&row("b")).unwrap();
            // What was there stays until what comes is whole.
            assert!(there.is_empty() || fs::read_to_string(&path).unwrap() == *there);
            lines.finish().unwrap();
            let whole = fs::read_to_string(&path).unwrap();
            assert_eq!(whole, format!("{}\n", row("b")));
        }
    }

    #[test]
    fn lines_that_do_not_become_whole_leave_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let line = format!("{}\n", row("a"));
        fs::write(&path, &line).unwrap();
        let mut lines = Lines::open(&path, false, false).unwrap();
        lines.write(&row("b")).unwrap();
        drop(lines);
        assert_eq!(fs::read_to_string(&path).unwrap(), line);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(Lines::open(&path, false, true).is_err());
        assert!(Lines::open(&folder.path().join("new"), false, true).is_ok());
    }
}
