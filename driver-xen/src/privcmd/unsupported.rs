//! Privcmd's file where there is none: everywhere but on Linux.

use ia64save_codec::transfer::ports::Errno;

use super::device::{Access, Device};
use crate::abi::privcmd::Request;
use crate::error::OpenError;

/// A file that no value stands for: it cannot be opened.
#[derive(Debug)]
pub enum LinuxDevice {}

impl LinuxDevice {
    pub(super) fn open() -> Result<Self, OpenError> {
        Err(OpenError::Unsupported)
    }
}

impl Device for LinuxDevice {
    fn page_size(&self) -> usize {
        match *self {}
    }

    fn ioctl(&mut self, _: Request, _: &mut [u8]) -> Result<u64, Errno> {
        match *self {}
    }

    fn lend(&mut self, _: &[u8]) -> Result<u64, Errno> {
        match *self {}
    }

    fn put(&mut self, _: u64, _: &[u8]) {
        match *self {}
    }

    fn get(&self, _: u64, _: &mut [u8]) {
        match *self {}
    }

    fn reclaim(&mut self) {
        match *self {}
    }

    fn map(&mut self, _: usize, _: Access) -> Result<u64, Errno> {
        match *self {}
    }

    fn read_mapped(&self, _: u64, _: &mut [u8]) {
        match *self {}
    }

    fn write_mapped(&mut self, _: u64, _: &[u8]) {
        match *self {}
    }

    fn clear_mapped(&mut self, _: u64, _: usize) {
        match *self {}
    }

    fn unmap(&mut self, _: u64, _: usize) {
        match *self {}
    }
}
