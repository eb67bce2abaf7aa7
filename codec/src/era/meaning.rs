//! What rows of the table choose from.

/// What stands in a field that get-context did not assign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unset {
    /// What a piece of the hypervisor's heap below 16 KiB held before: words of any of its objects.
    Piece,
    /// What two pages of the hypervisor's heap held before; mostly zeros, which prove nothing.
    Pages,
    /// 0: get-context clears the structure first (from 0f93dc4f98).
    Zero,
}

/// How a context says how much of the register stack is dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackForm {
    /// `loadrs`: the bytes that the dirty registers take in the *hypervisor's* memory, shifted left by
    /// 16.
    Loadrs,
    /// `ar.bsp` is `ar.bspstore` plus those bytes.
    HostBytes,
    /// `ar.bsp` is where the *guest's* backing store would end: its own NaT collections are counted
    /// (from 0f93dc4f98).
    GuestSlots,
}

/// What `rbs` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RbsImage {
    /// The layout has none.
    Absent,
    /// Nobody filled it.
    Unset,
    /// The dirty words of the hypervisor's backing store, collections included.
    Dirty,
}

/// How the NaT bits of the general registers lie in `nats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatsForm {
    /// As the trap frame was spilled: bit (address / 8) modulo 64 of each register's place, all 64 bits
    /// (spec 8.9).
    Spilled,
    /// The lower half of that: r1 to r3 and r8 to r18.
    SpilledHalf,
    /// Bit n for rn.
    Bitmap,
    /// HVM from D8 to D10c: bits 31 to 16 from the VPD, bits 4 to 7 for r4 to r7, bits 8 and 9 for r10
    /// and r11; the others say nothing.
    Halves,
}

/// Whose psr a context has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PsrForm {
    /// The machine's while the guest ran.
    Machine,
    /// The one that the guest sees (from e588d94efc).
    Virtual,
}

/// Which control registers of a PV vcpu get-context assigned, beside dcr and iva.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlFill {
    /// None.
    Two,
    /// itm, pta, ipsr, isr, iip, ifa, ivr, tpr, irr, itv, pmv, cmcv (from 7685cc708e).
    Most,
    /// itir, iha and iim as well (from e31f395496).
    All,
}

/// Which region registers get-context assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionFill {
    /// None.
    None,
    /// rr0 to rr6 (from 7d4d684419).
    Seven,
    /// All (from e31f395496).
    All,
}

/// `privregs_pfn` of an HVM vcpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HvmPrivregsPfn {
    /// 0x4000001 + vcpu: where the VPD stands in the guest's map (until 34070c37f5).
    Gpfn,
    /// 1.
    One,
}

/// What the region registers of a vcpu are that nobody has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionDefaults {
    /// rr0 is ~0 and rr7 is 0, which mean "none"; rr1 to rr5 are 0x39, rr6 is 0x38.
    Sentinels,
    /// rr0 to rr5 are 0x39, rr6 and rr7 are 0x38; a hypervisor of these eras crashes a guest whose
    /// privregs page has 0 or ~0 there (from 800b18726c).
    Valid,
}

impl RegionDefaults {
    /// The value of one region register.
    ///
    /// # Panics
    /// Where `index` is above 7.
    pub const fn value(self, index: usize) -> u64 {
        assert!(index < 8, "there are eight region registers");
        match (self, index) {
            (RegionDefaults::Sentinels, 0) => u64::MAX,
            (RegionDefaults::Sentinels, 7) => 0,
            (_, 6 | 7) => 0x38,
            _ => 0x39,
        }
    }
}

/// What set-context does with the region registers of a PV vcpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionSet {
    /// Nothing.
    Ignored,
    /// Stores all eight as they are, 0 and ~0 too.
    Stored,
    /// Skips bad ones, 0 among them, and says nothing.
    Skipped,
    /// Skips those that are 0 and refuses bad ones with EINVAL.
    Refused,
}

/// What set-context does with the region registers of an HVM vcpu, where the flag asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HvmRegionSet {
    /// Stores all eight, 0 too; an id that is too big crashes the domain that makes the call.
    Panics,
    /// Stores all eight, 0 too; one with an id that is too big is skipped.
    Skipped,
    /// Skips those that are 0 and refuses with EINVAL an id that is too big.
    Refused,
}

/// What set-context does with the register stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackSet {
    /// Takes `loadrs` as it is.
    Loadrs,
    /// Takes the size of `ar.bsp` less `ar.bspstore`, unchecked, and none of the registers.
    Size,
    /// The same, and copies as many bytes of `rbs` to where the next get-context finds them. The vcpu
    /// that runs on does not: its stacked registers are lost.
    Copied,
    /// Counts the registers of the guest's stack and lays them out for the host, with checks (from
    /// 0f93dc4f98).
    Relaid,
}

/// What set-context does with `nats` of a PV vcpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatsSet {
    /// Puts the spilled bits back as they are.
    Spilled,
    /// Nothing: no register is NaT afterwards.
    Ignored,
    /// Takes bit n for rn.
    Bitmap,
}

/// What set-context does with cr.dcr of a PV vcpu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DcrSet {
    /// Loads it into a place of its own, where the flag asks for it.
    Own,
    /// Loads it into the privregs page, where the flag asks for it.
    Privregs,
    /// Nothing: the privregs page has it.
    Ignored,
}

/// What byte 36 of the domain setup record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VhptByte {
    /// Padding: whatever the saver's stack held.
    Padding,
    /// Padding at first, `vhpt_size_log2` later in the era (753df0d608).
    Either,
    /// `vhpt_size_log2`.
    Size,
}
