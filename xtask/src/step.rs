//! What a step is: a command line that is printed before it runs, and an outcome.

use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should; with a word on what was looked at.
    Passed(String),
    /// It could not run, and nothing is known.
    Skipped(String),
    /// Something is wrong.
    Failed(String),
}

impl Outcome {
    /// Passed with a note if there are no complaints, which are printed otherwise.
    pub fn of(complaints: &[String], note: String) -> Outcome {
        for complaint in complaints {
            println!("{complaint}");
        }
        match complaints.len() {
            0 => Outcome::Passed(note),
            1 => Outcome::Failed("1 complaint".into()),
            n => Outcome::Failed(format!("{n} complaints")),
        }
    }

    /// What a step of this name says last.
    pub fn said(&self, name: &str) -> String {
        match self {
            Outcome::Passed(note) => format!("{name}: ok{}", noted(note)),
            Outcome::Skipped(why) => format!("{name}: SKIPPED: {why}"),
            Outcome::Failed(why) => format!("{name}: FAILED: {why}"),
        }
    }

    /// How a step ended that was a process, by its output and its end.
    pub fn heard(name: &str, success: bool, output: &str) -> Outcome {
        let prefix = format!("{name}: ");
        let said = output.lines().rev().find_map(|l| l.strip_prefix(&prefix));
        let of = |word: &str| {
            Some(
                said?
                    .strip_prefix(word)?
                    .trim_start_matches(": ")
                    .to_string(),
            )
        };
        match (success, of("ok"), of("SKIPPED"), of("FAILED")) {
            (true, Some(note), ..) => Outcome::Passed(note),
            (false, _, Some(why), _) => Outcome::Skipped(why),
            (false, .., Some(why)) => Outcome::Failed(why),
            _ => Outcome::Failed("it ended before it could say how".into()),
        }
    }

    /// This one, and if it passed, what comes next.
    pub fn then(self, next: impl FnOnce() -> Outcome) -> Outcome {
        match self {
            Outcome::Passed(_) => next(),
            other => other,
        }
    }
}

/// `": note"`, or nothing.
pub fn noted(note: &str) -> String {
    if note.is_empty() {
        String::new()
    } else {
        format!(": {note}")
    }
}

/// The exit code of the benchmark where something could not be measured.
const SKIPPED: i32 = 3;

/// Seconds from which on it is said how long a command ran.
const WORTH_A_LINE: f64 = 1.0;

/// Runs a command with the terminal as its own, and prints it first.
pub fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("$ {line}");
    let since = Instant::now();
    let status = command.status();
    took(since);
    match status {
        Ok(status) if status.code() == Some(SKIPPED) => {
            Outcome::Skipped("what and why is said above".into())
        }
        Ok(status) if status.success() => Outcome::Passed(String::new()),
        Ok(status) => Outcome::Failed(format!("{line}: {status}")),
        Err(error) => Outcome::Failed(format!("{line}: {error}")),
    }
}

/// Runs a command for its output, and prints it first.
pub fn read(command: &mut Command) -> Result<Vec<u8>, String> {
    let line = shown(command);
    println!("$ {line}");
    let since = Instant::now();
    let output = command.stderr(std::process::Stdio::inherit()).output();
    took(since);
    let output = output.map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{line}: {}", output.status))
    }
}

/// Says how long a command ran, where that is worth a line.
fn took(since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    if seconds >= WORTH_A_LINE {
        println!("  ({seconds:.1} s)");
    }
}

/// A command of the cargo that runs this.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

/// A command line as a person would type it.
fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        let _ = write!(line, "{}='{value}' ", name.to_string_lossy());
    }
    line += &program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy();
    for arg in command.get_args() {
        line += " ";
        line += &arg.to_string_lossy();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_says_is_heard() {
        for outcome in [
            Outcome::Passed(String::new()),
            Outcome::Passed("3 files".into()),
            Outcome::Skipped("no tool".into()),
            Outcome::Failed("x: exit status: 1".into()),
        ] {
            let success = matches!(outcome, Outcome::Passed(_));
            let output = format!("$ x\na: ok\nb: FAILED: y\n{}\n", outcome.said("a"));
            assert_eq!(Outcome::heard("a", success, &output), outcome);
        }
        let broken = Outcome::heard("a", false, "thread panicked\na: ok\n");
        assert!(matches!(broken, Outcome::Failed(_)), "{broken:?}");
    }
}
