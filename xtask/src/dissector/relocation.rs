//! The two ends of a relocation, on this machine and nowhere else (spec 13.5).

use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The port of the protocol.
pub const PORT: u16 = 8002;
/// What the client sends first, and what it has to be answered.
pub const REQUEST: &[u8] = b"receive\n";
pub const READY: &[u8] = b"(ready receive)\n";
/// Bytes of each write in turn, so that the segments fall everywhere.
const WRITES: [usize; 6] = [7, 1460, 16_392, 61_003, 29, 200_000];
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a file and waits until all of it has arrived.
pub fn run(file: &[u8]) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))
        .map_err(|error| Error::new(error.kind(), format!("port {PORT}: {error}")))?;
    let server = thread::spawn(move || serve(&listener));
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT))?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    client.write_all(REQUEST)?;
    let mut answer = vec![0; READY.len()];
    client.read_exact(&mut answer)?;
    let mut rest = file;
    for length in WRITES.iter().cycle() {
        let (now, later) = rest.split_at((*length).min(rest.len()));
        client.write_all(now)?;
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    client.shutdown(Shutdown::Write)?;
    let arrived = server.join().map_err(|_| Error::other("the server"))??;
    if answer == READY && arrived == file {
        Ok(())
    } else {
        Err(Error::other("what arrived is not what was sent"))
    }
}

fn serve(listener: &TcpListener) -> io::Result<Vec<u8>> {
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = Vec::new();
    reader.read_until(b'\n', &mut request)?;
    if request != REQUEST {
        return Err(Error::other("no request"));
    }
    stream.write_all(READY)?;
    let mut file = Vec::new();
    reader.read_to_end(&mut file)?;
    Ok(file)
}
