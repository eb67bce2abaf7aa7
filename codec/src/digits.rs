//! Numbers and bytes as people write them.

use alloc::vec::Vec;

/// A number in decimal, or after `0x` in hexadecimal.
pub(crate) fn number(text: &str) -> Option<u64> {
    let plain = |digits: &str| !digits.starts_with('+');
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if plain(digits) => u64::from_str_radix(digits, 16).ok(),
        None if plain(text) => text.parse().ok(),
        _ => None,
    }
}

/// Bytes as pairs of hexadecimal digits.
#[cfg(feature = "tree")]
pub(crate) fn hex(bytes: &[u8]) -> alloc::string::String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The way back; spaces between pairs are welcome.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for word in text.split_ascii_whitespace() {
        let pairs = word.as_bytes().chunks(2);
        for pair in pairs {
            let [high, low] = pair else { return None };
            let digit = |byte: u8| char::from(byte).to_digit(16);
            bytes.push((digit(*high)? << 4 | digit(*low)?) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn bytes_are_pairs_of_digits() {
        #[cfg(feature = "tree")]
        assert_eq!(hex(&[0, 0x7f, 0xff]), "007fff");
        assert_eq!(unhex("007fff"), Some(vec![0, 0x7f, 0xff]));
        assert_eq!(unhex("00 7F\nff"), Some(vec![0, 0x7f, 0xff]));
        assert_eq!((unhex("0"), unhex("0g"), unhex("é")), (None, None, None));
    }
}
