//! The result: a row for each comparison, with its goal.

use std::fmt;
use std::time::Duration;

use super::decode::Decoding;
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
    /// Told for those who want to know.
    None,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Missed,
    Skipped,
    None,
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
        self.compare_with(&format!("{name} / {against}"), goal, own, other, &|| {})
    }

    /// The same, under a name of its own; `after` each run something is cleared away.
    pub fn compare_with(
        &mut self,
        name: &str,
        goal: Goal,
        own: &Pipeline,
        other: &Pipeline,
        after: &dyn Fn(),
    ) -> Result<(), String> {
        let (mut own_times, mut other_times) = (Vec::new(), Vec::new());
        for _ in 0..self.reps {
            other_times.push(other.run()?);
            after();
            own_times.push(own.run()?);
            after();
        }
        self.ratio(name, goal, own_times, other_times, |time| {
            format!("{:.1} ms", time.as_secs_f64() * 1e3)
        });
        Ok(())
    }

    /// The decoder in memory.
    pub fn decoding(&mut self, times: Decoding) {
        let records = times.records as f64;
        let name = "Decoder / loop by hand, in memory";
        self.ratio(name, Goal::None, times.decoder, times.by_hand, |time| {
            format!("{:.2} ns/record", time.as_secs_f64() * 1e9 / records)
        });
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
    fn ratio(
        &mut self,
        name: &str,
        goal: Goal,
        own: Vec<Duration>,
        other: Vec<Duration>,
        shown: impl Fn(Duration) -> String,
    ) {
        let (own_min, own_median) = min_and_median(own);
        let (other_min, other_median) = min_and_median(other);
        let over = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64().max(1e-9);
        let median = over(own_median, other_median);
        let met = match goal {
            Goal::Faster(times) => Some(1.0 / median >= times),
            Goal::Within(times) => Some(median <= times),
            Goal::AtMost(_) | Goal::None => None,
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
            verdict: match met {
                Some(true) => Verdict::Ok,
                Some(false) => Verdict::Missed,
                None => Verdict::None,
            },
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
            Goal::None => "-".into(),
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
                Verdict::None => "",
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
        let shown = |time: Duration| format!("{time:?}");
        table.ratio(
            "quick",
            Goal::Faster(3.0),
            times(&[1, 1, 90]),
            times(&[3, 3, 3]),
            shown,
        );
        assert!(table.missed().is_empty() && !table.skipped());
        table.ratio(
            "slow",
            Goal::Within(1.3),
            times(&[1, 8, 8]),
            times(&[6, 6, 6]),
            shown,
        );
        assert_eq!(table.missed(), ["slow"]);
        let mut table = Table::new(3);
        table.skip("absent", Goal::None, "no tool");
        assert!(table.skipped() && table.missed().is_empty());
    }
}
