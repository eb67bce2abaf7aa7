//! A connection between two processes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::signals;

/// How long one look takes. Whoever waits longer looks again, as long as the work is wanted.
const GLANCE: Duration = Duration::from_millis(50);

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    patience: Duration,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes.
    Bytes(usize),
    /// The other end has closed, as one does that has nothing more to say.
    Closed,
    /// The connection broke: nobody has closed it.
    Broken,
    /// Nothing came.
    Nothing,
}

impl Connection {
    /// Over TCP. Looks once and does not wait, until it is [given patience](Self::with_patience).
    pub fn tcp(stream: TcpStream) -> Self {
        Connection {
            stream: Stream::Tcp(stream),
            patience: Duration::ZERO,
        }
    }

    /// Over a Unix socket.
    pub fn unix(stream: UnixStream) -> Self {
        Connection {
            stream: Stream::Unix(stream),
            patience: Duration::ZERO,
        }
    }

    /// How long reading and writing may take.
    pub fn with_patience(mut self, patience: Duration) -> io::Result<Self> {
        self.patience = patience;
        let glance = Some(GLANCE.min(patience.max(Duration::from_millis(1))));
        match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(glance)?;
                stream.set_write_timeout(glance)?;
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(glance)?;
                stream.set_write_timeout(glance)?;
            }
        }
        Ok(self)
    }

    /// Another handle of the same, to end it from elsewhere.
    pub fn try_clone(&self) -> io::Result<Self> {
        let stream = match &self.stream {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        };
        Ok(Connection {
            stream,
            patience: self.patience,
        })
    }

    /// Reads what there is, waiting for the first byte at most as long as was said, and no longer than the
    /// work is wanted.
    pub fn hear(&mut self, buffer: &mut [u8]) -> Heard {
        let began = Instant::now();
        loop {
            let read = match &mut self.stream {
                Stream::Tcp(stream) => stream.read(buffer),
                Stream::Unix(stream) => stream.read(buffer),
            };
            return match read {
                Ok(0) => Heard::Closed,
                Ok(count) => Heard::Bytes(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_late(&error) => {
                    if began.elapsed() < self.patience && !signals::is_asked() {
                        continue;
                    }
                    Heard::Nothing
                }
                Err(_) => Heard::Broken,
            };
        }
    }

    /// Closes the half that this end writes to.
    pub fn close_writing(&self) -> io::Result<()> {
        self.shut(Shutdown::Write)
    }

    /// Ends it for everybody who holds it.
    pub fn end(&self) -> io::Result<()> {
        self.shut(Shutdown::Both)
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    /// Reads until the other end closes, for so long at most: what was sent to it is not lost by
    /// closing too early.
    pub fn drain(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut buffer = [0; 4096];
        while Instant::now() < deadline {
            match self.hear(&mut buffer) {
                Heard::Bytes(_) | Heard::Nothing => {}
                Heard::Closed | Heard::Broken => return,
            }
        }
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let began = Instant::now();
        loop {
            let written = match &mut self.stream {
                Stream::Tcp(stream) => stream.write(bytes),
                Stream::Unix(stream) => stream.write(bytes),
            };
            match written {
                Err(error) if is_late(&error) => {
                    if signals::is_asked() {
                        return Err(io::Error::other("interrupted"));
                    }
                    if began.elapsed() >= self.patience {
                        return Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            "the other end takes no more",
                        ));
                    }
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_and_closed_are_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for reset in [false, true] {
            let mut other = TcpStream::connect(address).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let patience = Duration::from_secs(5);
            let mut here = Connection::tcp(stream).with_patience(patience).unwrap();
            if reset {
                // Closing with bytes unread resets a connection.
                here.write_all(b"unread").unwrap();
                other.peek(&mut [0]).unwrap();
                drop(other);
            } else {
                other.shutdown(Shutdown::Write).unwrap();
                assert_eq!(
                    other.write(b"x").unwrap_err().kind(),
                    io::ErrorKind::BrokenPipe
                );
            }
            match here.hear(&mut [0; 10]) {
                Heard::Closed => assert!(!reset),
                Heard::Broken => assert!(reset),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn nobody_waits_longer_than_was_said() {
        let (stream, _other) = UnixStream::pair().unwrap();
        let patience = Duration::from_millis(120);
        let mut here = Connection::unix(stream).with_patience(patience).unwrap();
        let began = Instant::now();
        assert!(matches!(here.hear(&mut [0]), Heard::Nothing));
        assert!(began.elapsed() >= patience);
        let failed = here.write_all(&vec![0; 8 << 20]).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
