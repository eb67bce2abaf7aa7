//! Registers that are sets of bits, and what the bits mean, by the architecture's manual.
//!
//! ```
//! use ia64save_codec::wire::bits;
//! let psr = bits::of("regs.psr").unwrap();
//! let set: Vec<_> = psr.fields_of(0x1000_0000_2000).map(|(field, _)| field.name).collect();
//! assert_eq!(set, ["ic", "bn"]);
//! ```

/// Some bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitField {
    /// The manual's name.
    pub name: &'static str,
    /// The lowest bit.
    pub low: u32,
    /// How many bits.
    pub width: u32,
    /// What they mean.
    pub meaning: &'static str,
}

impl BitField {
    /// The value that a word has there.
    pub const fn of(&self, word: u64) -> u64 {
        word >> self.low & (u64::MAX >> (64 - self.width))
    }
}

/// A register, or several of one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its name: `psr`.
    pub name: &'static str,
    /// Its fields, ascending.
    pub fields: &'static [BitField],
}

impl Register {
    /// The fields that are not zero in a word, with their values.
    pub fn fields_of(&self, word: u64) -> impl Iterator<Item = (&'static BitField, u64)> + use<> {
        self.fields.iter().filter_map(move |field| {
            let value = field.of(word);
            (value != 0).then_some((field, value))
        })
    }
}

