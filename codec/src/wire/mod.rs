//! The structures of fixed size, as they lie in the stream or in a page of it.
//!
//! | module | structure | layouts |
//! |---|---|---|
//! | [`arch_setup`] | domain setup record | Dom0Op, Plain, Vhpt |
//! | [`memmap`] | memory map header and EFI descriptor | 1 |
//! | [`vcpu_context`] | registers of a vcpu | A, B, B2, C, D, E, F |
//! | [`privregs`] | registers that a PV guest shares with the hypervisor | M1 to M5 |
//! | [`shared_info`] | event channels, time, addresses of other pages | S0, S1, S2 |
//! | [`start_info`] | what a PV kernel starts with | I0, I1, I2 |
//! | [`boot_param`] | boot parameter block behind start_info | 1 |
//! | [`hvm`] | records of an HVM domain | 1, but VPD: M4, M5 |
//! | [`nvram`] | address of an HVM guest's variables | 1 |
//!
//! [`layout`](mod@layout), [`value`] and [`words`] have the machinery; [`bits`] knows registers that are sets of bits. Each structure comes in two forms:
//!
//! - a struct with public fields, read and written by [`Wire`]. Padding is a field too, so writing
//!   gives back every byte that was read;
//! - a [`Layout`], which finds fields by path and shows raw bytes without decoding them all.
//!
//! A structure that changed over the years has a struct for each layout and an enum over them
//! ([`Context`], [`ArchSetup`], …) with getters that do not ask which it is. The enums of
//! [`crate::dialect`] choose. Names and paths are those of `spec/layout/*.tsv`; tests compare every
//! row of every table.
//!
//! ```
//! use ia64save_codec::Dialect;
//! use ia64save_codec::wire::{self, Context};
//!
//! let layout = Dialect::D11.spec().context;
//! let mut bytes = vec![0; layout.size()];
//!
//! // By path: the form for `dump`, `set` and error messages.
//! let pte = wire::layout_of_context(layout).find("regs.tr.itrs[3].pte").unwrap();
//! assert_eq!((pte.offset, pte.size()), (5080, 8));
//! bytes[pte.offset] = 0x61;
//!
//! // By type: the form for code that knows what it wants.
//! let context = Context::parse(layout, &bytes).unwrap();
//! assert_eq!(context.itrs()[3].pte, 0x61);
//! assert_eq!(context.num_phys_stacked(), Some(0));
//! assert_eq!(context.to_bytes(), bytes);
//!
//! // All at once: every leaf with its path, offset and meaning.
//! wire::layout_of_context(layout).walk(&bytes, &mut |entry| {
//!     if entry.bytes.iter().any(|&byte| byte != 0) {
//!         assert_eq!(entry.path, "regs.tr.itrs[3].pte");
//!         assert_eq!(entry.value(), wire::Value::Unsigned(0x61));
//!     }
//! });
//! ```

pub mod arch_setup;
pub mod bits;
pub mod boot_param;
mod declare;
mod eras;
pub mod hvm;
pub mod layout;
pub mod memmap;
pub mod nvram;
pub mod privregs;
pub mod shared_info;
pub mod start_info;
#[cfg(test)]
mod tests;
pub mod value;
pub mod vcpu_context;
mod walk;
pub mod words;

pub use arch_setup::{ArchSetup, layout_of as layout_of_arch_setup};
pub use declare::{Shape, Wire};
pub use layout::{Field, Kind, Layout, Located, Style};
pub use privregs::{MappedRegs, layout_of as layout_of_mapped_regs};
pub use shared_info::{SharedInfo, layout_of as layout_of_shared_info};
pub use start_info::{StartInfo, layout_of as layout_of_start_info};
pub use value::{Entry, Value};
pub use vcpu_context::{Context, layout_of as layout_of_context};
