//! The thirteen dialects of the stream: data, not code paths.
//!
//! The bytes of the stream changed several times without a change of its version word, so the
//! version alone does not fix the layout. A [`Dialect`] does. Its [`Spec`] row says everything that
//! a reader or writer has to know; nothing else in this crate asks which dialect it is handling.
//! Source: spec 12.1, which names the Xen commit of every change.

use core::fmt;
use core::str::FromStr;

/// One way in which Xen/ia64 wrote the stream (spec 12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The first format, 2006-07-11 to 2006-08-25, before 3.0.3: arch_setup of 48 bytes.
    D0,
    /// Xen 3.0.3: `privregs_pfn` is a machine frame.
    D1,
    /// Xen 3.0.4 and 3.1: the bytes of [`Dialect::D1`], but `privregs_pfn` is a gpfn.
    D1b,
    /// Development tree from 2007-05-07: vcpu context B.
    D2,
    /// Development tree from 2007-05-24: `p2m_size` and `maxmem` take their later meaning.
    D3,
    /// Development tree from 2007-05-31: vcpu context B2, without the register stack.
    D4,
    /// Development tree from 2007-06-15: vcpu context C.
    D5,
    /// Development tree from 2007-07-02: vcpu context D.
    D6,
    /// Development tree from 2007-09-06: version 2, the memory map joins the stream.
    D7,
    /// Development tree from 2007-10-21: HVM domains can be saved.
    D8,
    /// Development tree from 2007-10-30: vcpu context E.
    D9,
    /// Xen 3.2: vcpu context F, four magic pfns with the store first.
    D10,
    /// Xen 3.3, 3.4, 4.0 and 4.1: version 3, PV domains carry all vcpus.
    D11,
    /// Source tree from 2011-06-10, never built: the vcpumap takes 8 bytes instead of 9.
    D12,
}

/// Whether a domain is paravirtual or fully virtualised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guest {
    /// Paravirtual.
    Pv,
    /// Fully virtualised; on ia64 also called VTi.
    Hvm,
}

/// The value of the version word (spec 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1: no memory map, one vcpu.
    V1 = 1,
    /// 2: memory map; PV with one vcpu, HVM with a vcpumap.
    V2 = 2,
    /// 3: memory map; vcpumap for both kinds of guest.
    V3 = 3,
}

/// Layouts of the domain setup record (spec 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchSetupLayout {
    /// 48 bytes, a domid first (D0).
    Dom0Op,
    /// 40 bytes, the last four are padding (D1 to D7).
    Plain,
    /// 40 bytes, byte 36 is `vhpt_size_log2` (from D8; 753df0d608, two days before it).
    Vhpt,
}

/// Layouts of the vcpu context (spec 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextLayout {
    /// 1056 bytes: a trap frame and a few virtual registers.
    A,
    /// 21904 bytes.
    B,
    /// 5520 bytes: B without the register stack.
    B2,
    /// 21904 bytes: B with `nats` split and `rbs_nat` added.
    C,
    /// 21936 bytes.
    D,
    /// 22208 bytes: twelve translation registers of each kind.
    E,
    /// 22208 bytes: E with its last two register words changed.
    F,
}

/// Layouts of the first 4096 bytes of the privregs page (spec 8.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappedRegsLayout {
    /// 3.0.3, 3.0.4.
    M1,
    /// Development tree of January 2007.
    M2,
    /// 3.1.
    M3,
    /// 3.2, 3.3.
    M4,
    /// 3.4 to 4.2.
    M5,
}

/// Layouts of the used part of the shared_info page (spec 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedInfoLayout {
    /// 4128 bytes, before 3.0.3.
    S0,
    /// 4384 bytes, 3.0.3 to 3.1.
    S1,
    /// 4384 bytes with the memory map's address, from 3.2.
    S2,
}

/// Layouts of the start_info page (spec 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartInfoLayout {
    /// 1152 bytes, console fields flat (before 3.0.3).
    I0,
    /// 1152 bytes (3.0.3 to 3.3).
    I1,
    /// 1168 bytes (3.4 to 4.2).
    I2,
}

/// One magic page of an HVM domain (spec 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MagicPfn {
    /// xenstore ring; gpfn 0x39001.
    Store,
    /// Device-model request page; gpfn 0x39000.
    Ioreq,
    /// Buffered device-model requests; gpfn 0x39002.
    Bufioreq,
    /// Buffered port requests; gpfn 0x39003.
    Bufpioreq,
}

/// How many bytes the bitmap of online vcpus takes (spec 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VcpumapRule {
    /// `(max_virt_cpus + 8) / 8` bytes: 9 for 64, the last one always zero.
    ByteSlack,
    /// Whole 64-bit words: 8 bytes for 64.
    Words,
}

