//! The command line of the benchmark.

use std::path::{Path, PathBuf};

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask bench [OPTIONS]

  --size SIZE   bytes of guest memory in the image, with K, M or G (default 4G)
  --dir DIR     where to put the image, which is removed afterwards (default: beside the release).
                A disk: on a file system in memory, reading a hole costs next to nothing
  --dense       write the zeros of the pages instead of leaving holes
  --reps N      repetitions of each measurement (default 5)
  --tool PATH   the program to measure (default: the release)
  --check       exit with 1 if a goal is missed or was not measured

The image must fit into the page cache, and is read from there.
";

/// What to do.
#[derive(Debug)]
pub struct Options {
    /// Bytes of guest memory.
    pub size: u64,
    /// Where the image goes.
    pub dir: PathBuf,
    /// Zeros are written.
    pub dense: bool,
    /// Repetitions.
    pub reps: usize,
    /// What is measured.
    pub tool: PathBuf,
    /// A missed goal is an error.
    pub check: bool,
}

impl Options {
    /// Reads them.
    pub fn parse(args: &[String]) -> Result<Options, String> {
        let release = release();
        let mut options = Options {
            size: 4 << 30,
            dir: release.clone(),
            dense: false,
            reps: 5,
            tool: release.join("ia64save"),
            check: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
            match arg.as_str() {
                "--size" => options.size = size(value()?)?,
                "--dir" => options.dir = value()?.into(),
                "--tool" => options.tool = value()?.into(),
                "--reps" => {
                    options.reps = value()?.parse().map_err(|_| "--reps wants a number")?;
                }
                "--dense" => options.dense = true,
                "--check" => options.check = true,
                _ => return Err(format!("{arg} is no option")),
            }
        }
        if options.reps == 0 {
            return Err("--reps wants at least 1".into());
        }
        options.fits()?;
        Ok(options)
    }

    /// An image that is read from the disk measures the disk.
    fn fits(&self) -> Result<(), String> {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let available = text
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        match available {
            Some(kib) if kib << 10 < self.size + self.size / 4 + (512 << 20) => Err(format!(
                "an image of {} bytes does not fit into the page cache; --size makes a smaller one",
                self.size
            )),
            _ => Ok(()),
        }
    }
}

/// The directory of the release: this program is built for debugging, beside it.
fn release() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    let target = own.parent().and_then(Path::parent);
    target.unwrap_or(Path::new(".")).join("release")
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let count: u64 = digits.parse().map_err(|_| format!("{text} is no size"))?;
    match count.checked_mul(1 << shift) {
        Some(bytes) if (1 << 20..=1 << 40).contains(&bytes) => Ok(bytes),
        _ => Err(format!("{text} is not between 1M and 1024G")),
    }
}
