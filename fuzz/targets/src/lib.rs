//! What the fuzz targets do with an input.
//!
//! A target is a function that panics where a property of the codec does not hold. `fuzz/fuzz_targets`
//! hands these functions to libFuzzer, which needs nightly; here they are plain code, so that `cargo
//! test` replays seeds and regressions on stable.
//!
//! | file | what |
//! |---|---|
//! | `decode` | [`decode()`]: bytes to events and images |
//! | `decode_split` | [`decode_split()`]: the result does not depend on how the input is cut |
//! | `roundtrip` | [`roundtrip()`]: what decodes encodes to the same bytes |
//! | `encode` | [`encode()`]: any image that can be encoded decodes to what it was made from |
//! | `mutate` | [`mutate()`]: a good image with one thing changed |
//! | `check` | [`check()`]: the rules, the fields and the map of anything |
//! | `convert` | [`convert()`]: anything to any dialect |
//! | `inspect` | [`inspect()`]: what tools do with an image; [`core()`]: cores of `xm dump-core` |
//! | `translate` | [`translate()`]: page tables that anybody may have written |
//! | `restore` | [`restore()`]: a stream into a simulated host |
//! | `agent_protocol` | [`agent_protocol()`], of `ia64save-xen`: what an agent on a real host may say |
//! | `envelope` | [`envelope()`]: files around a stream |
//! | `config` | [`config()`]: S-expressions, and the settings of xl |
//! | `guest` | [`unwinding()`]: unwind tables; [`guest()`]: a Linux in hostile memory, and a hostile file of it |
//! | `input` | [`Input`]: how the first bytes of an input say how the rest is to be read |
//! | `usage` | [`usage::measure`]: what a piece of work held, allocated and took; [`usage::Budget`] |
//! | `mutator` | [`mutator::mutate`]: a mutator that knows the parts of a stream |
//! | `seeds` | [`seeds::seeds`]: inputs to begin with, of every target |
//!
//! # What every target asserts
//! No panic; no more memory at once, no more allocations and no more steps than a constant and so much
//! for each byte of input; and the same for processor time, with a wide margin.

mod check;
mod config;
mod convert;
mod decode;
mod decode_split;
mod encode;
mod envelope;
mod guest;
pub mod input;
mod inspect;
mod mutate;
pub mod mutator;
mod restore;
mod roundtrip;
#[cfg(feature = "seeds")]
pub mod seeds;
mod translate;
pub mod usage;

pub use check::check;
pub use config::config;
pub use convert::convert;
pub use decode::decode;
pub use decode_split::decode_split;
pub use encode::encode;
pub use envelope::envelope;
pub use guest::{guest, unwinding};
pub use ia64save_xen::agent::fuzz::agent_protocol;
pub use input::Input;
pub use inspect::{core, inspect};
pub use mutate::mutate;
pub use restore::restore;
pub use roundtrip::roundtrip;
pub use translate::translate;

/// A target by its name.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the binary is called.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
    /// What its inputs are.
    pub kind: Kind,
}

/// What the inputs of a target are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stream behind the four bytes of an [`Input`].
    Stream,
    /// A file behind the four bytes of an [`Input`].
    File,
    /// A core of `xm dump-core` behind those four bytes.
    Core,
    /// Bytes that an image is made up from.
    Recipe,
    /// Registers, and words of page tables.
    Tables,
    /// A text.
    Text,
    /// What an agent on a real host says.
    Replies,
    /// Parts of a kernel's file, which are as good as its memory.
    Kernel,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "decode",
        run: decode,
        kind: Kind::Stream,
    },
    Target {
        name: "decode_split",
        run: decode_split,
        kind: Kind::Stream,
    },
    Target {
        name: "roundtrip",
        run: roundtrip,
        kind: Kind::Stream,
    },
    Target {
        name: "encode",
        run: encode,
        kind: Kind::Recipe,
    },
    Target {
        name: "mutate",
        run: mutate,
        kind: Kind::Recipe,
    },
    Target {
        name: "check",
        run: check,
        kind: Kind::Stream,
    },
    Target {
        name: "convert",
        run: convert,
        kind: Kind::Stream,
    },
    Target {
        name: "inspect",
        run: inspect,
        kind: Kind::Stream,
    },
    Target {
        name: "core",
        run: core,
        kind: Kind::Core,
    },
    Target {
        name: "translate",
        run: translate,
        kind: Kind::Tables,
    },
    Target {
        name: "restore",
        run: restore,
        kind: Kind::Stream,
    },
    Target {
        name: "agent_protocol",
        run: agent_protocol,
        kind: Kind::Replies,
    },
    Target {
        name: "envelope",
        run: envelope,
        kind: Kind::File,
    },
    Target {
        name: "config",
        run: config,
        kind: Kind::Text,
    },
    Target {
        name: "unwinding",
        run: unwinding,
        kind: Kind::Kernel,
    },
    Target {
        name: "guest",
        run: guest,
        kind: Kind::Kernel,
    },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
