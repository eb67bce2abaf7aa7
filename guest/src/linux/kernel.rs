//! A kernel's memory and its file.

use std::fmt;

use super::Error;
use crate::backtrace::Symbols;
use crate::memory::{self, Memory};
use crate::program::Field;

/// The longest banner that is read.
const BANNER: usize = 1024;

/// Whether a file is that of the kernel in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Both have the same banner.
    Fits(String),
    /// They have different ones.
    Differs {
        /// The file's.
        file: String,
        /// What memory has at its place.
        memory: String,
    },
    /// Memory has nothing where the file has its banner.
    Unreadable {
        /// The file's.
        file: String,
        /// Why.
        why: String,
    },
    /// The file has no symbol `linux_banner`: it is no Linux kernel, or was stripped.
    NoBanner,
}

impl Fit {
    /// They belong together.
    pub fn fits(&self) -> bool {
        matches!(self, Fit::Fits(_))
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fit::Fits(banner) => write!(f, "the kernel file fits: {:?}", banner.trim_end()),
            Fit::Differs { file, memory } => write!(
                f,
                "the kernel file is another kernel's: it has the banner {:?}, memory {:?} in its place",
                file.trim_end(),
                memory.trim_end()
            ),
            Fit::Unreadable { file, why } => write!(
                f,
                "whether the kernel file fits cannot be seen: its banner is {:?}, and {why}",
                file.trim_end()
            ),
            Fit::NoBanner => f.write_str(
                "the kernel file has no symbol linux_banner: it is no Linux kernel, or has no symbols",
            ),
        }
    }
}

/// A kernel: its memory, and the file that says what is where.
#[derive(Clone, Copy)]
pub struct Kernel<'a> {
    pub(super) memory: &'a dyn Memory,
    pub(super) symbols: &'a dyn Symbols,
    /// How many entries of a list are followed.
    pub(super) most: usize,
}

impl fmt::Debug for Kernel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

impl<'a> Kernel<'a> {
    /// At most `most` entries of any list are followed.
    pub fn new(memory: &'a dyn Memory, symbols: &'a dyn Symbols, most: usize) -> Self {
        Kernel {
            memory,
            symbols,
            most,
        }
    }

    /// Whether the file is that of the kernel in memory.
    pub fn fit(&self) -> Fit {
        let Some((address, _)) = self.symbols.named("linux_banner") else {
            return Fit::NoBanner;
        };
        let file = self.symbols.loaded(address).unwrap_or_default();
        let file = &file[..file.len().min(BANNER)];
        let end = file.iter().position(|&byte| byte == 0);
        let file = lossy(&file[..end.unwrap_or(file.len())]);
        match memory::text(self.memory, address, BANNER) {
            Ok(own) if lossy(&own) == file => Fit::Fits(file),
            Ok(own) => Fit::Differs {
                file,
                memory: lossy(&own),
            },
            Err(why) => Fit::Unreadable {
                file,
                why: why.to_string(),
            },
        }
    }

    pub(super) fn address(&self, name: &'static str) -> Result<u64, Error> {
        let named = self.symbols.named(name);
        named
            .map(|(address, _)| address)
            .ok_or(Error::NoSymbol(name))
    }

    /// The value of a variable of up to 8 bytes.
    pub(super) fn variable(&self, name: &'static str) -> Result<u64, Error> {
        let (address, size) = self.symbols.named(name).ok_or(Error::NoSymbol(name))?;
        let size = match size {
            1..=8 => size as usize,
            _ => 8,
        };
        self.number(address, size, || name.to_owned())
    }

    pub(super) fn number(
        &self,
        address: u64,
        size: usize,
        what: impl FnOnce() -> String,
    ) -> Result<u64, Error> {
        let value = memory::number(self.memory, address, size);
        value.map_err(|why| Error::Unreadable { what: what(), why })
    }

    pub(super) fn text(
        &self,
        address: u64,
        most: usize,
        what: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        let text = memory::text(self.memory, address, most);
        let text = text.map_err(|why| Error::Unreadable { what: what(), why })?;
        Ok(lossy(&text))
    }

    pub(super) fn field(&self, structure: &str, path: &str) -> Result<Field, Error> {
        Ok(self.symbols.field(structure, path)?)
    }

    /// The member of a structure at an address.
    pub(super) fn member(
        &self,
        at: u64,
        field: &Field,
        what: impl FnOnce() -> String,
    ) -> Result<u64, Error> {
        let size = match field.size {
            1..=8 => field.size as usize,
            _ => 8,
        };
        self.number(at.wrapping_add(field.offset), size, what)
    }

    /// A text within a structure: an array of characters.
    pub(super) fn inline_text(
        &self,
        at: u64,
        field: &Field,
        what: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        let most = (field.size as usize).clamp(1, 4096);
        self.text(at.wrapping_add(field.offset), most, what)
    }
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
