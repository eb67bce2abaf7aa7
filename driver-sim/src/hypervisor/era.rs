//! Which Xen a host runs.
//!
//! What contexts mean on it is the codec's table of eras ([`ia64save_codec::Era`], spec 12.4). Here
//! stands what that table leaves out: the releases that one era spans, and what a host has beyond
//! contexts.

use core::fmt;
use core::str::FromStr;

use ia64save_codec::Dialect;
use ia64save_codec::dialect::{MappedRegsLayout, SharedInfoLayout, StartInfoLayout, UnknownName};
use ia64save_codec::era::{Era as Meaning, Spec};

/// Releases, as far as they differ in what a domain is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// A tree between two releases: the era says it all.
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

/// Of an era that spans several releases the first is the usual one.
const RELEASES: [(&str, Meaning, Release); 9] = [
    ("xen-3.0.3", Meaning::D1, Release::Xen303),
    ("xen-3.0.4", Meaning::D1bA, Release::Xen304),
    ("xen-3.1", Meaning::D1bF, Release::Xen31),
    ("xen-3.2", Meaning::D10C, Release::Xen32),
    ("xen-3.3", Meaning::D11A, Release::Xen33),
    ("xen-3.4", Meaning::D11B, Release::Xen34),
    ("xen-4.0", Meaning::D11B, Release::Xen40),
    ("xen-4.1", Meaning::D11B, Release::Xen41),
    ("xen-4.2", Meaning::D12, Release::Xen42),
];

/// Which Xen a host runs: a row of the codec's table of eras, and the release where a row spans several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Era {
    meaning: Meaning,
    release: Release,
}

impl Era {
    /// Every era that differs from the others, oldest first: the 33 of the codec's table, and the
    /// further releases of those that span several.
    pub fn all() -> impl Iterator<Item = Era> {
        Meaning::ALL.into_iter().flat_map(|meaning| {
            let further = RELEASES
                .into_iter()
                .filter(move |(_, of, _)| *of == meaning);
            let further = further
                .skip(1)
                .map(move |(_, _, release)| Era { meaning, release });
            core::iter::once(Era::from(meaning)).chain(further)
        })
    }

    /// The era in which contexts had this meaning.
    pub fn meaning(self) -> Meaning {
        self.meaning
    }

    /// Its row of the codec's table.
    pub fn spec(self) -> &'static Spec {
        self.meaning.spec()
    }

    /// The dialect that its hypervisor and tools speak.
    pub fn dialect(self) -> Dialect {
        self.meaning.dialect()
    }

    /// The release.
    pub fn release(self) -> Release {
        self.release
    }

    /// Layout of the privregs page, and of the head of the VPD.
    pub fn mapped_regs(self) -> MappedRegsLayout {
        self.spec().privregs
    }

    /// Layout of the shared_info page.
    pub fn shared_info(self) -> SharedInfoLayout {
        *last(self.dialect().spec().shared_info)
    }

    /// Layout of the start_info page.
    pub fn start_info(self) -> StartInfoLayout {
        match self.release {
            Release::Xen33 => StartInfoLayout::I1,
            _ => *last(self.dialect().spec().start_info),
        }
    }

    /// Where the register stack begins within 512 aligned bytes of the hypervisor's own, in words.
    /// It depends on the build, but where the source fixed it; these are those of the builds that were
    /// seen running.
    pub fn rbs_voff(self) -> u64 {
        if let Some(fixed) = self.spec().rbs_voff {
            return fixed;
        }
        match self.meaning {
            Meaning::D6D | Meaning::D7A | Meaning::D7B => 10,
            Meaning::D7C | Meaning::D7D | Meaning::D8A | Meaning::D8B => 8,
            Meaning::D9A | Meaning::D9B | Meaning::D10A | Meaning::D10B | Meaning::D10C => 0x28,
            Meaning::D10D | Meaning::D10E | Meaning::D11A => 0x30,
            Meaning::D11B | Meaning::D12 => 0x34,
            _ => 0x38,
        }
    }

    /// The instance of an HVM record is held against the domain's vcpus (025d0facf2) rather than 64.
    pub(crate) fn checks_instances(self) -> bool {
        matches!(
            self.release,
            Release::Xen40 | Release::Xen41 | Release::Xen42
        )
    }

    /// HVM record 8 exists (69a6f6d074, within D10b).
    pub(crate) fn has_identity_record(self) -> bool {
        self.since(Meaning::D10B)
    }

    /// Setup knows where memory ends (c811f1fa77).
    pub(crate) fn has_maxmem(self) -> bool {
        self.since(Meaning::D3)
    }

    /// Setup answers with the size of the VHPT (753df0d608, within D7c).
    pub(crate) fn has_vhpt_size(self) -> bool {
        self.since(Meaning::D7C)
    }

    /// A suspended domain can go on (domctl resume, in 3.1). Trees just before it are taken to be without.
    pub fn has_resume(self) -> bool {
        self.since(Meaning::D1bF)
    }

    /// A vcpu in a hypercall shows that it is (68fa1896bb).
    pub(crate) fn has_fast_calls(self) -> bool {
        self.since(Meaning::D1bB)
    }

    /// The hypervisor names the highest gpfn of a domain itself.
    pub(crate) fn names_highest_gpfn(self) -> bool {
        self.since(Meaning::D11A)
    }

    /// dom0vp tells the memory map of a domain.
    pub(crate) fn tells_memmap(self) -> bool {
        self.since(Meaning::D11B)
    }

    /// The same or a later tree: for what no table says.
    fn since(self, first: Meaning) -> bool {
        self.meaning >= first
    }

    /// Tools name foreign pages by gpfn; before, by machine frame.
    pub(crate) fn maps_by_gpfn(self) -> bool {
        !self.spec().machine_frame
    }
}

