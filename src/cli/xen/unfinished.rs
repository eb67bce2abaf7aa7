//! What is under way, written down: a process that is killed cannot tell any more.
//!
//! Each operation has a file that its process holds a lock on, with one JSON object a line; later lines add
//! to earlier ones. It goes when the operation has ended, whichever way. A file that nobody holds is of
//! a process that was killed, or of a migration that nobody knows the outcome of.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ia64save_codec::transfer::migration::Token;
use ia64save_xen::transport::DomainId;
use ia64save::document::name::XenUnfinishedName;
use ia64save::document::xen::XenUnfinished;
use serde::Serialize;
use serde_json::{Map, Value};

use super::args::Host;
use crate::cli::render::style;

/// Bytes of a file that are taken for one.
const LONGEST: u64 = 64 << 10;

/// Where it is written down, for one host.
#[derive(Clone, Debug)]
pub struct Unfinished {
    folder: Option<PathBuf>,
    host: Option<String>,
}

impl Unfinished {
    /// For a host: in `$IA64SAVE_STATE_DIR`, `/run/ia64save`, or the user's own runtime folder, whichever
    /// can be written to. Where none can, nothing is written down.
    pub fn of(host: &Host) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let folders = match variable("IA64SAVE_STATE_DIR") {
            Some(folder) => vec![PathBuf::from(folder)],
            None => [Some("/run".into()), variable("XDG_RUNTIME_DIR")]
                .into_iter()
                .flatten()
                .map(|folder| Path::new(&folder).join("ia64save"))
                .collect(),
        };
        Unfinished {
            folder: folders.into_iter().find(|folder| is_usable(folder)),
            host: host.agent.clone(),
        }
    }

    /// In a folder, for this machine's own host; `None` writes nothing down.
    #[cfg(test)]
    pub fn within(folder: Option<&Path>) -> Self {
        Unfinished {
            folder: folder.map(Path::to_owned),
            host: None,
        }
    }

    /// Something begins. What cannot be written down is done all the same.
    pub fn begin(&self, operation: &'static str, domain: DomainId) -> Record {
        let mut record = Record { file: None };
        if let Some(folder) = &self.folder {
            let name = format!("{operation}-{domain}-{}.json", std::process::id());
            let path = folder.join(name);
            let mut options = File::options();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.read(true).append(true).create_new(true).open(&path);
            record.file = file
                .and_then(|file| file.lock().map(|()| file))
                .ok()
                .map(|file| (file, path));
        }
        record.add(&XenUnfinished {
            schema: XenUnfinishedName,
            operation,
            domain,
            agent: self.host.clone(),
        });
        record
    }

    /// What was left by processes that were killed, and by migrations in doubt.
    pub fn found(&self) -> Vec<Left> {
        let Some(folder) = &self.folder else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        let host = self.host.as_deref();
        let left = paths.into_iter().filter_map(Left::read);
        left.filter(|left| left.text("agent") == host).collect()
    }

    /// Says what was left, and how to mend it.
    pub fn offer(&self) {
        for left in self.found() {
            let _ = writeln!(style::stderr(), "ia64save: note: {left}");
        }
    }

    /// How to mend a domain, as a command.
    pub fn remedy(&self, domain: DomainId) -> String {
        let agent = self.host.as_ref().map_or_else(String::new, |agent| {
            format!(" --agent '{}'", agent.replace('\'', r"'\''"))
        });
        format!("`ia64save xen recover {domain}{agent}`")
    }
}

/// Whether files can be made there; makes the folder, its owner's alone.
fn is_usable(folder: &Path) -> bool {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let _ = builder.create(folder);
    folder.is_dir() && tempfile::tempfile_in(folder).is_ok()
}

/// An operation under way. The file goes with it.
#[derive(Debug)]
pub struct Record {
    file: Option<(File, PathBuf)>,
}

