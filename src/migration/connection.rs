//! A connection between two processes.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long one look for bytes takes on a connection that was accepted.
const GLANCE: Duration = Duration::from_millis(50);

/// Where to listen or to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// HOST:PORT.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    /// What looks like a path is one.
    pub fn of(text: &str) -> Address {
        match text.strip_prefix("unix:") {
            Some(path) => Address::Unix(path.into()),
            None if text.contains('/') => Address::Unix(text.into()),
            None => Address::Tcp(text.into()),
        }
    }

    /// Connects, and gives up waiting for bytes after `patience`.
    pub fn connect(&self, patience: Duration) -> io::Result<Connection> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{self}: {error}"));
        let connection = match self {
            Address::Tcp(address) => TcpStream::connect(address)
                .and_then(|stream| stream.set_nodelay(true).map(|()| Connection::Tcp(stream))),
            Address::Unix(path) => UnixStream::connect(path).map(Connection::Unix),
        };
        let connection = connection.map_err(named)?;
        connection.wait_at_most(patience)?;
        Ok(connection)
    }

    /// Listens. A socket file that nobody listens at any more is replaced.
    pub fn listen(&self) -> io::Result<Listener> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{self}: {error}"));
        let listener = match self {
            Address::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp),
            Address::Unix(path) => {
                if UnixStream::connect(path).is_err() {
                    let is_socket = std::fs::metadata(path).is_ok_and(|found| {
                        std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
                    });
                    if is_socket {
                        std::fs::remove_file(path).map_err(named)?;
                    }
                }
                UnixListener::bind(path).map(|listener| Listener::Unix(listener, path.clone()))
            }
        };
        let listener = listener.map_err(named)?;
        match &listener {
            Listener::Tcp(listener) => listener.set_nonblocking(true)?,
            Listener::Unix(listener, _) => listener.set_nonblocking(true)?,
        }
        Ok(listener)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => f.write_str(address),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Where connections arrive. A socket file goes with it.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket and its path.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// The next connection, if one has come. Its reads wait for [`GLANCE`] at most.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        let accepted = match self {
            Listener::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                Ok(Connection::Tcp(stream))
            }),
            Listener::Unix(listener, _) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                Ok(Connection::Unix(stream))
            }),
        };
        match accepted {
            Ok(connection) => {
                connection.wait_at_most(GLANCE)?;
                Ok(Some(connection))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            // One that went away before it was greeted is no reason to stop.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where it listens: the port that the system chose, where it was asked to.
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| String::from("?"), |address| address.to_string()),
            Listener::Unix(_, path) => path.display().to_string(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A connection.
#[derive(Debug)]
pub enum Connection {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// So many bytes.
    Bytes(usize),
    /// The other end has closed, or the connection broke.
    Closed,
    /// Nothing came.
    Nothing,
}

impl Connection {
    /// How long reading and writing may take.
    pub fn wait_at_most(&self, patience: Duration) -> io::Result<()> {
        let patience = Some(patience.max(Duration::from_millis(1)));
        match self {
            Connection::Tcp(stream) => {
                stream.set_read_timeout(patience)?;
                stream.set_write_timeout(patience)
            }
            Connection::Unix(stream) => {
                stream.set_read_timeout(patience)?;
                stream.set_write_timeout(patience)
            }
        }
    }

    /// Reads what there is, waiting for the first byte at most as long as was said.
    pub fn hear(&mut self, buffer: &mut [u8]) -> Heard {
        loop {
            return match self.read(buffer) {
                Ok(0) => Heard::Closed,
                Ok(count) => Heard::Bytes(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    Heard::Nothing
                }
                Err(_) => Heard::Closed,
            };
        }
    }

    /// Closes the half that this end writes to.
    pub fn close_writing(&self) -> io::Result<()> {
        match self {
            Connection::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Connection::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Reads until the other end closes, for so long at most: what was sent to it is not lost by
    /// closing too early.
    pub fn drain(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut buffer = [0; 4096];
        while Instant::now() < deadline && matches!(self.hear(&mut buffer), Heard::Bytes(_)) {}
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.read(buffer),
            Connection::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Tcp(stream) => stream.write(bytes),
            Connection::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
