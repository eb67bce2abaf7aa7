//! All steps, two at a time, and a summary.
//!
//! Each is a process of its own: `cargo xtask STEP`, whose output is kept in `target/ci` and printed when
//! it has ended. Much of what a step does runs on one core: the first crates of a build, a linker, an
//! emulator, python. So another runs beside it, unless both need the same, and what is measured runs
//! alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use crate::cargo::target;
use crate::step::{Outcome, noted};

/// Steps that run at a time.
const LANES: usize = 2;
/// How often it is looked whether one has ended.
const LOOKED: Duration = Duration::from_millis(50);

/// What a step keeps others from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nothing.
    Nothing,
    /// cargo's debug build, which two cannot have at once.
    Debug,
    /// cargo's release build.
    Release,
    /// The machine: it measures.
    Quiet,
}

struct Step {
    line: &'static [&'static str],
    needs: Needs,
}

const fn step(line: &'static [&'static str], needs: Needs) -> Step {
    Step { line, needs }
}

/// Quick ones first, then what others wait for; the benchmark is small here and shows that it runs, not
/// how fast: a machine that is shared cannot say.
const STEPS: &[Step] = &[
    step(&["fmt"], Needs::Nothing),
    step(&["words"], Needs::Nothing),
    step(&["spec"], Needs::Nothing),
    step(&["circles"], Needs::Debug),
    step(&["lint"], Needs::Debug),
    step(&["licences"], Needs::Nothing),
    step(&["kaitai"], Needs::Release),
    step(&["test"], Needs::Debug),
    step(&["differential"], Needs::Release),
    step(&["fuzz"], Needs::Nothing),
    step(&["layers"], Needs::Debug),
    step(&["real-xen"], Needs::Debug),
    step(&["generate", "--check"], Needs::Debug),
    step(&["dissector"], Needs::Debug),
    step(&["pattern"], Needs::Debug),
    step(&["report"], Needs::Release),
    step(&["debuggers"], Needs::Release),
    step(&["agent"], Needs::Nothing),
    step(&["package"], Needs::Release),
    step(&["bench", "--size", "256M", "--reps", "3"], Needs::Quiet),
    step(&["transfer", "--memory", "64", "--reps", "3"], Needs::Quiet),
];

/// Runs every step, also after one has failed.
pub fn all() -> Outcome {
    let start = Instant::now();
    let folder = target().join("ci");
    // A copy runs: the step `test` builds this program anew.
    let own = folder.join("xtask");
    let copied = fs::create_dir_all(&folder)
        .and_then(|()| env::current_exe())
        .and_then(|exe| fs::copy(exe, &own));
    let report = match copied.and_then(|_| run_all(STEPS, &own, &folder)) {
        Ok(report) => report,
        Err(error) => return Outcome::Failed(format!("{}: {error}", folder.display())),
    };
    println!("\n== summary");
    let mut failed = Vec::new();
    let mut skipped = Vec::new();
    for (name, time, outcome) in &report {
        let said = match outcome {
            Outcome::Passed(note) => format!("passed{}", noted(note)),
            Outcome::Skipped(why) => {
                skipped.push(*name);
                format!("SKIPPED: {why}")
            }
            Outcome::Failed(why) => {
                failed.push(*name);
                format!("FAILED: {why}")
            }
        };
        println!("{name:<12} {:>7.1} s  {said}", time.as_secs_f64());
    }
    let sum: Duration = report.iter().map(|(_, time, _)| *time).sum();
    println!(
        "{:<12} {:>7.1} s, {:.1} s of steps",
        "all",
        start.elapsed().as_secs_f64(),
        sum.as_secs_f64()
    );
    let passed = report.len() - failed.len() - skipped.len();
    let note = if skipped.is_empty() {
        format!("{passed} steps passed")
    } else {
        format!("{passed} steps passed, SKIPPED: {}", skipped.join(", "))
    };
    if failed.is_empty() {
        Outcome::Passed(note)
    } else {
        Outcome::Failed(format!("{}; {note}", failed.join(", ")))
    }
}

