//! What text is shown on: how wide it is, which letters it has, and whether it is a terminal at all.
//!
//! Lines are as long as they are where nobody said how wide the screen is: in files and pipes. `COLUMNS`
//! says it there.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::OnceLock;

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

/// Whether what is written to `path` goes to standard output: `-`, `/dev/stdout`, `/dev/fd/1` and what else
/// leads there.
pub fn is_stdout(path: &Path) -> bool {
    if path.as_os_str() == "-" {
        return true;
    }
    let named = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    if named.iter().any(|name| path == Path::new(name)) {
        return true;
    }
    // A pipe, a device: by its number, as the shell's >(...) makes them.
    let Ok(there) = fs::metadata(path) else {
        return false;
    };
    if there.is_file() || there.is_dir() {
        return false;
    }
    let own = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let own = own.and_then(|file| file.metadata());
    // What is written to /dev/null is seen by nobody.
    own.is_ok_and(|own| (own.dev(), own.ino()) == (there.dev(), there.ino()) && !is_null(&own))
}

fn is_null(metadata: &fs::Metadata) -> bool {
    metadata.file_type().is_char_device()
        && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
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

/// Says that standard input is read, where that is a terminal and nothing would seem to happen.
pub fn say_waiting() {
    if io::stdin().is_terminal() {
        let _ = writeln!(
            super::style::stderr(),
            "ia64save: reads standard input, which is a terminal: an image comes from a file or a pipe \
             (Ctrl-D ends it, Ctrl-C gives up)"
        );
    }
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
    fn standard_output_has_several_names() {
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(is_stdout(Path::new(name)), "{name}");
        }
        for name in ["/dev/null", "/dev/fd/0x", "out", "/"] {
            assert!(!is_stdout(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_is_drawn_has_an_ascii_letter() {
        assert_eq!(ascii('█'), Some("#"));
        assert_eq!(ascii('é'), None);
    }
}