macro_rules! register {
    ($(#[$meta:meta])* $ident:ident $name:literal { $( $low:literal +$width:literal $field:literal $meaning:literal; )* }) => {
        $(#[$meta])*
        pub static $ident: Register = Register {
            name: $name,
            fields: &[ $( BitField { name: $field, low: $low, width: $width, meaning: $meaning }, )* ],
        };
    };
}

register! {
    /// The processor status register.
    PSR "psr" {
        1 +1 "be" "big-endian data";
        2 +1 "up" "user performance monitors enabled";
        3 +1 "ac" "alignment is checked";
        4 +1 "mfl" "f2 to f31 were written";
        5 +1 "mfh" "f32 to f127 were written";
        13 +1 "ic" "interruptions are collected in cr.ipsr and its like";
        14 +1 "i" "external interrupts enabled";
        15 +1 "pk" "protection keys checked";
        17 +1 "dt" "data references are translated";
        18 +1 "dfl" "f2 to f31 disabled";
        19 +1 "dfh" "f32 to f127 disabled";
        20 +1 "sp" "performance monitors secured";
        21 +1 "pp" "privileged performance monitors enabled";
        22 +1 "di" "IA-32 instruction set disabled";
        23 +1 "si" "interval timer secured";
        24 +1 "db" "debug breakpoint faults enabled";
        25 +1 "lp" "lower privilege transfer trap enabled";
        26 +1 "tb" "taken branch trap enabled";
        27 +1 "rt" "register stack references are translated";
        32 +2 "cpl" "privilege level; 0 is the most privileged";
        34 +1 "is" "IA-32 instruction set";
        35 +1 "mc" "machine checks masked";
        36 +1 "it" "instruction references are translated";
        37 +1 "id" "instruction debug faults disabled for one instruction";
        38 +1 "da" "access and dirty bit faults disabled for one instruction";
        39 +1 "dd" "data debug faults disabled for one instruction";
        40 +1 "ss" "single step";
        41 +2 "ri" "slot of the bundle to restart at";
        43 +1 "ed" "exception deferral";
        44 +1 "bn" "register bank 1 is in r16 to r31";
        45 +1 "ia" "instruction access bit faults disabled for one instruction";
        46 +1 "vm" "virtual machine";
    }
}

register! {
    /// A frame marker: cfm, cr.ifs.
    CFM "cfm" {
        0 +7 "sof" "size of the frame in registers";
        7 +7 "sol" "size of its local part";
        14 +4 "sor" "size of its rotating part in units of 8";
        18 +7 "rrb.gr" "rename base of the general registers";
        25 +7 "rrb.fr" "rename base of the floating-point registers";
        32 +6 "rrb.pr" "rename base of the predicates";
        63 +1 "v" "the marker is valid";
    }
}

register! {
    /// The previous function state.
    PFS "pfs" {
        0 +7 "sof" "size of the caller's frame in registers";
        7 +7 "sol" "size of its local part";
        14 +4 "sor" "size of its rotating part in units of 8";
        18 +7 "rrb.gr" "rename base of the general registers";
        25 +7 "rrb.fr" "rename base of the floating-point registers";
        32 +6 "rrb.pr" "rename base of the predicates";
        52 +6 "pec" "previous epilogue count";
        62 +2 "ppl" "previous privilege level";
    }
}

register! {
    /// The register stack configuration.
    RSC "rsc" {
        0 +2 "mode" "0 enforced lazy, 1 store intensive, 2 load intensive, 3 eager";
        2 +2 "pl" "privilege level of the register stack engine";
        4 +1 "be" "big-endian backing store";
        16 +14 "loadrs" "words that loadrs takes from the backing store";
    }
}

register! {
    /// A region register.
    RR "rr" {
        0 +1 "ve" "the hardware walks the VHPT of this region";
        2 +6 "ps" "log2 of the preferred page size";
        8 +24 "rid" "region id";
    }
}

register! {
    /// Size and key of a translation.
    ITIR "itir" {
        2 +6 "ps" "log2 of the page size";
        8 +24 "key" "protection key";
    }
}

register! {
    /// A translation.
    PTE "pte" {
        0 +1 "p" "present";
        2 +3 "ma" "memory attribute: 0 write back, 4 to 6 uncacheable, 7 NaT page";
        5 +1 "a" "accessed";
        6 +1 "d" "dirty";
        7 +2 "pl" "privilege level";
        9 +3 "ar" "access rights";
        12 +38 "ppn" "physical page number, in units of 4 KiB";
        52 +1 "ed" "exception deferral";
    }
}

register! {
    /// A protection key register.
    PKR "pkr" {
        0 +1 "v" "valid";
        1 +1 "wd" "writing disabled";
        2 +1 "rd" "reading disabled";
        3 +1 "xd" "execution disabled";
        8 +24 "key" "protection key";
    }
}

register! {
    /// The default control register.
    DCR "dcr" {
        0 +1 "pp" "psr.pp after an interruption";
        1 +1 "be" "psr.be after an interruption";
        2 +1 "lc" "lock checks enabled";
        8 +1 "dm" "data TLB misses deferred";
        9 +1 "dp" "page not present faults deferred";
        10 +1 "dk" "key miss faults deferred";
        11 +1 "dx" "key permission faults deferred";
        12 +1 "dr" "access rights faults deferred";
        13 +1 "da" "access bit faults deferred";
        14 +1 "dd" "debug faults deferred";
    }
}

register! {
    /// The page table address.
    PTA "pta" {
        0 +1 "ve" "the hardware walker is on";
        2 +6 "size" "log2 of the bytes of the VHPT";
        8 +1 "vf" "long format";
        15 +49 "base" "address of the VHPT, in units of 32 KiB";
    }
}

register! {
    /// The interruption status register.
    ISR "isr" {
        0 +16 "code" "code of the interruption";
        16 +8 "vector" "IA-32 vector";
        32 +1 "x" "of an execution";
        33 +1 "w" "of a write";
        34 +1 "r" "of a read";
        35 +1 "na" "of an instruction that accesses nothing";
        36 +1 "sp" "of a speculative load";
        37 +1 "rs" "of the register stack engine";
        38 +1 "ir" "within an incomplete register frame";
        39 +1 "ni" "while psr.ic was 0";
        40 +1 "so" "psr.ic supervisor override";
        41 +2 "ei" "slot of the bundle";
        43 +1 "ed" "exception deferral";
    }
}

register! {
    /// An interrupt vector register: cr.itv, cr.pmv, cr.cmcv, cr.lrr0, cr.lrr1.
    VECTOR "vector" {
        0 +8 "vector" "vector to deliver";
        8 +3 "dm" "way of delivery";
        12 +1 "rsv" "ignored";
        13 +1 "ipp" "active when low";
        15 +1 "tm" "triggered by level";
        16 +1 "m" "masked";
    }
}

register! {
    /// The task priority register.
    TPR "tpr" {
        4 +4 "mic" "classes of interrupts up to this one are masked";
        16 +1 "mmi" "all external interrupts are masked";
    }
}

register! {
    /// The local id.
    LID "lid" {
        16 +8 "eid" "extended id of the processor";
        24 +8 "id" "id of the processor";
    }
}

register! {
    /// The floating-point status register.
    FPSR "fpsr" {
        0 +6 "traps" "traps disabled: invalid 0, denormal 1, zero 2, overflow 3, underflow 4, inexact 5";
        6 +13 "sf0" "status field 0: the main one";
        19 +13 "sf1" "status field 1: speculative";
        32 +13 "sf2" "status field 2";
        45 +13 "sf3" "status field 3";
    }
}

register! {
    /// `flags` of a context.
    FLAGS "flags" {
        1 +1 "extra_regs" "translation registers are to be set";
        2 +1 "set_cr_irr" "pending interrupts are to be set";
        3 +1 "online" "the vcpu is online";
        4 +1 "set_ar_itc" "the interval counter is to be set";
    }
}

register! {
    /// A redirection entry of the I/O SAPIC.
    REDIRECTION "redirection" {
        0 +8 "vector" "vector to deliver";
        8 +3 "delivery_mode" "0 fixed, 1 lowest priority, 2 PMI, 4 NMI, 5 INIT, 7 ExtINT";
        12 +1 "delivery_status" "a delivery is under way";
        13 +1 "polarity" "active when low";
        15 +1 "trig_mode" "triggered by level";
        16 +1 "mask" "masked";
        48 +16 "dest_id" "processor: id in the high byte, eid in the low one";
    }
}

/// The register that a field is, by the last name of its path: `regs.ar.rsc`, `rr[3]`,
/// `user_regs.cr_ipsr`, `tr.itrs[0].pte`.
pub fn of(path: &str) -> Option<&'static Register> {
    let name = path.rsplit('.').next()?;
    let name = name.split('[').next()?;
    Some(match name {
        "psr" | "ipsr" | "cr_ipsr" | "vpsr" | "xpsr" => &PSR,
        "cfm" | "ifs" | "cr_ifs" | "xfs" | "precover_ifs" => &CFM,
        "pfs" | "ar_pfs" => &PFS,
        "rsc" | "ar_rsc" => &RSC,
        "rr" | "rrs" => &RR,
        "itir" => &ITIR,
        "pte" => &PTE,
        "pkr" | "pkrs" => &PKR,
        "dcr" => &DCR,
        "pta" => &PTA,
        "isr" if !path.starts_with("isr") => &ISR,
        "excp_isr" => &ISR,
        "itv" | "pmv" | "cmcv" | "lrr0" | "lrr1" => &VECTOR,
        "tpr" => &TPR,
        "lid" => &LID,
        "fpsr" | "ar_fpsr" => &FPSR,
        "flags" if path == "flags" => &FLAGS,
        "bits" if path.starts_with("redirtbl") => &REDIRECTION,
        _ => return None,
    })
}

/// Every register, each once.
pub static ALL: [&Register; 17] = [
    &PSR,
    &CFM,
    &PFS,
    &RSC,
    &RR,
    &ITIR,
    &PTE,
    &PKR,
    &DCR,
    &PTA,
    &ISR,
    &VECTOR,
    &TPR,
    &LID,
    &FPSR,
    &FLAGS,
    &REDIRECTION,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hvm::viosapic::RedirEntry;
    use crate::wire::vcpu_context::PSR_RESERVED;

    #[test]
    fn fields_ascend_and_do_not_overlap() {
        for register in ALL {
            let mut end = 0;
            for field in register.fields {
                assert!(field.low >= end, "{}.{}", register.name, field.name);
                end = field.low + field.width;
                assert!(field.width > 0 && end <= 64);
            }
        }
    }

    fn mask(register: &Register) -> u64 {
        register.fields.iter().fold(0, |mask, field| {
            mask | u64::MAX >> (64 - field.width) << field.low
        })
    }

    #[test]
    fn the_fields_of_psr_are_those_that_are_not_reserved() {
        assert_eq!(mask(&PSR) & PSR_RESERVED, 0);
        assert_eq!(mask(&PSR) | PSR_RESERVED, u64::MAX);
    }

    #[test]
    fn a_redirection_entry_is_as_its_getters_say() {
        assert_eq!(
            mask(&REDIRECTION) & RedirEntry { bits: u64::MAX }.reserved(),
            0
        );
        let entry = RedirEntry {
            bits: 0x1234_0000_0001_a531,
        };
        let value = |name| {
            let mut fields = REDIRECTION.fields.iter();
            fields
                .find(|field| field.name == name)
                .unwrap()
                .of(entry.bits)
        };
        assert_eq!(value("vector"), u64::from(entry.vector()));
        assert_eq!(value("delivery_mode"), u64::from(entry.delivery_mode()));
        assert_eq!(value("dest_id"), u64::from(entry.dest_id()));
        assert_eq!(value("mask") == 1, entry.masked());
    }

    #[test]
    fn a_path_leads_to_its_register() {
        for (path, name) in [
            ("regs.cfm", "cfm"),
            ("regs.ar.rsc", "rsc"),
            ("regs.rr[7]", "rr"),
            ("regs.tr.dtrs[0].pte", "pte"),
            ("user_regs.cr_ipsr", "psr"),
            ("redirtbl[47].bits", "redirection"),
            ("flags", "flags"),
        ] {
            assert_eq!(of(path).map(|register| register.name), Some(name), "{path}");
        }
        // The viosapic's isr is a set of pins, and regs.f[2].u.bits a number.
        for path in ["isr", "regs.f[2].u.bits", "regs.r[1]", ""] {
            assert_eq!(of(path), None, "{path}");
        }
    }
}
