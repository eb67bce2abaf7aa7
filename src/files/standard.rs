//! Standard output, by whatever name it is called.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What standard output is called in messages.
pub const STDOUT: &str = "standard output";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_output_has_several_names() {
        for name in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
            assert!(is_stdout(Path::new(name)), "{name}");
        }
        for name in ["/dev/null", "/dev/fd/0x", "out", "/"] {
            assert!(!is_stdout(Path::new(name)), "{name}");
        }
    }
}