/// A step that runs.
struct Running {
    step: &'static Step,
    since: Instant,
    child: Child,
    log: PathBuf,
}

type Report = Vec<(&'static str, Duration, Outcome)>;

fn run_all(steps: &'static [Step], own: &Path, folder: &Path) -> io::Result<Report> {
    let mut waiting: Vec<&'static Step> = steps.iter().collect();
    let mut running: Vec<Running> = Vec::new();
    let mut report = Report::new();
    while !waiting.is_empty() || !running.is_empty() {
        while let Some(at) = next(&waiting, &running) {
            running.push(Running::start(waiting.remove(at), own, folder)?);
        }
        thread::sleep(LOOKED);
        let mut at = 0;
        while at < running.len() {
            match running[at].child.try_wait()? {
                None => at += 1,
                Some(_) => report.push(running.remove(at).end()?),
            }
        }
    }
    let place = |name: &str| steps.iter().position(|step| step.line[0] == name);
    report.sort_by_key(|(name, ..)| place(name));
    Ok(report)
}

/// The first of the waiting that may begin.
fn next(waiting: &[&'static Step], running: &[Running]) -> Option<usize> {
    let busy: Vec<Needs> = running.iter().map(|one| one.step.needs).collect();
    waiting.iter().position(|step| may_begin(step.needs, &busy))
}

fn may_begin(needs: Needs, busy: &[Needs]) -> bool {
    match needs {
        Needs::Quiet => busy.is_empty(),
        _ if busy.len() >= LANES || busy.contains(&Needs::Quiet) => false,
        Needs::Nothing => true,
        Needs::Debug | Needs::Release => !busy.contains(&needs),
    }
}

impl Running {
    fn start(step: &'static Step, own: &Path, folder: &Path) -> io::Result<Running> {
        let name = step.line[0];
        let log = folder.join(name);
        let output = File::create(&log)?;
        println!("-- {name} begins");
        let child = Command::new(own)
            .args(step.line)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Running {
            step,
            since: Instant::now(),
            child,
            log,
        })
    }

    /// Prints what it has said.
    fn end(mut self) -> io::Result<(&'static str, Duration, Outcome)> {
        let (name, time) = (self.step.line[0], self.since.elapsed());
        let status = self.child.wait()?;
        let text = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        println!("\n== {name}, {:.1} s", time.as_secs_f64());
        print!("{text}");
        Ok((name, time, Outcome::heard(name, status.success(), &text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_the_same_waits() {
        use Needs::{Debug, Nothing, Quiet, Release};
        assert!(may_begin(Debug, &[]) && may_begin(Quiet, &[]));
        assert!(may_begin(Debug, &[Release]) && may_begin(Nothing, &[Nothing]));
        assert!(!may_begin(Debug, &[Debug]) && !may_begin(Release, &[Release]));
        assert!(!may_begin(Nothing, &[Debug, Release]), "two at a time");
        assert!(!may_begin(Quiet, &[Nothing]) && !may_begin(Nothing, &[Quiet]));
    }

    #[test]
    fn every_step_runs_and_is_heard() {
        use std::os::unix::fs::PermissionsExt;
        const SOME: &[Step] = &[
            step(&["slow", "0.3"], Needs::Debug),
            step(&["bad", "0"], Needs::Debug),
            step(&["quick", "0"], Needs::Nothing),
            step(&["alone", "0"], Needs::Quiet),
        ];
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("steps");
        let script = "#!/bin/sh\nsleep $2\n[ $1 != bad ] || { echo bad: FAILED: it is; exit 1; }\n\
            echo $1: ok: after $2\n";
        fs::write(&own, script).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        let report = run_all(SOME, &own, folder.path()).unwrap();
        let said: Vec<_> = report.iter().map(|(name, _, how)| how.said(name)).collect();
        let expected = [
            "slow: ok: after 0.3",
            "bad: FAILED: it is",
            "quick: ok: after 0",
            "alone: ok: after 0",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn no_two_steps_have_one_log() {
        let mut names: Vec<&str> = STEPS.iter().map(|step| step.line[0]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