impl Record {
    /// Adds to what is known.
    pub fn add(&mut self, value: &impl Serialize) {
        if let Some((file, _)) = &mut self.file {
            let line = serde_json::to_string(value).unwrap_or_default();
            let _ = file.write_all((line + "\n").as_bytes());
        }
    }

    /// It ended, and is not over: the file stays.
    pub fn keep(mut self) {
        self.file = None;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.file {
            let _ = fs::remove_file(path);
        }
    }
}

/// What somebody left.
#[derive(Debug)]
pub struct Left {
    path: PathBuf,
    known: Map<String, Value>,
}

impl Left {
    /// What a file says that nobody holds.
    fn read(path: PathBuf) -> Option<Left> {
        let file = File::open(&path).ok()?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return None;
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        let mut known = Map::new();
        // A process may have been killed within its last line.
        for line in text.lines() {
            if let Ok(Value::Object(more)) = serde_json::from_str(line) {
                known.extend(more);
            }
        }
        (known.get("schema")? == XenUnfinishedName::TEXT).then_some(Left { path, known })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.known.get(key).and_then(Value::as_str)
    }

    fn is(&self, key: &str) -> bool {
        self.known.get(key) == Some(&Value::Bool(true))
    }

    /// The domain.
    pub fn domain(&self) -> Option<DomainId> {
        let number = self.known.get("domain")?.as_u64()?;
        DomainId::try_from(number).ok()
    }

    /// Whether it is one that a restore was making.
    pub fn is_half_built(&self) -> bool {
        self.is("half_built")
    }

    /// Whether the domain may run elsewhere.
    pub fn is_given(&self) -> bool {
        self.is("given")
    }

    /// Whom to ask, and what about, where there is anybody.
    pub fn question(&self) -> Option<(&str, Token)> {
        Some((self.text("to")?, self.text("migration")?.parse().ok()?))
    }

    /// It is mended.
    pub fn forget(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// For scripts.
    pub fn known(&self) -> Map<String, Value> {
        self.known.clone()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = self.domain().unwrap_or(0);
        let what = match self.text("operation") {
            Some("restore") => format!("a restore was killed: domain {domain} is half-built"),
            Some("migrate") if self.is_given() => {
                format!(
                    "a migration to {} ended in doubt: domain {domain} stays suspended",
                    self.text("to").unwrap_or("another host")
                )
            }
            operation => format!(
                "a {} was killed: domain {domain} may be suspended, with log-dirty on",
                if operation == Some("migrate") {
                    "migration"
                } else {
                    "save"
                }
            ),
        };
        let host = Unfinished {
            folder: None,
            host: self.text("agent").map(ToOwned::to_owned),
        };
        write!(f, "{what}; {} mends it", host.remedy(domain))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_killed_is_found_and_what_goes_on_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::within(Some(folder.path()));
        let mut record = unfinished.begin("save", 3);
        record.add(&json!({ "given": true }));
        assert!(unfinished.found().is_empty(), "its process holds it");
        record.keep();
        // Killed within a line.
        let path = folder
            .path()
            .join(format!("save-3-{}.json", std::process::id()));
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"half_").unwrap();
        let mut found = unfinished.found();
        let left = found.pop().unwrap();
        assert!(found.is_empty() && left.is_given() && !left.is_half_built());
        assert_eq!(left.domain(), Some(3));
        assert!(
            left.to_string()
                .contains("`ia64save xen recover 3` mends it")
        );
        left.forget().unwrap();
        drop(unfinished.begin("save", 4));
        assert!(unfinished.found().is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn each_host_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let here = Unfinished::within(Some(folder.path()));
        let there = Unfinished {
            host: Some("ssh root@itanium ./agent".into()),
            ..here.clone()
        };
        there.begin("restore", 5).keep();
        assert!(here.found().is_empty());
        let said = there.found().pop().unwrap().to_string();
        assert!(
            said.ends_with("recover 5 --agent 'ssh root@itanium ./agent'` mends it"),
            "{said}"
        );
    }
}
