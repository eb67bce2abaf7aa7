//! The ring buffer since Linux 3.5: records with a level and a time, one behind the other.

use super::kernel::lossy;
use super::{Error, Kernel, Line, Log};

/// Nanoseconds of a microsecond, and microseconds of a second.
const MICRO: u64 = 1000;
const SECOND: u64 = 1_000_000;

impl Kernel<'_> {
    /// The log of a kernel that keeps records.
    pub(super) fn records(&self) -> Result<Log, Error> {
        // Called `log` first, and `printk_log` since 3.11.
        let name = match self.symbols.size_of("printk_log") {
            Ok(_) => "printk_log",
            Err(_) => "log",
        };
        let [time, length, text_length, facility] =
            ["ts_nsec", "len", "text_len", "facility"].map(|path| self.field(name, path));
        let (time, length, text_length) = (time?, length?, text_length?);
        // Flags and level share the byte behind the facility: the level has the upper three bits.
        let flags = facility?.offset.saturating_add(1);
        let head = self.symbols.size_of(name)?;
        let buffer = self.variable("log_buf")?;
        let size = self.size_of_log()?;
        let mut at = self.variable("log_first_idx")?;
        let end = self.variable("log_next_idx")?;
        let what = || "log_buf".to_owned();
        let mut log = Log {
            lines: Vec::new(),
            wrapped: self.variable("log_first_seq").is_ok_and(|first| first > 0),
            broken: None,
        };
        let mut began_anew = false;
        while at != end {
            if at >= size || log.lines.len() >= self.most {
                log.broken = Some(format!("log_buf: a record at {at:#x} of {size:#x} bytes"));
                break;
            }
            let record = buffer.wrapping_add(at);
            let read = || {
                let whole = self.member(record, &length, what)?;
                let level = self.number(record.wrapping_add(flags), 1, what)? >> 5;
                let stamp = self.member(record, &time, what)? / MICRO;
                let count = self.member(record, &text_length, what)?;
                // No more than the record has room for, and the buffer: so that nothing is asked for that
                // a log cannot have.
                let room = whole.min(size - at).saturating_sub(head);
                let mut text = vec![0; count.min(room) as usize];
                let from = record.wrapping_add(head);
                let read = self.memory.read(from, &mut text);
                read.map_err(|why| Error::Unreadable { what: what(), why })?;
                Ok::<_, Error>((whole, level, stamp, text))
            };
            match read() {
                // A record without a length says that the next is at the beginning.
                Ok((0, ..)) if !began_anew => (at, began_anew) = (0, true),
                Ok((whole, level, stamp, text)) if whole >= head => {
                    let time = format!("{}.{:06}", stamp / SECOND, stamp % SECOND);
                    let left = self.most.saturating_sub(log.lines.len());
                    for line in text.split(|&byte| byte == b'\n').take(left) {
                        log.lines.push(Line {
                            level: Some(level as u32),
                            time: Some(time.clone()),
                            text: lossy(line),
                        });
                    }
                    at = at.saturating_add(whole);
                }
                Ok((whole, ..)) => {
                    log.broken = Some(format!("log_buf: a record of {whole} bytes at {at:#x}"));
                    break;
                }
                Err(error) => {
                    log.broken = Some(error.to_string());
                    break;
                }
            }
        }
        Ok(log)
    }
}