impl VcpumapRule {
    /// Bytes of a map for `max_virt_cpus`; `None` where the formula overflows.
    pub const fn size(self, max_virt_cpus: u64) -> Option<u64> {
        match self {
            VcpumapRule::ByteSlack => match max_virt_cpus.checked_add(8) {
                Some(n) => Some(n / 8),
                None => None,
            },
            VcpumapRule::Words => match max_virt_cpus.checked_add(63) {
                Some(n) => Some(n / 64 * 8),
                None => None,
            },
        }
    }
}

/// What the saver put into `p2m_size` (spec 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum P2mSizeMeaning {
    /// The domain's memory limit in pages; `arch_setup.maxmem` is 0.
    MaxMem,
    /// One more than the highest gpfn: `ceil(arch_setup.maxmem / page size)`.
    MaximumGpfn,
}

/// Everything that sets a dialect apart.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools)] // a row of a table, not a state
pub struct Spec {
    /// Short name of the dialect's row in spec 12.1: `"D11"`.
    pub id: &'static str,
    /// The name users see: the release that wrote it, or the date of the development tree.
    pub name: &'static str,
    /// Releases that wrote it, for people.
    pub releases: &'static str,
    /// Other names accepted on input.
    pub aliases: &'static [&'static str],
    /// First and last day on which a tree wrote this dialect.
    pub era: (&'static str, &'static str),
    /// The version word.
    pub version: Version,
    /// Domain setup record.
    pub arch_setup: ArchSetupLayout,
    /// Vcpu context.
    pub context: ContextLayout,
    /// Meaning of `p2m_size`.
    pub p2m_size: P2mSizeMeaning,
    /// `privregs_pfn` holds a machine frame rather than a gpfn.
    pub privregs_is_machine_frame: bool,
    /// HVM domains exist in this dialect.
    pub hvm: bool,
    /// PV domains carry a vcpumap and every online vcpu; otherwise vcpu 0 alone.
    pub pv_vcpumap: bool,
    /// Length rule of the vcpumap.
    pub vcpumap: VcpumapRule,
    /// Magic pfns in their order (HVM).
    pub magic_pfns: &'static [MagicPfn],
    /// Bytes of all HVM records that are there once per domain, descriptors and END included: 528
    /// without record 8, 608 with it. Each vcpu adds 65656.
    pub hvm_fixed_bytes: &'static [u64],
    /// Privregs layouts in use while this dialect was written, oldest first.
    pub mapped_regs: &'static [MappedRegsLayout],
    /// Shared_info layouts in use, oldest first.
    pub shared_info: &'static [SharedInfoLayout],
    /// Start_info layouts in use, oldest first.
    pub start_info: &'static [StartInfoLayout],
    /// A Remus save could append further checkpoints (from 22af01be29, Xen 4.0).
    pub checkpoints: bool,
}

use ArchSetupLayout as Setup;
use MagicPfn::{Bufioreq, Bufpioreq, Ioreq, Store};
use MappedRegsLayout::{M1, M2, M3, M4, M5};
use SharedInfoLayout::{S0, S1, S2};
use StartInfoLayout::{I0, I1, I2};

const OLD_MAGIC: &[MagicPfn] = &[Ioreq, Bufioreq, Store];
const NEW_MAGIC: &[MagicPfn] = &[Store, Ioreq, Bufioreq, Bufpioreq];

/// What most dialects of version 1 share; the rows below name only what differs.
const BASE: Spec = Spec {
    id: "",
    name: "",
    releases: "none",
    aliases: &[],
    era: ("", ""),
    version: Version::V1,
    arch_setup: Setup::Plain,
    context: ContextLayout::A,
    p2m_size: P2mSizeMeaning::MaximumGpfn,
    privregs_is_machine_frame: false,
    hvm: false,
    pv_vcpumap: false,
    vcpumap: VcpumapRule::ByteSlack,
    magic_pfns: &[],
    hvm_fixed_bytes: &[],
    mapped_regs: &[M3],
    shared_info: &[S2],
    start_info: &[I1],
    checkpoints: false,
};

