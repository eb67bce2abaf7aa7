//! What a step is: a command line that is printed before it runs, and an outcome.

use std::fmt::Write;
use std::process::Command;

/// How a step ended.
#[derive(Debug)]
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

/// Runs a command with the terminal as its own, and prints it first.
pub fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("$ {line}");
    match command.status() {
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
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{line}: {}", output.status))
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
