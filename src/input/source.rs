//! Where a scan, a digest or a copy finds the bytes.

use std::fs::File;

use super::mapping::Mapping;

/// Where the bytes are.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// In a file, which may be mapped as well.
    File {
        /// The file.
        file: &'a File,
        /// Its mapping, from offset 0.
        map: Option<&'a Mapping>,
    },
}
