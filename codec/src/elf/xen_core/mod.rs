//! The ELF core of `xm dump-core` (Xen 3.1.0 to 4.2.0 on ia64): sections, no program headers.
//!
//! ```text
//! ELF header | section headers | notes | contexts | privregs pages (PV) | shared_info | pages | pfns | names
//! ```
//!
//! | section | holds | entry |
//! |---|---|---|
//! | `.shstrtab` | names of sections | |
//! | `.note.Xen` | four notes: NONE, HEADER, XEN_VERSION, FORMAT_VERSION | |
//! | `.xen_prstatus` | the context of each vcpu | its layout's size |
//! | `.xen_ia64_mapped_regs` | the privregs page of each vcpu of a PV domain | a page |
//! | `.xen_shared_info` | the shared_info page | a page |
//! | `.xen_pages` | pages, on a page boundary of the file | a page |
//! | `.xen_pfn` | their pfns, ascending; all ones for a page that is only padding | 8 |
//!
//! Every release from 3.1.0 to 4.2.0 computed its section headers for privregs pages before
//! shared_info, and wrote shared_info first. In the cores of PV domains both headers therefore point at
//! the wrong bytes. [`XenCore`] writes what the headers say, and recognises both when it reads
//! ([`Order`]).

mod read;
mod write;

use bytes::Bytes;

use crate::dialect::Guest;
use crate::error::Error;
use crate::image::Image;
use crate::memory::{Assembly, Memory};

/// In which order privregs pages and shared_info stand in a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the section headers say.
    AsSaid,
    /// The other way round: as `xm dump-core` wrote PV domains.
    Swapped,
    /// There is only one of them, or none.
    Single,
}

impl Order {
    /// `"as_said"`, `"swapped"` or `"single"`.
    pub fn name(self) -> &'static str {
        match self {
            Order::AsSaid => "as_said",
            Order::Swapped => "swapped",
            Order::Single => "single",
        }
    }
}

/// What a core says of itself, beside the state of the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XenCore {
    /// The kind of guest, by the magic of the HEADER note.
    pub guest: Guest,
    /// Vcpus by the HEADER note.
    pub nr_vcpus: u64,
    /// Pages by the HEADER note.
    pub nr_pages: u64,
    /// Version of the core's format: major, minor.
    pub format_version: Option<(u32, u32)>,
    /// Version of Xen, where the note has one: major, minor.
    pub xen_version: Option<(u64, u64)>,
    /// Pages that are only padding.
    pub padding: u64,
    /// How privregs pages and shared_info stand.
    pub order: Order,
}

impl XenCore {
    /// A core of a checkpoint. What no stream has, the version of the Xen that ran, is zero.
    ///
    /// # Errors
    /// Where ELF cannot describe it.
    pub fn write(memory: &Memory<'_>, checkpoint: usize) -> Result<Assembly, Error> {
        write::assembly(memory, checkpoint)
    }

    /// Reads a core as an image of one checkpoint, without a head and without a memory map. Nothing is
    /// copied.
    ///
    /// # Errors
    /// Where it is no core of an ia64 domain, or ends too early.
    pub fn read(data: &Bytes) -> Result<(XenCore, Image), Error> {
        read::core(data)
    }

    /// Whether these first bytes of a file could begin a core of an ia64 machine.
    pub fn looks_like_one(prefix: &[u8]) -> bool {
        prefix.starts_with(b"\x7fELF\x02\x01") && prefix.get(16..20) == Some(&[4, 0, 50, 0])
    }
}

/// Owner of Xen's notes.
const OWNER: &str = "Xen";
/// Types of Xen's notes.
const NONE: u32 = 0x200_0000;
const HEADER: u32 = 0x200_0001;
const XEN_VERSION: u32 = 0x200_0002;
const FORMAT_VERSION: u32 = 0x200_0003;
/// First word of HEADER.
const MAGIC_PV: u64 = 0xf00f_ebed;
const MAGIC_HVM: u64 = 0xf00f_ebee;
/// Bytes of XEN_VERSION.
const XEN_VERSION_SIZE: usize = 1280;

const NOTES: &str = ".note.Xen";
const CONTEXTS: &str = ".xen_prstatus";
const PRIVREGS: &str = ".xen_ia64_mapped_regs";
const SHARED_INFO: &str = ".xen_shared_info";
const PAGES: &str = ".xen_pages";
const PFNS: &str = ".xen_pfn";
