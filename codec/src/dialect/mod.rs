//! The dialects of the stream, D0 to D12 with a D1b: data, not code paths.
//!
//! The bytes of the stream changed several times without a change of its version word, so the
//! version alone does not fix the layout. A [`Dialect`] does. Its [`Spec`] row says everything that
//! a reader or writer has to know. Only detection and the rules about what a hypervisor of an era
//! filled in compare dialects themselves.
//! Source: spec 12.1, which names the Xen commit of every change.

mod layouts;
mod table;
mod tools;

use core::fmt;
use core::str::FromStr;

pub use layouts::{
    ArchSetupLayout, ContextLayout, MagicPfn, MappedRegsLayout, P2mSizeMeaning, SharedInfoLayout,
    StartInfoLayout, VcpumapRule,
};
pub use table::Spec;
pub use tools::Tools;

use table::SPECS;

/// One way in which Xen/ia64 wrote the stream (spec 12.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
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
}
