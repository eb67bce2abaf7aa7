//! What the tools of an era did, where the bytes of the stream do not say it: one row a dialect.
//!
//! A restore does what the era of its *target* did, since that is the hypervisor which has to take it:
//! an image of 3.2 restored on 3.4 gets the flags of 3.4.
//!
//! Within a dialect tools changed too. A row says what most of its time, or its last release, did:
//!
//! | dialect | also |
//! |---|---|
//! | D4 | from 2007-06-12 (e588d94efc), three days before its end, contexts were set once |
//! | D10 | up to 2007-11-28 (8d604f8b23) the flags were 2; from 2008-02-07 (c5df471dc7) the last pass sent what was dirty |
//! | D11 | in 3.3, up to 2009-01-05 (658c654a05), the flags were 14 |

use crate::dialect::Dialect;
use crate::wire::vcpu_context::{VGCF_EXTRA_REGS, VGCF_ONLINE, VGCF_SET_AR_ITC, VGCF_SET_CR_IRR};

/// What the tools of an era did. See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // a row of a table, not a state
pub struct Era {
    /// The last pass of a live save sent every page again, not only those still to send.
    pub resends_all: bool,
    /// A restore gave the domain all pages below `p2m_size` at once, instead of each when it came.
    pub populates_all: bool,
    /// A restore computed `arch_setup.bp` and `maxmem` from `p2m_size`; otherwise `bp` is 0 and
    /// `maxmem` that of the stream.
    pub computes_setup: bool,
    /// A restore set each context as it stood in the stream, before it set it with
    /// [`Era::context_flags`].
    pub sets_context_as_sent: bool,
    /// The flags that a restore put into each context (spec 8.4).
    pub context_flags: u64,
    /// Store and console are reported by their machine frames, not by gpfn.
    pub reports_machine_frames: bool,
}

impl Era {
    /// What the tools did that wrote a dialect.
    pub fn of(dialect: Dialect) -> &'static Era {
        &ERAS[dialect as usize]
    }
}

/// From D7 to 3.2.
const ON_DEMAND: Era = Era {
    resends_all: true,
    populates_all: false,
    computes_setup: false,
    sets_context_as_sent: false,
    context_flags: VGCF_EXTRA_REGS,
    reports_machine_frames: false,
};

/// Version 1 from 2007-06-12 (e588d94efc).
const AT_ONCE: Era = Era {
    populates_all: true,
    ..ON_DEMAND
};

/// Version 1 from 2007-05-24 (c811f1fa77).
const SET_TWICE: Era = Era {
    sets_context_as_sent: true,
    ..AT_ONCE
};

/// 3.0.4 and 3.1.
const OLD: Era = Era {
    computes_setup: true,
    ..SET_TWICE
};

/// Up to 3.0.3.
const OLDEST: Era = Era {
    reports_machine_frames: true,
    ..OLD
};

/// 3.4 to 4.1.
const LATEST: Era = Era {
    resends_all: false,
    context_flags: VGCF_EXTRA_REGS | VGCF_SET_CR_IRR | VGCF_ONLINE | VGCF_SET_AR_ITC,
    ..ON_DEMAND
};

static ERAS: [Era; 14] = [
    OLDEST,    // D0
    OLDEST,    // D1
    OLD,       // D1b
    OLD,       // D2
    SET_TWICE, // D3
    SET_TWICE, // D4
    AT_ONCE,   // D5
    AT_ONCE,   // D6
    ON_DEMAND, // D7
    ON_DEMAND, // D8
    ON_DEMAND, // D9
    Era {
        context_flags: VGCF_EXTRA_REGS | VGCF_SET_CR_IRR,
        ..ON_DEMAND
    }, // D10
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
            let (era, spec) = (Era::of(dialect), dialect.spec());
            assert_eq!(era.populates_all, spec.version == Version::V1, "{dialect}");
            assert_eq!(
                era.computes_setup,
                spec.p2m_size == P2mSizeMeaning::MaxMem,
                "{dialect}"
            );
            assert_eq!(
                era.reports_machine_frames, spec.privregs_is_machine_frame,
                "{dialect}"
            );
            assert_eq!(era.resends_all, spec.version < Version::V3, "{dialect}");
        }
    }

    #[test]
    fn context_flags_are_those_that_the_originals_set() {
        let flags = Dialect::ALL.map(|dialect| Era::of(dialect).context_flags);
        assert_eq!(flags, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 6, 30, 30]);
    }
}
