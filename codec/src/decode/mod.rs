//! The sans-io decoder: bytes in, events out.
//!
//! A [`Decoder`] never reads. It is shown what the caller has, says what it makes of it, and how
//! many bytes the caller may drop:
//!
//! ```text
//!            +--------------------------- decode(input, end) ---------------------------+
//!            |                                                                          |
//!            v                                                                          |
//!   NeedMore(n): show at least n bytes,   Event { offset, consumed, event }: drop       |
//!   or say that the input has ended  ---> `consumed` bytes, look at `event` ------------+
//!                                                                                       |
//!                                         Done: the stream is whole, all is consumed <--+
//!                                         Err: where, which part, expected, found    <--+
//! ```
//!
//! The parts come in the order of [`crate::grammar::Part`], whose module draws the state machine.
//! Events, their offsets and the error are the same however the input is cut, with one freedom: runs
//! (of pages, of unallocated pfns, of trailing bytes) are as long as the input at hand allows.
//!
//! ```
//! use ia64save_codec::decode::{Decoder, Step};
//! let bytes = [0u8; 10];
//! let mut decoder = Decoder::new();
//! assert!(matches!(decoder.decode(&bytes, false), Ok(Step::NeedMore(16))));
//! let error = decoder.decode(&bytes, true).unwrap_err();
//! assert_eq!((error.code.name(), error.offset), ("truncated", 10));
//! ```
//!
//! The state machine stands in `decoder`; what each part does in `head`, `pages` and `tail`, complaints in `fault`.
//!
//! [`Buffer`] holds what a reader of a pipe or socket has, so that a loop around it is three lines.

mod buffer;
mod decoder;
mod event;
mod fault;
mod head;
mod pages;
mod tail;

pub use buffer::Buffer;
pub use decoder::{Decoder, Step};
pub use event::Event;
