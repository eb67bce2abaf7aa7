//! Names of eras.

use core::fmt;
use core::str::FromStr;

use super::Era;
use crate::dialect::{Dialect, UnknownName};

/// The release that each name means, where a dialect spans several.
const RELEASES: [(&str, Era); 12] = [
    ("xen-3.0.3", Era::D1),
    ("xen-3.0.4", Era::D1bA),
    ("xen-3.1", Era::D1bF),
    ("xen-3.1.0", Era::D1bF),
    ("xen-3.2", Era::D10C),
    ("xen-3.2.0", Era::D10C),
    ("xen-3.3", Era::D11A),
    ("xen-3.4", Era::D11B),
    ("xen-4.0", Era::D11B),
    ("xen-4.1", Era::D11B),
    ("xen-4.2", Era::D12),
    ("dev-20110610", Era::D12),
];

impl Era {
    /// Names of releases that [`Era::from_str`] accepts, with the era of each.
    pub fn releases() -> impl Iterator<Item = (&'static str, Era)> {
        RELEASES.into_iter()
    }
}

impl fmt::Display for Era {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Era {
    type Err = UnknownName;

    /// Accepts an id (`D10c`, `D1b.f`, in either case), a release (`xen-3.1`), and any name of a
    /// dialect, which means its [usual](Era::usual) era.
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        let by_id = Era::ALL
            .into_iter()
            .find(|era| era.id().eq_ignore_ascii_case(s));
        let by_release = || RELEASES.iter().find(|(name, _)| *name == s);
        by_id
            .or_else(|| by_release().map(|(_, era)| *era))
            .map_or_else(|| s.parse::<Dialect>().map(Era::usual), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_era() {
        for era in Era::ALL {
            assert_eq!(era.id().parse(), Ok(era));
            assert_eq!(era.id().to_lowercase().parse(), Ok(era));
        }
        for dialect in Dialect::ALL {
            let era: Era = dialect.name().parse().unwrap();
            assert_eq!(era.dialect(), dialect);
            for alias in dialect.spec().aliases {
                assert_eq!(alias.parse::<Era>().unwrap().dialect(), dialect);
            }
        }
        assert_eq!("xen-3.0.4".parse(), Ok(Era::D1bA));
        assert_eq!("D1b".parse(), Ok(Era::D1bF));
        assert_eq!("D13".parse::<Era>(), Err(UnknownName));
    }
}
