//! Where to connect and to listen.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use super::connection::Connection;
use super::secret::random;

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

    /// Connects. Neither that nor a read or write later takes longer than `patience`.
    pub fn connect(&self, patience: Duration) -> io::Result<Connection> {
        let connection = match self {
            Address::Tcp(address) => tcp(address, patience).map(Connection::tcp),
            Address::Unix(path) => UnixStream::connect(path).map(Connection::unix),
        };
        let connection = connection
            .and_then(|connection| connection.with_patience(patience))
            .map_err(|error| self.named(&error))?;
        Ok(connection)
    }

    /// Listens. A socket file that nobody listens at any more is replaced; a new one is its owner's alone.
    pub fn listen(&self) -> io::Result<Listener> {
        let listener = match self {
            Address::Tcp(address) => TcpListener::bind(address).map(Listener::Tcp),
            Address::Unix(path) => {
                if UnixStream::connect(path).is_err() {
                    let is_socket = std::fs::metadata(path).is_ok_and(|found| {
                        std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
                    });
                    if is_socket {
                        std::fs::remove_file(path).map_err(|error| self.named(&error))?;
                    }
                }
                private(path).map(|listener| Listener::Unix(listener, path.clone()))
            }
        };
        let listener = listener.map_err(|error| self.named(&error))?;
        match &listener {
            Listener::Tcp(listener) => listener.set_nonblocking(true)?,
            Listener::Unix(listener, _) => listener.set_nonblocking(true)?,
        }
        Ok(listener)
    }

    fn named(&self, error: &io::Error) -> io::Error {
        let hint = match self {
            Address::Tcp(address) if error.kind() == io::ErrorKind::InvalidInput => {
                format!("{address}: an address is HOST:PORT, or the path of a socket")
            }
            _ => format!("{self}: {error}"),
        };
        io::Error::new(error.kind(), hint)
    }
}

/// Tries every address of a host, each no longer than `patience`.
fn tcp(address: &str, patience: Duration) -> io::Result<TcpStream> {
    let mut failed = io::Error::from(io::ErrorKind::InvalidInput);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience.max(Duration::from_millis(1))) {
            Ok(stream) => return stream.set_nodelay(true).map(|()| stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A socket that nobody but its owner can connect to, at any moment: it gets its name when it listens, and
/// its permissions before that.
#[cfg(target_os = "linux")]
fn private(path: &Path) -> io::Result<UnixListener> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen};

    if path.exists() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let own = beside(path)?;
    let family = AddressFamily::UNIX;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(&own)?)?;
    let named = owned_alone(&own)
        .and_then(|()| Ok(listen(&socket, 128)?))
        .and_then(|()| std::fs::rename(&own, path));
    if let Err(error) = named {
        let _ = std::fs::remove_file(&own);
        return Err(error);
    }
    Ok(UnixListener::from(socket))
}

/// The same, as near as the standard library comes.
#[cfg(not(target_os = "linux"))]
fn private(path: &Path) -> io::Result<UnixListener> {
    if path.exists() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    let own = beside(path)?;
    let listener = UnixListener::bind(&own)?;
    owned_alone(&own).and_then(|()| std::fs::rename(&own, path))?;
    Ok(listener)
}

/// A name in the same folder that nobody knows, and that is not much longer than any.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let number = u32::from_le_bytes(random()?);
    Ok(path.with_file_name(format!(".{number:08x}")))
}

fn owned_alone(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
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
    /// The next connection, if one has come, and who it is from.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        let accepted = match self {
            Listener::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                Ok(Connection::tcp(stream))
            }),
            Listener::Unix(listener, _) => listener.accept().and_then(|(stream, _)| {
                stream.set_nonblocking(false)?;
                Ok(Connection::unix(stream))
            }),
        };
        match accepted {
            Ok(connection) => Ok(Some(connection)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_socket_is_its_owners_alone_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let address = Address::of(path.to_str().unwrap());
        for _ in 0..2 {
            let listener = address.listen().unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
            // Somebody listens here.
            let second = address.listen().unwrap_err();
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
            assert!(address.connect(Duration::from_secs(1)).is_ok());
            assert!(listener.accept().unwrap().is_some());
            // As if the process had been killed.
            std::mem::forget(listener);
            std::fs::remove_file(&path).unwrap();
            drop(UnixListener::bind(&path).unwrap());
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "a file").unwrap();
        assert!(address.listen().is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }

    #[test]
    fn an_address_without_a_port_is_explained() {
        let failed = Address::of("foo").connect(Duration::from_secs(1));
        let text = failed.unwrap_err().to_string();
        assert!(text.contains("HOST:PORT"), "{text}");
    }
}
