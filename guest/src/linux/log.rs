//! The ring buffer of printk.

use super::kernel::lossy;
use super::{Error, Kernel};
use crate::memory;

/// The largest ring buffer that a kernel can be told to have.
const LARGEST: u64 = 1 << 26;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number in `<>` in front: 0 (emergency) to 7 (debug), and a facility above it. `None` where a
    /// line has none, or its beginning was overwritten.
    pub level: Option<u32>,
    /// Seconds since boot, as the kernel wrote them: `"12.345678"`.
    pub time: Option<String>,
    /// The rest.
    pub text: String,
}

impl Line {
    /// Takes a line of the buffer apart.
    pub(super) fn parse(line: &[u8]) -> Self {
        let (level, rest) = level(line).map_or((None, line), |(n, rest)| (Some(n), rest));
        let (time, rest) = time(rest).map_or((None, rest), |(time, rest)| (Some(time), rest));
        Line {
            level,
            time,
            text: lossy(rest),
        }
    }
}

/// `<N>`
fn level(line: &[u8]) -> Option<(u32, &[u8])> {
    let rest = line.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|&byte| byte == b'>')?;
    let digits = std::str::from_utf8(&rest[..end]).ok()?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain)?;
    Some((number, &rest[end + 1..]))
}

/// `[    1.234567] `
fn time(line: &[u8]) -> Option<(String, &[u8])> {
    let rest = line.strip_prefix(b"[")?;
    let end = rest.iter().take(24).position(|&byte| byte == b']')?;
    let inside = std::str::from_utf8(&rest[..end]).ok()?.trim_start();
    let (seconds, fraction) = inside.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let rest = &rest[end + 1..];
    Some((inside.to_owned(), rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The oldest first.
    pub lines: Vec<Line>,
    /// Older lines were overwritten.
    pub wrapped: bool,
    /// What could not be read.
    pub broken: Option<String>,
}

/// Cuts a text into lines.
pub(super) fn lines(text: &[u8]) -> Vec<Line> {
    newest_lines(text, usize::MAX).0
}

/// The last lines of a text, `most` of them, and how many there are in all.
fn newest_lines(text: &[u8], most: usize) -> (Vec<Line>, usize) {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return (Vec::new(), 0);
    }
    let split = || text.split(|&byte| byte == b'\n');
    let all = split().count();
    let newest = split().skip(all.saturating_sub(most));
    (newest.map(Line::parse).collect(), all)
}

impl Kernel<'_> {
    /// The log, by its own indices.
    ///
    /// # Errors
    /// The kernel file lacks them, memory does not have them, or they make no sense.
    pub fn log(&self) -> Result<Log, Error> {
        if self.symbols.named("log_next_idx").is_some() {
            return self.records();
        }
        let size = self.size_of_log()?;
        let buffer = self.variable("log_buf")?;
        let end = self.variable("log_end")?;
        // `log_end` counts on where the buffer begins anew; `logged_chars` does not, and stays where the
        // other overflows, but a clear sets it to 0.
        let logged = self.variable("logged_chars").unwrap_or(0);
        let held = end.max(logged).min(size);
        let (text, mut broken) = self.ring(buffer, size, end, held);
        let (lines, all) = newest_lines(&text, self.most);
        if lines.len() < all {
            broken.get_or_insert_with(|| format!("log_buf: {all} lines, more than {}", self.most));
        }
        Ok(Log {
            lines,
            wrapped: end.max(logged) > size,
            broken,
        })
    }

    /// Bytes of the buffer.
    pub(super) fn size_of_log(&self) -> Result<u64, Error> {
        let size = self.variable("log_buf_len")?;
        if size.is_power_of_two() && size <= LARGEST {
            return Ok(size);
        }
        Err(Error::Nonsense {
            what: "log_buf_len".into(),
            found: format!("{size:#x} is no size of a log: a power of 2 up to 64 MiB"),
        })
    }

    /// The last `held` bytes before `end` of a ring.
    fn ring(&self, buffer: u64, size: u64, end: u64, held: u64) -> (Vec<u8>, Option<String>) {
        let first = end.wrapping_sub(held) % size;
        let behind = (size - first).min(held);
        let mut text = Vec::new();
        let mut broken = None;
        for (from, count) in [(first, behind), (0, held - behind)] {
            let mut done = 0;
            while done < count {
                let at = buffer.wrapping_add(from + done);
                // A page that is not there takes no other with it.
                let step = (4096 - at % 4096).min(count - done);
                let mut piece = vec![0; step as usize];
                match self.memory.read(at, &mut piece) {
                    Ok(()) => text.append(&mut piece),
                    Err(why) => {
                        let told: memory::Unreadable = why;
                        broken.get_or_insert_with(|| format!("log_buf: {told}"));
                        text.push(b'\n');
                    }
                }
                done += step;
            }
        }
        (text, broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_level_time_and_text() {
        let line = |text: &str| {
            let line = Line::parse(text.as_bytes());
            (line.level, line.time, line.text)
        };
        let (level, time, text) = line("<5>[    0.001234] Linux version");
        assert_eq!((level, time.as_deref()), (Some(5), Some("0.001234")));
        assert_eq!(text, "Linux version");
        let (level, time, text) = line("<30>[12345.6] [x] y");
        assert_eq!((level, time.as_deref()), (Some(30), Some("12345.6")));
        assert_eq!(text, "[x] y");
        let plain = [
            "", "<", "<>x", "<a>b", "[1.2", "[a.b] c", "<+1>x", "[1.] x", "<1234>x",
        ];
        for text in plain {
            assert_eq!(line(text), (None, None, text.to_owned()));
        }
        assert_eq!(line("<6>no time").1, None);
        assert_eq!(Line::parse(b"\xff").text, "\u{fffd}");
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(lines(b"").len(), 0);
        assert_eq!(lines(b"\n").len(), 0);
        assert_eq!(lines(b"a\nb").len(), 2);
        assert_eq!(lines(b"a\n\nb\n").len(), 3);
    }

    #[test]
    fn of_too_many_lines_the_newest_are_kept() {
        let (kept, all) = newest_lines(b"a\nb\n\nd\n", 2);
        let texts: Vec<&str> = kept.iter().map(|line| line.text.as_str()).collect();
        assert_eq!((texts.as_slice(), all), (["", "d"].as_slice(), 4));
    }
}
