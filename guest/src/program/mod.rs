//! A program's file: symbols, unwind tables, and what DWARF says about lines, types and arguments.
//!
//! | file | what lives there |
//! |---|---|
//! | `object` | [`Object`]: the ELF file, its sections unpacked |
//! | `symbols` | [`Symbols`]: names of addresses, addresses of names |
//! | `dwarf` | [`Program`]: an object with its DWARF; functions and lines of an address |
//! | `types` | [`Types`]: offsets and sizes of members, by name |
//! | `expression` | where a variable is: DWARF's expressions |
//! | `arguments` | [`Argument`]: what a function was called with |

mod arguments;
mod dwarf;
mod expression;
mod object;
mod symbols;
mod types;

pub use arguments::{Argument, Value};
pub use dwarf::{Function, Line, Program};
pub use expression::FrameValues;
pub use object::{BadFile, Object};
pub use symbols::{Symbol, SymbolKind, Symbols};
pub use types::{Field, Missing, Types};

/// What DWARF is read from.
pub(crate) type Reader<'a> = gimli::EndianSlice<'a, gimli::LittleEndian>;
