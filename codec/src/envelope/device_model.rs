//! The device-model record that may follow the stream (spec 13.4).

use alloc::format;
use core::fmt;
use core::ops::Range;

use nom::IResult;
use nom::number::streaming::u32 as word;

use super::header::ByteOrder;
use crate::code::Code;
use crate::error::{Error, Finding};
use crate::size::index;

/// Bytes of each of the three signatures.
pub const SIGNATURE_SIZE: usize = 21;

/// What a qemu image begins with, big-endian as all of it.
pub const QEMU_MAGIC: [u8; 4] = *b"QEVM";

/// How much of a signature has to be there for the rest to be missed: less could begin a page record.
const TELLING: usize = 4;

/// The three records, by their signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceModelKind {
    /// `QemuDeviceModelRecord`: to the end of the input. xend, and xl 4.0.
    Qemu,
    /// `DeviceModelRecord0002`: with a length. xl from 4.1.
    DeviceModel0002,
    /// `RemusDeviceModelState`: with a length, between checkpoints.
    Remus,
}

impl DeviceModelKind {
    /// Every kind.
    pub const ALL: [DeviceModelKind; 3] = [
        DeviceModelKind::Qemu,
        DeviceModelKind::DeviceModel0002,
        DeviceModelKind::Remus,
    ];

    /// What the record begins with.
    pub fn signature(self) -> &'static [u8; SIGNATURE_SIZE] {
        match self {
            DeviceModelKind::Qemu => b"QemuDeviceModelRecord",
            DeviceModelKind::DeviceModel0002 => b"DeviceModelRecord0002",
            DeviceModelKind::Remus => b"RemusDeviceModelState",
        }
    }

    /// The signature as text.
    pub fn name(self) -> &'static str {
        match self {
            DeviceModelKind::Qemu => "QemuDeviceModelRecord",
            DeviceModelKind::DeviceModel0002 => "DeviceModelRecord0002",
            DeviceModelKind::Remus => "RemusDeviceModelState",
        }
    }

    /// Whether the record says how long it is; otherwise it takes the rest of the input.
    pub fn has_length(self) -> bool {
        self != DeviceModelKind::Qemu
    }

    /// Bytes before the data.
    pub fn header_size(self) -> usize {
        SIGNATURE_SIZE + if self.has_length() { 4 } else { 0 }
    }

    /// The kind of record that begins here.
    pub fn of(bytes: &[u8]) -> Option<DeviceModelKind> {
        Self::ALL
            .into_iter()
            .find(|kind| bytes.starts_with(kind.signature()))
    }
}

impl fmt::Display for DeviceModelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether these bytes begin a device-model record, as far as they go. True of no bytes at all.
pub fn is_signature_prefix(bytes: &[u8]) -> bool {
    DeviceModelKind::ALL.into_iter().any(|kind| {
        let signature = kind.signature();
        bytes.starts_with(signature) || signature.starts_with(bytes)
    })
}

/// What [`parse_tail`] has found after the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Call again with this many bytes, or with all there are.
    NeedMore(usize),
    /// The input ends where the stream does.
    End,
    /// A device-model record begins here.
    Record(Record),
    /// Something else: another checkpoint or garbage.
    Other,
}

/// The beginning of a device-model record, which says where its data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Which record.
    pub kind: DeviceModelKind,
    /// Offset of the signature.
    pub signature_offset: u64,
    /// Offset of the data.
    pub data_offset: u64,
    /// Bytes of data; none where they go on to the end of the input.
    pub length: Option<u32>,
    /// The data begins as a qemu image does.
    pub qemu_magic: bool,
}

/// A device-model record that is there in full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceModel {
    /// Which record.
    pub kind: DeviceModelKind,
    /// Offset of the signature.
    pub signature_offset: u64,
    /// Offsets of the data.
    pub data: Range<u64>,
    /// The data begins as a qemu image does.
    pub qemu_magic: bool,
}

impl Record {
    /// Offset after the record; none where it goes on to the end of the input.
    pub fn end(&self) -> Option<u64> {
        Some(self.data_offset + u64::from(self.length?))
    }

