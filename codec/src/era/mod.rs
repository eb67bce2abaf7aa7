//! What the bytes mean: the eras below the dialects, as data.
//!
//! A [`Dialect`] fixes the bytes of a stream. What a hypervisor put into a vcpu context, and what it made
//! of one, changed more often: 33 times in six years, mostly without a trace in the bytes. An [`Era`] is a
//! stretch of Xen's history in which nothing of that changed; its [`Spec`] row says all of it. Nothing
//! outside this table compares dialects to know what a register means.
//!
//! | file | what lives there |
//! |---|---|
//! | `meaning` | the small enums that rows choose from |
//! | `table` | the 33 rows; each says what differs from the one before |
//! | `fields` | which fields get-context assigned ([`Era::assigns`]) and set-context loaded ([`Era::loads`]) |
//! | `stack` | how many registers are dirty, whatever the form that says it, and how they are laid out |
//! | `explain` | what is to be said beside a register whose form depends on the era |
//! | `name` | ids, releases, parsing |
//!
//! Two words are used as the hypervisor has them: *get-context* is what a save calls for each vcpu,
//! *set-context* what a restore calls.
//!
//! ```
//! use ia64save_codec::{Dialect, Era};
//! use ia64save_codec::era::StackForm;
//!
//! let era: Era = "xen-3.2".parse().unwrap();
//! assert_eq!((era.id(), era.dialect()), ("D10c", Dialect::D10));
//! assert_eq!(era.spec().stack, StackForm::GuestSlots);
//! // Before the rewrite of 2007-10-21 a context was not cleared before it was filled.
//! assert!(!Era::D7C.spec().cleared && Era::D7D.spec().cleared);
//! ```
//!
//! Source: spec 12.4, which names the Xen commit of every row, and the tables under `spec/eras`.

mod explain;
mod fields;
mod meaning;
mod name;
mod spec;
mod stack;
mod table;

use crate::dialect::{Dialect, Guest, MagicPfn};

pub use explain::explain;
pub use meaning::{
    ControlFill, DcrSet, HvmPrivregsPfn, HvmRegionSet, NatsForm, NatsSet, PsrForm, RbsImage,
    RegionDefaults, RegionFill, RegionSet, StackForm, StackSet, Unset, VhptByte,
};
pub use spec::Spec;
pub use stack::{Dirty, registers_in, relaid, slot, words_of};

use table::SPECS;

/// What the records of one vcpu take in an HVM context, descriptors included (spec 10.3).
pub const HVM_VCPU_BYTES: u64 = 65656;

macro_rules! eras {
    ($( $name:ident, $doc:literal; )*) => {
        /// A stretch of Xen's history in which contexts kept their meaning (spec 12.4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Era {
            $( #[doc = $doc] $name, )*
        }

        impl Era {
            /// Every era, oldest first.
            pub const ALL: [Era; 33] = [ $( Era::$name, )* ];
        }
    };
}

eras! {
    D0, "From 2006-07-11: the first save and restore.";
    D1, "From 2006-08-25, in 3.0.3.";
    D1bA, "From 2006-12-07, in 3.0.4: `privregs_pfn` is a gpfn.";
    D1bB, "From 2007-01-11: a vcpu in a hypercall leaves part of its trap frame as it was.";
    D1bC, "From 2007-01-12: privregs layout M2.";
    D1bD, "From 2007-01-23: privregs layout M3; the machine's psr.dfh is no longer the guest's.";
    D1bE, "From 2007-02-05: cr.dcr is in the privregs page.";
    D1bF, "From 2007-02-12, in 3.1: set-context ignores cr.dcr.";
    D2, "From 2007-05-07: context B, filled field by field.";
    D3, "From 2007-05-24: contexts are those of [`Era::D2`].";
    D4A, "From 2007-05-31: context B2.";
    D4B, "From 2007-06-12: psr is that which the guest sees.";
    D5, "From 2007-06-15: context C with half of the spilled NaT bits, and the register stack.";
    D6A, "From 2007-07-02: context D, `rbs_voff`.";
    D6B, "From 2007-07-02, 13 minutes later: dbr, ibr, rr0 to rr6.";
    D6C, "From 2007-07-02, 51 minutes later: a PV kernel runs at level 1.";
    D6D, "From 2007-07-30: privregs layout M4.";
    D7A, "From 2007-09-06: version 2; contexts are those of [`Era::D6D`].";
    D7B, "From 2007-09-17: most control registers.";
    D7C, "From 2007-10-02: rr7 and the other control registers.";
    D7D, "From 2007-10-21, for 79 minutes: contexts are written and read anew.";
    D8A, "From 2007-10-21: HVM images.";
    D8B, "From 2007-10-22: `privregs_pfn` of an HVM vcpu is 1.";
    D9A, "From 2007-10-30: context E, 12 translation registers of each kind.";
    D9B, "From 2007-11-07, for 12 minutes: region registers are checked.";
    D10A, "From 2007-11-07, for 15 minutes: context F before three magic pfns.";
    D10B, "From 2007-11-07: four magic pfns.";
    D10C, "From 2007-11-28, in 3.2: cr.irr of an HVM vcpu wants a flag.";
    D10D, "From 2008-02-19: the NaT bits of an HVM vcpu are a bitmap.";
    D10E, "From 2008-06-10, for 6 minutes: vcpus come up by a flag.";
    D11A, "From 2008-06-10, in 3.3: contexts are those of [`Era::D10E`].";
    D11B, "From 2009-01-05, in 3.4, 4.0 and 4.1: ar.itc; privregs layout M5.";
    D12, "From 2011-06-10: contexts are those of [`Era::D11B`].";
}

