//! How much the input may make a reader hold.
//!
//! Nothing is allocated by a size read from the input before that size has been
//! compared with one of these limits. The defaults admit every image that a
//! Xen/ia64 host could have written, with room to spare.

/// Upper bounds on every count and size that a stream can name (spec 14.1).
///
/// ```
/// use ia64save_codec::Limits;
/// let strict = Limits::default().memmap_pages(1);
/// assert!(strict.memmap_pages < Limits::default().memmap_pages);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Pages of the memory map (spec 4.1). Every Xen wrote exactly 1.
    pub memmap_pages: u32,
    /// `max_virt_cpus` (spec 8.1). Every Xen wrote 64.
    pub max_virt_cpus: u64,
    /// Bytes of the HVM context blob (spec 10.3): 608 + 65656 for each of up to 64 vcpus is
    /// 4 202 592.
    pub hvm_context_bytes: u64,
    /// Page records of all checkpoints together; also the bound of the page index (at most 24
    /// bytes each).
    pub page_records: u64,
    /// Ranges of consecutive pfns that the unallocated lists may fall into (16 bytes each in
    /// memory). The count of pfns is not limited: the list is read in pieces.
    pub unallocated_ranges: usize,
    /// Checkpoints of one image (Remus rounds, spec 11.1).
    pub checkpoints: usize,
    /// Bytes of small sections (memory map, contexts, pages of vcpus, HVM blobs) that a reader of a
    /// stream that cannot be mapped may keep. A mapped image borrows them and is not bound by this.
    pub retained_bytes: usize,
    /// Bytes of a device-model record between two checkpoints (spec 11.3): a reader has to hold it to see
    /// what is behind it.
    pub device_model_bytes: u32,
    /// Bytes of the configuration text of an envelope (spec 13.1, 13.2).
    pub config_bytes: u32,
}

macro_rules! setters {
    ($($name:ident: $ty:ty,)*) => {
        impl Limits {
            $(
                #[doc = concat!("These limits, but for [`", stringify!($name), "`](field@Limits::", stringify!($name), ").")]
                #[must_use]
                pub fn $name(mut self, limit: $ty) -> Self {
                    self.$name = limit;
                    self
                }
            )*
        }
    };
}

setters! {
    memmap_pages: u32,
    max_virt_cpus: u64,
    hvm_context_bytes: u64,
    page_records: u64,
    unallocated_ranges: usize,
    checkpoints: usize,
    retained_bytes: usize,
    device_model_bytes: u32,
    config_bytes: u32,
}

/// Records whose index a machine can address, and whose number takes 32 bits.
const RECORDS: u64 = {
    let addressable = crate::size::MOST as u64 / 24;
    if addressable < u32::MAX as u64 {
        addressable
    } else {
        u32::MAX as u64
    }
};

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memmap_pages: 16,
            max_virt_cpus: 4096,
            hvm_context_bytes: 8 << 20,
            page_records: RECORDS,
            unallocated_ranges: 1 << 19,
            checkpoints: 1 << 14,
            retained_bytes: 40 << 20,
            device_model_bytes: 64 << 20,
            config_bytes: 1 << 20,
        }
    }
}
