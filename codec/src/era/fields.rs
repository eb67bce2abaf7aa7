//! Which fields of a context a hypervisor of the era gave and took.
//!
//! By paths of layouts B to F (`regs.ar.lc`, `regs.rr[7]`, `regs.f[12].u.bits[0]`). Of the trap frame
//! that layout A is, everything was given and taken but `flags` and padding.

use super::meaning::{
    ControlFill, DcrSet, NatsSet, RbsImage, RegionFill, RegionSet, StackSet, Unset,
};
use super::{Era, NatsForm};
use crate::dialect::Guest;

/// Control registers that get-context assigned from D7b on.
const MOST: [&str; 11] = [
    "itm", "pta", "ipsr", "isr", "iip", "ifa", "ivr", "tpr", "itv", "pmv", "cmcv",
];
/// And from D7c on.
const REST: [&str; 3] = ["itir", "iha", "iim"];
/// Application registers that are in a trap frame, or are computed from it.
const FRAME: [&str; 10] = [
    "rsc", "bsp", "bspstore", "rnat", "csd", "ssd", "ccv", "unat", "fpsr", "pfs",
];

impl Era {
    /// Whether get-context assigned a field; what it did not is [`Spec::unset`](super::Spec::unset).
    ///
    /// An assigned field may still be out of date: see [`Spec::stale_frame`](super::Spec::stale_frame).
    /// Of `regs.rbs` only the dirty words are meant.
    pub fn assigns(self, guest: Guest, path: &str) -> bool {
        let spec = self.spec();
        let hvm = guest == Guest::Hvm;
        let Some(path) = path.strip_prefix("regs.") else {
            return path == "event_callback_ip" || path == "privregs_pfn";
        };
        let (name, index) = name_and_index(path);
        if let Some(both) = self.gives_and_takes(hvm, name, index) {
            return both;
        }
        match name {
            "ip" | "psr" | "cfm" | "pr" | "nats" | "rbs_voff" | "num_phys_stacked" => true,
            "rr" => match (spec.regions, index) {
                (RegionFill::None, _) | (RegionFill::Seven, Some(7)) => false,
                (RegionFill::Seven | RegionFill::All, _) => true,
            },
            "rbs" => spec.rbs == RbsImage::Dirty,
            "rbs_rnat" => spec.whole,
            _ => {
                if let Some(register) = name.strip_prefix("cr.") {
                    self.assigns_control(hvm, register)
                } else {
                    false
                }
            }
        }
    }

    /// Of a field that was given wherever it was taken: whether it was; `None` for others.
    fn gives_and_takes(self, hvm: bool, name: &str, index: Option<usize>) -> Option<bool> {
        let spec = self.spec();
        Some(match name {
            "r" => index.is_none_or(|r| r != 0),
            "b" => matches!(index, None | Some(0 | 6 | 7)),
            "bank" | "bnats" => hvm,
            "ip" | "psr" | "cfm" | "pr" => true,
            "f" => match index {
                Some(0 | 1) => false,
                Some(6..=11) => true,
                _ => spec.whole,
            },
            "dbr" | "ibr" => spec.breakpoints,
            _ if name.starts_with("tr.") => true,
            _ => match name.strip_prefix("ar.")? {
                "lc" | "ec" => spec.whole,
                "itc" => spec.itc && !hvm,
                "kr" => hvm,
                register => FRAME.contains(&register),
            },
        })
    }

    fn assigns_control(self, hvm: bool, register: &str) -> bool {
        let most = MOST.contains(&register) || register == "irr";
        let rest = REST.contains(&register);
        if hvm {
            let own = ["iipa", "ifs", "lid", "eoi", "lrr0", "lrr1"];
            return register == "dcr"
                || register == "iva"
                || most
                || rest
                || own.contains(&register);
        }
        match self.spec().control {
            _ if register == "dcr" || register == "iva" => true,
            ControlFill::Two => false,
            ControlFill::Most => most,
            ControlFill::All => most || rest,
        }
    }

    /// Whether what stands in a field is whatever the hypervisor's heap held.
    pub fn leaves_to_heap(self, guest: Guest, path: &str) -> bool {
        self.spec().unset != Unset::Zero && !self.assigns(guest, path)
    }

    /// Whether set-context, called as the tools of the era called it, loaded a field.
    ///
    /// What it loads another part of the stream may replace: the privregs page and shared_info of a PV
    /// vcpu, the records of an HVM vcpu are loaded afterwards.
    pub fn loads(self, guest: Guest, path: &str) -> bool {
        let spec = self.spec();
        let hvm = guest == Guest::Hvm;
        let Some(path) = path.strip_prefix("regs.") else {
            return path == "event_callback_ip";
        };
        let (name, index) = name_and_index(path);
        if let Some(both) = self.gives_and_takes(hvm, name, index) {
            return both;
        }
        match name {
            "nats" => hvm || spec.nats_set != NatsSet::Ignored,
            "rr" => hvm || spec.regions_set != RegionSet::Ignored,
            "rbs" => matches!(spec.stack_set, StackSet::Copied | StackSet::Relaid),
            "rbs_voff" | "rbs_rnat" => spec.stack_set == StackSet::Relaid,
            "num_phys_stacked" => spec.checks_stacked,
            _ => {
                if let Some(register) = name.strip_prefix("cr.") {
                    match register {
                        "iva" => true,
                        "dcr" if !hvm => spec.dcr_set != DcrSet::Ignored,
                        _ => hvm && self.assigns_control(true, register),
                    }
                } else {
                    false
                }
            }
        }
    }

