//! Words of 64 bits as sizes and places in memory, on machines of any width.
//!
//! A stream's words are wider than the addresses of a 32-bit machine. No cast narrows them: a length that no
//! slice of the machine can have is an error that says so, and a place beyond every slice stays beyond.

#[cfg(target_pointer_width = "16")]
compile_error!("an image of Xen/ia64 has parts larger than an address space of 16 bits");

/// The most bytes that a slice of this machine has.
pub(crate) const MOST: usize = isize::MAX as usize;

/// A length as the size of a slice; `None` where no slice of this machine is as long.
pub(crate) fn size(length: u64) -> Option<usize> {
    usize::try_from(length).ok().filter(|size| *size <= MOST)
}

/// A place in a slice. One that the machine cannot address is one at which no slice has anything.
pub(crate) fn place(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// A number of 32 bits, which every machine of this crate can address.
pub(crate) const fn index(number: u32) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slice_can_have_is_a_size() {
        let most = MOST as u64;
        assert_eq!((size(0), size(most)), (Some(0), Some(MOST)));
        assert_eq!((size(most + 1), size(u64::MAX)), (None, None));
    }

    #[test]
    fn a_place_that_cannot_be_addressed_is_in_no_slice() {
        assert_eq!(place(7), 7);
        for beyond in [u64::MAX, MOST as u64 + 8] {
            assert_eq!([0u8; 16].get(place(beyond)..), None);
        }
        // On a machine of 32 bits this is not place 7.
        assert_eq!([0u8; 16].get(place((1 << 32) + 7)..), None);
    }
}