    /// The record of an input that has `input_size` bytes.
    pub fn finish(&self, input_size: u64) -> Result<DeviceModel, Error> {
        let end = self.end().unwrap_or(input_size.max(self.data_offset));
        if end > input_size {
            return Err(truncated(
                input_size,
                "device_model.data",
                end - self.signature_offset,
                input_size.saturating_sub(self.signature_offset),
            ));
        }
        Ok(DeviceModel {
            kind: self.kind,
            signature_offset: self.signature_offset,
            data: self.data_offset..end,
            qemu_magic: self.qemu_magic,
        })
    }
}

impl DeviceModel {
    /// A warning where the data is no qemu image.
    pub fn check(&self) -> Option<Finding> {
        (!self.qemu_magic).then(|| {
            let length = (self.data.end - self.data.start).min(4);
            Error::new(Code::DeviceModelMagic, self.data.start, "device_model.data")
                .length(length as u32)
                .expected("a qemu image, which begins with \"QEVM\"")
                .found(if length < 4 {
                    "fewer than 4 bytes"
                } else {
                    "other bytes"
                })
        })
    }
}

/// Looks at the bytes that follow a stream. `offset` is where they begin in the input, and `at_end`
/// says that there are no more. A length is in the order of the writer, as the words of an xl header are.
///
/// As with [`probe`](super::probe()), the answer does not depend on how the input is cut.
pub fn parse_tail(
    prefix: &[u8],
    at_end: bool,
    offset: u64,
    order: ByteOrder,
) -> Result<Tail, Error> {
    if prefix.is_empty() && at_end {
        return Ok(Tail::End);
    }
    if !is_signature_prefix(prefix) {
        return Ok(Tail::Other);
    }
    let Some(kind) = DeviceModelKind::of(prefix) else {
        if !at_end {
            return Ok(Tail::NeedMore(SIGNATURE_SIZE));
        }
        if prefix.len() < TELLING {
            return Ok(Tail::Other);
        }
        return Err(ends_early(prefix, offset, "signature", SIGNATURE_SIZE));
    };
    let header = kind.header_size();
    if prefix.len() < header {
        if at_end {
            return Err(ends_early(prefix, offset, "length", header));
        }
        return Ok(Tail::NeedMore(header));
    }
    let length = if kind.has_length() {
        let parsed: IResult<&[u8], u32> = word(order.endianness())(&prefix[SIGNATURE_SIZE..]);
        let (_, length) = parsed.map_err(|_| ends_early(prefix, offset, "length", header))?;
        Some(length)
    } else {
        None
    };
    let magic = length.map_or(4, |length| index(length.min(4)));
    let data = &prefix[header..];
    if data.len() < magic && !at_end {
        return Ok(Tail::NeedMore(header + magic));
    }
    Ok(Tail::Record(Record {
        kind,
        signature_offset: offset,
        data_offset: offset + header as u64,
        length,
        qemu_magic: magic == 4 && data.starts_with(&QEMU_MAGIC),
    }))
}

fn ends_early(prefix: &[u8], offset: u64, part: &str, wanted: usize) -> Error {
    let had = prefix.len() as u64;
    truncated(
        offset + had,
        &format!("device_model.{part}"),
        wanted as u64,
        had,
    )
}

