//! Writing to a reader that may have stopped.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::signals;

/// How long one look at the reader takes.
const GLANCE: Duration = Duration::from_millis(100);
/// What a pipe takes at once if it takes anything.
const PIECE: usize = 4096;

/// A pipe, a terminal, a socket, a device. Once told how long, it waits so long at most for a reader that
/// takes nothing, and no longer than the work is wanted.
#[derive(Debug)]
pub struct Patient {
    file: File,
    patience: Option<Duration>,
}

impl Patient {
    /// To what is open, for as long as the system waits.
    pub fn new(file: File) -> Self {
        Patient {
            file,
            patience: None,
        }
    }

    /// Waits no longer than this from here on.
    pub fn wait_at_most(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// Waits until something can be written.
    fn wait(&mut self, patience: Duration) -> io::Result<()> {
        let began = Instant::now();
        while !is_writable(self.file.as_fd(), GLANCE)? {
            if signals::is_asked() {
                return Err(io::Error::other("interrupted, while nobody was reading"));
            }
            if began.elapsed() >= patience {
                // What is still in a buffer is not waited for as long again.
                self.patience = Some(Duration::ZERO);
                let text = format!("nobody has read for {} s", patience.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
        Ok(())
    }
}

impl AsFd for Patient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(patience) = self.patience else {
            return self.file.write(bytes);
        };
        self.wait(patience)?;
        self.file.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(target_os = "linux")]
fn is_writable(descriptor: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut polled = [PollFd::new(&descriptor, PollFlags::OUT)];
    let time = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    match poll(&mut polled, Some(&time)) {
        // An error of the descriptor shows when it is written to.
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Elsewhere writing waits for as long as the system does.
#[cfg(not(target_os = "linux"))]
fn is_writable(_: BorrowedFd<'_>, _: Duration) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_reader_that_stopped_is_not_waited_for_for_ever() {
        let (mut reader, writer) = io::pipe().unwrap();
        let own = writer.as_fd().try_clone_to_owned().unwrap();
        let mut patient = Patient::new(File::from(own));
        patient.wait_at_most(Duration::from_millis(150));
        let began = Instant::now();
        let failed = patient.write_all(&vec![7; 1 << 20]).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(10));
        // One that reads gets what was written.
        let mut some = [0; 9000];
        reader.read_exact(&mut some).unwrap();
        patient.write_all(&[8; 5000]).unwrap();
        drop((reader, writer));
        let failed = patient.write_all(&[8]).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    }
}
