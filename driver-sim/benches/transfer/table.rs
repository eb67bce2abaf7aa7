//! The result: a row for each measurement, with its goal.

use std::fmt;
use std::time::Duration;

struct Row {
    name: String,
    measured: String,
    goal: String,
    met: bool,
    detail: String,
}

/// All rows.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// A row.
    pub fn row(&mut self, name: &str, measured: String, goal: String, met: bool, detail: String) {
        self.rows.push(Row {
            name: name.to_owned(),
            measured,
            goal,
            met,
            detail,
        });
    }

    /// How fast something is against a copy of the same bytes: medians decide.
    pub fn speed(
        &mut self,
        name: &str,
        goal: f64,
        own: &[Duration],
        copy: &[Duration],
        bytes: u64,
    ) {
        let (own, copy) = (median(own), median(copy));
        let ratio = copy.as_secs_f64() / own.as_secs_f64();
        let rate = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e9;
        self.row(
            name,
            format!("{ratio:.2} of the copy"),
            format!(">= {goal:.1}"),
            ratio >= goal,
            format!("{:.1} GB/s against {:.1} GB/s", rate(own), rate(copy)),
        );
    }

    /// The rows whose goal was missed.
    pub fn missed(&self) -> Vec<&str> {
        let missed = self.rows.iter().filter(|row| !row.met);
        missed.map(|row| row.name.as_str()).collect()
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .rows
            .iter()
            .map(|row| row.name.len())
            .max()
            .unwrap_or(0);
        for row in &self.rows {
            let verdict = if row.met { "ok" } else { "MISSED" };
            writeln!(
                f,
                "{:width$}  {:>18}  goal {:<16}  {verdict:<6}  {}",
                row.name, row.measured, row.goal, row.detail
            )?;
        }
        Ok(())
    }
}
