//! What the guest's memory is once an image is restored: each pfn once, where its page is in the
//! file, and what can be done with all of them.
//!
//! | file | what lives there |
//! |---|---|
//! | `run` | [`Memory`] and its [`Run`]s: the copies that count |
//! | `assembly` | [`Assembly`]: a file made of own bytes and pages, as data |
//! | `find` | [`Finder`]: bytes in memory, across neighbouring pages too |
//! | `text` | [`Texts`]: what a person could read in memory |
//!
//! ```
//! use ia64save_codec::memory::Memory;
//! # use bytes::Bytes;
//! # use ia64save_codec::image::{Image, Options};
//! # let image = Image::parse(&Bytes::new(), &Options::default());
//! let memory = Memory::new(&image, 0);
//! assert_eq!(memory.pages(), 0);
//! ```

mod assembly;
mod find;
mod run;
mod text;

pub use assembly::{Assembly, Content, Piece};
pub use find::{Finder, Hit};
pub use run::{Memory, Run};
pub use text::{Text, Texts};
