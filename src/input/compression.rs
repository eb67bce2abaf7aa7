//! Compressed images, recognised by what they start with.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// Bytes that have to be seen to recognise compression.
pub(super) const HEAD: usize = 16;
/// Compressed bytes that are read at once.
const STEP: usize = 256 << 10;
/// The largest zstd window, as the power of two: what `zstd -d` takes without being asked (128 MiB).
const ZSTD_WINDOW: u32 = 27;

/// How an image is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Zstandard, any number of frames.
    Zstd,
    /// gzip, any number of members.
    Gzip,
    /// xz, any number of streams.
    Xz,
}

impl Compression {
    /// What a file that starts with `head` is compressed with.
    pub fn of(head: &[u8]) -> Option<Compression> {
        match head {
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Some(Compression::Zstd)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
            // An image starts like that too if its domain had 0x88b1f pages (8.5 GiB). Its version
            // word follows then, which no gzip member has there: the five zero bytes would be a
            // deflate block whose length does not match its complement.
            [0x1f, 0x8b, 8, _, _, _, _, _, 1..=3, 0, 0, 0, 0, 0, 0, 0, ..] => None,
            [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
            _ => None,
        }
    }

    /// Reads what `stored` holds. Its end inside of compressed data is an error.
    pub(super) fn decoder(
        self,
        stored: Box<dyn Read + Send>,
        xz_memory: u64,
    ) -> io::Result<Box<dyn Read + Send>> {
        let stored = BufReader::with_capacity(STEP, stored);
        Ok(match self {
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
                decoder.window_log_max(ZSTD_WINDOW)?;
                Box::new(decoder)
            }
            Compression::Gzip => Box::new(Gzip::Member(GzDecoder::new(stored))),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(xz_memory, CONCATENATED)?;
                Box::new(Xz(XzDecoder::new_stream(stored, stream)))
            }
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
        })
    }
}

/// Members one after the other, with zeros behind the last as tapes and block devices leave them.
enum Gzip<R> {
    Member(GzDecoder<R>),
    /// Behind a member: where it stands.
    Between(R),
    End,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self {
                Gzip::Member(decoder) => {
                    let count = decoder.read(buffer)?;
                    if count > 0 {
                        return Ok(count);
                    }
                    if let Gzip::Member(decoder) = std::mem::replace(self, Gzip::End) {
                        *self = Gzip::Between(decoder.into_inner());
                    }
                }
                Gzip::Between(stored) => {
                    let ahead = stored.fill_buf()?;
                    let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
                    let (empty, more) = (ahead.is_empty(), zeros < ahead.len());
                    stored.consume(zeros);
                    if empty {
                        *self = Gzip::End;
                    } else if more && let Gzip::Between(stored) = std::mem::replace(self, Gzip::End)
                    {
                        *self = Gzip::Member(GzDecoder::new(stored));
                    }
                }
                Gzip::End => return Ok(0),
            }
        }
    }
}

/// Says what liblzma only numbers.
struct Xz<R>(XzDecoder<R>);

impl<R: io::BufRead> Read for Xz<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let inner = error.get_ref().and_then(|e| e.downcast_ref());
            match inner {
                Some(liblzma::stream::Error::MemLimit) => io::Error::new(
                    io::ErrorKind::OutOfMemory,
                    "decompressing this xz file needs more memory than allowed",
                ),
                _ => error,
            }
        })
    }
}

/// Reads what a decoder makes of compressed data, and says where they are damaged.
pub(super) struct Unpacking {
    compression: Compression,
    decoder: Box<dyn Read + Send>,
    unpacked: u64,
}

impl Unpacking {
    pub(super) fn new(compression: Compression, decoder: Box<dyn Read + Send>) -> Self {
        Unpacking {
            compression,
            decoder,
            unpacked: 0,
        }
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.decoder.read(buffer) {
            Ok(count) => {
                self.unpacked += count as u64;
                Ok(count)
            }
            // The disk failed, or the user allows too little memory: nothing is wrong with the data.
            Err(error) if error.raw_os_error().is_some() => Err(error),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(error),
            // libzstd has a number for it, of which its binding keeps the words.
            Err(error) if error.to_string().contains("too much memory") => Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "decompressing this zstd file needs more memory than allowed; decompress it with zstd -d --long=31 first",
            )),
            Err(error) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                Damage {
                    name: String::new(),
                    compression: self.compression,
                    unpacked: self.unpacked,
                    why: error.to_string(),
                },
            )),
        }
    }
}

/// Compressed data that are not what they should be: the input is bad, not the reading of it.
#[derive(Clone, Debug)]
pub struct Damage {
    name: String,
    compression: Compression,
    /// Bytes of the image that came out before.
    unpacked: u64,
    why: String,
}

impl Damage {
    /// The damage that an error is about.
    pub fn of(error: &io::Error) -> Option<&Damage> {
        error.get_ref()?.downcast_ref()
    }

    /// With the name of the input.
    pub(super) fn named(&self, name: &str) -> Damage {
        Damage {
            name: name.into(),
            ..self.clone()
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage {
            name,
            compression,
            unpacked,
            why,
        } = self;
        write!(
            f,
            "{name}: damaged {compression} data: {why}, after {unpacked} bytes of the image \
             (repair takes these, and so do find and extract with --damaged)"
        )
    }
}

impl std::error::Error for Damage {}
