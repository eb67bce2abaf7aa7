//! A line on the terminal for what takes longer than a second.

use std::io::{self, IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ia64save::progress::{self, Notice, Task};

use super::render::size::human;
use super::render::style;

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

/// Shows how far something is on standard error until dropped, if that is a terminal.
#[derive(Debug)]
pub struct Progress {
    counter: Arc<AtomicU64>,
    painter: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Watches over something called `label` that takes `total` bytes, where that is known.
    pub fn new(label: &str, total: Option<u64>) -> Self {
        Self::with(label, total, io::stderr().is_terminal())
    }

    fn with(label: &str, total: Option<u64>, visible: bool) -> Self {
        let counter = Arc::new(AtomicU64::new(0));
        let painter = visible.then(|| {
            let (stop, stopped) = mpsc::channel();
            let (label, counter) = (label.to_owned(), Arc::clone(&counter));
            let paint = move || {
                let began = Instant::now();
                let mut wait = PATIENCE;
                while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                    wait = REDRAW;
                    let text = line(
                        &label,
                        counter.load(Ordering::Relaxed),
                        total,
                        began.elapsed(),
                    );
                    show(&text);
                }
                if wait == REDRAW {
                    show("");
                }
            };
            (stop, thread::spawn(paint))
        });
        Progress { counter, painter }
    }
}

impl Task for Progress {
    fn add(&self, bytes: u64) {
        self.counter.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.painter.take() {
            drop(stop);
            // It can only have failed to draw, which is no reason to stop working.
            let _ = thread.join();
        }
    }
}

/// Replaces the line on the terminal.
fn show(text: &str) {
    let _ = write!(io::stderr(), "\r{text}\x1b[K");
}

fn line(label: &str, done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = human((done as f64 / elapsed.as_secs_f64()) as u64);
    match total {
        Some(total) if total > 0 => {
            let percent = u128::from(done.min(total)) * 100 / u128::from(total);
            let (done, total) = (human(done.min(total)), human(total));
            format!("{label} {percent:>3}%  {done} of {total}  {rate}/s")
        }
        _ => format!("{label} {}  {rate}/s", human(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let two = Duration::from_secs(2);
        assert_eq!(
            line("check", GIB, Some(4 * GIB), two),
            "check  25%  1.0 GiB of 4.0 GiB  512.0 MiB/s"
        );
        assert_eq!(line("check", GIB, None, two), "check 1.0 GiB  512.0 MiB/s");
        assert_eq!(line("check", 0, Some(0), two), "check 0 B  0 B/s");
        assert!(line("check", 9, Some(4), two).contains("100%"));
    }

    #[test]
    fn ends_at_once_when_dropped() {
        let began = Instant::now();
        let progress = Progress::with("check", None, true);
        progress.add(3);
        assert_eq!(progress.counter.load(Ordering::Relaxed), 3);
        drop(progress);
        assert!(began.elapsed() < PATIENCE);
    }
}
