//! What became of the domains, printed beside everything else: whoever reads it may have stopped.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cli::render::style;

/// Reports that wait to be printed.
const WAITING: usize = 256;

/// Prints reports in the order in which they come.
#[derive(Debug)]
pub struct Printer {
    reports: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Option<SyncSender<String>>,
    ended: Receiver<()>,
    lost: u64,
}

impl Printer {
    /// Starts.
    pub fn start() -> std::io::Result<Printer> {
        let (queue, reports) = sync_channel::<String>(WAITING);
        let (end, ended) = channel();
        thread::Builder::new()
            .name("printer".into())
            .spawn(move || {
                for report in reports {
                    // Whoever does not read it any more has seen enough.
                    let mut out = style::stdout();
                    let _ = out.write_all(report.as_bytes()).and_then(|()| out.flush());
                }
                let _ = end.send(());
            })?;
        Ok(Printer {
            reports: Mutex::new(State {
                queue: Some(queue),
                ended,
                lost: 0,
            }),
        })
    }

    /// Prints a report, soon. Where nobody reads, the latest are lost.
    pub fn print(&self, report: String) {
        let mut state = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = state.queue.as_ref().map(|queue| queue.try_send(report));
        if let Some(Err(TrySendError::Full(_))) = sent {
            state.lost += 1;
        }
    }

    /// Waits for all to be printed, so long at most. How many were not.
    pub fn end(self, patience: Duration) -> u64 {
        let mut state = self
            .reports
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        state.queue = None;
        let in_time = state.ended.recv_timeout(patience).is_ok();
        state.lost + u64::from(!in_time)
    }
}
