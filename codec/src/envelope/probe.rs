//! Where the stream begins: the first question about any input.

use alloc::format;
use alloc::string::String;

use nom::IResult;

use super::foreign::Foreign;
use super::header::{
    self, Envelope, Kind, XEND_HEADER_SIZE, XEND_MAGIC, XL_HEADER_SIZE, XL_MAGIC,
    XL_MANDATORY_STREAM_V2, XlHeader,
};
use super::magic::DEEP;
use super::recognise;
use crate::code::Code;
use crate::error::Error;
use crate::limits::Limits;

/// How much of a stream is looked at; both headers fit as well.
const WINDOW: usize = 64;

/// How much of a magic has to be there for the rest to be missed.
const TELLING: usize = 4;

/// Bytes of the xl magic that a transfer as text leaves alone.
const XL_TEXT: usize = 27;

/// What [`probe`] has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Call again with this many bytes from the start of the input, or with all there are.
    NeedMore(usize),
    /// The stream begins at `stream_offset`. The prefix holds the configuration in full.
    Found(Envelope),
    /// The input is something else.
    Foreign(Foreign),
}

/// Finds out what an input is from the bytes it begins with. `at_end` says that there are no more.
///
/// The answer depends on the input alone, not on how much of it is given at a time: more bytes than
/// were asked for change nothing.
///
/// A stream of an unknown version is still [`Probe::Found`]: the decoder says what is wrong with it.
pub fn probe(prefix: &[u8], at_end: bool, limits: &Limits) -> Result<Probe, Error> {
    if prefix.len() < WINDOW && !at_end {
        return Ok(Probe::NeedMore(WINDOW));
    }
    let envelope = if begins(prefix, XEND_MAGIC) {
        xend(prefix, limits)?
    } else if begins(prefix, &XL_MAGIC[..XL_TEXT]) {
        let envelope = xl(prefix, limits)?;
        if envelope
            .xl
            .is_some_and(|xl| xl.mandatory_flags & XL_MANDATORY_STREAM_V2 != 0)
        {
            return Ok(Probe::Foreign(Foreign::LibxlV2 {
                version: None,
                inside: Kind::Xl,
            }));
        }
        envelope
    } else {
        let window = &prefix[..prefix.len().min(WINDOW)];
        let found = recognise::of_file(window);
        if found.is_none() && !recognise::is_settled(window) {
            // The marks of some formats lie further behind.
            if prefix.len() < DEEP && !at_end {
                return Ok(Probe::NeedMore(DEEP));
            }
            let rest = recognise::of_rest(&prefix[..prefix.len().min(DEEP)]);
            return Ok(rest.map_or_else(|| Probe::Found(Envelope::bare()), Probe::Foreign));
        }
        return Ok(found.map_or_else(|| Probe::Found(Envelope::bare()), Probe::Foreign));
    };
    enclosed(prefix, at_end, envelope, limits)
}

/// Looks at what an envelope holds, once it is there.
fn enclosed(
    prefix: &[u8],
    at_end: bool,
    mut envelope: Envelope,
    limits: &Limits,
) -> Result<Probe, Error> {
    let start = usize::try_from(envelope.stream_offset).unwrap_or(usize::MAX);
    let wanted = start.saturating_add(WINDOW);
    if prefix.len() < wanted && !at_end {
        return Ok(Probe::NeedMore(wanted));
    }
    if prefix.len() < start {
        let path = match envelope.kind {
            Kind::Xl => "envelope.optional_data",
            _ => "envelope.config",
        };
        return Err(truncated(prefix, path, start));
    }
    let window = &prefix[start..prefix.len().min(wanted)];
    if let Some(foreign) = recognise::of_stream(window, envelope.kind) {
        return Ok(Probe::Foreign(foreign));
    }
    if let Some(xl) = &envelope.xl {
        // Only now: a file of a later xl has such flags and a stream with a name of its own.
        if xl.mandatory_flags != 0 {
            return Err(
                Error::new(Code::EnvelopeXlFlags, 36, "envelope.mandatory_flags")
                    .length(4)
                    .expected("0")
                    .found(format!("{:#x}", xl.mandatory_flags)),
            );
        }
        envelope.config = xl_config(prefix, xl, limits)?;
    }
    Ok(Probe::Found(envelope))
}

