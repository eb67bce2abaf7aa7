//! A line on the terminal for what takes longer than a second, and none elsewhere.

use std::io::{self, IsTerminal, Write as _};
use std::sync::LazyLock;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ia64save::progress::{self, Notice, Task};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::render::{screen, style};

/// What the library has to say, on standard error.
#[derive(Clone, Copy, Debug)]
pub struct Screen;

impl progress::Progress for Screen {
    fn begin(&self, what: &str, total: Option<u64>) -> Box<dyn Task> {
        Box::new(Progress::new(what, total))
    }

    fn notice(&self, notice: &Notice<'_>) {
        // Who cannot be told goes without.
        let _ = match notice {
            Notice::StandardInput => say_waiting(),
            Notice::Damaged(damage) => style::warn(&damage.to_string()),
            Notice::Locked(path) => {
                let name = path.display().to_string();
                let name = style::safe(&name);
                writeln!(
                    style::stderr(),
                    "ia64save: {name}: waiting for another edit of it"
                )
            }
            _ => Ok(()),
        };
    }
}

/// Says that standard input is read, where that is a terminal and nothing would seem to happen.
fn say_waiting() -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    writeln!(
        style::stderr(),
        "ia64save: reads standard input, which is a terminal: an image comes from a file or a pipe \
         (Ctrl-D ends it, Ctrl-C gives up)"
    )
}

/// What is done before the first line: whoever waits for less than this needs no consolation.
const PATIENCE: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(200);
/// Letters of what is under way that leave room for the bar.
const LABEL: usize = 32;

/// The lines that are there: two images may be read at once.
static LINES: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(5)));

/// Shows how far something is on standard error until dropped, if that is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Has the bar wait until somebody could be impatient.
    patience: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Watches over something called `label` that takes `total` bytes, where that is known.
    pub fn new(label: &str, total: Option<u64>) -> Self {
        Self::with(label, total, io::stderr().is_terminal())
    }

    fn with(label: &str, total: Option<u64>, visible: bool) -> Self {
        let total = total.filter(|total| *total > 0);
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let patience = visible.then(|| {
            bar.set_style(style_of(total));
            bar.set_message(shortened(&style::safe(label)));
            let (stop, stopped) = mpsc::channel();
            let own = bar.clone();
            let show = move || {
                if stopped.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    LINES.add(own).enable_steady_tick(REDRAW);
                }
            };
            (stop, thread::spawn(show))
        });
        Progress { bar, patience }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.patience.take() {
            drop(stop);
            // It can only have failed to draw, which is no reason to stop working.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
        LINES.remove(&self.bar);
    }
}

/// What a line says where it is known how much there is.
const KNOWN: &str = "{msg} {percent:>3}% {wide_bar} {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta}";
/// And where not.
const UNKNOWN: &str = "{msg} {binary_bytes}  {binary_bytes_per_sec}";

/// How far, how fast, how long it takes.
fn style_of(total: Option<u64>) -> ProgressStyle {
    let template = if total.is_some() { KNOWN } else { UNKNOWN };
    let bar = if screen::unicode() {
        "\u{2588}\u{2589}\u{258a}\u{258b}\u{258c}\u{258d}\u{258e}\u{258f}\u{2591}"
    } else {
        "#-"
    };
    let style = ProgressStyle::with_template(template);
    style.map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.progress_chars(bar),
    )
}

/// A label of which the end is there, as it is with the path of a file.
fn shortened(label: &str) -> String {
    let letters = label.chars().count();
    if letters <= LABEL {
        return label.into();
    }
    let end = label.chars().skip(letters - LABEL + 3);
    std::iter::repeat_n('.', 3).chain(end).collect()
}

impl Task for Progress {
    fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_a_line_says_is_understood() {
        for template in [KNOWN, UNKNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn the_end_of_a_long_name_is_shown() {
        assert_eq!(shortened("check"), "check");
        let long = shortened("/a/long/path/that/goes/on/and/on/to/an/image.sav: digest");
        assert_eq!(long.chars().count(), LABEL);
        assert!(
            long.starts_with("...") && long.ends_with("image.sav: digest"),
            "{long}"
        );
    }

    #[test]
    fn ends_at_once_when_dropped() {
        let began = Instant::now();
        let progress = Progress::with("check", None, true);
        progress.add(3);
        assert_eq!(progress.bar.position(), 3);
        drop(progress);
        assert!(began.elapsed() < PATIENCE);
    }
}
