//! What stands in front of the stream and behind it.

use std::{fs, io};

use bytes::Bytes;
use ia64save::Loaded;
use ia64save_codec::convert::Loss;
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, Kind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::image::Trailing;

use super::args::Args;
use crate::cli::args::EnvelopeKind;
use crate::cli::exit::Failure;

/// The bytes around the stream.
pub(super) struct Surroundings {
    pub(super) front: Bytes,
    pub(super) back_own: Vec<u8>,
    pub(super) back: Bytes,
    /// Of the words that its writer puts around the stream.
    pub(super) order: ByteOrder,
    pub(super) losses: Vec<Loss>,
}

impl Surroundings {
    /// As the user wants them.
    pub(super) fn new(
        args: &Args,
        loaded: &Loaded,
        trailing: Option<Trailing>,
    ) -> Result<Self, Failure> {
        let envelope = &loaded.file.envelope;
        let target = match args.envelope {
            None => envelope.kind,
            Some(EnvelopeKind::Bare) => Kind::Bare,
            Some(EnvelopeKind::Xend) => Kind::Xend,
            Some(EnvelopeKind::Xl) => Kind::Xl,
        };
        let slice = |from: u64, to: u64| {
            let data = loaded.image().data.clone().unwrap_or_default();
            data.slice((from as usize).min(data.len())..(to as usize).min(data.len()))
        };
        let behind = trailing.map_or_else(Bytes::new, |t| slice(t.offset, t.offset + t.size));
        let mut losses = Vec::new();
        if target == envelope.kind && args.config.is_none() {
            let front = slice(0, envelope.stream_offset);
            return Ok(Surroundings {
                front,
                back_own: Vec::new(),
                back: behind,
                order: envelope.byte_order(),
                losses,
            });
        }
        let config = match &args.config {
            Some(path) => Some(Bytes::from(fs::read(path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?)),
            None => loaded
                .file
                .config_text
                .clone()
                .filter(|_| target == envelope.kind),
        };
        if let (Some(_), None) = (&loaded.file.config_text, &config) {
            let what = format!(
                "the configuration of the {} file; --config gives another",
                envelope.kind
            );
            losses.push(Loss {
                path: "envelope.config".into(),
                what,
            });
        }
        let broken = |error| Failure::Invalid(loaded.name.clone(), error);
        let front = match (target, config) {
            (Kind::Bare, _) => Vec::new(),
            (Kind::Xl, config) => {
                xl_header(ByteOrder::Little, 0, config.as_deref()).map_err(broken)?
            }
            (_, Some(config)) => xend_header(&config).map_err(broken)?,
            (_, None) => {
                let text =
                    "xend cannot restore a file without a configuration: give one with --config";
                return Err(Failure::Usage(text.into()));
            }
        };
        let (back_own, back) = match &loaded.file.device_model {
            Some(Ok(model)) => {
                let kind = if target == Kind::Xl {
                    DeviceModelKind::DeviceModel0002
                } else {
                    DeviceModelKind::Qemu
                };
                let data = slice(model.data.start, model.data.end);
                // Made here, as the header in front is.
                let order = ByteOrder::Little;
                let own = device_model_header(kind, data.len() as u64, order).map_err(broken)?;
                if let Some((_, size)) = loaded.file.trailing() {
                    let what = format!("{size} bytes behind the device model's state");
                    losses.push(Loss {
                        path: "trailing".into(),
                        what,
                    });
                }
                (own, data)
            }
            _ => (Vec::new(), behind),
        };
        Ok(Surroundings {
            front: front.into(),
            back_own,
            back,
            order: ByteOrder::Little,
            losses,
        })
    }
}
