//! What text is shown on: how wide it is, which letters it has, and whether it is a terminal at all.
//!
//! Lines are as long as they are where nobody said how wide the screen is: in files and pipes. `COLUMNS`
//! says it there.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::OnceLock;

use ia64save::files::is_stdout;

/// Columns below which nothing is laid out: a screen that claims less is taken to have these.
const LEAST: usize = 20;

/// Columns of standard output, where lines have to fit into any.
pub fn width() -> Option<usize> {
    static WIDTH: OnceLock<Option<usize>> = OnceLock::new();
    *WIDTH.get_or_init(|| columns(&io::stdout()))
}

/// Columns of standard error.
pub fn error_width() -> Option<usize> {
    static WIDTH: OnceLock<Option<usize>> = OnceLock::new();
    *WIDTH.get_or_init(|| columns(&io::stderr()))
}

fn columns(stream: &impl AsFd) -> Option<usize> {
    if cfg!(test) {
        return None;
    }
    let terminal = terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
    let told = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let columns: Option<usize> = terminal.filter(|width| *width > 0).or_else(told);
    columns.filter(|width| *width > 0).map(|w| w.max(LEAST))
}

/// Whether more than ASCII can be drawn: the locale is one of UTF-8.
pub fn unicode() -> bool {
    static UNICODE: OnceLock<bool> = OnceLock::new();
    *UNICODE.get_or_init(|| {
        let names = ["LC_ALL", "LC_CTYPE", "LANG"];
        let mut set = names.iter().filter_map(std::env::var_os);
        let locale = set.find(|value| !value.is_empty());
        locale.is_some_and(|locale| is_utf8(&locale.to_string_lossy()))
    })
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// What stands for a character that is drawn, where there is only ASCII.
pub fn ascii(letter: char) -> Option<&'static str> {
    Some(match letter {
        '…' => "...",
        '█' | '▉' | '▊' | '▋' => "#",
        '▌' | '▍' | '▎' | '▏' => "|",
        '▚' => "%",
        '░' => ".",
        '▁' => "_",
        '·' => "-",
        '\u{a0}' | '\u{202f}' => " ",
        _ => return None,
    })
}

/// Whether what is written to `path` comes out on a terminal.
pub fn is_terminal(path: &Path) -> bool {
    if is_stdout(path) {
        return io::stdout().is_terminal();
    }
    let device = fs::metadata(path).is_ok_and(|found| found.file_type().is_char_device());
    let quietly = libc::O_NOCTTY | libc::O_NONBLOCK;
    let open = || File::options().write(true).custom_flags(quietly).open(path);
    device && open().is_ok_and(|file| file.is_terminal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_of_utf8_by_its_name() {
        for name in ["C.UTF-8", "de_DE.utf8", "en_US.UTF-8@x"] {
            assert!(is_utf8(name), "{name}");
        }
        for name in ["C", "POSIX", "en_US", "ja_JP.eucJP"] {
            assert!(!is_utf8(name), "{name}");
        }
    }

    #[test]
    fn what_is_drawn_has_an_ascii_letter() {
        assert_eq!(ascii('█'), Some("#"));
        assert_eq!(ascii('é'), None);
    }
}
