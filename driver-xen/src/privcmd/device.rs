//! What the driver asks of privcmd's file: ioctls, memory that they can point to, and mappings.

use ia64save_codec::transfer::ports::Errno;

use crate::abi::privcmd::Request;

/// Privcmd's file, and the memory of the process that holds it.
///
/// Addresses are numbers here. [`LinuxDevice`](super::LinuxDevice) hands out real ones; a fake kernel
/// hands out those of a simulated process, and sees the very bytes that a real one would.
pub trait Device {
    /// Bytes of a page.
    fn page_size(&self) -> usize;

    /// An ioctl with the bytes of its structure, which the kernel may change.
    fn ioctl(&mut self, request: Request, argument: &mut [u8]) -> Result<u64, Errno>;

    /// Copies bytes into memory that the kernel and the hypervisor can reach and that stays where it
    /// is, and gives its address. It lives until [`Device::reclaim`]. Begins on a page of its own.
    fn lend(&mut self, bytes: &[u8]) -> Result<u64, Errno>;

    /// Writes into lent memory.
    fn put(&mut self, address: u64, bytes: &[u8]);

    /// Reads lent memory.
    fn get(&self, address: u64, out: &mut [u8]);

    /// Takes all lent memory back.
    fn reclaim(&mut self);

    /// Address space of the file with nothing in it.
    fn map(&mut self, bytes: usize, access: Access) -> Result<u64, Errno>;

    /// Reads a mapping. Pages that nothing was mapped to must not be touched.
    fn read_mapped(&self, address: u64, out: &mut [u8]);

    /// Writes a mapping, as for [`Device::read_mapped`].
    fn write_mapped(&mut self, address: u64, bytes: &[u8]);

    /// Fills a stretch of a mapping with zeros.
    fn clear_mapped(&mut self, address: u64, bytes: usize);

    /// Gives a whole mapping back.
    fn unmap(&mut self, address: u64, bytes: usize);
}

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    ReadWrite,
}
