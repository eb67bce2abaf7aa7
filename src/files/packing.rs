//! Packing what is written.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use zstd::stream::write::Encoder;

use super::standard::is_stdout;

/// How hard gzip and xz try: what their own programs do when nobody says.
const LEVEL: u32 = 6;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compress {
    /// Not at all.
    None,
    /// As zstd does.
    Zst,
    /// As gzip does.
    Gz,
    /// As xz does.
    Xz,
}

/// How a file is packed by its name.
pub fn by_name(target: &Path) -> Compress {
    if is_stdout(target) {
        return Compress::None;
    }
    let extension = target.extension().unwrap_or_default().to_ascii_lowercase();
    match extension.to_str() {
        Some("zst" | "zstd") => Compress::Zst,
        Some("gz") => Compress::Gz,
        Some("xz") => Compress::Xz,
        _ => Compress::None,
    }
}

/// Packs bytes; what comes of them is fetched piece by piece.
pub enum Packer {
    /// zstd, with a checksum.
    Zst(Encoder<'static, Vec<u8>>),
    /// gzip.
    Gz(GzEncoder<Vec<u8>>),
    /// xz.
    Xz(XzEncoder<Vec<u8>>),
}

impl Packer {
    /// One that packs this way; `None` where nothing is packed.
    pub fn new(how: Compress) -> io::Result<Option<Packer>> {
        Ok(match how {
            Compress::None => None,
            Compress::Zst => {
                let mut encoder = Encoder::new(Vec::new(), 0)?;
                encoder.include_checksum(true)?;
                Some(Packer::Zst(encoder))
            }
            Compress::Gz => {
                let level = flate2::Compression::new(LEVEL);
                Some(Packer::Gz(GzEncoder::new(Vec::new(), level)))
            }
            Compress::Xz => Some(Packer::Xz(XzEncoder::new(Vec::new(), LEVEL))),
        })
    }

    /// Takes bytes, and gives those that are packed by now.
    pub fn pack(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let packed = match self {
            Packer::Zst(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Packer::Gz(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
            Packer::Xz(encoder) => {
                encoder.write_all(bytes)?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(packed))
    }

    /// The last bytes.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Packer::Zst(encoder) => encoder.finish(),
            Packer::Gz(encoder) => encoder.finish(),
            Packer::Xz(encoder) => encoder.finish(),
        }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_name_says_how_a_file_is_packed() {
        for (name, how) in [
            ("x.sav.zst", Compress::Zst),
            ("x.GZ", Compress::Gz),
            ("x.xz", Compress::Xz),
            ("x.sav", Compress::None),
            ("gz", Compress::None),
            ("-", Compress::None),
        ] {
            assert_eq!(by_name(Path::new(name)), how, "{name}");
        }
    }

    #[test]
    fn what_was_packed_is_what_comes_out() {
        let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        for how in [Compress::Zst, Compress::Gz, Compress::Xz] {
            let mut packer = Packer::new(how).unwrap().unwrap();
            let mut packed = Vec::new();
            for piece in bytes.chunks(70_001) {
                packed.extend(packer.pack(piece).unwrap());
            }
            packed.extend(packer.finish().unwrap());
            let mut out = Vec::new();
            let read = match how {
                Compress::Zst => zstd::stream::read::Decoder::new(&packed[..])
                    .unwrap()
                    .read_to_end(&mut out),
                Compress::Gz => flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut out),
                _ => liblzma::read::XzDecoder::new(&packed[..]).read_to_end(&mut out),
            };
            assert_eq!(read.unwrap(), bytes.len(), "{how:?}");
            assert!(out == bytes && packed.len() < bytes.len(), "{how:?}");
        }
    }
}
