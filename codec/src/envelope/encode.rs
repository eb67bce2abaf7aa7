//! Envelopes and records written: the mirror of [`probe`](super::probe()) and
//! [`parse_tail`](super::parse_tail).

use alloc::format;
use alloc::vec::Vec;

use super::device_model::DeviceModelKind;
use super::header::{ByteOrder, XEND_HEADER_SIZE, XEND_MAGIC, XL_BYTEORDER, XL_MAGIC, XlHeader};
use crate::code::Code;
use crate::error::Error;
use crate::limits::Limits;

/// Refuses a configuration that no reader with the usual limits would take.
fn readable(config: &[u8], offset: u64) -> Result<(), Error> {
    let most = Limits::default().config_bytes;
    if config.len() as u64 <= u64::from(most) {
        return Ok(());
    }
    let error = Error::new(Code::LimitExceeded, offset, "envelope.config_length").length(4);
    Err(error
        .expected(format!("at most {most} bytes of configuration"))
        .found(format!("{}", config.len())))
}

/// What xend wrote before the stream.
///
/// # Errors
/// Where the configuration is longer than [`Limits::config_bytes`] are by default.
pub fn xend_header(config: &[u8]) -> Result<Vec<u8>, Error> {
    readable(config, 16)?;
    let Ok(length) = i32::try_from(config.len()) else {
        return Err(
            Error::new(Code::EnvelopeConfigLength, 16, "envelope.config_length")
                .length(4)
                .expected(format!("at most {}", i32::MAX))
                .found(format!("{}", config.len())),
        );
    };
    let mut out = Vec::with_capacity(XEND_HEADER_SIZE + config.len());
    out.extend_from_slice(XEND_MAGIC);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(config);
    Ok(out)
}

/// What xl wrote before the stream, with these flags and this configuration; without one there is
/// no optional data.
///
/// # Errors
/// Where the configuration is longer than [`Limits::config_bytes`] are by default.
pub fn xl_header(
    byteorder: ByteOrder,
    optional_flags: u32,
    config: Option<&[u8]>,
) -> Result<Vec<u8>, Error> {
    let too_long = |found: usize| {
        Error::new(Code::EnvelopeOptionalData, 44, "envelope.optional_data_len")
            .length(4)
            .expected(format!("at most {}", u32::MAX))
            .found(format!("{found}"))
    };
    let mut data = Vec::new();
    if let Some(config) = config {
        readable(config, 48)?;
        let size = u32::try_from(config.len()).map_err(|_| too_long(config.len()))?;
        data.extend_from_slice(&byteorder.bytes(size));
        data.extend_from_slice(config);
    }
    let header = XlHeader {
        byteorder,
        mandatory_flags: 0,
        optional_flags,
        optional_data_len: u32::try_from(data.len()).map_err(|_| too_long(data.len()))?,
    };
    let mut out = header.to_bytes();
    out.extend_from_slice(&data);
    Ok(out)
}

impl XlHeader {
    /// The header itself; the optional data follows it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::from(*XL_MAGIC);
        for word in [
            XL_BYTEORDER,
            self.mandatory_flags,
            self.optional_flags,
            self.optional_data_len,
        ] {
            out.extend_from_slice(&self.byteorder.bytes(word));
        }
        out
    }
}

/// What stands before `data_size` bytes of device-model data; a length is in the order of the writer.
pub fn device_model_header(
    kind: DeviceModelKind,
    data_size: u64,
    order: ByteOrder,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::from(*kind.signature());
    if kind.has_length() {
        let size = u32::try_from(data_size).map_err(|_| {
            Error::new(Code::DeviceModelLength, 0, "device_model.length")
                .expected(format!("at most {}", u32::MAX))
                .found(format!("{data_size}"))
        })?;
        out.extend_from_slice(&order.bytes(size));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::{Kind, Probe, probe};
    use crate::limits::Limits;

    fn found(bytes: &[u8]) -> crate::envelope::Envelope {
        match probe(bytes, true, &Limits::default()).unwrap() {
            Probe::Found(envelope) => envelope,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_length_needs_its_word() {
        let error =
            device_model_header(DeviceModelKind::Remus, 1 << 32, ByteOrder::Little).unwrap_err();
        assert_eq!(error.code, Code::DeviceModelLength);
        assert!(device_model_header(DeviceModelKind::Qemu, 1 << 32, ByteOrder::Little).is_ok());
    }

    proptest! {
        #[test]
        fn an_xend_header_is_written_as_it_was_read(
            config in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let bytes = xend_header(&config).unwrap();
            let envelope = found(&bytes);
            prop_assert_eq!(envelope.kind, Kind::Xend);
            prop_assert_eq!(envelope.stream_offset, bytes.len() as u64);
            let read = envelope.config_bytes(&bytes).unwrap();
            prop_assert_eq!(xend_header(read).unwrap(), bytes);
        }

        #[test]
        fn an_xl_header_is_written_as_it_was_read(
            big in any::<bool>(),
            flags in any::<u32>(),
            config in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
            tail in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let order = if big { ByteOrder::Big } else { ByteOrder::Little };
            let bytes = xl_header(order, flags, config.as_deref()).unwrap();
            let envelope = found(&bytes);
            prop_assert_eq!(envelope.stream_offset, bytes.len() as u64);
            prop_assert_eq!(envelope.config_bytes(&bytes), config.as_deref());
            let xl = envelope.xl.unwrap();
            prop_assert_eq!(
                xl_header(xl.byteorder, xl.optional_flags, config.as_deref()).unwrap(),
                &bytes[..]
            );

            // Optional data with an unknown tail is kept by its owner; the header says its size.
            if config.is_some() {
                let longer = XlHeader { optional_data_len: xl.optional_data_len + tail.len() as u32, ..xl };
                let mut bytes = [&longer.to_bytes(), &bytes[48..], &tail].concat();
                bytes.extend_from_slice(&[0; 16]);
                let envelope = found(&bytes);
                prop_assert_eq!(envelope.xl, Some(longer));
                prop_assert_eq!(envelope.config_bytes(&bytes), config.as_deref());
                prop_assert_eq!(envelope.stream_offset, bytes.len() as u64 - 16);
            }
        }
    }
}
