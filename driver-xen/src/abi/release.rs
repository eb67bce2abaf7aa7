//! What a release of Xen has: a row of data each, not a code path.

use ia64save_codec::Era;
use ia64save_codec::dialect::{Dialect, P2mSizeMeaning, Version};
use ia64save_codec::wire::Layout;

use super::domctl::{CreateV3, CreateV4, DomainInfoV3, DomainInfoV6, DomainInfoV7, DomainInfoV8};

/// One release, as far as hypercalls go.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// Its name: `"3.4"`. Of 4.2 there was no release for ia64, only trees on the way to it.
    pub name: &'static str,
    /// What `xen_version` answers: major above minor. Trees before a release answered as the one
    /// before it.
    pub versions: &'static [u32],
    /// Interface version of domctl.
    pub interface: u32,
    /// Structure of `getdomaininfo`. Read by name: `domain`, `flags`, `tot_pages`, `max_pages`,
    /// `shared_info_frame`, `max_vcpu_id`.
    pub domain_info: &'static Layout,
    /// Structure of `createdomain`, written by name: `handle`, `flags`.
    pub create: &'static Layout,
    /// `maximum_gpfn` answers the highest gpfn; before 3.3, one more than it.
    pub maximum_is_highest: bool,
    /// `IA64_DOM0VP_get_memmap` is there (Xen 899c7cca73, 2008-10-03). Asked for an operation on physical
    /// maps that it does not know, every hypervisor answers -1, which reads as `EPERM` and is no refusal.
    pub gives_memmap: bool,
    /// A destroy that is interrupted leaves the domain without event channels, and asking after one does
    /// no harm (Xen 5ace6c1924, 2008-04-11). In 3.2 it was interrupted too, but the question reads memory
    /// that has been given back; before, destroying was never interrupted.
    pub tells_half_destroyed: bool,
    /// Frames of foreign pages are machine frames.
    pub maps_machine_frames: bool,
    /// The dialect that its tools write.
    pub dialect: Dialect,
}

/// Releases that had ia64, oldest first. The last row is none: ia64 was removed on 2012-04-03 (Xen
/// 570c311ca2), five months before 4.2.0, whose tag has no hypervisor for it; what answers as 4.2 was built
/// from a tree before that day.
pub static RELEASES: [Release; 9] = [
    Release {
        name: "3.0.3",
        versions: &[0x3_0000],
        interface: 3,
        create: CreateV3::LAYOUT,
        maps_machine_frames: true,
        dialect: Dialect::D1,
        ..BASE
    },
    Release {
        name: "3.0.4",
        versions: &[0x3_0000],
        interface: 4,
        ..BASE
    },
    Release {
        name: "3.1",
        versions: &[0x3_0001, 0x3_0000],
        ..BASE
    },
    Release {
        name: "3.2",
        versions: &[0x3_0002],
        dialect: Dialect::D10,
        ..BASE
    },
    Release {
        name: "3.3",
        versions: &[0x3_0003],
        ..V5
    },
    Release {
        name: "3.4",
        versions: &[0x3_0004],
        gives_memmap: true,
        ..V5
    },
    Release {
        name: "4.0",
        versions: &[0x4_0000],
        interface: 6,
        domain_info: DomainInfoV6::LAYOUT,
        gives_memmap: true,
        ..V5
    },
    Release {
        name: "4.1",
        versions: &[0x4_0001],
        interface: 7,
        domain_info: DomainInfoV7::LAYOUT,
        gives_memmap: true,
        ..V5
    },
    Release {
        name: "4.2",
        versions: &[0x4_0002],
        interface: 8,
        domain_info: DomainInfoV8::LAYOUT,
        gives_memmap: true,
        dialect: Dialect::D12,
        ..V5
    },
];

const BASE: Release = Release {
    name: "",
    versions: &[],
    interface: 5,
    domain_info: DomainInfoV3::LAYOUT,
    create: CreateV4::LAYOUT,
    maximum_is_highest: false,
    gives_memmap: false,
    tells_half_destroyed: false,
    maps_machine_frames: false,
    dialect: Dialect::D1b,
};

