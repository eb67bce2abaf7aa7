//! Numbers that the user gives.

/// A number in decimal, or in hexadecimal after 0x.
pub fn number(text: &str) -> Result<u64, String> {
    let found = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    found.map_err(|_| "a number, such as 112 or 0x70".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(number("112"), Ok(112));
        assert_eq!(number("0xffffffffffffffff"), Ok(u64::MAX));
        for text in ["", "0x", "70h", "-1", "0x10000000000000000"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
