//! An agent at the other end of a link with latency.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ia64save_xen::agent::{Agent, Options};

use crate::programs;

/// Bytes, and when they arrive.
type Parcel = (Instant, Vec<u8>);

/// The agent for Linux on a kernel that is not there, every byte `delay` late each way.
pub fn agent(delay: Duration, options: &Options) -> Agent {
    let mut child = Command::new(programs::linux())
        .arg("v2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("an agent");
    let mut input = child.stdin.take().expect("its input");
    let mut output = child.stdout.take().expect("its output");
    let (there, arrives) = channel::<Parcel>();
    thread::spawn(move || {
        while let Some(bytes) = next(&arrives) {
            if input.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    let (back, returns) = channel::<Parcel>();
    thread::spawn(move || {
        loop {
            let mut bytes = vec![0; 1 << 18];
            match output.read(&mut bytes) {
                Ok(some @ 1..) => {
                    bytes.truncate(some);
                    if back.send((Instant::now() + delay, bytes)).is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
        let _ = child.wait();
    });
    let reader = Far {
        parcels: returns,
        bytes: Vec::new(),
        at: 0,
    };
    let writer = Near {
        delay,
        parcels: there,
    };
    Agent::connect(reader, writer, options).expect("an agent that greets")
}

/// Waits until the next parcel is there.
fn next(parcels: &Receiver<Parcel>) -> Option<Vec<u8>> {
    let (due, bytes) = parcels.recv().ok()?;
    thread::sleep(due.saturating_duration_since(Instant::now()));
    Some(bytes)
}

struct Near {
    delay: Duration,
    parcels: Sender<Parcel>,
}

impl Write for Near {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let parcel = (Instant::now() + self.delay, bytes.to_vec());
        self.parcels
            .send(parcel)
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Far {
    parcels: Receiver<Parcel>,
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Far {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            self.at = 0;
            self.bytes = next(&self.parcels).unwrap_or_default();
        }
        let some = out.len().min(self.bytes.len() - self.at);
        out[..some].copy_from_slice(&self.bytes[self.at..self.at + some]);
        self.at += some;
        Ok(some)
    }
}
