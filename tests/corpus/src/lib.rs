//! Images for tests.
//!
//! | module | what |
//! |---|---|
//! | [`files`] | [`goldens`]: images written by Xen's own code, with the truth about each; [`hostile`]: bad images, each named after its defect; [`guestks`]: images with a small kernel in them |
//! | [`generate`](mod@generate) | [`generate()`]: whole valid images of every dialect, and what is in them: the crate `ia64save-generate` |
//! | [`strategy`] | the same, as proptest strategies |
//! | [`large`] | an image of any size, for benchmarks: into a file or into memory |
//! | [`inhabited`] | the same with a small kernel in it, and a process that has much of its memory |
//! | [`read`] | three readers of one stream: a slice, chunks, single bytes |
//!
//! ```
//! use ia64save_codec::{Dialect, Guest};
//! use ia64save_corpus::{Params, generate};
//!
//! let image = generate(&Params::new(Dialect::D11, Guest::Pv));
//! let cut = image.plan.section("vcpu0_context").unwrap().offset as usize;
//! assert_eq!(image.bytes[cut..].len(), 2 * 16384 + 22208);
//! ```

#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "files")]
pub mod inhabited;
pub mod large;
pub mod read;
#[cfg(feature = "strategy")]
pub mod strategy;

pub use ia64save_generate as generate;

#[cfg(feature = "files")]
pub use files::{
    Golden, Guestk, Hostile, Verdict, golden, goldens, guestk_program, guestks, hostile,
    restored_goldens,
};
pub use generate::{GeneratedImage, Params, Plan, Round, Section, Trailing, generate, kinds};