fn xend(prefix: &[u8], limits: &Limits) -> Result<Envelope, Error> {
    let length = complete(header::xend(prefix), prefix, XEND_HEADER_SIZE)?;
    let complaint = |code| {
        Error::new(code, 16, "envelope.config_length")
            .length(4)
            .found(format!("{length}"))
    };
    let size = u32::try_from(length)
        .map_err(|_| complaint(Code::EnvelopeConfigLength).expected("a length from 0"))?;
    if size > limits.config_bytes {
        return Err(complaint(Code::LimitExceeded).expected(at_most(limits)));
    }
    let start = XEND_HEADER_SIZE as u64;
    let end = start + u64::from(size);
    Ok(Envelope {
        kind: Kind::Xend,
        stream_offset: end,
        config: Some(start..end),
        xl: None,
    })
}

fn xl(prefix: &[u8], limits: &Limits) -> Result<Envelope, Error> {
    let magic = &prefix[..prefix.len().min(XL_MAGIC.len())];
    if !XL_MAGIC.starts_with(magic) {
        let at = magic.iter().zip(XL_MAGIC).take_while(|(a, b)| a == b);
        return Err(
            Error::new(Code::EnvelopeMagic, at.count() as u64, "envelope.magic")
                .expected(format!("\"{}\"", XL_MAGIC[XL_TEXT..].escape_ascii()))
                .found(format!("\"{}\"", magic[XL_TEXT..].escape_ascii())),
        );
    }
    let rest = &prefix[prefix.len().min(XL_MAGIC.len() + 4)..];
    let byteorder = complete(header::xl_byteorder(prefix), prefix, XL_HEADER_SIZE)?;
    let byteorder = byteorder.map_err(|found| {
        Error::new(Code::EnvelopeByteorder, 32, "envelope.byteorder")
            .length(4)
            .expected("01 02 03 04 or 04 03 02 01")
            .found(format!("{:#010x}", found.swap_bytes()))
    })?;
    let xl = complete(header::xl_words(rest, byteorder), prefix, XL_HEADER_SIZE)?;
    if xl.optional_data_len.saturating_sub(4) > limits.config_bytes {
        return Err(
            Error::new(Code::LimitExceeded, 44, "envelope.optional_data_len")
                .length(4)
                .expected(at_most(limits))
                .found(format!("{}", xl.optional_data_len)),
        );
    }
    Ok(Envelope {
        kind: Kind::Xl,
        stream_offset: XL_HEADER_SIZE as u64 + u64::from(xl.optional_data_len),
        config: None,
        xl: Some(xl),
    })
}

/// The configuration within the optional data, which may be absent and may have more behind it.
fn xl_config(
    prefix: &[u8],
    xl: &XlHeader,
    limits: &Limits,
) -> Result<Option<core::ops::Range<u64>>, Error> {
    let start = XL_HEADER_SIZE as u64;
    let complaint = |code, expected: String, found| {
        Error::new(code, start, "envelope.config_length")
            .length(4)
            .expected(expected)
            .found(format!("{found}"))
    };
    if xl.optional_data_len == 0 {
        return Ok(None);
    }
    let Some(room) = xl.optional_data_len.checked_sub(4) else {
        return Err(
            Error::new(Code::EnvelopeOptionalData, 44, "envelope.optional_data_len")
                .length(4)
                .expected("0, or at least 4 for the length of the configuration")
                .found(format!("{}", xl.optional_data_len)),
        );
    };
    let parsed: IResult<&[u8], u32> =
        nom::number::streaming::u32(xl.byteorder.endianness())(&prefix[XL_HEADER_SIZE..]);
    let size = complete(parsed, prefix, XL_HEADER_SIZE + 4)?;
    if size > room {
        let most = format!("at most {room}, what the optional data has room for");
        return Err(complaint(Code::EnvelopeOptionalData, most, size));
    }
    if size > limits.config_bytes {
        return Err(complaint(Code::LimitExceeded, at_most(limits), size));
    }
    Ok(Some(start + 4..start + 4 + u64::from(size)))
}

