//! `--compress`: packing what is written, by what the file is called, or as the user says.

use std::path::Path;

use clap::ValueEnum;
use ia64save::files::{self, by_name};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// By the name of the file: .zst, .gz and .xz are packed, others are not
    Auto,
    /// Not at all
    None,
    /// As zstd does
    Zst,
    /// As gzip does
    Gz,
    /// As xz does
    Xz,
}

/// The option of every command that writes a file of bytes.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Packing {
    /// Whether OUT is packed
    #[arg(
        long,
        value_name = "HOW",
        default_value = "auto",
        hide_short_help = true
    )]
    pub compress: Compress,
}

impl Packing {
    /// How the file called `target` is packed.
    pub fn of(self, target: &Path) -> files::Compress {
        match self.compress {
            Compress::Auto => by_name(target),
            Compress::None => files::Compress::None,
            Compress::Zst => files::Compress::Zst,
            Compress::Gz => files::Compress::Gz,
            Compress::Xz => files::Compress::Xz,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_comes_before_the_name() {
        let told = |compress| Packing { compress }.of(Path::new("x.zst"));
        assert_eq!(told(Compress::None), files::Compress::None);
        assert_eq!(told(Compress::Auto), files::Compress::Zst);
        assert_eq!(told(Compress::Xz), files::Compress::Xz);
    }
}
