//! What a target must not forget, in a file: what became of migrations.
//!
//! Text, a [`Record`] a line behind a line that says what the file is. A line counts once it is on the disk
//! with its line feed; what stands behind the last line feed is of a process that was killed within a line,
//! or of a write that failed, and is dropped. Everything else that is no record is damage, and no reason to
//! guess.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ia64save_codec::transfer::migration::{Ledger, Record};

use crate::files::{directory, named, sync_folder};

/// The first line.
const HEAD: &str = "ia64save-outcomes 1\n";
/// Bytes of a file that are taken for one.
const LONGEST: u64 = 64 << 20;
/// Lines beyond four times as many as there have to be, from which on a file is written anew.
const SPARE: usize = 4096;

/// A file that is held for as long as this lives.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Bytes that are known to be on the disk.
    length: u64,
    /// What was decided against and could not be written down yet.
    owed: Vec<Record>,
}

impl Journal {
    /// Opens it, or makes it where there is none, and takes back into the ledger what it says.
    ///
    /// # Errors
    /// Where another process holds it, where it is damaged or is another kind of file, and where it cannot be
    /// read or made.
    pub fn open(path: &Path, ledger: &mut Ledger) -> io::Result<Journal> {
        Journal::opened(path, ledger).map_err(|error| named(&path.display().to_string(), &error))
    }

