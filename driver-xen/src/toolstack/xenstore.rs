//! A client of xenstore: as much as suspending a guest takes.
//!
//! A message is a header of four words (type, request, transaction, length) and its payload. The
//! daemon's socket and the kernel's device speak the same. Source: Xen's `io/xs_wire.h`.

use std::io::{self, Read, Write};

use ia64save_codec::layout;
use ia64save_codec::wire::Wire;

const READ: u32 = 2;
const INTRODUCE: u32 = 8;
const WRITE: u32 = 11;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;
/// Longest payload.
const LONGEST: usize = 4096;

layout! {
    /// The header of every message.
    pub struct Header: 16 {
        @0  r#type as "type": u32, Dec, "kind of message";
        @4  req_id: u32, Dec, "number that the answer repeats";
        @8  tx_id: u32, Dec, "transaction, 0 for none";
        @12 len: u32, Dec, "bytes that follow";
    }
}

/// A connection to xenstore.
#[derive(Debug)]
pub struct Xenstore<S> {
    stream: S,
    request: u32,
}

impl<S: Read + Write> Xenstore<S> {
    /// Over a stream that is connected.
    pub fn new(stream: S) -> Self {
        Xenstore { stream, request: 0 }
    }

    /// A node's value; `None` where there is no such node.
    pub fn read(&mut self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self.ask(READ, &[path.as_bytes(), &[0]]) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a node, and makes it where it is not there.
    pub fn write(&mut self, path: &str, value: &[u8]) -> io::Result<()> {
        self.ask(WRITE, &[path.as_bytes(), &[0], value]).map(drop)
    }

    /// Tells the daemon of a domain, or of another event channel of one that it knows.
    pub fn introduce(&mut self, domain: u16, mfn: u64, port: u32) -> io::Result<()> {
        let payload = format!("{domain}\0{mfn}\0{port}\0");
        self.ask(INTRODUCE, &[payload.as_bytes()]).map(drop)
    }

    fn ask(&mut self, kind: u32, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let payload = parts.concat();
        if payload.len() > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.request = self.request.wrapping_add(1);
        let mut message = Header {
            r#type: kind,
            req_id: self.request,
            tx_id: 0,
            len: payload.len() as u32,
        }
        .to_bytes();
        // In one write: the kernel's device wants whole messages.
        message.extend(payload);
        self.stream.write_all(&message)?;
        loop {
            let mut bytes = [0; Header::LAYOUT.size];
            self.stream.read_exact(&mut bytes)?;
            let header = Header::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
            if header.len as usize > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut payload = vec![0; header.len as usize];
            self.stream.read_exact(&mut payload)?;
            match header.r#type {
                // Watches of others who used this connection.
                WATCH_EVENT => {}
                _ if header.req_id != self.request => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                ERROR => return Err(refusal(&payload)),
                answered if answered == kind => return Ok(payload),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }
}

/// Errors come by name.
fn refusal(payload: &[u8]) -> io::Error {
    let name = String::from_utf8_lossy(payload);
    let name = name.trim_end_matches('\0');
    let kind = match name {
        "ENOENT" => io::ErrorKind::NotFound,
        "EACCES" | "EPERM" => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, format!("xenstore: {name}"))
}

#[cfg(unix)]
mod local {
    use std::fs::OpenOptions;
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;

    use super::Xenstore;

    /// A stream to xenstore.
    pub trait Stream: Read + Write {}
    impl<T: Read + Write> Stream for T {}

    const SOCKETS: [&str; 2] = ["/run/xenstored/socket", "/var/run/xenstored/socket"];
    const DEVICES: [&str; 2] = ["/dev/xen/xenbus", "/proc/xen/xenbus"];

    impl Xenstore<Box<dyn Stream>> {
        /// Connects to this machine's xenstore: the daemon's socket, or else the kernel's device.
        pub fn connect() -> io::Result<Self> {
            let mut failed = io::Error::from(io::ErrorKind::NotFound);
            for path in SOCKETS {
                match UnixStream::connect(path) {
                    Ok(stream) => return Ok(Xenstore::new(Box::new(stream))),
                    Err(error) => failed = error,
                }
            }
            for path in DEVICES {
                match OpenOptions::new().read(true).write(true).open(path) {
                    Ok(file) => return Ok(Xenstore::new(Box::new(file))),
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        }
    }
}

#[cfg(unix)]
pub use local::Stream;
