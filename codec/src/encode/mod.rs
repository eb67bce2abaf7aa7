//! The encoder: the decoder's mirror.
//!
//! It takes the [`Event`](crate::decode::Event)s that the decoder gives, in the same order, walks the
//! same state machine ([`crate::grammar::Part`]) and answers with the bytes of each: a few of its own
//! and a borrowed body, so that pages are not copied. What does not belong where it is given is
//! refused; nothing is ever written out of order.
//!
//! ```
//! use ia64save_codec::decode::Event;
//! use ia64save_codec::encode::Encoder;
//! use ia64save_codec::grammar::Prologue;
//! use ia64save_codec::{Dialect, Guest};
//!
//! let mut encoder = Encoder::new(Dialect::D11, Guest::Pv);
//! let mut out = Vec::new();
//! let prologue = Event::Prologue(Prologue { p2m_size: 256, version: 3 });
//! encoder.encode(&prologue).unwrap().write_to(&mut out);
//! assert_eq!(out.len(), 16);
//! assert_eq!(encoder.encode(&Event::PagesEnd).unwrap_err().code.name(), "out-of-order");
//! ```

mod encoder;
mod piece;

pub use encoder::Encoder;
pub use piece::Piece;
