//! What surrounds the stream: who put it into a file, and what follows it (spec 13).
//!
//! | file | what it holds |
//! |---|---|
//! | `header` | [`Envelope`]: the words of the xend and xl headers |
//! | `probe` | [`probe()`]: what an input is, and where its stream begins |
//! | `foreign`, `recognise` | [`Foreign`]: what is not ours, by name, and by what it is known |
//! | `magic` | [`Magic`]: what other formats begin with |
//! | `device_model` | [`parse_tail`]: the device-model record after the stream |
//! | `encode` | headers and records written |
//! | `sxpr`, `cfg` | the languages of xend and of xl |
//! | `syntax` | strings and faults of both languages |
//! | `config` | [`Config`]: what either says about the domain |
//! | [`relocation`] | what xend says when it sends an image to another host |
//!
//! Nothing here reads: a caller brings the first bytes of its input, is told how many are wanted, and
//! gets the same answer however it brings them.
//!
//! ```
//! use ia64save_codec::Limits;
//! use ia64save_codec::envelope::{Config, Probe, probe, xend_header};
//!
//! let mut file = xend_header(b"(domain (name guest) (vcpus 2))")?;
//! file.extend_from_slice(&[0; 64]); // the stream
//!
//! let mut have = 0;
//! let envelope = loop {
//!     match probe(&file[..have], have == file.len(), &Limits::default())? {
//!         Probe::NeedMore(wanted) => have = wanted.min(file.len()),
//!         Probe::Found(envelope) => break envelope,
//!         Probe::Foreign(foreign) => panic!("{foreign}"),
//!     }
//! };
//! assert_eq!(envelope.stream_offset, 51);
//! let config = Config::parse(envelope.kind, envelope.config_bytes(&file).unwrap());
//! assert_eq!(config.unwrap().vcpus, Some(2));
//! # Ok::<(), ia64save_codec::Error>(())
//! ```

mod cfg;
mod config;
mod device_model;
mod encode;
mod foreign;
mod header;
mod magic;
mod probe;
mod recognise;
pub mod relocation;
mod sxpr;
mod syntax;

pub use cfg::{CfgSettings, CfgValue};
pub use config::Config;
pub use device_model::{
    DeviceModel, DeviceModelKind, QEMU_MAGIC, Record, SIGNATURE_SIZE, Tail, is_signature_prefix,
    parse_tail,
};
pub use encode::{device_model_header, xend_header, xl_header};
pub use foreign::{Compression, Foreign};
pub use header::{
    ByteOrder, Envelope, Kind, XEND_HEADER_SIZE, XEND_MAGIC, XL_HEADER_SIZE, XL_MAGIC,
    XL_MANDATORY_STREAM_V2, XlHeader,
};
pub use magic::Magic;
pub use probe::{Probe, probe};
pub use sxpr::{MAX_DEPTH, Sxpr};
pub use syntax::SyntaxError;
