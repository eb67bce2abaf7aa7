//! Which Xen a host runs.

use core::fmt;
use core::str::FromStr;

use ia64save_codec::Dialect;
use ia64save_codec::dialect::{MappedRegsLayout, SharedInfoLayout, StartInfoLayout, UnknownName};

/// Releases, as far as they differ in what a domain is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// A tree between two releases: the dialect says it all.
    Development,
    /// 3.0.3.
    Xen303,
    /// 3.0.4.
    Xen304,
    /// 3.1.
    Xen31,
    /// 3.2.
    Xen32,
    /// 3.3.
    Xen33,
    /// 3.4.
    Xen34,
    /// 4.0.
    Xen40,
    /// 4.1.
    Xen41,
    /// The source of 4.2, which never ran.
    Xen42,
}

const RELEASES: [(&str, Dialect, Release); 10] = [
    ("xen-3.0.3", Dialect::D1, Release::Xen303),
    ("xen-3.0.4", Dialect::D1b, Release::Xen304),
    ("xen-3.1", Dialect::D1b, Release::Xen31),
    ("xen-3.1.0", Dialect::D1b, Release::Xen31),
    ("xen-3.2", Dialect::D10, Release::Xen32),
    ("xen-3.3", Dialect::D11, Release::Xen33),
    ("xen-3.4", Dialect::D11, Release::Xen34),
    ("xen-4.0", Dialect::D11, Release::Xen40),
    ("xen-4.1", Dialect::D11, Release::Xen41),
    ("xen-4.2", Dialect::D12, Release::Xen42),
];

/// Which Xen a host runs: the dialect that it saves in, and the release where a dialect spans several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Era {
    dialect: Dialect,
    release: Release,
}

impl Era {
    /// Every era that differs from the others: a release each, and the trees between them.
    pub fn all() -> impl Iterator<Item = Era> {
        let releases = RELEASES
            .into_iter()
            .filter(|(name, ..)| *name != "xen-3.1.0");
        let development = Dialect::ALL
            .into_iter()
            .filter(|dialect| RELEASES.iter().all(|(_, d, _)| d != dialect));
        releases
            .map(|(_, dialect, release)| Era { dialect, release })
            .chain(development.map(Era::from))
    }

    /// The dialect that its hypervisor and tools speak.
    pub fn dialect(self) -> Dialect {
        self.dialect
    }

    /// The release.
    pub fn release(self) -> Release {
        self.release
    }

    /// Layout of the privregs page, and of the head of the VPD.
    pub fn mapped_regs(self) -> MappedRegsLayout {
        match self.release {
            Release::Xen31 => MappedRegsLayout::M3,
            Release::Xen33 => MappedRegsLayout::M4,
            Release::Xen304 => MappedRegsLayout::M1,
            _ => *last(self.dialect.spec().mapped_regs),
        }
    }

    /// Layout of the shared_info page.
    pub fn shared_info(self) -> SharedInfoLayout {
        *last(self.dialect.spec().shared_info)
    }

    /// Layout of the start_info page.
    pub fn start_info(self) -> StartInfoLayout {
        match self.release {
            Release::Xen33 => StartInfoLayout::I1,
            _ => *last(self.dialect.spec().start_info),
        }
    }

    /// Where the register stack begins within 512 aligned bytes of the hypervisor's own, in words.
    /// It depends on the build; these are those of the builds that were seen running.
    pub fn rbs_voff(self) -> u64 {
        match (self.dialect, self.release) {
            (Dialect::D6 | Dialect::D7 | Dialect::D8, _) => 0x38,
            (Dialect::D9 | Dialect::D10, _) => 0x28,
            (Dialect::D11, Release::Xen33) => 0x30,
            _ => 0x34,
        }
    }

    /// The privilege that a PV guest's kernel runs at: 1 from 46867b9c10 (2007-07-02) on, before 2.
    pub(crate) fn kernel_level(self) -> u64 {
        if self.dialect >= Dialect::D6 { 1 } else { 2 }
    }

    /// A context has the psr that a PV guest sees, not that of the machine (e588d94efc).
    pub(crate) fn shows_virtual_psr(self) -> bool {
        self.dialect >= Dialect::D5
    }

    /// A PV context has the interval counter (658c654a05).
    pub(crate) fn has_itc(self) -> bool {
        self.release >= Release::Xen34
    }

    /// Vcpus other than 0 come up only where the context asks for it (55c5209d25).
    pub(crate) fn has_online_flag(self) -> bool {
        self.dialect >= Dialect::D11
    }

    /// The instance of an HVM record is held against the domain's vcpus (025d0facf2) rather than 64.
    pub(crate) fn checks_instances(self) -> bool {
        self.release >= Release::Xen40
    }

    /// HVM record 8 exists (69a6f6d074).
    pub(crate) fn has_identity_record(self) -> bool {
        self.dialect.spec().hvm_fixed_bytes.first() == Some(&608)
    }

    /// Where a PV guest sees shared_info unless it is told otherwise.
    pub(crate) fn xsi_va(self) -> u64 {
        if self.dialect >= Dialect::D5 {
            0xf500_0000_0000_0000
        } else {
            0xf100_0000_0000_0000
        }
    }

    /// Setup knows where memory ends (c811f1fa77).
    pub(crate) fn has_maxmem(self) -> bool {
        self.dialect >= Dialect::D3
    }

    /// Tools name foreign pages by gpfn; before, by machine frame.
    pub(crate) fn maps_by_gpfn(self) -> bool {
        !self.dialect.spec().privregs_is_machine_frame
    }
}

fn last<T>(choices: &'static [T]) -> &'static T {
    choices
        .last()
        .expect("a dialect has a layout of everything")
}

impl From<Dialect> for Era {
    /// The release that the dialect is named after.
    fn from(dialect: Dialect) -> Self {
        let named = RELEASES.iter().find(|(name, ..)| *name == dialect.name());
        let release = match (named, dialect) {
            (Some((_, _, release)), _) => *release,
            (None, Dialect::D12) => Release::Xen42,
            (None, _) => Release::Development,
        };
        Era { dialect, release }
    }
}

impl FromStr for Era {
    type Err = UnknownName;

    /// Accepts what [`Dialect`] accepts; of a dialect's names each means its own release.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let dialect: Dialect = name.parse()?;
        let named = RELEASES.iter().find(|(release, ..)| *release == name);
        Ok(
            named.map_or(Era::from(dialect), |(_, dialect, release)| Era {
                dialect: *dialect,
                release: *release,
            }),
        )
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = RELEASES
            .iter()
            .find(|(_, dialect, release)| (*dialect, *release) == (self.dialect, self.release));
        f.write_str(named.map_or(self.dialect.name(), |(name, ..)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_names_more_than_its_dialect() {
        let eras: Vec<Era> = Era::all().collect();
        assert_eq!(eras.len(), 18);
        for era in eras {
            assert_eq!(era.to_string().parse(), Ok(era));
        }
        let (old, new): (Era, Era) = ("xen-3.3".parse().unwrap(), "xen-3.4".parse().unwrap());
        assert_eq!(old.dialect(), new.dialect());
        assert_ne!(old.mapped_regs(), new.mapped_regs());
        assert_ne!(old.start_info(), new.start_info());
    }
}
