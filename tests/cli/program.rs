//! Running the program.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run left.
#[derive(Debug)]
pub struct Run {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Run {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Run {
    /// What standard output says, as JSON, of the one file that was named.
    pub fn entry(&self) -> Value {
        let document = self.json();
        match document["files"].as_array().map(|files| &files[..]) {
            Some([file]) => file.clone(),
            _ => panic!("one file: {self:?}"),
        }
    }
}

/// A number, whether it is written as one or as `"0x…"`.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_i64().map(|n| n as u64)),
        Value::String(text) => u64::from_str_radix(text.strip_prefix("0x")?, 16).ok(),
        _ => None,
    }
}

/// Asserts that two values say the same of every key that both have; numbers in either spelling.
pub fn agree(what: &str, truth: &Value, told: &Value) {
    match (truth, told) {
        (Value::Object(truth), Value::Object(told)) => {
            for (key, value) in truth {
                // A pfn may be a key.
                let pfn = key.parse::<u64>().map(|pfn| format!("{pfn:#x}"));
                let told = told.get(key).or_else(|| told.get(pfn.as_deref().ok()?));
                if let Some(told) = told {
                    agree(&format!("{what}.{key}"), value, told);
                }
            }
        }
        (Value::Array(truth), Value::Array(told)) => {
            assert_eq!(truth.len(), told.len(), "{what}");
            for (index, (truth, told)) in truth.iter().zip(told).enumerate() {
                agree(&format!("{what}[{index}]"), truth, told);
            }
        }
        (truth, told) => {
            let same = match (number(truth), number(told)) {
                (Some(a), Some(b)) => a == b,
                _ => truth == told,
            };
            assert!(same, "{what} is {truth}, told as {told}");
        }
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
        Run {
            code: output.status.code().expect("the program ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// The program with its arguments, apart from what the environment may ask for.
pub fn command<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ia64save"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("COLUMNS")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null());
    command
}

/// Runs it.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    command(args).output().expect("the program starts").into()
}

/// Runs it with something on standard input.
pub fn run_with<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>, input: &[u8]) -> Run {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // The program may have heard enough before the input ends.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    feeder.join().expect("the feeder ends");
    output.into()
}

/// A folder of files for one test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(TempDir::new().expect("a folder"))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The names of what is in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a folder");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

/// A path as an argument.
pub fn arg(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Bytes as pairs of hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let pair = |byte: &u8| {
        [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
    };
    bytes.iter().flat_map(pair).collect()
}
