//! Registers that a function keeps for its caller.

use core::fmt;

/// A register whose value in the caller unwind information speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Preserved {
    /// r4 to r7.
    Gr(u8),
    /// f2 to f5 and f16 to f31.
    Fr(u8),
    /// b1 to b5.
    Br(u8),
    /// The predicates.
    Pr,
    /// The caller's stack pointer.
    Psp,
    /// The NaT bits of the general registers that were spilled.
    PriUnat,
    /// The return pointer.
    Rp,
    /// ar.bsp.
    Bsp,
    /// ar.bspstore.
    Bspstore,
    /// ar.rnat.
    Rnat,
    /// ar.unat.
    Unat,
    /// ar.fpsr.
    Fpsr,
    /// ar.pfs: the caller's frame marker.
    Pfs,
    /// ar.lc.
    Lc,
}

/// Those that have no number.
const SPECIAL: [Preserved; 11] = [
    Preserved::Pr,
    Preserved::Psp,
    Preserved::PriUnat,
    Preserved::Rp,
    Preserved::Bsp,
    Preserved::Bspstore,
    Preserved::Rnat,
    Preserved::Unat,
    Preserved::Fpsr,
    Preserved::Pfs,
    Preserved::Lc,
];

/// All of them: 4 general, 20 floating-point, 5 branch and 11 others.
pub(crate) const COUNT: usize = 40;

impl Preserved {
    /// By the number that the records X1 to X4 have for those without one of their own.
    pub(crate) fn special(number: u8) -> Option<Self> {
        SPECIAL.get(usize::from(number)).copied()
    }

    /// Its place among all. The spilled ones come in the order of their homes in memory.
    pub(crate) fn index(self) -> usize {
        match self {
            Preserved::Gr(number) => usize::from(number.clamp(4, 7) - 4),
            Preserved::Br(number) => 4 + usize::from(number.clamp(1, 5) - 1),
            Preserved::Fr(number @ ..=5) => 9 + usize::from(number.max(2) - 2),
            Preserved::Fr(number) => 13 + usize::from(number.clamp(16, 31) - 16),
            other => {
                let place = SPECIAL.iter().position(|special| *special == other);
                29 + place.unwrap_or_default()
            }
        }
    }

    /// All, ascending by index.
    pub fn all() -> impl Iterator<Item = Preserved> {
        (4..8)
            .map(Preserved::Gr)
            .chain((1..6).map(Preserved::Br))
            .chain((2..6).chain(16..32).map(Preserved::Fr))
            .chain(SPECIAL)
    }
}

impl fmt::Display for Preserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Preserved::Gr(number) => return write!(f, "r{number}"),
            Preserved::Fr(number) => return write!(f, "f{number}"),
            Preserved::Br(number) => return write!(f, "b{number}"),
            Preserved::Pr => "pr",
            Preserved::Psp => "psp",
            Preserved::PriUnat => "the NaT bits of spilled registers",
            Preserved::Rp => "rp",
            Preserved::Bsp => "ar.bsp",
            Preserved::Bspstore => "ar.bspstore",
            Preserved::Rnat => "ar.rnat",
            Preserved::Unat => "ar.unat",
            Preserved::Fpsr => "ar.fpsr",
            Preserved::Pfs => "ar.pfs",
            Preserved::Lc => "ar.lc",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_an_index_of_its_own() {
        let indices: Vec<usize> = Preserved::all().map(Preserved::index).collect();
        assert_eq!(indices, (0..COUNT).collect::<Vec<_>>());
    }
}
