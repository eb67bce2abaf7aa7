//! The result: a row for each comparison, with its goal.

use std::fmt;
use std::time::Duration;

use super::hyperfine;
use super::pipeline::Pipeline;

/// What a row is held against.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At least so many times as fast as the other.
    Faster(f64),
    /// At most so many times the time of the other.
    Within(f64),
    /// At most so many bytes.
    AtMost(u64),
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    Skipped,
}

#[derive(Debug)]
struct Row {
    name: String,
    goal: Goal,
    measured: String,
    detail: String,
    verdict: Verdict,
}

/// All rows.
#[derive(Debug)]
pub struct Table {
    reps: usize,
    rows: Vec<Row>,
}

impl Table {
    /// None yet.
    pub fn new(reps: usize) -> Self {
        Table {
            reps,
            rows: Vec::new(),
        }
    }

    /// Measures two pipelines in turns, and how their times compare.
    pub fn compare(
        &mut self,
        name: &str,
        goal: Goal,
        own: &Pipeline,
        other: &Pipeline,
    ) -> Result<(), String> {
        let against = if other.commands().len() > 1 {
            "cat | cat"
        } else {
            "cat"
        };
        self.compare_with(&format!("{name} / {against}"), goal, own, other, None)
    }

    /// The same, under a name of its own; before each run something is done.
    pub fn compare_with(
        &mut self,
        name: &str,
        goal: Goal,
        own: &Pipeline,
        other: &Pipeline,
        prepare: Option<&str>,
    ) -> Result<(), String> {
        let [own_times, other_times] = hyperfine::compare(own, other, self.reps, prepare)?;
        self.ratio(name, goal, own_times, other_times);
        Ok(())
    }

    /// Peak memory.
    pub fn memory(&mut self, name: &str, peak: u64, anonymous: u64, limit: u64) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        self.rows.push(Row {
            name: name.into(),
            goal: Goal::AtMost(limit),
            measured: format!("{:.1} MiB", mib(peak)),
            detail: format!("anonymous, sampled: {:.1} MiB", mib(anonymous)),
            verdict: if peak <= limit {
                Verdict::Ok
            } else {
                Verdict::Missed
            },
        });
    }

    /// A row that could not be measured.
    pub fn skip(&mut self, name: &str, goal: Goal, why: &str) {
        self.rows.push(Row {
            name: name.into(),
            goal,
            measured: "-".into(),
            detail: why.into(),
            verdict: Verdict::Skipped,
        });
    }

    /// The rows whose goal was measured and missed.
    pub fn missed(&self) -> Vec<&str> {
        let missed = self
            .rows
            .iter()
            .filter(|row| row.verdict == Verdict::Missed);
        missed.map(|row| row.name.as_str()).collect()
    }

    /// A goal was not measured.
    pub fn skipped(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Skipped)
    }

    /// The medians decide; the minima stand beside them.
    fn ratio(&mut self, name: &str, goal: Goal, own: Vec<Duration>, other: Vec<Duration>) {
        let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        let (own_min, own_median) = min_and_median(own);
        let (other_min, other_median) = min_and_median(other);
        let over = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64().max(1e-9);
        let median = over(own_median, other_median);
        let met = match goal {
            Goal::Faster(times) => 1.0 / median >= times,
            Goal::Within(times) => median <= times,
            Goal::AtMost(_) => false, // not a ratio
        };
        self.rows.push(Row {
            name: name.into(),
            goal,
            measured: match goal {
                Goal::Faster(_) => format!("{:.2}x as fast", 1.0 / median),
                _ => format!("{median:.2}x the time"),
            },
            detail: format!(
                "median {} : {}; min {} : {} ({:.2}x the time)",
                shown(own_median),
                shown(other_median),
                shown(own_min),
                shown(other_min),
                over(own_min, other_min),
            ),
            verdict: if met { Verdict::Ok } else { Verdict::Missed },
        });
    }
}

fn min_and_median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    let middle = times.len() / 2;
    let median = match times.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => times[middle],
        _ => (times[middle - 1] + times[middle]) / 2,
    };
    (times.first().copied().unwrap_or_default(), median)
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Goal::Faster(times) => format!(">= {times}x as fast"),
            Goal::Within(times) => format!("<= {times:.1}x the time"),
            Goal::AtMost(bytes) => format!("<= {:.1} MiB", *bytes as f64 / f64::from(1 << 20)),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0);
        writeln!(
            f,
            "\n{} repetitions, taken in turns; medians decide\n",
            self.reps
        )?;
        for row in &self.rows {
            let verdict = match row.verdict {
                Verdict::Ok => "ok",
                Verdict::Missed => "MISSED",
                Verdict::Skipped => "SKIPPED",
            };
            writeln!(
                f,
                "{:width$}  {:>16}  goal {:<17}  {verdict:<7}  {}",
                row.name, row.measured, row.goal, row.detail
            )?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(millis: &[u64]) -> Vec<Duration> {
        millis.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn medians_decide() {
        assert_eq!(
            min_and_median(times(&[9, 1, 5, 7])),
            (Duration::from_millis(1), Duration::from_millis(6))
        );
        let mut table = Table::new(3);
        table.ratio(
            "quick",
            Goal::Faster(3.0),
            times(&[1, 1, 90]),
            times(&[3, 3, 3]),
        );
        assert!(table.missed().is_empty() && !table.skipped());
        table.ratio(
            "slow",
            Goal::Within(1.3),
            times(&[1, 8, 8]),
            times(&[6, 6, 6]),
        );
        assert_eq!(table.missed(), ["slow"]);
        let mut table = Table::new(3);
        table.skip("absent", Goal::Faster(1.0), "no tool");
        assert!(table.skipped() && table.missed().is_empty());
    }
}
