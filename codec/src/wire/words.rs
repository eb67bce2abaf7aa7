//! Long arrays of words, held on the heap.

use alloc::boxed::Box;
use alloc::vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

use binrw::io::{Read, Seek, Write};
use binrw::{BinRead, BinResult, BinWrite, Endian};

use super::declare::Shape;
use super::layout::Kind;

/// `N` 64-bit words. Never on the stack, not even while they are read: a register stack image takes
/// 16 KiB and a part of a VPD 32 KiB.
#[derive(Clone, PartialEq, Eq)]
pub struct Words<const N: usize>(Box<[u64; N]>);

impl<const N: usize> Default for Words<N> {
    fn default() -> Self {
        let Ok(words) = vec![0; N].into_boxed_slice().try_into() else {
            unreachable!("the slice has N words")
        };
        Words(words)
    }
}

impl<const N: usize> Deref for Words<N> {
    type Target = [u64; N];

    fn deref(&self) -> &[u64; N] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Words<N> {
    fn deref_mut(&mut self) -> &mut [u64; N] {
        &mut self.0
    }
}

impl<const N: usize> fmt::Debug for Words<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const N: usize> Shape for Words<N> {
    const KIND: Kind = Kind::U64;
    const COUNT: usize = N;
}

impl<const N: usize> BinRead for Words<N> {
    type Args<'a> = ();

    fn read_options<R: Read + Seek>(reader: &mut R, endian: Endian, (): ()) -> BinResult<Self> {
        let mut words = Words::default();
        for word in words.iter_mut() {
            *word = u64::read_options(reader, endian, ())?;
        }
        Ok(words)
    }
}

impl<const N: usize> BinWrite for Words<N> {
    type Args<'a> = ();

    fn write_options<W: Write + Seek>(
        &self,
        writer: &mut W,
        endian: Endian,
        (): (),
    ) -> BinResult<()> {
        self.as_slice().write_options(writer, endian, ())
    }
}
