//! The productions of the stream, in its order, one function each (spec 2.1).
//!
//! ```text
//! image      = prologue arch_setup [ memmap ] checkpoint { checkpoint } [ device model ]
//! prologue   = p2m_size:u64 version:u64
//! arch_setup = 40 or 48 bytes
//! memmap     = num_pages:u32 num_pages * page                     version 2, 3
//! checkpoint = { gmfn:u64 page } ~0:u64 unallocated tail
//! unallocated = count:u32 { pfn:u64 }
//! tail (PV)  = context privregs shared_info                       version 1, 2
//!            | vcpumap { context privregs } shared_info           version 3
//! tail (HVM) = shared_info vcpumap { context } magic_pfns hvm_context
//! vcpumap    = max_virt_cpus:u64 bitmap
//! hvm_context = size:u64 { typecode:u16 instance:u16 length:u32 body }
//! ```
//!
//! Every production is a streaming [`nom`] parser over a byte slice: it answers *incomplete* and
//! takes nothing until all its bytes are there. Pages and sections are borrowed. What differs
//! between dialects comes in as a parameter; see [`crate::dialect`].
//!
//! | file | productions |
//! |---|---|
//! | `head` | [`prologue`], [`arch_setup`], [`memmap`] |
//! | `pages` | [`page_run`], [`page_end`], [`unallocated_count`], [`unallocated_run`] |
//! | `tail` | [`vcpumap`], [`section`], [`magic_pfns`], [`hvm_context`], [`hvm_record`] |
//! | `order` | [`Part`], the order in which they follow one another |

mod fault;
mod head;
mod order;
mod pages;
mod tail;

pub use fault::{Fault, Parsed};
pub use head::{Memmap, Prologue, arch_setup, arch_setup_layout, memmap, prologue};
pub use order::{Part, Shape};
pub use pages::{
    PAGES_END, PageRecord, PageRun, PfnRun, page_end, page_run, unallocated_count, unallocated_run,
};
pub use tail::{
    HvmRecord, MAX_VIRT_CPUS, Vcpumap, hvm_context, hvm_record, magic_pfns, section, vcpumap,
};

/// The 8 little-endian bytes at `offset`, where they are all there.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let word = bytes.get(offset..offset.checked_add(8)?)?;
    Some(u64::from_le_bytes(word.try_into().ok()?))
}
