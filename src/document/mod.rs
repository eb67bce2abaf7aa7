//! What the command line prints as JSON, as types: with [`serde::Serialize`] they are the documents, with
//! [`schemars::JsonSchema`] their schemas, which stand in `schemas/`.
//!
//! | file | documents |
//! |---|---|
//! | `info/` | `info`: what an image is |
//! | `check` | `check`: what is wrong with it |
//! | `fields` | `dump`: every field |
//! | `map` | `map`: which memory it holds |
//! | `compare` | `compare`: where two differ |
//! | `codes` | `explain`: kinds of findings |
//! | `memory` | `find`, `extract` |
//! | `guest` | `guest`, `backtrace`: the system inside |
//! | `rewritten` | `convert`, `decode`, `encode`, `edit`, `repair` |
//! | `corpus` | `corpus export` |
//! | `inventory` | `batch`: a line for each of many files |
//! | `transfer` | what a save came to |
//! | `simulate`, `xen` | the simulated host's domains, and a real one's |
//! | `files` | one shape for what is said of several files |
//! | `failure`, `finding` | what is wrong, and where |
//! | `word`, `name`, `keyed` | words of 64 bits; names of documents; objects in an order |
//! | `stream` | documents that are longer than memory should hold |
//! | `schemas` | the schemas of all |
//!
//! The rules of all of them: `schema` comes first and names the document and its version; a key is never
//! left out to say *nothing*, unless its doc says when it is there; offsets are of the file's bytes,
//! unpacked; counts and offsets are numbers; a word of up to 64 bits whose value the input decides (address,
//! register, pfn, declared size) is a [`Hex`](word::Hex) text.

pub mod check;
pub mod codes;
pub mod compare;
pub mod corpus;
pub mod failure;
pub mod fields;
pub mod files;
pub mod finding;
pub mod guest;
pub mod info;
pub mod inventory;
pub mod keyed;
pub mod map;
pub mod memory;
pub mod name;
pub mod rewritten;
pub mod schemas;
pub mod simulate;
pub mod stream;
pub mod transfer;
pub mod word;
pub mod xen;
