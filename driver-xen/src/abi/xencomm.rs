//! How an ia64 kernel passes pointers to its hypervisor: by physical addresses.
//!
//! A pointer in a hypercall is a handle. Short buffers that lie within a page, or in memory that the
//! kernel knows to be contiguous, are passed *inline*: the physical address with bit 63. Others get a
//! descriptor, a page at most, with the address of every page of the buffer; the handle is the
//! descriptor's address. So no buffer is longer than 2047 pages. `privcmd` does this for its callers;
//! a control domain without an operating system does it itself.

use ia64save_codec::layout;
use ia64save_codec::wire::Wire;

/// First word of a descriptor.
pub const MAGIC: u32 = 0x5843_4f4d;
/// Bit of a handle that is an address itself.
pub const INLINE: u64 = 1 << 63;
/// An address for which there is no page.
pub const INVALID: u64 = u64::MAX;
/// Most addresses of a descriptor that fits a page.
pub const MOST_ADDRESSES: usize = (16384 - 8) / 8;

layout! {
    /// The head of a descriptor; the addresses follow.
    pub struct Descriptor: 8 {
        @0 magic: u32, Hex, "0x58434f4d";
        @4 nr_addrs: u32, Dec, "addresses that follow";
    }
}

/// The bytes of a descriptor; `None` for more addresses than a page holds.
pub fn descriptor(addresses: &[u64]) -> Option<Vec<u8>> {
    if addresses.len() > MOST_ADDRESSES {
        return None;
    }
    let head = Descriptor {
        magic: MAGIC,
        nr_addrs: addresses.len() as u32,
    };
    let mut bytes = head.to_bytes();
    bytes.extend(addresses.iter().flat_map(|address| address.to_le_bytes()));
    Some(bytes)
}

/// The addresses of a descriptor; `None` where it is none, or cut off.
pub fn addresses(bytes: &[u8]) -> Option<Vec<u64>> {
    let head = Descriptor::parse(bytes).filter(|head| head.magic == MAGIC)?;
    let words = bytes.get(8..)?.get(..head.nr_addrs as usize * 8)?;
    let words = words.chunks_exact(8);
    Some(
        words
            .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_lists_pages_and_fills_a_page_at_most() {
        let pages: Vec<u64> = (0..2047).map(|page| page << 14).collect();
        let bytes = descriptor(&pages).unwrap();
        assert_eq!(bytes.len(), 16384);
        assert_eq!(bytes[..4], *b"MOCX");
        assert_eq!(addresses(&bytes), Some(pages));
        assert_eq!(descriptor(&[0; 2048]), None);
        assert_eq!(addresses(&bytes[..16380]), None);
        assert_eq!(addresses(&[0; 16]), None);
    }
}
