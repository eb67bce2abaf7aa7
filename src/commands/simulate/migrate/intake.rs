//! The bytes of an xend file on their way into a restore.

use ia64save_codec::Limits;
use ia64save_codec::envelope::{Config, Envelope, Kind, Probe, probe};
use ia64save_codec::transfer::TransferError;
use ia64save_codec::transfer::restore::{Restore, Restored};
use ia64save_sim::SimTarget;

/// Bytes of a device model's state that are kept.
const DEVICE_MODEL: usize = 64 << 20;

/// What stands in front of the stream, as it comes in.
#[derive(Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
}

impl Head {
    /// Takes more bytes: the configuration, once it is there, and the first bytes of the stream.
    pub fn push(&mut self, bytes: &[u8], end: bool) -> Result<Option<(Config, Vec<u8>)>, String> {
        self.bytes.extend_from_slice(bytes);
        let envelope: Envelope = match probe(&self.bytes, end, &Limits::default()) {
            Ok(Probe::NeedMore(_)) => return Ok(None),
            Ok(Probe::Found(envelope)) if envelope.kind == Kind::Xend => envelope,
            Ok(Probe::Found(_)) => return Err("no LinuxGuestRecord in front of the stream".into()),
            Ok(Probe::Foreign(foreign)) => return Err(foreign.to_string()),
            Err(error) => return Err(error.to_string()),
        };
        let text = envelope.config_bytes(&self.bytes).unwrap_or(&[]);
        let config = Config::parse(Kind::Xend, text).map_err(|error| error.to_string())?;
        let stream = self.bytes.split_off(envelope.stream_offset as usize);
        Ok(Some((config, stream)))
    }
}

/// A restore that is fed with whatever comes.
pub struct Intake<'a> {
    restore: Restore<'a, SimTarget>,
    /// Bytes that the restore wants to see again with more behind them.
    kept: Vec<u8>,
    wanted: usize,
    done: bool,
    device_model: Vec<u8>,
}

impl<'a> Intake<'a> {
    /// Into a restore that has seen nothing yet.
    pub fn new(restore: Restore<'a, SimTarget>) -> Self {
        Intake {
            restore,
            kept: Vec::new(),
            wanted: 0,
            done: false,
            device_model: Vec::new(),
        }
    }

    /// Takes more bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() && !self.done {
            if self.kept.is_empty() {
                let fed = self.restore.feed(bytes, false)?;
                bytes = &bytes[fed.consumed..];
                (self.done, self.wanted) = (fed.done, fed.wanted);
                if !fed.done {
                    self.kept.extend_from_slice(bytes);
                    return Ok(());
                }
            } else {
                // No more than is asked for: what lies behind is taken from where it is.
                let count = self
                    .wanted
                    .saturating_sub(self.kept.len())
                    .max(1)
                    .min(bytes.len());
                self.kept.extend_from_slice(&bytes[..count]);
                bytes = &bytes[count..];
                if self.kept.len() >= self.wanted {
                    let fed = self.restore.feed(&self.kept, false)?;
                    self.kept.drain(..fed.consumed);
                    (self.done, self.wanted) = (fed.done, fed.wanted);
                    if self.done {
                        self.device_model.append(&mut self.kept);
                    }
                }
            }
        }
        if self.device_model.len() + bytes.len() > DEVICE_MODEL {
            return Err(Broken::Trailing);
        }
        self.device_model.extend_from_slice(bytes);
        Ok(())
    }

    /// Nothing more comes.
    pub fn finish(mut self) -> Result<(Restored, Vec<u8>), Broken> {
        if !self.done {
            self.restore.feed(&self.kept, true)?;
        }
        Ok((self.restore.finish()?, self.device_model))
    }
}

/// Why a domain could not be taken in.
#[derive(Debug)]
pub enum Broken {
    /// The restore failed, and has destroyed what there was.
    Restore(Box<TransferError>),
    /// More follows the stream than a device model's state.
    Trailing,
}

impl From<TransferError> for Broken {
    fn from(error: TransferError) -> Self {
        Broken::Restore(Box::new(error))
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Restore(error) => error.fmt(f),
            Broken::Trailing => f.write_str("more follows the stream than a device model's state"),
        }
    }
}
