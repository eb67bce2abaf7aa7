//! Peak resident memory of one command.
//!
//! The kernel keeps the peak of all children that a process has waited for, and a child begins with
//! the peak of its parent. So a small helper, this program again, has the one child.

use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use super::pipeline::Pipeline;

/// First argument of the helper.
pub const HELPER: &str = "peak-helper";

/// Peak bytes of the last command of a pipeline: resident, and of these anonymous. The second is
/// sampled, so a short peak may be missed; the difference is mostly pages of a mapped file.
pub fn of(pipeline: &Pipeline) -> Result<(u64, u64), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let (last, before) = pipeline.commands().split_last().ok_or("no command")?;
    let mut feeder = None;
    let mut input = Stdio::null();
    if let Some(words) = before.first() {
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        input = child.stdout.take().map_or(Stdio::null(), Stdio::from);
        feeder = Some(child);
    }
    let output = Command::new(own)
        .arg(HELPER)
        .args(last)
        .stdin(input)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if let Some(mut child) = feeder {
        child.wait().map_err(|error| error.to_string())?;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    match (output.status.success(), numbers.next(), numbers.next()) {
        (true, Some(Ok(peak)), Some(Ok(anonymous))) => Ok((peak, anonymous)),
        _ => Err(format!(
            "measuring memory of {}: {}",
            pipeline.shown(),
            output.status
        )),
    }
}

/// Runs a command and prints its peaks in bytes.
pub fn helper(words: &[String]) -> ExitCode {
    match measure(words) {
        Ok((peak, anonymous)) => {
            println!("{peak} {anonymous}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(words: &[String]) -> Result<(u64, u64), String> {
    let (program, args) = words.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut anonymous = 0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        anonymous = anonymous.max(resident_anonymous(&status_file));
        std::thread::sleep(Duration::from_millis(1));
    };
    if !status.success() {
        return Err(status.to_string());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| error.to_string())?;
    Ok((u64::try_from(usage.max_rss()).unwrap_or(0) << 10, anonymous))
}

fn resident_anonymous(status_file: &str) -> u64 {
    let mut text = String::new();
    let read = std::fs::File::open(status_file).and_then(|mut file| file.read_to_string(&mut text));
    let kib = read.ok().and_then(|_| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_program_has_a_small_peak() {
        let (peak, _) = measure(&["cat".into(), "/dev/null".into()]).unwrap();
        assert!((1 << 16..256 << 20).contains(&peak), "{peak}");
        assert!(measure(&["false".into()]).is_err());
    }
}
