//! What to convert to: a dialect, or an era of one.

use ia64save_codec::{Dialect, Era};

/// What to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An era, or the release that names one.
    Era(Era),
    /// A dialect, whatever its fields mean.
    Dialect(Dialect),
}

impl Target {
    /// The era of the result. What is of the dialect already keeps its own; else the usual one is taken.
    pub fn era(self, from: Era) -> Era {
        match self {
            Target::Era(era) => era,
            Target::Dialect(dialect) if from.dialect() == dialect => from,
            Target::Dialect(dialect) => Era::usual(dialect),
        }
    }
}

/// An era or a release by its name, else a dialect.
pub fn target(name: &str) -> Result<Target, String> {
    let is_release = || Era::releases().any(|(release, _)| release == name);
    let era = name.parse::<Era>().map_err(|_| {
        let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        format!("one of {}, or an era", names.join(", "))
    })?;
    let dialect = name.parse::<Dialect>().ok();
    Ok(match dialect.filter(|_| !is_release()) {
        Some(dialect) => Target::Dialect(dialect),
        None => Target::Era(era),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_era_or_a_dialect() {
        assert_eq!(target("xen-3.1"), Ok(Target::Era(Era::D1bF)));
        assert_eq!(target("d7c"), Ok(Target::Era(Era::D7C)));
        assert_eq!(target("D8"), Ok(Target::Dialect(Dialect::D8)));
        let d8 = target("dev-20071021").unwrap();
        assert_eq!(d8.era(Era::D8A), Era::D8A, "it has one already");
        assert_eq!(d8.era(Era::D7C), Era::D8B);
        assert!(target("xen-5").is_err());
    }
}
