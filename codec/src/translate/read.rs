//! Bytes at virtual addresses.

use alloc::vec::Vec;
use core::fmt;

use super::fault::Fault;
use super::physical;
use super::view::View;
use crate::size::place;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The first address that cannot be.
    pub address: u64,
    /// Why.
    pub why: NoBytes,
}

/// Why there are no bytes at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBytes {
    /// It leads nowhere.
    Fault(Fault),
    /// It leads to a guest physical address of which the image has no page.
    NoPage(u64),
    /// It is behind the last address.
    Wrapped,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing can be read at {:#x}: ", self.address)?;
        match &self.why {
            NoBytes::Fault(fault) => fault.fmt(f),
            NoBytes::NoPage(physical) => {
                write!(f, "the image has no page for guest physical {physical:#x}")
            }
            NoBytes::Wrapped => f.write_str("addresses end there"),
        }
    }
}

impl core::error::Error for Unread {}

impl View<'_> {
    /// Fills `into` with what is at a virtual address, across pages too. Dirty stacked registers of the vcpu
    /// are read as if they had been written to their backing store.
    ///
    /// # Errors
    /// The first address that cannot be read, and why; `into` may have been filled up to there.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unread> {
        match self.read_some(address, into) {
            (_, Some(unread)) => Err(unread),
            (_, None) => Ok(()),
        }
    }

    /// As [`Self::read`]: how many bytes were read, and what ended it before all were.
    pub fn read_some(&self, address: u64, into: &mut [u8]) -> (usize, Option<Unread>) {
        let mut done = 0;
        while done < into.len() {
            let Some(at) = address.checked_add(done as u64) else {
                let why = NoBytes::Wrapped;
                return (done, Some(Unread { address, why }));
            };
            match self.read_piece(at, &mut into[done..]) {
                Ok(count) => done += count,
                Err(why) => return (done, Some(Unread { address: at, why })),
            }
        }
        (done, None)
    }

    /// What one mapping has, at least a byte of it.
    fn read_piece(&self, at: u64, into: &mut [u8]) -> Result<usize, NoBytes> {
        for window in &self.windows {
            if let Some(offset) = window.offset(at) {
                let bytes = &window.page.bytes[place(offset)..];
                let count = bytes.len().min(into.len());
                into[..count].copy_from_slice(&bytes[..count]);
                return Ok(count);
            }
        }
        let to = self.translate(at).map_err(NoBytes::Fault)?;
        let physical = to.physical.unwrap_or(0);
        let most = place(to.left).min(into.len());
        // Xen's pages may lie within what else is mapped.
        let window = self.windows.iter().filter_map(|w| w.first.checked_sub(at));
        let most = window.fold(most, |most, away| most.min(place(away)));
        let into = &mut into[..most];
        let count = physical::read(self.memory, physical, into);
        if count == 0 {
            return Err(NoBytes::NoPage(physical));
        }
        self.overlay.apply(physical, &mut into[..count]);
        Ok(count)
    }

    /// The 8 bytes at a virtual address, as a number.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn word(&self, address: u64) -> Result<u64, Unread> {
        let mut word = [0; 8];
        self.read(address, &mut word)?;
        Ok(u64::from_le_bytes(word))
    }

    /// The bytes from a virtual address up to a 0, or up to `most` of them.
    ///
    /// # Errors
    /// Where the first byte cannot be read; a text that ends where nothing can be read is given.
    pub fn text(&self, address: u64, most: usize) -> Result<Vec<u8>, Unread> {
        /// Bytes that are read at once.
        const PIECE: usize = 256;
        let mut text = Vec::new();
        let mut piece = [0; PIECE];
        while text.len() < most {
            let at = address.wrapping_add(text.len() as u64);
            let wanted = PIECE.min(most - text.len());
            let (count, unread) = self.read_some(at, &mut piece[..wanted]);
            let bytes = &piece[..count];
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(&bytes[..end.unwrap_or(count)]);
            match unread {
                _ if end.is_some() => break,
                Some(unread) if text.is_empty() => return Err(unread),
                Some(_) => break,
                None => {}
            }
        }
        Ok(text)
    }
}