impl Era {
    /// The era's row of the table.
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// `"D10c"`.
    pub fn id(self) -> &'static str {
        self.spec().id
    }

    /// The dialect that the tools of the era wrote.
    pub fn dialect(self) -> Dialect {
        self.spec().dialect
    }

    /// The eras of a dialect, oldest first; at least one.
    pub fn of(dialect: Dialect) -> impl Iterator<Item = Era> + Clone {
        Self::ALL
            .into_iter()
            .filter(move |era| era.dialect() == dialect)
    }

    /// The era that an image of a dialect is most likely from: the release's, where there was one, else
    /// the longest.
    pub fn usual(dialect: Dialect) -> Era {
        match dialect {
            Dialect::D0 => Era::D0,
            Dialect::D1 => Era::D1,
            Dialect::D1b => Era::D1bF,
            Dialect::D2 => Era::D2,
            Dialect::D3 => Era::D3,
            Dialect::D4 => Era::D4A,
            Dialect::D5 => Era::D5,
            Dialect::D6 => Era::D6D,
            Dialect::D7 => Era::D7C,
            Dialect::D8 => Era::D8B,
            Dialect::D9 => Era::D9A,
            Dialect::D10 => Era::D10C,
            Dialect::D11 => Era::D11B,
            Dialect::D12 => Era::D12,
        }
    }

    /// How the NaT bits of r1 to r31 lie in `nats`.
    pub fn nats(self, guest: Guest) -> NatsForm {
        match guest {
            Guest::Pv => self.spec().nats_pv,
            Guest::Hvm => self.spec().nats_hvm,
        }
    }

    /// How psr is given.
    pub fn psr(self, guest: Guest) -> PsrForm {
        match guest {
            Guest::Pv => self.spec().psr,
            Guest::Hvm => PsrForm::Virtual,
        }
    }

    /// Whether `evtchn_upcall_mask` of a vcpu may be 0xff, which vcpus began with from 9810e8cdd8 on: four
    /// days before [`Era::D1bF`] ended, so not in its release.
    pub fn mask_may_be_ff(self) -> bool {
        self.spec().mask_is_ff || self == Era::D1bF
    }

    /// Magic pfns in their order (HVM). Those of the dialect, but for the fifteen minutes in which
    /// context F stood before three of them.
    pub fn magic_pfns(self) -> &'static [MagicPfn] {
        self.spec().magic_pfns
    }
}

impl From<Dialect> for Era {
    /// The [usual](Era::usual) one.
    fn from(dialect: Dialect) -> Self {
        Era::usual(dialect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, era) in Era::ALL.into_iter().enumerate() {
            assert_eq!(era as usize, index);
            let spelt = alloc::format!("{era:?}").to_lowercase();
            assert_eq!(spelt, era.id().replace('.', "").to_lowercase());
        }
    }

    #[test]
    fn eras_follow_each_other_and_the_dialects() {
        for pair in Era::ALL.windows(2) {
            let [one, next] = [pair[0].spec(), pair[1].spec()];
            assert_eq!(one.until, next.from, "{}", one.id);
            assert!(one.dialect <= next.dialect);
            assert!(one.dates.1 >= next.dates.0, "{}", one.id);
        }
    }

    #[test]
    fn every_dialect_has_eras_whose_layouts_are_its_own() {
        for dialect in Dialect::ALL {
            let eras: Vec<Era> = Era::of(dialect).collect();
            assert!(eras.contains(&Era::usual(dialect)));
            let spec = dialect.spec();
            for era in &eras {
                let row = era.spec();
                assert!(spec.mapped_regs.contains(&row.privregs), "{}", row.id);
                assert_eq!(
                    spec.privregs_is_machine_frame, row.machine_frame,
                    "{}",
                    row.id
                );
                let magic = row.magic_pfns == spec.magic_pfns || *era == Era::D10A;
                assert!(magic, "{}", row.id);
            }
            for layout in spec.mapped_regs {
                assert!(eras.iter().any(|era| era.spec().privregs == *layout));
            }
        }
    }
}