const V5: Release = Release {
    maximum_is_highest: true,
    tells_half_destroyed: true,
    dialect: Dialect::D11,
    ..BASE
};

impl Release {
    /// The interface versions that are known.
    pub const INTERFACES: std::ops::RangeInclusive<u32> = 3..=8;

    /// The release with an interface version and an answer of `xen_version`.
    pub fn find(interface: u32, version: u32) -> Option<&'static Release> {
        RELEASES
            .iter()
            .find(|row| row.interface == interface && row.versions.contains(&version))
    }

    /// The release whose hypervisor speaks a dialect, for trees between releases: the last one with
    /// that interface that is not newer. `None` for D0, which had no domctl.
    pub fn of(dialect: Dialect) -> Option<&'static Release> {
        let exact = RELEASES.iter().find(|row| row.dialect == dialect);
        exact.or_else(|| {
            let mut before = RELEASES.iter().filter(|row| row.dialect < dialect);
            before.next_back()
        })
    }

    /// The era of its hypervisor: how contexts are set.
    pub fn era(&self) -> Era {
        let own = std::format!("xen-{}", self.name).parse::<Era>();
        let own = own.ok().filter(|era| era.dialect() == self.dialect);
        own.unwrap_or(Era::usual(self.dialect))
    }

    /// This release with a dialect of the trees around it, if it can be one of theirs: the version
    /// numbers of trees between releases do not tell them apart.
    pub fn speaking(&self, dialect: Dialect) -> Option<Release> {
        let near = dialect == self.dialect || Release::of(dialect)?.interface == self.interface;
        near.then_some(Release { dialect, ..*self })
    }

    /// Whether a suspended domain can go on: `XEN_DOMCTL_resumedomain` came with 3.1.
    pub fn has_resume(&self) -> bool {
        self.interface >= 5
    }

    /// Whether its tools take a domain's limit of memory for the end of its map: `p2m_size` and
    /// `start_info.nr_pages` of the next image are the limit then, whatever memory there is.
    pub fn limit_is_end(&self) -> bool {
        self.dialect.spec().p2m_size == P2mSizeMeaning::MaxMem
    }

    /// Whether its tools read the physical map from a table that the hypervisor exposes, rather than
    /// asking for a list.
    pub fn exposes_p2m(&self) -> bool {
        self.dialect.spec().version > Version::V1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_and_every_dialect_has_its_release() {
        for interface in Release::INTERFACES {
            assert!(RELEASES.iter().any(|row| row.interface == interface));
        }
        assert!(Release::of(Dialect::D0).is_none());
        for dialect in Dialect::ALL.into_iter().skip(1) {
            let release = Release::of(dialect).unwrap();
            assert!(release.dialect <= dialect, "{dialect}");
            assert_eq!(
                release.speaking(dialect).map(|row| row.dialect),
                Some(dialect)
            );
        }
        assert_eq!(Release::of(Dialect::D7).unwrap().name, "3.1");
        assert_eq!(Release::find(5, 0x3_0000).unwrap().name, "3.1");
        assert_eq!(Release::find(4, 0x3_0000).unwrap().name, "3.0.4");
        assert!(Release::find(5, 0x3_0007).is_none());
        let named = |has: &dyn Fn(&Release) -> bool| -> Vec<&str> {
            let found = RELEASES.iter().filter(|row| has(row));
            found.map(|row| row.name).collect()
        };
        assert_eq!(named(&|row| row.limit_is_end()), ["3.0.3", "3.0.4", "3.1"]);
        assert_eq!(named(&|row| row.gives_memmap), ["3.4", "4.0", "4.1", "4.2"]);
        assert_eq!(
            named(&|row| row.tells_half_destroyed),
            ["3.3", "3.4", "4.0", "4.1", "4.2"]
        );
        let latest = Release::find(6, 0x4_0000).unwrap();
        assert!(latest.speaking(Dialect::D11).is_some());
        assert!(
            Release::of(Dialect::D11)
                .unwrap()
                .speaking(Dialect::D1)
                .is_none()
        );
    }
}
