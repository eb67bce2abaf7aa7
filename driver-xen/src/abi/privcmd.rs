//! The ioctls of Linux's privcmd, as they have been since Xen 3.0.3.
//!
//! Source: `layout/privcmd_ioctl.tsv`, from Linux's `privcmd.h`. Requests have no direction bits:
//! 0x50 ('P') and a number below, the structure's size above.

use ia64save_codec::layout;

/// An ioctl of privcmd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Request {
    /// A hypercall: [`PrivcmdHypercall`].
    Hypercall = 0x0030_5000,
    /// Maps stretches of frames, all or nothing: [`PrivcmdMmap`].
    Mmap = 0x0010_5002,
    /// Maps frames one by one and marks those that failed: [`PrivcmdMmapBatch`].
    MmapBatch = 0x0018_5003,
    /// Maps frames one by one, an error each: [`PrivcmdMmapBatchV2`]. Kernels since 2010.
    MmapBatchV2 = 0x0020_5004,
}

impl Request {
    /// Bytes of its structure, as the number itself says.
    pub const fn size(self) -> usize {
        (self as u32 >> 16) as usize
    }
}

const _: () = {
    assert!(Request::Hypercall.size() == PrivcmdHypercall::LAYOUT.size);
    assert!(Request::Mmap.size() == PrivcmdMmap::LAYOUT.size);
    assert!(Request::MmapBatch.size() == PrivcmdMmapBatch::LAYOUT.size);
    assert!(Request::MmapBatchV2.size() == PrivcmdMmapBatchV2::LAYOUT.size);
};

/// What [`Request::MmapBatch`] ORs into a frame that could not be mapped.
pub const BATCH_ERROR: u64 = 0xf000_0000;
/// What later kernels put there where the page is paged out.
pub const BATCH_PAGED_OUT: u64 = 0x8000_0000;

layout! {
    /// The argument of [`Request::Hypercall`].
    pub struct PrivcmdHypercall: 48 {
        @0 op: u64, Dec, "number of the hypercall";
        @8 arg: [u64; 5], Hex, "arguments; addresses of this process, which the ia64 kernel turns into xencomm handles";
    }
}

layout! {
    /// The argument of [`Request::Mmap`].
    pub struct PrivcmdMmap: 16 {
        @0 num: i32, Dec, "entries";
        @4 dom: u16, Dec, "domid";
        @6 pad6: u16, Pad, "padding";
        @8 entry: u64, Hex, "address of the entries";
    }
}

layout! {
    /// An entry of [`PrivcmdMmap`].
    pub struct PrivcmdMmapEntry: 24 {
        @0  va: u64, Hex, "address to map at";
        @8  mfn: u64, Hex, "first frame: machine frame in 3.0.3, guest frame from 3.0.4";
        @16 npages: u64, Dec, "pages of the kernel";
    }
}

layout! {
    /// The argument of [`Request::MmapBatch`].
    pub struct PrivcmdMmapBatch: 24 {
        @0  num: i32, Dec, "pages";
        @4  dom: u16, Dec, "domid";
        @6  pad6: u16, Pad, "padding";
        @8  addr: u64, Hex, "address to map at";
        @16 arr: u64, Hex, "address of the frames, which are marked on return";
    }
}

layout! {
    /// The argument of [`Request::MmapBatchV2`].
    pub struct PrivcmdMmapBatchV2: 32 {
        @0  num: i32, Dec, "pages";
        @4  dom: u16, Dec, "domid";
        @6  pad6: u16, Pad, "padding";
        @8  addr: u64, Hex, "address to map at";
        @16 arr: u64, Hex, "address of the frames";
        @24 err: u64, Hex, "address of as many i32: 0 or a negative error each";
    }
}

impl PrivcmdHypercall {
    /// A hypercall with its arguments.
    pub fn new(op: u64, arg: [u64; 5]) -> Self {
        PrivcmdHypercall { op, arg }
    }
}
