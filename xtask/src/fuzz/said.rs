//! What a run of a target came to, out of what libFuzzer prints.

use std::fmt;

/// A run, as a row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Inputs that were run, those of the corpus among them.
    executions: u64,
    seconds: u64,
    /// Edges and features: the counters `cov` and `ft`.
    counters: (u64, u64),
    /// What lies in the corpus folder afterwards, the seeds not among it.
    inputs: usize,
    bytes: u64,
    /// The most memory of the process, in MiB.
    memory: u64,
}

impl Said {
    pub const TITLES: &str = "\
        | target | seconds | executions | inputs kept | KiB | `cov` | `ft` | MiB at most |\n\
        |---|---|---|---|---|---|---|---|";

    /// Reads a log of `-print_final_stats=1`; what is not there counts as 0.
    pub fn of(log: &str, inputs: usize, bytes: u64) -> Self {
        let number = |text: &str| text.split_whitespace().next()?.parse().ok();
        let stat = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix(name));
            line.and_then(number).unwrap_or(0)
        };
        let counter = |name: &str| {
            let line = log.lines().rev().find(|line| line.contains(" cov: "));
            let (_, rest) = line?.split_once(name)?;
            number(rest)
        };
        let done = log.lines().rev().find_map(|line| {
            let (_, rest) = line.strip_prefix("Done ")?.split_once(" in ")?;
            number(rest)
        });
        Said {
            executions: stat("stat::number_of_executed_units:"),
            seconds: done.unwrap_or(0),
            counters: (
                counter(" cov: ").unwrap_or(0),
                counter(" ft: ").unwrap_or(0),
            ),
            inputs,
            bytes,
            memory: stat("stat::peak_rss_mb:"),
        }
    }

    /// A row below [`Self::TITLES`].
    pub fn row(&self, target: &str) -> String {
        format!(
            "| `{target}` | {} | {} | {} | {} | {} | {} | {} |",
            self.seconds,
            thousands(self.executions),
            self.inputs,
            self.bytes >> 10,
            self.counters.0,
            self.counters.1,
            self.memory
        )
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} executions in {} s, {} inputs kept",
            thousands(self.executions),
            self.seconds,
            self.inputs
        )
    }
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2048\tpulse  cov: 99 ft: 300 corp: 9/1Kb lim: 1024 exec/s: 1 rss: 50Mb
#12345\tDONE   cov: 100 ft: 301 corp: 10/2Kb lim: 1024 exec/s: 617 rss: 99Mb
Done 12345 runs in 21 second(s)
stat::number_of_executed_units: 12345
stat::average_exec_per_sec:     587
stat::new_units_added:          8
stat::peak_rss_mb:              99
";

    #[test]
    fn a_log_becomes_a_row() {
        let said = Said::of(LOG, 8, 3000);
        assert_eq!(
            said.row("x"),
            "| `x` | 21 | 12,345 | 8 | 2 | 100 | 301 | 99 |"
        );
        assert_eq!(said.to_string(), "12,345 executions in 21 s, 8 inputs kept");
        assert_eq!(Said::of("", 0, 0).executions, 0);
    }

    #[test]
    fn digits_stand_in_threes() {
        let shown = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