static SPECS: [Spec; 14] = [
    Spec {
        id: "D0",
        name: "dev-20060711",
        era: ("2006-07-11", "2006-08-25"),
        arch_setup: Setup::Dom0Op,
        p2m_size: P2mSizeMeaning::MaxMem,
        privregs_is_machine_frame: true,
        mapped_regs: &[M1],
        shared_info: &[S0, S1],
        start_info: &[I0, I1],
        ..BASE
    },
    Spec {
        id: "D1",
        name: "xen-3.0.3",
        releases: "3.0.3",
        era: ("2006-08-25", "2006-12-07"),
        p2m_size: P2mSizeMeaning::MaxMem,
        privregs_is_machine_frame: true,
        mapped_regs: &[M1],
        shared_info: &[S1],
        ..BASE
    },
    Spec {
        id: "D1b",
        name: "xen-3.0.4",
        releases: "3.0.4, 3.1",
        aliases: &["xen-3.1", "xen-3.1.0"],
        era: ("2006-12-07", "2007-05-07"),
        p2m_size: P2mSizeMeaning::MaxMem,
        mapped_regs: &[M1, M2, M3],
        shared_info: &[S1],
        ..BASE
    },
    Spec {
        id: "D2",
        name: "dev-20070507",
        era: ("2007-05-07", "2007-05-24"),
        context: ContextLayout::B,
        p2m_size: P2mSizeMeaning::MaxMem,
        shared_info: &[S1, S2],
        ..BASE
    },
    Spec {
        id: "D3",
        name: "dev-20070524",
        era: ("2007-05-24", "2007-05-31"),
        context: ContextLayout::B,
        ..BASE
    },
    Spec {
        id: "D4",
        name: "dev-20070531",
        era: ("2007-05-31", "2007-06-15"),
        context: ContextLayout::B2,
        ..BASE
    },
    Spec {
        id: "D5",
        name: "dev-20070615",
        era: ("2007-06-15", "2007-07-02"),
        context: ContextLayout::C,
        ..BASE
    },
    Spec {
        id: "D6",
        name: "dev-20070702",
        era: ("2007-07-02", "2007-09-06"),
        context: ContextLayout::D,
        mapped_regs: &[M3, M4],
        ..BASE
    },
    Spec {
        id: "D7",
        name: "dev-20070906",
        era: ("2007-09-06", "2007-10-21"),
        version: Version::V2,
        context: ContextLayout::D,
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D8",
        name: "dev-20071021",
        era: ("2007-10-21", "2007-10-30"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::D,
        hvm: true,
        magic_pfns: OLD_MAGIC,
        hvm_fixed_bytes: &[528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D9",
        name: "dev-20071030",
        era: ("2007-10-30", "2007-11-07"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::E,
        hvm: true,
        magic_pfns: OLD_MAGIC,
        hvm_fixed_bytes: &[528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D10",
        name: "xen-3.2",
        releases: "3.2",
        aliases: &["xen-3.2.0"],
        era: ("2007-11-07", "2008-06-10"),
        version: Version::V2,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        magic_pfns: NEW_MAGIC,
        // Record 8 came on 2007-11-20 (69a6f6d074), within this dialect.
        hvm_fixed_bytes: &[608, 528],
        mapped_regs: &[M4],
        ..BASE
    },
    Spec {
        id: "D11",
        name: "xen-3.3",
        releases: "3.3, 3.4, 4.0, 4.1",
        aliases: &["xen-3.4", "xen-4.0", "xen-4.1"],
        era: ("2008-06-10", "2011-06-10"),
        version: Version::V3,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        pv_vcpumap: true,
        magic_pfns: NEW_MAGIC,
        hvm_fixed_bytes: &[608],
        mapped_regs: &[M4, M5],
        start_info: &[I1, I2],
        checkpoints: true,
        ..BASE
    },
    Spec {
        id: "D12",
        name: "dev-20110610",
        releases: "none (source of 4.2, never built)",
        aliases: &["xen-4.2"],
        era: ("2011-06-10", "2012-09-12"),
        version: Version::V3,
        arch_setup: Setup::Vhpt,
        context: ContextLayout::F,
        hvm: true,
        pv_vcpumap: true,
        vcpumap: VcpumapRule::Words,
        magic_pfns: NEW_MAGIC,
        hvm_fixed_bytes: &[608],
        mapped_regs: &[M5],
        start_info: &[I2],
        checkpoints: true,
        ..BASE
    },
];

impl Dialect {
    /// Every dialect, oldest first.
    pub const ALL: [Dialect; 14] = [
        Dialect::D0,
        Dialect::D1,
        Dialect::D1b,
        Dialect::D2,
        Dialect::D3,
        Dialect::D4,
        Dialect::D5,
        Dialect::D6,
        Dialect::D7,
        Dialect::D8,
        Dialect::D9,
        Dialect::D10,
        Dialect::D11,
        Dialect::D12,
    ];

    /// The dialect's row of the table.
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// `"D11"`.
    pub fn id(self) -> &'static str {
        self.spec().id
    }

    /// `"xen-3.3"`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The dialects that share a version word, oldest first.
    pub fn of_version(version: Version) -> impl Iterator<Item = Dialect> {
        Self::ALL
            .into_iter()
            .filter(move |d| d.spec().version == version)
    }

    /// Whether a domain of this kind could be saved in this dialect.
    pub fn supports(self, guest: Guest) -> bool {
        guest == Guest::Pv || self.spec().hvm
    }

    /// Whether an image of such a guest carries `max_virt_cpus` and a vcpumap.
    pub fn has_vcpumap(self, guest: Guest) -> bool {
        guest == Guest::Hvm || self.spec().pv_vcpumap
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownName;

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such name")
    }
}

impl core::error::Error for UnknownName {}

impl FromStr for Dialect {
    type Err = UnknownName;

    /// Accepts a name (`xen-3.3`), an id (`D11`, in either case) or an alias (`xen-4.0`).
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|d| {
                let spec = d.spec();
                spec.id.eq_ignore_ascii_case(s) || spec.name == s || spec.aliases.contains(&s)
            })
            .ok_or(UnknownName)
    }
}

impl Guest {
    /// `"pv"` or `"hvm"`.
    pub fn name(self) -> &'static str {
        match self {
            Guest::Pv => "pv",
            Guest::Hvm => "hvm",
        }
    }
}

impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Guest {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "pv" => Ok(Guest::Pv),
            "hvm" | "vti" => Ok(Guest::Hvm),
            _ => Err(UnknownName),
        }
    }
}

impl Version {
    /// The version of that number.
    pub fn from_word(word: u64) -> Option<Version> {
        match word {
            1 => Some(Version::V1),
            2 => Some(Version::V2),
            3 => Some(Version::V3),
            _ => None,
        }
    }

    /// Whether the stream carries a memory map.
    pub fn has_memmap(self) -> bool {
        self >= Version::V2
    }
}

impl ArchSetupLayout {
    /// Bytes on the wire.
    pub const fn size(self) -> usize {
        match self {
            ArchSetupLayout::Dom0Op => 48,
            ArchSetupLayout::Plain | ArchSetupLayout::Vhpt => 40,
        }
    }
}

impl ContextLayout {
    /// Every layout, oldest first.
    pub const ALL: [ContextLayout; 7] = [
        ContextLayout::A,
        ContextLayout::B,
        ContextLayout::B2,
        ContextLayout::C,
        ContextLayout::D,
        ContextLayout::E,
        ContextLayout::F,
    ];

    /// Bytes on the wire.
    pub const fn size(self) -> usize {
        match self {
            ContextLayout::A => 1056,
            ContextLayout::B | ContextLayout::C => 21904,
            ContextLayout::B2 => 5520,
            ContextLayout::D => 21936,
            ContextLayout::E | ContextLayout::F => 22208,
        }
    }
}

impl MagicPfn {
    /// Its name in the specification, in messages and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            MagicPfn::Store => "store",
            MagicPfn::Ioreq => "ioreq",
            MagicPfn::Bufioreq => "bufioreq",
            MagicPfn::Bufpioreq => "bufpioreq",
        }
    }

    /// The gpfn that every HVM builder gave to this page (spec 10.2).
    pub fn usual_gpfn(self) -> u64 {
        match self {
            MagicPfn::Ioreq => 0x39000,
            MagicPfn::Store => 0x39001,
            MagicPfn::Bufioreq => 0x39002,
            MagicPfn::Bufpioreq => 0x39003,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_dialect() {
        for dialect in Dialect::ALL {
            let spec = dialect.spec();
            assert_eq!(spec.id.parse(), Ok(dialect));
            assert_eq!(spec.name.parse(), Ok(dialect));
            for alias in spec.aliases {
                assert_eq!(alias.parse(), Ok(dialect));
            }
        }
        assert_eq!("xen-5".parse::<Dialect>(), Err(UnknownName));
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
            assert_eq!(dialect as usize, index);
            assert_eq!(alloc::format!("{dialect:?}"), dialect.id());
        }
    }

    #[test]
    fn a_vcpumap_for_64_takes_nine_bytes_then_eight() {
        assert_eq!(VcpumapRule::ByteSlack.size(64), Some(9));
        assert_eq!(VcpumapRule::Words.size(64), Some(8));
        assert_eq!(VcpumapRule::ByteSlack.size(0), Some(1));
        assert_eq!(VcpumapRule::ByteSlack.size(u64::MAX), None);
        assert_eq!(VcpumapRule::Words.size(u64::MAX), None);
    }
}
