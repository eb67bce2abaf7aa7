//! A target that was built, run as ClusterFuzz runs it: seeds out of the zip, flags out of `.options`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Folders;
use super::said::Said;
use crate::step::{Outcome, run};

/// Lines of a log that are shown where a target fails.
const SHOWN: usize = 40;

/// Runs a target for so many seconds, on what earlier runs have found and on its seeds. What libFuzzer
/// prints goes into a log; what matters of it is shown where the target fails.
pub fn fuzz(folders: &Folders, target: &str, seconds: u32) -> Result<Said, String> {
    let log = folders.log.join(target);
    let told = |error: io::Error| format!("{}: {error}", log.display());
    let Run {
        mut command,
        corpus,
    } = Run::new(folders, target).map_err(|error| error.to_string())?;
    command.args([
        format!("-max_total_time={seconds}"),
        "-print_final_stats=1".into(),
    ]);
    let file = File::create(&log).map_err(told)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone().map_err(told)?)
        .stderr(file)
        .status()
        .map_err(|error| error.to_string())?;
    // What a target prints of an input need not be text.
    let text = String::from_utf8_lossy(&fs::read(&log).map_err(told)?).into_owned();
    if status.success() {
        let (inputs, bytes) = size(&corpus);
        return Ok(Said::of(&text, inputs, bytes));
    }
    Err(format!("{status}\n{}", complaint(&text)))
}

/// Of a log, what begins with a panic or a word of the sanitizer's; the end where there is neither.
fn complaint(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let told = |line: &&str| line.contains("panicked at") || line.contains("ERROR: ");
    let from = lines.iter().position(told);
    let from = from.unwrap_or(lines.len().saturating_sub(SHOWN));
    lines[from..]
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Leaves of the corpus and the seeds what adds coverage.
pub fn minimise(folders: &Folders, target: &str) -> Outcome {
    let Run {
        mut command,
        corpus,
    } = match Run::new(folders, target) {
        Ok(run) => run,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let all = corpus.with_extension("all");
    let moved = (|| {
        if all.exists() {
            fs::remove_dir_all(&all)?;
        }
        fs::rename(&corpus, &all)?;
        fs::create_dir_all(&corpus)
    })();
    if let Err(error) = moved {
        return Outcome::Failed(format!("{}: {error}", corpus.display()));
    }
    let before = described(&all);
    command.arg("-merge=1").arg(&all);
    let outcome = run(&mut command);
    let _ = fs::remove_dir_all(&all);
    outcome.then(|| Outcome::Passed(format!("{} of {before} and the seeds", described(&corpus))))
}

/// A command line in the making.
pub(super) struct Run {
    pub(super) command: Command,
    corpus: PathBuf,
}

impl Run {
    pub(super) fn new(folders: &Folders, target: &str) -> io::Result<Run> {
        let corpus = folders.corpus.join(target);
        let artifacts = folders.artifacts.join(target);
        let seeds = folders.work.join("unzipped").join(target);
        if seeds.exists() {
            fs::remove_dir_all(&seeds)?;
        }
        for folder in [&corpus, &artifacts, &seeds] {
            fs::create_dir_all(folder)?;
        }
        let zip = folders.out.join(format!("{target}_seed_corpus.zip"));
        let unzipped = Command::new("unzip")
            .arg("-q")
            .arg(&zip)
            .arg("-d")
            .arg(&seeds)
            .status()?;
        if !unzipped.success() {
            return Err(io::Error::other(format!(
                "unzip {}: {unzipped}",
                zip.display()
            )));
        }
        // It is the flags that ClusterFuzz takes out of the file; libFuzzer does not read it.
        let options = fs::read_to_string(folders.out.join(format!("{target}.options")))?;
        let mut command = Command::new(folders.out.join(target));
        command.current_dir(&folders.out);
        command.args(flags(&options));
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.args([&corpus, &seeds]);
        Ok(Run { command, corpus })
    }
}

/// `name = value` below `[libfuzzer]`, as flags.
fn flags(options: &str) -> Vec<String> {
    let lines = options
        .lines()
        .skip_while(|line| line.trim() != "[libfuzzer]")
        .skip(1);
    lines
        .take_while(|line| !line.trim_start().starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| format!("-{}={}", name.trim(), value.trim()))
        .collect()
}

/// How many inputs a folder has, and how many bytes they are.
fn size(folder: &Path) -> (usize, u64) {
    let sizes = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes: Vec<u64> = sizes
        .filter_map(|entry| Some(entry.metadata().ok()?.len()))
        .collect();
    (sizes.len(), sizes.iter().sum())
}

fn described(folder: &Path) -> String {
    let (inputs, bytes) = size(folder);
    format!("{inputs} inputs, {} KiB", bytes >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_shown_from_where_it_matters() {
        let log = format!(
            "{}\nthread panicked at x\nwhy\n{}",
            "#1 pulse\n".repeat(90),
            "#2 in f\n".repeat(90)
        );
        assert!(complaint(&log).starts_with("thread panicked at x\nwhy\n#2"));
        assert_eq!(complaint(&log).lines().count(), SHOWN);
        assert_eq!(complaint("a\nb"), "a\nb");
    }

    #[test]
    fn flags_are_those_of_libfuzzer() {
        let options = "[asan]\na = 1\n\n[libfuzzer]\nmax_len = 10\ndict= x.dict\n[other]\nb=2\n";
        assert_eq!(flags(options), ["-max_len=10", "-dict=x.dict"]);
        assert_eq!(flags("max_len = 10"), [""; 0]);
    }
}
