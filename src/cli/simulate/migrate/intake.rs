//! The bytes of an xend file on their way into a restore.

use ia64save_codec::envelope::{
    ByteOrder, Config, DeviceModelKind, Envelope, Kind, Probe, QEMU_MAGIC, Tail, parse_tail, probe,
};
use ia64save_codec::transfer::TransferError;
use ia64save_codec::transfer::restore::{Restore, Restored};
use ia64save_codec::{Guest, Limits};
use ia64save_sim::SimTarget;

/// Bytes of a device model's state that are kept.
pub const DEVICE_MODEL: usize = 64 << 20;

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

    /// Nothing more comes. Where closing was all that said so, a device model's state that is missing or cut
    /// shows that it came too early.
    pub fn finish(mut self, unacknowledged: bool) -> Result<Restored, Broken> {
        if !self.done {
            self.restore.feed(&self.kept, true)?;
        }
        let hvm = self.restore.restored().guest == Some(Guest::Hvm);
        if let Err(why) = whole(&self.device_model, hvm && unacknowledged) {
            // Dropping the restore destroys its domain.
            return Err(Broken::DeviceModel(why));
        }
        Ok(self.restore.finish()?)
    }
}

/// Whether what follows a stream is a device model's state that is whole, as far as its own length says.
/// qemu's first versions have one in front of everything; later ones end in a byte of their own.
fn whole(bytes: &[u8], is_needed: bool) -> Result<(), String> {
    let tail = parse_tail(bytes, true, 0, ByteOrder::Little).map_err(|error| error.to_string())?;
    let record = match tail {
        Tail::End if is_needed => return Err("it is missing".into()),
        Tail::End => return Ok(()),
        Tail::Record(record) => record,
        Tail::NeedMore(_) | Tail::Other => return Err("something else follows the stream".into()),
    };
    let model = record
        .finish(bytes.len() as u64)
        .map_err(|error| error.to_string())?;
    let data = &bytes[model.data.start as usize..];
    let Some(rest) = data.strip_prefix(&QEMU_MAGIC) else {
        return Err("it does not begin as qemu's does".into());
    };
    if record.kind != DeviceModelKind::Qemu {
        return Ok(());
    }
    let version = rest.first_chunk().map(|word| u32::from_be_bytes(*word));
    let behind = rest.get(4..).unwrap_or(&[]);
    let is_whole = match version {
        None => false,
        Some(2) => behind
            .first_chunk()
            .is_some_and(|size| u64::from_be_bytes(*size) == (behind.len() - size.len()) as u64),
        Some(_) => behind.last() == Some(&0),
    };
    if is_whole {
        Ok(())
    } else {
        Err(format!("it is cut after {} bytes", data.len()))
    }
}

/// Why a domain could not be taken in.
#[derive(Debug)]
pub enum Broken {
    /// The restore failed, and has destroyed what there was.
    Restore(Box<TransferError>),
    /// More follows the stream than a device model's state.
    Trailing,
    /// The device model's state is not whole.
    DeviceModel(String),
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
            Broken::DeviceModel(why) => write!(f, "the device model's state: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ia64save_codec::envelope::device_model_header;

    #[test]
    fn a_device_models_state_that_is_cut_is_not_whole() {
        let header = device_model_header(DeviceModelKind::Qemu, 0, ByteOrder::Little).unwrap();
        let first = [&header[..], b"QEVM\0\0\0\x02\0\0\0\0\0\0\0\x05state"].concat();
        let later = [&header[..], b"QEVM\0\0\0\x03\x04state\0"].concat();
        for record in [&first, &later] {
            whole(record, true).unwrap();
            for cut in 1..record.len() {
                assert!(whole(&record[..cut], true).is_err(), "{cut}");
            }
        }
        assert!(whole(&[&first[..], b"more"].concat(), true).is_err());
        assert!(whole(b"", true).is_err());
        whole(b"", false).unwrap();
        assert!(whole(b"garbage", false).is_err());
    }
}
