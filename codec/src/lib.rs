//! The grammar of Xen/ia64 save images: decode, encode, check and convert them.
//!
//! Xen on Itanium (3.0.3 to 4.1, 2006 to 2012) saved domains to a stream without a specification,
//! without a magic number, and with bytes that changed while its version number did not. This crate
//! reads and writes all of it. `spec/ia64-save.md` of the project is the specification; items here
//! name the clause they implement.
//!
//! The crate is pure: no input or output, no clock, no threads, no global state, no `unsafe`, no
//! `std`. Callers bring bytes and take bytes.
//!
//! # The map, from the bottom up
//!
//! | room | what lives there |
//! |---|---|
//! | [`wire`] | fixed layouts, one declaration each: every structure, register and device record |
//! | [`dialect`] | the table of dialects: data, not code paths |
//! | [`grammar`] | one production for each part of the stream, and the order of the parts |
//! | [`decode`] | the sans-io [`Decoder`](decode::Decoder): bytes in, events out |
//! | [`encode`] | the [`Encoder`](encode::Encoder), its mirror |
//! | [`detect`] | which dialect a stream is in, with evidence |
//! | [`image`] | a whole stream, borrowed, with an index of its pages |
//! | [`envelope`] | what surrounds the stream: xend and xl files, device-model records |
//! | [`mod@file`] | a whole file: envelope, image, device model |
//! | [`fields`] | every field of a file by path |
//! | [`memory`] | the memory that an image restores to, and what to do with it |
//! | [`mod@translate`] | the guest's own view of memory: region and translation registers |
//! | [`elf`] | cores: for debuggers, and as `xm dump-core` wrote them |
//! | [`mod@compare`] | two images, by what they mean |
//! | [`edit`] | another value for a single field |
//! | [`ram`] | which pfns are RAM |
//! | [`registers`] | the registers of a vcpu in groups, for people |
//! | [`check`] | the rules: everything that is wrong with an image |
//! | [`convert`] | an image in another dialect, every loss named |
//! | [`transfer`] | save, restore and live migration, over ports that drivers implement |
//! | [`repair`] | what may be done about a damaged file |
//! | [`tree`] | an image as a tree that people edit, and the way back |
//! | [`code`], [`error`], [`limits`] | what can be wrong, how it is said, how much may be held |
//!
//! # Features
//!
//! Without features there is the grammar, down to [`mod@file`]: what reads and writes streams. Each room above it
//! is a feature of its name, and all of them are on by default: `check`, `compare` (with `memory`), `convert`,
//! `edit` (with `fields`), `elf` (with `translate`), `fields`, `memory`, `registers`, `repair` (with `check`),
//! `transfer`, `translate` (with `memory`), `tree`. So the compiler sees to it that no room knows of one above it.
//!
//! There is no feature for serde: words of 64 bits, which most fields are, have to be hexadecimal texts in a
//! document, and which of them are there is an interface of its own. The crate `ia64save` has such documents.
//!
//! # Three ways in
//!
//! A whole file, mapped or in memory:
//!
//! ```
//! use ia64save_codec::SaveFile;
//! use ia64save_codec::bytes::Bytes;
//! use ia64save_codec::image::Options;
//!
//! # fn look(mapped: Bytes) -> Option<()> {
//! let file = SaveFile::parse(&mapped, &Options::default()).ok()?;
//! let image = &file.image;
//! println!("{:?}, {:?}", image.dialect(), image.guest());
//! let (offset, page) = image.page_of(0, 42)?; // the copy of pfn 42 that counts
//! println!("its {} bytes stand at byte {offset} of the file", page.len());
//! # Some(()) }
//! ```
//!
//! A socket, event by event: see [`decode`]. One structure out of bytes that are already at hand:
//!
//! ```
//! use ia64save_codec::wire::{Wire, memmap::EfiMemoryDesc};
//! let descriptor = EfiMemoryDesc::parse(&[0; 40]).unwrap();
//! assert!(!descriptor.is_ram());
//! ```
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod code;
pub mod decode;
pub mod detect;
pub mod dialect;
#[cfg(any(feature = "edit", feature = "tree"))]
mod digits;
pub mod encode;
pub mod envelope;
pub mod era;
pub mod error;
pub mod file;
pub mod grammar;
pub mod image;
pub mod limits;
pub mod pfns;
pub mod ram;
mod size;
pub mod wire;

// The rooms above the grammar: a feature each.
#[cfg(feature = "check")]
pub mod check;
#[cfg(feature = "compare")]
pub mod compare;
#[cfg(feature = "convert")]
pub mod convert;
#[cfg(feature = "edit")]
pub mod edit;
#[cfg(feature = "elf")]
pub mod elf;
#[cfg(feature = "fields")]
pub mod fields;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "registers")]
pub mod registers;
#[cfg(feature = "repair")]
pub mod repair;
#[cfg(feature = "transfer")]
pub mod transfer;
#[cfg(feature = "translate")]
pub mod translate;
#[cfg(feature = "tree")]
pub mod tree;

/// Sections are [`Bytes`](bytes::Bytes) of this crate; its version is part of the interface.
pub use bytes;

pub use code::{Code, Severity};
pub use dialect::{Dialect, Guest, Version};
pub use era::Era;
pub use error::{Error, Finding};
pub use file::SaveFile;
pub use limits::Limits;

/// Bytes of an ia64 page as Xen used it.
pub const PAGE_SIZE: usize = 16384;
