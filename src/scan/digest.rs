//! The SHA-256 of a whole file.

use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use super::{changed_size, shorter};
use crate::input::Source;
use crate::progress::Task;

/// Large enough that the system calls vanish, small enough for the second-level cache: the hash
/// then reads what the copy has just left there.
const STEP: usize = 256 << 10;

/// Hashes the first `len` bytes of `source`.
pub fn digest(source: Source<'_>, len: u64, counter: &dyn Task) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    match source {
        Source::Bytes(bytes) => {
            let len = usize::try_from(len).map_err(|_| changed_size())?;
            hash.update(bytes.get(..len).ok_or_else(changed_size)?);
            counter.add(len as u64);
        }
        Source::File { file, .. } => {
            let mut buffer = vec![0; STEP];
            let mut at = 0;
            while at < len {
                let step = (len - at).min(STEP as u64) as usize;
                file.read_exact_at(&mut buffer[..step], at)
                    .map_err(shorter)?;
                hash.update(&buffer[..step]);
                at += step as u64;
                counter.add(step as u64);
            }
        }
    }
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::progress::Silent;

    #[test]
    fn agrees_with_the_standard_and_with_itself() {
        let none = &Silent;
        let abc = digest(Source::Bytes(b"abc"), 3, none).unwrap();
        assert_eq!(abc[..4], [0xba, 0x78, 0x16, 0xbf]);

        let bytes: Vec<u8> = (0..STEP as u32 * 2 + 17)
            .map(|i| (i.wrapping_mul(i) >> 7) as u8)
            .collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let source = Source::File {
            file: &file,
            map: None,
        };
        let len = bytes.len() as u64;
        assert_eq!(
            digest(source, len, none).unwrap(),
            digest(Source::Bytes(&bytes), len, none).unwrap()
        );
        assert!(digest(source, len + 1, none).is_err());
        assert!(digest(Source::Bytes(&bytes), len + 1, none).is_err());
    }
}