fn last<T>(choices: &'static [T]) -> &'static T {
    choices
        .last()
        .expect("a dialect has a layout of everything")
}

impl From<Meaning> for Era {
    /// The first of the releases that it spans.
    fn from(meaning: Meaning) -> Self {
        let named = RELEASES.iter().find(|(_, of, _)| *of == meaning);
        Era {
            meaning,
            release: named.map_or(Release::Development, |(_, _, release)| *release),
        }
    }
}

impl From<Dialect> for Era {
    /// The [usual](Meaning::usual) era of the dialect, and of its releases the one that it is named
    /// after.
    fn from(dialect: Dialect) -> Self {
        Era::from(Meaning::usual(dialect))
    }
}

impl FromStr for Era {
    type Err = UnknownName;

    /// Accepts what the codec's [`Era`](Meaning) accepts: an id, a release, any name of a dialect.
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let meaning: Meaning = name.parse()?;
        let named = RELEASES.iter().find(|(release, ..)| *release == name);
        Ok(named.map_or(Era::from(meaning), |(_, _, release)| Era {
            meaning,
            release: *release,
        }))
    }
}

impl fmt::Display for Era {
    /// The release; else the dialect where this is its usual era; else the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = RELEASES
            .iter()
            .find(|(_, meaning, release)| (*meaning, *release) == (self.meaning, self.release));
        f.write_str(match named {
            Some((name, ..)) => name,
            None if Meaning::usual(self.dialect()) == self.meaning => self.dialect().name(),
            None => self.meaning.id(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_names_more_than_its_dialect() {
        let eras: Vec<Era> = Era::all().collect();
        assert_eq!(eras.len(), 35);
        for era in &eras {
            assert_eq!(era.to_string().parse(), Ok(*era));
        }
        let (old, new): (Era, Era) = ("xen-3.3".parse().unwrap(), "xen-3.4".parse().unwrap());
        assert_eq!(old.dialect(), new.dialect());
        assert_ne!(old.mapped_regs(), new.mapped_regs());
        assert_ne!(old.start_info(), new.start_info());
    }

    #[test]
    fn ids_and_names_of_dialects_name_eras() {
        for meaning in Meaning::ALL {
            let era: Era = meaning.id().parse().unwrap();
            assert_eq!((era.meaning(), era), (meaning, Era::from(meaning)));
        }
        for dialect in Dialect::ALL {
            let era: Era = dialect.name().parse().unwrap();
            assert_eq!(era.dialect(), dialect);
        }
        assert_eq!(
            "xen-3.1.0".parse::<Era>().unwrap().release(),
            Release::Xen31
        );
        assert_eq!("D10c".parse::<Era>().unwrap().release(), Release::Xen32);
        assert_eq!("D6b".parse::<Era>().unwrap().to_string(), "D6b");
    }
}