    fn opened(path: &Path, ledger: &mut Ledger) -> io::Result<Journal> {
        let mut file = held(path)?;
        let mut text = Vec::new();
        (&mut file).take(LONGEST + 1).read_to_end(&mut text)?;
        if text.len() as u64 > LONGEST {
            return Err(damaged(format!("longer than {LONGEST} bytes")));
        }
        let mut journal = Journal {
            file,
            path: path.to_owned(),
            length: 0,
            owed: Vec::new(),
        };
        // Empty, or of a process that was killed when it made the file.
        if HEAD.as_bytes().starts_with(&text) && text != HEAD.as_bytes() {
            journal.append(HEAD)?;
            sync_folder(directory(path))?;
            return Ok(journal);
        }
        if !text.starts_with(HEAD.as_bytes()) {
            return Err(damaged("not a file of outcomes".into()));
        }
        let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0) + 1;
        let mut lines = 0;
        for line in text[HEAD.len()..whole].split_inclusive(|byte| *byte == b'\n') {
            lines += 1;
            let record = std::str::from_utf8(&line[..line.len() - 1]).ok();
            let record = record.and_then(|line| line.parse::<Record>().ok());
            let Some(record) = record else {
                return Err(damaged(format!(
                    "line {} is damaged: move the file away to go on without what it knows",
                    lines + 1
                )));
            };
            ledger.replay(record);
        }
        journal.length = whole as u64;
        if lines > 4 * ledger.records().count() + SPARE {
            journal.begin_anew(ledger)?;
        }
        Ok(journal)
    }

    /// Writes down a record, behind what is owed. When this returns without an error, all of it outlives the
    /// machine. With one, nothing that depends on it may be done or said; what was decided against is owed,
    /// and the next call tries again.
    pub fn write(&mut self, record: Option<Record>) -> io::Result<()> {
        let lines: String = self.owed.iter().chain(&record).map(line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let written = self.append(&lines);
        match (&written, record) {
            (Ok(()), _) => self.owed.clear(),
            (Err(_), Some(record @ Record::Destroyed(_))) => self.owe(record),
            (Err(_), _) => {}
        }
        written.map_err(|error| named(&self.path.display().to_string(), &error))
    }

    /// What is to be written down before anything else.
    pub fn owe(&mut self, record: Record) {
        self.owed.push(record);
    }

    fn append(&mut self, lines: &str) -> io::Result<()> {
        // Whatever a write that failed has left is overwritten, and with it what the system may have dropped.
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// With what there has to be alone, in the same place.
    fn begin_anew(&mut self, ledger: &Ledger) -> io::Result<()> {
        let folder = directory(&self.path);
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        let lines: String = ledger.records().map(|record| line(&record)).collect();
        new.write_all(HEAD.as_bytes())?;
        new.write_all(lines.as_bytes())?;
        new.as_file().sync_all()?;
        new.as_file().lock()?;
        let file = new.persist(&self.path).map_err(|error| error.error)?;
        sync_folder(folder)?;
        self.file = file;
        self.length = (HEAD.len() + lines.len()) as u64;
        Ok(())
    }
}

fn line(record: &Record) -> String {
    format!("{record}\n")
}

/// The file, locked: the one that has the name then.
fn held(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(path)?;
        let own = file.metadata()?;
        if !own.is_file() {
            return Err(damaged("not a file".into()));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another listener keeps its outcomes there",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let there = std::fs::metadata(path)?;
        if (there.dev(), there.ino()) == (own.dev(), own.ino()) {
            return Ok(file);
        }
    }
}

fn damaged(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ia64save_codec::transfer::migration::{Outcome, Token};

    use super::*;

    const ONE: Token = Token(1);
    const TWO: Token = Token(2);

    fn opened(path: &Path) -> (Journal, Ledger) {
        let mut ledger = Ledger::default();
        let journal = Journal::open(path, &mut ledger).unwrap();
        (journal, ledger)
    }

    #[test]
    fn what_is_written_down_is_found_again_wherever_a_process_was_killed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes");
        let (mut journal, _) = opened(&path);
        for record in [Record::Whole(ONE), Record::Running(ONE), Record::Whole(TWO)] {
            journal.write(Some(record)).unwrap();
        }
        drop(journal);
        let all = fs::read(&path).unwrap();
        let line = "whole 0000000000000001\n".len();
        for length in 0..=all.len() {
            fs::write(&path, &all[..length]).unwrap();
            let (mut journal, ledger) = opened(&path);
            let whole = HEAD.len() + line;
            let running = whole + line + 2;
            let first = match length {
                length if length < whole => Outcome::Unknown,
                length if length < running => Outcome::Destroyed,
                _ => Outcome::Running,
            };
            assert_eq!(ledger.of(ONE), first, "{length}");
            // It goes on where the last whole line ends.
            journal.write(Some(Record::Destroyed(TWO))).unwrap();
            drop(journal);
            let (_, ledger) = opened(&path);
            assert_eq!(
                (ledger.of(ONE), ledger.of(TWO)),
                (first, Outcome::Destroyed)
            );
        }
    }

    #[test]
    fn one_listener_at_a_time_and_no_guesses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes");
        let (journal, mut ledger) = opened(&path);
        let error = Journal::open(&path, &mut ledger).unwrap_err().to_string();
        assert!(error.contains("another listener"), "{error}");
        drop(journal);
        for (text, said) in [
            ("something else\n", "not a file of outcomes"),
            ("ia64save-outcomes 1\nwhole 1\nrunning", "line 2 is damaged"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Journal::open(&path, &mut ledger).unwrap_err().to_string();
            assert!(
                error.contains(said) && error.contains("outcomes: "),
                "{error}"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "it is left alone");
        }
        assert!(Journal::open(folder.path(), &mut ledger).is_err());
    }

    #[test]
    fn a_file_that_has_grown_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes");
        let mut text = String::from(HEAD);
        text += &"whole 0000000000000001\n".repeat(2 * SPARE);
        text += "running 0000000000000001\n";
        fs::write(&path, text).unwrap();
        let (mut journal, _) = opened(&path);
        let short = format!("{HEAD}running 0000000000000001\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), short);
        journal.write(Some(Record::Whole(TWO))).unwrap();
        assert!(Journal::open(&path, &mut Ledger::default()).is_err());
        drop(journal);
        let (_, ledger) = opened(&path);
        assert_eq!(ledger.of(ONE), Outcome::Running);
        assert_eq!(ledger.of(TWO), Outcome::Destroyed);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_decided_against_is_owed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes");
        let (mut journal, _) = opened(&path);
        // Cannot be written to.
        let good = std::mem::replace(&mut journal.file, File::open(&path).unwrap());
        assert!(journal.write(Some(Record::Running(ONE))).is_err());
        assert!(journal.write(Some(Record::Destroyed(ONE))).is_err());
        assert!(journal.write(None).is_err(), "it is still owed");
        journal.file = good;
        journal.write(Some(Record::Whole(TWO))).unwrap();
        let expected = format!("{HEAD}destroyed {ONE}\nwhole {TWO}\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}
