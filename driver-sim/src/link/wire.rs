//! A link of some bandwidth and latency.

use std::time::Duration;

use ia64save_codec::transfer::ports::{Sink, SinkError};

use super::damage::Damage;
use crate::hypervisor::Host;

/// The steps in which guests work while bytes are on their way.
const STEP: Duration = Duration::from_millis(10);

/// Who takes what comes out of a link.
pub trait Receiver {
    /// Takes bytes.
    ///
    /// # Errors
    /// Where the other end is gone: the sender is told.
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SinkError>;
}

/// Nobody: the bytes are counted and forgotten.
impl Receiver for () {
    fn receive(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Receiver for Vec<u8> {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<F: FnMut(&[u8]) -> Result<(), SinkError>> Receiver for F {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self(bytes)
    }
}

/// A sink over virtual time: sending takes as long as the bandwidth says, and the guests of the
/// sending host work on meanwhile.
pub struct Link<R> {
    host: Host,
    receiver: R,
    /// Bytes a second; 0 for a link that takes no time.
    bandwidth: u64,
    latency: Duration,
    damage: Vec<Damage>,
    /// The most that is handed over at once.
    piece: usize,
    buffer: Vec<u8>,
    sent: u64,
    /// Nanoseconds that are owed, in fractions of the bandwidth.
    owed: u128,
    broken: Option<SinkError>,
}

impl<R: Receiver> Link<R> {
    /// A link out of a host, `bandwidth` bytes a second wide.
    pub fn new(host: &Host, bandwidth: u64, latency: Duration, receiver: R) -> Self {
        Link {
            host: host.clone(),
            receiver,
            bandwidth,
            latency,
            damage: Vec::new(),
            piece: usize::MAX,
            buffer: Vec::new(),
            sent: 0,
            owed: 0,
            broken: None,
        }
    }

    /// Something that will happen to the stream.
    #[must_use]
    pub fn damaged(mut self, damage: Damage) -> Self {
        self.damage.push(damage);
        self
    }

    /// Hands over no more than so many bytes at once.
    #[must_use]
    pub fn in_pieces(mut self, bytes: usize) -> Self {
        self.piece = bytes.max(1);
        self
    }

    /// Bytes sent so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Who takes what comes out.
    pub fn into_receiver(self) -> R {
        self.receiver
    }

    /// Time passes on the sending host, in steps in which its guests work.
    fn pass(&self, mut time: Duration) {
        while time > Duration::ZERO {
            let step = time.min(STEP);
            self.host.advance(step);
            time -= step;
        }
    }

    fn send(&mut self, bytes: usize) -> Result<(), SinkError> {
        let start = self.sent;
        let mut end = start + bytes as u64;
        let mut fault = None;
        for damage in &self.damage {
            match *damage {
                Damage::Corrupt { at, bits } if (start..end).contains(&at) => {
                    self.buffer[(at - start) as usize] ^= bits;
                }
                Damage::Cut(at) if at < end => {
                    end = at.max(start);
                    fault = Some((Duration::ZERO, "the connection is gone"));
                }
                Damage::Stall { at, timeout } if at < end => {
                    end = at.max(start);
                    fault = Some((timeout, "the other end takes no more"));
                }
                _ => {}
            }
        }
        let whole = (end - start) as usize;
        if let Some(nanos) =
            (whole as u128 * 1_000_000_000 + self.owed).checked_div(self.bandwidth.into())
        {
            self.owed = (whole as u128 * 1_000_000_000 + self.owed) % u128::from(self.bandwidth);
            self.pass(Duration::from_nanos(
                u64::try_from(nanos).unwrap_or(u64::MAX),
            ));
        }
        for piece in self.buffer[..whole].chunks(self.piece) {
            self.receiver.receive(piece)?;
            self.sent += piece.len() as u64;
        }
        match fault {
            None => Ok(()),
            Some((time, reason)) => {
                self.pass(time);
                Err(SinkError {
                    reason: reason.to_owned(),
                })
            }
        }
    }
}

impl<R: Receiver> Sink for Link<R> {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        Ok(&mut self.buffer[..bytes])
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        let sent = self.send(bytes);
        self.broken = sent.clone().err();
        sent
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        // A link that is cut right behind the last byte is found out now.
        self.send(0)?;
        self.pass(self.latency);
        Ok(())
    }

    fn now(&mut self) -> Duration {
        self.host.now()
    }

    fn wait(&mut self, time: Duration) {
        self.pass(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::Host;
    use ia64save_codec::Dialect;

    fn put(link: &mut Link<Vec<u8>>, bytes: &[u8]) -> Result<(), SinkError> {
        link.space(bytes.len())?.copy_from_slice(bytes);
        link.commit(bytes.len())
    }

    #[test]
    fn sending_takes_time() {
        let host = Host::of(Dialect::D11);
        let mut link = Link::new(&host, 1000, Duration::from_millis(5), Vec::new());
        put(&mut link, &[1; 300]).unwrap();
        assert_eq!(link.now(), Duration::from_millis(300));
        link.flush().unwrap();
        assert_eq!(link.now(), Duration::from_millis(305));
        assert_eq!(link.into_receiver(), [1; 300]);
    }

    #[test]
    fn damage_strikes_at_its_byte() {
        let host = Host::of(Dialect::D11);
        let link = || Link::new(&host, 0, Duration::ZERO, Vec::new());
        let mut cut = link().damaged(Damage::Cut(3));
        put(&mut cut, &[7, 7]).unwrap();
        assert!(put(&mut cut, &[7, 7]).is_err());
        assert!(cut.space(1).is_err() && cut.flush().is_err());
        assert_eq!(cut.into_receiver(), [7, 7, 7]);
        let mut turned = link().damaged(Damage::Corrupt { at: 1, bits: 1 });
        put(&mut turned, &[7, 7, 7]).unwrap();
        assert_eq!(turned.into_receiver(), [7, 6, 7]);
        let timeout = Duration::from_secs(30);
        let mut stalled = link().damaged(Damage::Stall { at: 0, timeout });
        assert!(put(&mut stalled, &[7]).is_err());
        assert_eq!(stalled.now(), timeout);
    }
}
