//! How an image is read.

use clap::Args;
use ia64save::Options;
use ia64save_codec::{Dialect, Era, Guest};

/// How to read an image.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// Read as this dialect instead of finding out: a release (xen-3.4), a tree (dev-20071021) or an id (D11)
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    pub dialect: Option<Dialect>,

    /// Understand as this era instead of finding out: an id (D7c) or a release (xen-3.1); it implies the dialect
    #[arg(long, value_name = "ERA", value_parser = era, conflicts_with = "dialect")]
    pub era: Option<Era>,

    /// Read as this kind of guest instead of looking at arch_setup.flags: pv or hvm
    #[arg(long, value_name = "GUEST", value_parser = guest)]
    pub guest: Option<Guest>,

    /// Read files instead of mapping them
    #[arg(long)]
    pub no_mmap: bool,

    /// Bytes of a page, for images that are not of an ia64 host
    #[arg(long, value_name = "BYTES", default_value_t = ia64save_codec::PAGE_SIZE, hide_short_help = true,
          value_parser = page_size)]
    pub page_size: usize,

    /// Bytes that a packed image, or one from a pipe, may take in the temporary folder (10G), where
    /// random access is needed [default: half of what is free there]
    #[arg(long, value_name = "BYTES", hide_short_help = true, value_parser = bytes)]
    pub unpack_limit: Option<u64>,
}

impl Reading {
    /// For the library.
    pub fn options(&self) -> Options {
        Options::new()
            .dialect(self.dialect)
            .era(self.era)
            .guest(self.guest)
            .page_size(self.page_size)
            .map(!self.no_mmap)
            .unpack_limit(self.unpack_limit)
    }
}

/// A dialect by its name or id.
pub fn dialect(name: &str) -> Result<Dialect, String> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

/// An era by its id or a release, or by a dialect's name, which means the usual one.
pub fn era(name: &str) -> Result<Era, String> {
    name.parse().map_err(|_| {
        let ids: Vec<_> = Era::ALL.iter().map(|era| era.id()).collect();
        format!("one of {}, or a release (xen-3.4)", ids.join(", "))
    })
}

/// A kind of guest by its name.
pub fn guest(name: &str) -> Result<Guest, String> {
    name.parse().map_err(|_| "pv or hvm".into())
}

fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || String::from("a number of bytes, or of K, M, G or T");
    let (digits, shift) = match text.char_indices().next_back().ok_or_else(wrong)? {
        (at, 'K' | 'k') => (&text[..at], 10),
        (at, 'M' | 'm') => (&text[..at], 20),
        (at, 'G' | 'g') => (&text[..at], 30),
        (at, 'T' | 't') => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

fn page_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 8..=0x100_0000) => Ok(bytes),
        _ => Err("a number from 8 to 16777216".into()),
    }
}
