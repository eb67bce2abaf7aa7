//! Numbers as people read them. Ours: `bytesize` says `1024.0 TiB` just below a PiB, and a size must not jump back.

/// A number of bytes in the largest unit that leaves something before the point: `4.0 GiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut scaled = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0 of the smaller unit.
    while scaled >= 1023.95 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

/// A number with its digits in groups of three: `262 144`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts, in the plural unless it is one: `1 pass`, `2 passes`, `1 024 pages`.
pub fn counted(count: u64, noun: &str) -> String {
    let hisses = noun.ends_with('s') || noun.ends_with("ch");
    let plural = if hisses { "es" } else { "s" };
    let ending = if count == 1 { "" } else { plural };
    format!("{} {noun}{ending}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_digit_behind_the_point() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (4 << 30, "4.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn digits_come_in_threes() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1 000"),
            (262144, "262 144"),
            (1234567, "1 234 567"),
            (u64::MAX, "18 446 744 073 709 551 615"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_is_no_plural() {
        for (count, noun, text) in [
            (0, "page", "0 pages"),
            (1, "page", "1 page"),
            (1, "pass", "1 pass"),
            (2, "pass", "2 passes"),
            (3, "stretch", "3 stretches"),
            (4096, "byte", "4 096 bytes"),
        ] {
            assert_eq!(counted(count, noun), text);
        }
    }
}