fn truncated(end: u64, path: &str, wanted: u64, had: u64) -> Error {
    Error::new(Code::DeviceModelTruncated, end, path)
        .expected(format!("at least {wanted} bytes of record"))
        .found(format!("the end of the input after {had}"))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::envelope::device_model_header;

    const LITTLE: ByteOrder = ByteOrder::Little;

    fn record(kind: DeviceModelKind, data: &[u8]) -> Vec<u8> {
        let mut bytes = device_model_header(kind, data.len() as u64, LITTLE).unwrap();
        bytes.extend_from_slice(data);
        bytes
    }

    /// Gives what is asked for plus `extra`, as a reader of a pipe would.
    fn drive(input: &[u8], extra: usize) -> Result<Tail, Error> {
        let mut have = extra.min(input.len());
        loop {
            match parse_tail(&input[..have], have == input.len(), 100, LITTLE)? {
                Tail::NeedMore(wanted) => {
                    assert!(wanted > have);
                    have = (wanted + extra).min(input.len());
                }
                found => return Ok(found),
            }
        }
    }

    #[test]
    fn each_kind_is_read_back() {
        for kind in DeviceModelKind::ALL {
            let input = record(kind, b"QEVM and more");
            let Tail::Record(found) = parse_tail(&input, true, 7, LITTLE).unwrap() else {
                panic!("no record");
            };
            let size = 7 + input.len() as u64;
            let model = found.finish(size).unwrap();
            assert_eq!(model.kind, kind);
            assert_eq!(model.signature_offset, 7);
            assert_eq!(model.data, 7 + kind.header_size() as u64..size);
            assert_eq!(model.check(), None);
            assert_eq!(found.length.is_some(), kind.has_length());
        }
    }

    #[test]
    fn a_length_is_in_the_order_of_its_writer() {
        for kind in [DeviceModelKind::DeviceModel0002, DeviceModelKind::Remus] {
            let mut input = device_model_header(kind, 5, ByteOrder::Big).unwrap();
            assert_eq!(input[SIGNATURE_SIZE..], [0, 0, 0, 5]);
            input.extend_from_slice(b"QEVM!");
            let Tail::Record(found) = parse_tail(&input, true, 0, ByteOrder::Big).unwrap() else {
                panic!("no record");
            };
            assert_eq!(found.length, Some(5));
            let other = parse_tail(&input, true, 0, LITTLE).unwrap();
            assert!(matches!(other, Tail::Record(found) if found.length == Some(5 << 24)));
        }
    }

    #[test]
    fn what_follows_a_record_with_a_length_is_not_part_of_it() {
        let mut input = record(DeviceModelKind::Remus, b"QEVM");
        input.extend_from_slice(&[0; 8]);
        let Tail::Record(found) = parse_tail(&input, false, 0, LITTLE).unwrap() else {
            panic!("no record");
        };
        assert_eq!(found.end(), Some(29));
        assert_eq!(found.finish(37).unwrap().data, 25..29);
    }

    #[test]
    fn a_missing_part_is_named() {
        let input = record(DeviceModelKind::DeviceModel0002, b"QEVM");
        for (cut, path) in [
            (4, "device_model.signature"),
            (20, "device_model.signature"),
            (21, "device_model.length"),
            (24, "device_model.length"),
            (28, "device_model.data"),
        ] {
            let tail = parse_tail(&input[..cut], true, 0, LITTLE);
            let error = match tail {
                Ok(Tail::Record(record)) => record.finish(cut as u64).unwrap_err(),
                other => other.unwrap_err(),
            };
            assert_eq!(error.code, Code::DeviceModelTruncated);
            assert_eq!((error.offset, &*error.path), (cut as u64, path));
        }
    }

    #[test]
    fn another_body_is_a_warning() {
        let input = record(DeviceModelKind::Qemu, b"QEM");
        let Tail::Record(found) = parse_tail(&input, true, 0, LITTLE).unwrap() else {
            panic!("no record");
        };
        let finding = found.finish(24).unwrap().check().unwrap();
        assert_eq!(finding.code, Code::DeviceModelMagic);
        assert_eq!((finding.offset, finding.length), (21, 3));
    }

    #[test]
    fn a_page_record_is_no_signature() {
        assert!(!is_signature_prefix(&[0x10, 0, 0, 0]));
        assert!(is_signature_prefix(b"Remus"));
        assert_eq!(parse_tail(&[0x10], false, 0, LITTLE), Ok(Tail::Other));
        assert_eq!(parse_tail(b"D", true, 0, LITTLE), Ok(Tail::Other));
        assert_eq!(parse_tail(b"", true, 0, LITTLE), Ok(Tail::End));
    }

    proptest! {
        #[test]
        fn cutting_does_not_matter(
            kind in 0..3usize,
            data in prop::collection::vec(any::<u8>(), 0..12),
            cut in 0..48usize,
            damage in prop::option::of((0..48usize, any::<u8>())),
            extra in 0..48usize,
        ) {
            let mut input = record(DeviceModelKind::ALL[kind], &data);
            if let Some((at, value)) = damage
                && let Some(byte) = input.get_mut(at)
            {
                *byte = value;
            }
            input.truncate(cut);
            prop_assert_eq!(drive(&input, extra), parse_tail(&input, true, 100, LITTLE));
        }
    }
}