    /// The general registers whose NaT bits `nats` of a PV vcpu holds, with the bit of each: bit n of the
    /// spilled word, or of the bitmap. Bits of other words mean no general register.
    pub fn nat_bits(self, guest: Guest) -> impl Iterator<Item = (u32, u32)> {
        let form = self.nats(guest);
        (1..32).filter_map(move |register| Some((register, form.bit(register)?)))
    }
}

impl NatsForm {
    /// The bit of a general register, r1 to r31; `None` where this form has none for it.
    ///
    /// A trap frame is spilled to the last 496 bytes of a stack of 32 KiB, whose layout did not change:
    /// so the bits of `ar.unat` of its spills are known (spec 8.9).
    pub const fn bit(self, register: u32) -> Option<u32> {
        let spilled = match register {
            1 => 21,
            2 => 27,
            3 => 28,
            4..=7 => register + 54,
            8..=11 => register - 2,
            12 => 22,
            13 => 23,
            14 => 26,
            15 => 25,
            16..=31 => register + 13,
            _ => return None,
        };
        match self {
            NatsForm::Bitmap => Some(register),
            NatsForm::Spilled => Some(spilled),
            NatsForm::SpilledHalf if spilled < 32 => Some(spilled),
            NatsForm::SpilledHalf => None,
            NatsForm::Halves => match register {
                4..=7 | 16..=31 => Some(register),
                10 => Some(8),
                11 => Some(9),
                _ => None,
            },
        }
    }

    /// The bitmap (bit n for rn) that a word of this form says.
    pub fn to_bitmap(self, word: u64) -> u32 {
        (1..32)
            .filter(|register| self.bit(*register).is_some_and(|bit| word >> bit & 1 != 0))
            .fold(0, |bitmap, register| bitmap | 1 << register)
    }

    /// The word of this form that says a bitmap, and the registers that it has no bit for.
    pub fn from_bitmap(self, bitmap: u32) -> (u64, u32) {
        let (mut word, mut lost) = (0, 0);
        for register in (1..32).filter(|register| bitmap >> register & 1 != 0) {
            match self.bit(register) {
                Some(bit) => word |= 1 << bit,
                None => lost |= 1 << register,
            }
        }
        (word, lost)
    }
}

/// `ar.lc` of `ar.lc`; `f` and 12 of `f[12].u.bits[0]`; `tr.itrs` and 3 of `tr.itrs[3].pte`.
fn name_and_index(path: &str) -> (&str, Option<usize>) {
    let Some((name, rest)) = path.split_once('[') else {
        return (path, None);
    };
    let index = rest
        .split_once(']')
        .and_then(|(digits, _)| digits.parse().ok());
    (name, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_guest_has_nat_in_r5_and_r27() {
        // 3.1 gave this word, 3.2 this bitmap, of the same guest.
        let (spilled, bitmap) = (0x0a34_4100_0014_5430, 0x0800_0020);
        assert_eq!(NatsForm::Spilled.to_bitmap(spilled), bitmap);
        assert_eq!(NatsForm::Bitmap.to_bitmap(u64::from(bitmap)), bitmap);
        assert_eq!(NatsForm::SpilledHalf.to_bitmap(spilled & 0xffff_ffff), 0);
    }

    #[test]
    fn forms_there_and_back_lose_what_they_have_no_bit_for() {
        let all = !1;
        for (form, lost) in [
            (NatsForm::Bitmap, 0),
            (NatsForm::Spilled, 0),
            (NatsForm::SpilledHalf, 0xfff8_00f0),
            (NatsForm::Halves, 0xf30e),
        ] {
            let (word, missing) = form.from_bitmap(all);
            assert_eq!(missing, lost, "{form:?}");
            assert_eq!(form.to_bitmap(word), all & !lost, "{form:?}");
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(name_and_index("ar.lc"), ("ar.lc", None));
        assert_eq!(name_and_index("f[12].u.bits[0]"), ("f", Some(12)));
        assert_eq!(name_and_index("tr.itrs[3].pte"), ("tr.itrs", Some(3)));
    }

    #[test]
    fn what_was_given_grew_and_never_shrank() {
        let paths = [
            "regs.ar.lc",
            "regs.rr[0]",
            "regs.rr[7]",
            "regs.dbr[3]",
            "regs.cr.pta",
            "regs.cr.itir",
            "regs.f[32].u.bits[0]",
            "regs.rbs_rnat",
        ];
        let first = ["D7d", "D6b", "D7c", "D6b", "D7b", "D7c", "D7d", "D7d"];
        for (path, id) in paths.into_iter().zip(first) {
            let since: Era = id.parse().unwrap();
            for era in Era::ALL {
                assert_eq!(era.assigns(Guest::Pv, path), era >= since, "{path} {era}");
            }
        }
    }
}
