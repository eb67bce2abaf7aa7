//! What an envelope says before the stream begins (spec 13.1 to 13.3).

use core::fmt;
use core::ops::Range;

use nom::bytes::streaming::tag;
use nom::number::Endianness;
use nom::number::streaming::{be_i32, u32 as word};
use nom::{IResult, Parser};

/// What xend wrote first, for HVM domains too.
pub const XEND_MAGIC: &[u8; 16] = b"LinuxGuestRecord";

/// What xl wrote first. Its tail shows whether a transfer as text has damaged the file.
pub const XL_MAGIC: &[u8; 32] = b"Xen saved domain, xl format\n \0 \r";

/// Bytes of the xend header, without the configuration.
pub const XEND_HEADER_SIZE: usize = 20;

/// Bytes of the xl header, without the optional data.
pub const XL_HEADER_SIZE: usize = 48;

/// The mandatory flag by which later versions of xl announce a libxl stream.
pub const XL_MANDATORY_STREAM_V2: u32 = 2;

/// The word that shows the byte order of an xl header, in that order.
pub(super) const XL_BYTEORDER: u32 = 0x0102_0304;

/// Who put the stream into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Nobody: the file begins with the stream, as `xc_save` and xl 4.0 wrote it.
    Bare,
    /// xend: `xm save`, managed domains, relocation.
    Xend,
    /// xl, from 4.1.
    Xl,
}

impl Kind {
    /// `"bare"`, `"xend"` or `"xl"`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bare => "bare",
            Kind::Xend => "xend",
            Kind::Xl => "xl",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The order of the bytes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ByteOrder {
    /// The low byte first, as on every ia64 host under Xen.
    Little,
    /// The high byte first.
    Big,
}

impl ByteOrder {
    /// `"little"` or `"big"`.
    pub fn name(self) -> &'static str {
        match self {
            ByteOrder::Little => "little",
            ByteOrder::Big => "big",
        }
    }

    /// The bytes of a word.
    pub fn bytes(self, word: u32) -> [u8; 4] {
        match self {
            ByteOrder::Little => word.to_le_bytes(),
            ByteOrder::Big => word.to_be_bytes(),
        }
    }

    pub(super) fn endianness(self) -> Endianness {
        match self {
            ByteOrder::Little => Endianness::Little,
            ByteOrder::Big => Endianness::Big,
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The words of an xl header after its magic (spec 13.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XlHeader {
    /// The order of its words. The stream itself is little-endian all the same.
    pub byteorder: ByteOrder,
    /// A reader must know each of these; 4.1 and 4.2 wrote 0.
    pub mandatory_flags: u32,
    /// A reader may ignore these; 4.1 and 4.2 wrote 0.
    pub optional_flags: u32,
    /// Bytes between the header and the stream.
    pub optional_data_len: u32,
}

/// Where the stream begins, and what stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Envelope {
    /// Who wrote it.
    pub kind: Kind,
    /// Offset of the first byte of the stream.
    pub stream_offset: u64,
    /// Offsets of the configuration text; none in a bare file or where xl wrote none.
    pub config: Option<Range<u64>>,
    /// The header of an xl file.
    pub xl: Option<XlHeader>,
}

impl Envelope {
    /// No envelope at all.
    pub fn bare() -> Self {
        Envelope {
            kind: Kind::Bare,
            stream_offset: 0,
            config: None,
            xl: None,
        }
    }

    /// The order of the words that the writer put around the stream: that of an xl header, and of the
    /// lengths of device-model records.
    pub fn byte_order(&self) -> ByteOrder {
        self.xl.map_or(ByteOrder::Little, |xl| xl.byteorder)
    }

    /// The configuration text, out of the bytes that the input begins with.
    pub fn config_bytes<'a>(&self, prefix: &'a [u8]) -> Option<&'a [u8]> {
        let range = self.config.as_ref()?;
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        prefix.get(start..end)
    }
}

/// The xend header: the length of its configuration, which is signed and big-endian everywhere.
pub(super) fn xend(input: &[u8]) -> IResult<&[u8], i32> {
    (tag(&XEND_MAGIC[..]), be_i32)
        .map(|(_, length)| length)
        .parse(input)
}

/// The byte order of an xl header, or the bytes that name none.
pub(super) fn xl_byteorder(input: &[u8]) -> IResult<&[u8], Result<ByteOrder, u32>> {
    (tag(&XL_MAGIC[..]), word(Endianness::Little))
        .map(|(_, found)| match found {
            XL_BYTEORDER => Ok(ByteOrder::Little),
            _ if found.swap_bytes() == XL_BYTEORDER => Ok(ByteOrder::Big),
            _ => Err(found),
        })
        .parse(input)
}

/// The words after the byte order.
pub(super) fn xl_words(input: &[u8], byteorder: ByteOrder) -> IResult<&[u8], XlHeader> {
    let order = byteorder.endianness();
    (word(order), word(order), word(order))
        .map(
            |(mandatory_flags, optional_flags, optional_data_len)| XlHeader {
                byteorder,
                mandatory_flags,
                optional_flags,
                optional_data_len,
            },
        )
        .parse(input)
}
