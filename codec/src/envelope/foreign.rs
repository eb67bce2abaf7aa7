//! Files that are something else, recognised so that the user learns what they are (spec 13.6).
//!
//! A damaged ia64 stream must reach the decoder, which knows more about it. So the marks of an ia64
//! stream are looked for first, and another format is named on strong evidence only.

use core::fmt;

use super::header::{ByteOrder, Kind};
use super::magic::Magic;
use crate::code::Code;
use crate::error::Error;

/// How programs pack a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The container of xz.
    Xz,
}

impl Compression {
    /// `"gzip"`, `"zstd"` or `"xz"`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
        }
    }
}

/// A format that is not ours. Its `Display` is one sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// The libxc stream of an x86 host before Xen 4.6.
    X86Legacy {
        /// Bits of a word of the tools that wrote it: 32 or 64.
        bits: u8,
        /// What the stream is in.
        inside: Kind,
    },
    /// The libxc stream of Xen 4.6 and later.
    LibxcV2 {
        /// Its version, 2 or 3; none where the input ends before it.
        version: Option<u32>,
        /// The byte order of its records; none where the input ends before it.
        byteorder: Option<ByteOrder>,
        /// What the stream is in.
        inside: Kind,
    },
    /// The libxl stream of Xen 4.6 and later.
    LibxlV2 {
        /// Its version, 2; none where the input does not reach it.
        version: Option<u32>,
        /// What the stream is in.
        inside: Kind,
    },
    /// An ELF file, such as `xm dump-core` writes.
    Elf {
        /// Bits of an address: 32 or 64.
        bits: u8,
        /// Whether it is a core.
        core: bool,
        /// The number of the machine; 50 is ia64.
        machine: u16,
    },
    /// A packed file.
    Compressed(Compression),
    /// The recorded bytes of a relocation: the image follows the request.
    Relocation {
        /// Bytes of the request.
        image_offset: u64,
    },
    /// Something else that is known by its mark.
    Known(Magic),
    /// Text.
    Text,
    /// Nothing that is known.
    Unknown,
    /// A file of no bytes.
    Empty,
}

impl Foreign {
    /// The complaint of a reader that can only take an ia64 save image. An empty file is no other
    /// format but an image cut short.
    pub fn to_error(self) -> Error {
        if self == Foreign::Empty {
            return Error::new(Code::Truncated, 0, "p2m_size")
                .expected("an ia64 save image")
                .found("an empty file");
        }
        Error::new(Code::ForeignFormat, 0, "envelope")
            .expected("an ia64 save image")
            .found(alloc::format!("{self}"))
    }
}

struct Inside(Kind);

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Bare => Ok(()),
            kind => write!(f, " in an {kind} file"),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Foreign::X86Legacy { bits, inside } => write!(
                f,
                "this is a legacy libxc stream of a {bits}-bit x86 host{}, not of an ia64 one",
                Inside(inside)
            ),
            Foreign::LibxcV2 {
                version,
                byteorder,
                inside,
            } => {
                f.write_str("this is a libxc stream ")?;
                if let Some(version) = version {
                    write!(f, "of version {version} ")?;
                }
                if let Some(byteorder) = byteorder {
                    write!(f, "({byteorder}-endian) ")?;
                }
                write!(f, "from Xen 4.6 or later{}", Inside(inside))?;
                f.write_str(", which no ia64 host wrote")
            }
            Foreign::LibxlV2 { version, inside } => {
                f.write_str("this is a libxl stream ")?;
                if let Some(version) = version {
                    write!(f, "of version {version} ")?;
                }
                write!(f, "from Xen 4.6 or later{}", Inside(inside))?;
                f.write_str(", which no ia64 host wrote")
            }
            Foreign::Elf {
                bits,
                core,
                machine,
            } => {
                let what = if core { "core dump" } else { "file" };
                write!(f, "this is a {bits}-bit ELF {what} of machine {machine}")?;
                match machine {
                    3 => f.write_str(" (x86)"),
                    // The sections that tell which kind it is stand at its end.
                    50 if core => f.write_str(
                        " (ia64); of cores those of xm dump-core are read, by info, map, extract, \
                         compare and find",
                    ),
                    50 => f.write_str(" (ia64)"),
                    62 => f.write_str(" (x86-64)"),
                    _ => Ok(()),
                }
            }
            Foreign::Compressed(compression) => write!(
                f,
                "this is a file compressed with {}: decompress it first",
                compression.name()
            ),
            Foreign::Relocation { image_offset } => write!(
                f,
                "this is a recorded relocation: the image begins after {image_offset} bytes of request"
            ),
            Foreign::Known(Magic { what, advice }) => {
                write!(f, "this is {what}")?;
                match advice {
                    "" => Ok(()),
                    advice => write!(f, ": {advice}"),
                }
            }
            Foreign::Text => f.write_str("this is text"),
            Foreign::Unknown => f.write_str(
                "not recognised as a save image: it begins neither as a stream does nor with the mark \
                 of another known format",
            ),
            Foreign::Empty => f.write_str("this file is empty"),
        }
    }
}
