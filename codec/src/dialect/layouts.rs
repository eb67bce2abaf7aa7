//! The layouts and rules that dialects choose from.

/// Layouts of the domain setup record (spec 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchSetupLayout {
    /// 48 bytes, a domid first (D0).
    Dom0Op,
    /// 40 bytes, the last four are padding (D1 to D7).
    Plain,
    /// 40 bytes, byte 36 is `vhpt_size_log2` (from D8; 753df0d608, two days before it).
    Vhpt,
}

/// Layouts of the vcpu context (spec 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextLayout {
    /// 1056 bytes: a trap frame and a few virtual registers.
    A,
    /// 21904 bytes.
    B,
    /// 5520 bytes: B without the register stack.
    B2,
    /// 21904 bytes: B with `nats` split and `rbs_nat` added.
    C,
    /// 21936 bytes.
    D,
    /// 22208 bytes: twelve translation registers of each kind.
    E,
    /// 22208 bytes: E with its last two register words changed.
    F,
}

/// Layouts of the first 4096 bytes of the privregs page (spec 8.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MappedRegsLayout {
    /// 3.0.3, 3.0.4.
    M1,
    /// Development tree of January 2007.
    M2,
    /// 3.1.
    M3,
    /// 3.2, 3.3.
    M4,
    /// 3.4 to 4.2.
    M5,
}

/// Layouts of the used part of the shared_info page (spec 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedInfoLayout {
    /// 4128 bytes, before 3.0.3.
    S0,
    /// 4384 bytes, 3.0.3 to 3.1.
    S1,
    /// 4384 bytes with the memory map's address, from 3.2.
    S2,
}

/// Layouts of the start_info page (spec 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartInfoLayout {
    /// 1152 bytes, console fields flat (before 3.0.3).
    I0,
    /// 1152 bytes (3.0.3 to 3.3).
    I1,
    /// 1168 bytes (3.4 to 4.2).
    I2,
}

/// One magic page of an HVM domain (spec 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MagicPfn {
    /// xenstore ring; gpfn 0x39001.
    Store,
    /// Device-model request page; gpfn 0x39000.
    Ioreq,
    /// Buffered device-model requests; gpfn 0x39002.
    Bufioreq,
    /// Buffered port requests; gpfn 0x39003.
    Bufpioreq,
}

/// How many bytes the bitmap of online vcpus takes (spec 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VcpumapRule {
    /// `(max_virt_cpus + 8) / 8` bytes: 9 for 64, the last one always zero.
    ByteSlack,
    /// Whole 64-bit words: 8 bytes for 64.
    Words,
}

impl VcpumapRule {
    /// Bytes of a map for `max_virt_cpus`; `None` where the formula overflows.
    pub const fn size(self, max_virt_cpus: u64) -> Option<u64> {
        match self {
            VcpumapRule::ByteSlack => match max_virt_cpus.checked_add(8) {
                Some(n) => Some(n / 8),
                None => None,
            },
            VcpumapRule::Words => match max_virt_cpus.checked_add(63) {
                Some(n) => Some(n / 64 * 8),
                None => None,
            },
        }
    }
}

/// What the saver put into `p2m_size` (spec 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum P2mSizeMeaning {
    /// The domain's memory limit in pages; `arch_setup.maxmem` is 0.
    MaxMem,
    /// One more than the highest gpfn: `ceil(arch_setup.maxmem / page size)`.
    MaximumGpfn,
}

impl ArchSetupLayout {
    /// Bytes on the wire.
    pub const fn size(self) -> usize {
        match self {
            ArchSetupLayout::Dom0Op => 48,
            ArchSetupLayout::Plain | ArchSetupLayout::Vhpt => 40,
        }
    }
}

impl ContextLayout {
    /// Every layout, oldest first.
    pub const ALL: [ContextLayout; 7] = [
        ContextLayout::A,
        ContextLayout::B,
        ContextLayout::B2,
        ContextLayout::C,
        ContextLayout::D,
        ContextLayout::E,
        ContextLayout::F,
    ];

    /// Bytes on the wire.
    pub const fn size(self) -> usize {
        match self {
            ContextLayout::A => 1056,
            ContextLayout::B | ContextLayout::C => 21904,
            ContextLayout::B2 => 5520,
            ContextLayout::D => 21936,
            ContextLayout::E | ContextLayout::F => 22208,
        }
    }
}

impl MagicPfn {
    /// Its name in the specification, in messages and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            MagicPfn::Store => "store",
            MagicPfn::Ioreq => "ioreq",
            MagicPfn::Bufioreq => "bufioreq",
            MagicPfn::Bufpioreq => "bufpioreq",
        }
    }

    /// The gpfn that every HVM builder gave to this page (spec 10.2).
    pub fn usual_gpfn(self) -> u64 {
        match self {
            MagicPfn::Ioreq => 0x39000,
            MagicPfn::Store => 0x39001,
            MagicPfn::Bufioreq => 0x39002,
            MagicPfn::Bufpioreq => 0x39003,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vcpumap_for_64_takes_nine_bytes_then_eight() {
        assert_eq!(VcpumapRule::ByteSlack.size(64), Some(9));
        assert_eq!(VcpumapRule::Words.size(64), Some(8));
        assert_eq!(VcpumapRule::ByteSlack.size(0), Some(1));
        assert_eq!(VcpumapRule::ByteSlack.size(u64::MAX), None);
        assert_eq!(VcpumapRule::Words.size(u64::MAX), None);
    }
}
