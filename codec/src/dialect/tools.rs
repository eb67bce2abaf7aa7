//! What the tools of a dialect's time did.

use super::Dialect;

/// What the tools of a time did, where the bytes of the stream do not say it: one row a dialect.
///
/// A restore does what was done in the time of its *target*, since that is the hypervisor which has to take
/// it: an image of 3.2 restored on 3.4 gets the flags of 3.4. How contexts were set is a matter of the
/// hypervisor, and stands in the table of [eras](crate::era).
///
/// Within D10 tools changed too: from 2008-02-07 (c5df471dc7) the last pass sent what was dirty. The row says
/// what 3.2 did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // a row of a table, not a state
pub struct Tools {
    /// The last pass of a live save sent every page again, not only those still to send.
    pub resends_all: bool,
    /// A restore gave the domain all pages below `p2m_size` at once, instead of each when it came.
    pub populates_all: bool,
    /// A restore computed `arch_setup.bp` and `maxmem` from `p2m_size`; otherwise `bp` is 0 and
    /// `maxmem` that of the stream.
    pub computes_setup: bool,
    /// Store and console are reported by their machine frames, not by gpfn.
    pub reports_machine_frames: bool,
}

impl Tools {
    /// What the tools did that wrote a dialect.
    pub fn of(dialect: Dialect) -> &'static Tools {
        &ROWS[dialect as usize]
    }
}

/// From D7 to 3.2.
const ON_DEMAND: Tools = Tools {
    resends_all: true,
    populates_all: false,
    computes_setup: false,
    reports_machine_frames: false,
};

/// Version 1 from 2007-05-24 (c811f1fa77).
const AT_ONCE: Tools = Tools {
    populates_all: true,
    ..ON_DEMAND
};

/// 3.0.4 and 3.1.
const OLD: Tools = Tools {
    computes_setup: true,
    ..AT_ONCE
};

/// Up to 3.0.3.
const OLDEST: Tools = Tools {
    reports_machine_frames: true,
    ..OLD
};

/// 3.4 to 4.1.
const LATEST: Tools = Tools {
    resends_all: false,
    ..ON_DEMAND
};

static ROWS: [Tools; 14] = [
    OLDEST,    // D0
    OLDEST,    // D1
    OLD,       // D1b
    OLD,       // D2
    AT_ONCE,   // D3
    AT_ONCE,   // D4
    AT_ONCE,   // D5
    AT_ONCE,   // D6
    ON_DEMAND, // D7
    ON_DEMAND, // D8
    ON_DEMAND, // D9
    ON_DEMAND, // D10
    LATEST,    // D11
    LATEST,    // D12
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{P2mSizeMeaning, Version};

    #[test]
    fn the_rows_agree_with_the_table_of_dialects() {
        for dialect in Dialect::ALL {
            let (tools, spec) = (Tools::of(dialect), dialect.spec());
            assert_eq!(
                tools.populates_all,
                spec.version == Version::V1,
                "{dialect}"
            );
            assert_eq!(
                tools.computes_setup,
                spec.p2m_size == P2mSizeMeaning::MaxMem,
                "{dialect}"
            );
            assert_eq!(
                tools.reports_machine_frames, spec.privregs_is_machine_frame,
                "{dialect}"
            );
            assert_eq!(tools.resends_all, spec.version < Version::V3, "{dialect}");
        }
    }
}
