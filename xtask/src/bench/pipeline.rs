//! One or two commands in a row, run with their output thrown away.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Commands, each fed by the one before.
#[derive(Clone, Debug)]
pub struct Pipeline {
    commands: Vec<Vec<String>>,
}

impl Pipeline {
    /// A pipeline; each command is a program and its arguments.
    pub fn new(commands: impl IntoIterator<Item = Vec<String>>) -> Self {
        Pipeline {
            commands: commands.into_iter().collect(),
        }
    }

    /// `cat FILE`.
    pub fn cat(path: &Path) -> Self {
        Pipeline::new([vec!["cat".into(), path.to_string_lossy().into_owned()]])
    }

    /// With another command, which this one feeds.
    pub fn then(mut self, command: Vec<String>) -> Self {
        self.commands.push(command);
        self
    }

    /// Its commands.
    pub fn commands(&self) -> &[Vec<String>] {
        &self.commands
    }

    /// Starts it; the last command's output goes to `stdout`.
    fn start(&self, stdout: impl Fn() -> Stdio) -> Result<Vec<Child>, String> {
        let mut children: Vec<Child> = Vec::new();
        for (index, words) in self.commands.iter().enumerate() {
            let input = match children.last_mut() {
                Some(before) => before.stdout.take().map_or(Stdio::null(), Stdio::from),
                None => Stdio::null(),
            };
            let last = index + 1 == self.commands.len();
            let child = Command::new(&words[0])
                .args(&words[1..])
                .stdin(input)
                .stdout(if last { stdout() } else { Stdio::piped() })
                .spawn();
            match child {
                Ok(child) => children.push(child),
                Err(error) => {
                    let _ = wait(children);
                    return Err(format!("{}: {error}", words[0]));
                }
            }
        }
        Ok(children)
    }

    /// Runs it to its end.
    pub fn run(&self) -> Result<(), String> {
        let children = self.start(Stdio::null)?;
        wait(children).map_err(|why| format!("{}: {why}", self.shown()))
    }

    /// As a shell takes it.
    pub fn line(&self) -> String {
        let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
        let command = |words: &Vec<String>| words.iter().map(quoted).collect::<Vec<_>>().join(" ");
        let commands: Vec<String> = self.commands.iter().map(command).collect();
        commands.join(" | ")
    }

    /// Whether the tool does its work at all: a program that does nothing is quick.
    ///
    /// `info` has to count the page records, `check` to give a verdict. Otherwise says why not.
    pub fn answers(&self, is_check: bool, records: u64) -> Result<(), String> {
        let mut asking = self.clone();
        if let Some(last) = asking.commands.last_mut() {
            last.extend(["--format".into(), "json".into()]);
        }
        let mut children = asking.start(Stdio::piped)?;
        let last = children.pop().ok_or("no command")?;
        let output = last.wait_with_output().map_err(|error| error.to_string())?;
        // Its feeder may well have been cut short; whose fault that was, the answer shows.
        let fed = wait(children);
        if !output.status.success() {
            return Err(format!("{}: {}", asking.shown(), output.status));
        }
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("{} answers no JSON", asking.shown()))?;
        // Documents of both have an entry for each file.
        let file = &answer["files"][0];
        let good = if is_check {
            file["verdict"].is_string()
        } else {
            file["pages"]["num_records"].as_u64() == Some(records)
        };
        if good {
            fed
        } else {
            Err(format!(
                "{} does not answer what it was asked",
                asking.shown()
            ))
        }
    }

    /// As a person would type it, without directories.
    pub fn shown(&self) -> String {
        let command = |words: &Vec<String>| {
            let short = words
                .iter()
                .map(|word| word.rsplit('/').next().unwrap_or(word));
            short.collect::<Vec<_>>().join(" ")
        };
        self.commands
            .iter()
            .map(command)
            .collect::<Vec<_>>()
            .join(" | ")
    }
}

/// Waits for all, and complains about the first that failed.
fn wait(children: Vec<Child>) -> Result<(), String> {
    let mut failed = Ok(());
    for mut child in children {
        drop(child.stdout.take());
        match child.wait() {
            Ok(status) if status.success() => {}
            Ok(status) => failed = failed.and(Err(status.to_string())),
            Err(error) => failed = failed.and(Err(error.to_string())),
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_means_the_same_to_a_shell() {
        let word = |word: &str| word.to_string();
        let echo = vec![word("printf"), word("%s|"), word("it's"), word("a $b")];
        let pipeline = Pipeline::new([echo, vec![word("cat")]]);
        let told = Command::new("sh").args(["-c", &pipeline.line()]).output();
        assert_eq!(told.unwrap().stdout, b"it's|a $b|");
    }
}
