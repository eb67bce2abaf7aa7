//! What nobody guesses: tokens, nonces, and a secret in a file.

use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ia64save_codec::transfer::migration::{Secret, Token};
use sha2::Sha256;

/// Bytes of a secret that are taken for one.
const LONGEST: usize = 64 << 10;
/// Fewer than this are guessed.
const SHORTEST: usize = 16;

/// Bytes from the system's random source.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(format!("the system's random source: {error}")))?;
    Ok(bytes)
}

/// A number that no other migration has, and that no stranger knows.
pub fn token() -> io::Result<Token> {
    random().map(u64::from_le_bytes).map(Token)
}

/// The secret in a file: its bytes, without white space at their end.
pub fn secret(path: &Path) -> io::Result<Secret> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(named)?;
    io::Read::read_to_end(&mut io::Read::take(file, LONGEST as u64 + 1), &mut bytes)
        .map_err(named)?;
    let key = bytes.trim_ascii_end();
    if !(SHORTEST..=LONGEST).contains(&key.len()) {
        let text = format!(
            "a secret has {SHORTEST} to {LONGEST} bytes (head -c 32 /dev/urandom | base64)"
        );
        return Err(named(io::Error::new(io::ErrorKind::InvalidData, text)));
    }
    Ok(Secret::new(key.to_vec(), mac))
}

/// HMAC with SHA-256.
fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyed_hash_is_the_standards() {
        // RFC 4231, test case 2.
        let hash = mac(b"Jefe", b"what do ya want for nothing?");
        let begins = [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e];
        assert_eq!(&hash[..8], begins);
    }

    #[test]
    fn tokens_differ_and_secrets_are_long_enough() {
        assert_ne!(token().unwrap(), token().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (bytes, good) in [
            ("short\n", false),
            ("0123456789abcdef\n", true),
            ("", false),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(secret(&path).is_ok(), good, "{bytes:?}");
        }
        assert!(secret(&folder.path().join("none")).is_err());
    }
}