/// Whether the input begins with a magic or is a telling part of one.
fn begins(prefix: &[u8], magic: &[u8]) -> bool {
    prefix.starts_with(magic) || (prefix.len() >= TELLING && magic.starts_with(prefix))
}

fn at_most(limits: &Limits) -> String {
    format!("at most {} bytes of configuration", limits.config_bytes)
}

/// The value of a parser that can fail only because the input has ended.
fn complete<T>(parsed: IResult<&[u8], T>, prefix: &[u8], wanted: usize) -> Result<T, Error> {
    parsed
        .map(|(_, value)| value)
        .map_err(|_| truncated(prefix, "envelope", wanted))
}

fn truncated(prefix: &[u8], path: &str, wanted: usize) -> Error {
    Error::new(Code::EnvelopeTruncated, prefix.len() as u64, path)
        .expected(format!("{wanted} bytes before the stream"))
        .found(format!("the end of the input after {}", prefix.len()))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::envelope::{ByteOrder, xend_header, xl_header};

    const STREAM: &[u8; 64] = b"\x32\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\0\x80\x0c\0\0\0\0\0\0\0\0\0\0\0\0\xf5\0\x10\0\0\0\0\0\0\x01\0\0\0\x28\0\0\0";

    fn whole(input: &[u8]) -> Result<Probe, Error> {
        probe(input, true, &Limits::default())
    }

    fn fault(input: &[u8]) -> (Code, u64) {
        let error = whole(input).unwrap_err();
        (error.code, error.offset)
    }

    /// Gives what is asked for and `extra` more, as a reader of a pipe would.
    fn drive(input: &[u8], extra: usize) -> Result<Probe, Error> {
        let mut have = extra.min(input.len());
        loop {
            match probe(&input[..have], have == input.len(), &Limits::default())? {
                Probe::NeedMore(wanted) => {
                    assert!(wanted > have);
                    have = (wanted + extra).min(input.len());
                }
                found => return Ok(found),
            }
        }
    }

    #[test]
    fn a_bare_stream_begins_at_once() {
        assert_eq!(whole(STREAM), Ok(Probe::Found(Envelope::bare())));
        let limits = Limits::default();
        assert_eq!(probe(&STREAM[..9], false, &limits), Ok(Probe::NeedMore(64)));
        assert_eq!(whole(&STREAM[..9]), Ok(Probe::Found(Envelope::bare())));
    }

    #[test]
    fn an_impossible_length_is_refused_before_it_is_wanted() {
        let mut file = xend_header(b"").unwrap();
        file.extend_from_slice(STREAM);
        for (length, code) in [
            (-1, Code::EnvelopeConfigLength),
            (i32::MIN, Code::EnvelopeConfigLength),
            (i32::MAX, Code::LimitExceeded),
        ] {
            file[16..20].copy_from_slice(&i32::to_be_bytes(length));
            assert_eq!(fault(&file), (code, 16));
            let error = probe(&file, false, &Limits::default()).unwrap_err();
            assert_eq!(error.code, code);
        }
    }

    #[test]
    fn an_end_within_the_envelope_is_named() {
        let file = xend_header(b"(domain)").unwrap();
        for cut in [4, 15, 16, 19, 20, 27] {
            assert_eq!(fault(&file[..cut]), (Code::EnvelopeTruncated, cut as u64));
        }
        // The stream is missing, but that is for its decoder to say.
        assert!(matches!(whole(&file), Ok(Probe::Found(_))));
        let file = xl_header(ByteOrder::Little, 0, Some(b"name='g'")).unwrap();
        for cut in [4, 27, 31, 35, 47, 48, 51, 59] {
            assert_eq!(fault(&file[..cut]), (Code::EnvelopeTruncated, cut as u64));
        }
    }

    #[test]
    fn an_xl_header_is_checked_word_by_word() {
        let good = xl_header(ByteOrder::Big, 5, Some(b"a=1")).unwrap();
        let good = [&good[..], STREAM].concat();
        let Ok(Probe::Found(envelope)) = whole(&good) else {
            panic!("not found");
        };
        assert_eq!(envelope.config_bytes(&good), Some(&b"a=1"[..]));
        assert_eq!(envelope.xl.unwrap().optional_flags, 5);

        let damaged = |at: usize, byte| {
            let mut bad = good.clone();
            bad[at] = byte;
            bad
        };
        assert_eq!(fault(&damaged(27, b'\r')), (Code::EnvelopeMagic, 27));
        assert_eq!(fault(&damaged(29, b' ')), (Code::EnvelopeMagic, 29));
        assert_eq!(fault(&damaged(33, 9)), (Code::EnvelopeByteorder, 32));
        assert_eq!(fault(&damaged(39, 1)), (Code::EnvelopeXlFlags, 36));
        assert_eq!(fault(&damaged(47, 3)), (Code::EnvelopeOptionalData, 44));
        assert_eq!(fault(&damaged(44, 3)), (Code::LimitExceeded, 44));
        assert_eq!(fault(&damaged(51, 4)), (Code::EnvelopeOptionalData, 48));
    }

    #[test]
    fn a_foreign_stream_is_found_in_an_envelope() {
        let later = b"\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\x02\0\0";
        let file = [&xend_header(b"(domain)").unwrap(), &later[..]].concat();
        assert_eq!(
            whole(&file),
            Ok(Probe::Foreign(Foreign::LibxcV2 {
                version: Some(2),
                byteorder: Some(ByteOrder::Little),
                inside: Kind::Xend
            }))
        );
        let mut file = xl_header(ByteOrder::Little, 0, None).unwrap();
        file[36] = 3;
        assert!(matches!(
            whole(&file),
            Ok(Probe::Foreign(Foreign::LibxlV2 {
                inside: Kind::Xl,
                ..
            }))
        ));
    }

    #[test]
    fn an_unknown_version_is_left_to_the_decoder() {
        for file in [
            STREAM.to_vec(),
            [&xend_header(b"()").unwrap()[..], STREAM].concat(),
        ] {
            let at = file.len() - 56;
            for version in [0, 7, 3 + (1 << 32), u64::MAX] {
                let mut file = file.clone();
                file[at..at + 8].copy_from_slice(&u64::to_le_bytes(version));
                assert!(matches!(whole(&file), Ok(Probe::Found(_))));
            }
        }
    }

    fn file() -> impl Strategy<Value = Vec<u8>> {
        let config = || prop::collection::vec(any::<u8>(), 0..100);
        let header = prop_oneof![
            Just(Vec::new()),
            config().prop_map(|config| xend_header(&config).unwrap()),
            (any::<bool>(), prop::option::of(config())).prop_map(|(big, config)| {
                let order = if big {
                    ByteOrder::Big
                } else {
                    ByteOrder::Little
                };
                xl_header(order, 0, config.as_deref()).unwrap()
            }),
        ];
        let stream = prop_oneof![
            Just(STREAM.to_vec()),
            Just(b"LibxlFmt\0\0\0\x02".to_vec()),
            Just(b"\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\x02\0\0".to_vec()),
            prop::collection::vec(any::<u8>(), 0..80),
        ];
        let damage = prop::collection::vec((0..120usize, any::<u8>()), 0..3);
        (header, stream, damage, 0..260usize).prop_map(|(header, stream, damage, cut)| {
            let mut file = [header, stream].concat();
            for (at, byte) in damage {
                if let Some(place) = file.get_mut(at) {
                    *place = byte;
                }
            }
            file.truncate(cut);
            file
        })
    }

    proptest! {
        #[test]
        fn cutting_does_not_matter(file in file(), extra in 0..200usize) {
            prop_assert_eq!(drive(&file, extra), whole(&file));
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = whole(&bytes);
        }

        #[test]
        fn an_error_lies_in_the_input(file in file()) {
            if let Err(error) = whole(&file) {
                prop_assert!(error.offset <= file.len() as u64);
                prop_assert!(!error.expected.is_empty() && !error.found.is_empty());
            }
        }
    }
}
