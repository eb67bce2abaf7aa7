//! Two pipelines, timed by hyperfine.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::pipeline::Pipeline;

/// Whether it is here.
pub fn is_here() -> bool {
    let version = Command::new("hyperfine").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Times of both, taken in turns; before each run, what `prepare` names is done.
pub fn compare(
    own: &Pipeline,
    other: &Pipeline,
    reps: usize,
    prepare: Option<&str>,
) -> Result<[Vec<Duration>; 2], String> {
    let results = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut command = Command::new("hyperfine");
    command.args(["--style", "none", "--runs", "1", "--export-json"]);
    command.arg(results.path()).stdout(Stdio::null());
    // Only a pipeline needs a shell, whose own time hyperfine takes off.
    let piped = [own, other].iter().any(|one| one.commands().len() > 1);
    command.arg(if piped { "--shell=sh" } else { "--shell=none" });
    if let Some(prepare) = prepare {
        command.args(["--prepare", prepare]);
    }
    for _ in 0..reps {
        command.args([other.line(), own.line()]);
    }
    let status = command
        .status()
        .map_err(|error| format!("hyperfine: {error}"))?;
    if !status.success() {
        return Err(format!("hyperfine, of {}: {status}", own.shown()));
    }
    let json = std::fs::read(results.path()).map_err(|error| error.to_string())?;
    times(&json)
        .filter(|[own, other]| own.len() == reps && other.len() == reps)
        .ok_or_else(|| "hyperfine wrote something else".into())
}

/// Of what it writes, the times of every second command, and of those between.
fn times(json: &[u8]) -> Option<[Vec<Duration>; 2]> {
    let written: Value = serde_json::from_slice(json).ok()?;
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for (index, result) in written["results"].as_array()?.iter().enumerate() {
        let side = if index % 2 == 0 { &mut other } else { &mut own };
        for seconds in result["times"].as_array()? {
            side.push(Duration::try_from_secs_f64(seconds.as_f64()?).ok()?);
        }
    }
    Some([own, other])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_told_apart() {
        let json = r#"{"results": [{"command": "cat x", "times": [0.5]}, {"times": [0.25]},
            {"times": [0.75]}, {"times": [1]}]}"#;
        let millis = |all: [u64; 2]| all.map(Duration::from_millis).to_vec();
        let [own, other] = times(json.as_bytes()).unwrap();
        assert_eq!((own, other), (millis([250, 1000]), millis([500, 750])));
        assert_eq!(times(b"{}"), None);
    }
}
