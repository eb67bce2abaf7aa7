//! The table of rules.

use core::fmt;

use super::context::Context;
use super::findings::Findings;
use super::{
    arch_setup, checkpoints, hvm, magic_pfns, memmap, pages, privregs, registers, shared_info,
    start_info, stream, unallocated, vcpumap,
};
use crate::code::Code;

/// A rule: what it can report, and the function that looks.
pub struct Rule {
    /// The codes it can report.
    pub codes: &'static [Code],
    /// Looks at the whole image.
    pub(super) check: fn(&Context<'_>, &mut Findings),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("codes", &self.codes)
            .finish_non_exhaustive()
    }
}

macro_rules! rules {
    ($( $check:path: $($code:ident),+; )*) => {
        /// Every rule, in the order of the stream.
        pub static RULES: &[Rule] = &[
            $( Rule { codes: &[$(Code::$code),+], check: $check }, )*
        ];
    };
}

rules! {
    // What reading it came to.
    stream::decode_error: Truncated, LimitExceeded, VersionUnknown, DialectNone, DialectMismatch, GuestUnsupported;
    stream::dialect: DialectAmbiguous;

    // The head.
    stream::p2m_size: P2mSizeZero, P2mSizeHuge, P2mSizeMismatch, P2mSizeHvm;
    arch_setup::flags: SetupFlags, SetupBp;
    arch_setup::maxmem: SetupMaxmem;
    arch_setup::addresses: SetupXsiVa, SetupHypercallImm;
    arch_setup::vhpt_size: SetupVhptSize;

    // The memory map.
    memmap::num_pages: MemmapNumPages;
    memmap::sizes: MemmapEmpty, MemmapOverflow, MemmapDescSmall, MemmapDescSize, MemmapSize, MemmapVersion;
    memmap::shapes: MemmapDescWrap, MemmapDescUnaligned, MemmapLowest;
    memmap::empty: MemmapDescEmpty;
    memmap::overlaps: MemmapOverlap;
    memmap::end: MemmapEnd;
    memmap::ram: MemmapNoRam, MemmapPartialPage, MemmapHvmIo;

    // Pages.
    pages::none: PagesNone;
    pages::outside_ram: PageOutsideRam;
    pages::beyond_p2m: PageBeyondP2m;
    pages::missing: PageMissing;
    unallocated::count: UnallocatedCount;
    unallocated::outside_ram: UnallocatedOutsideRam;
    unallocated::order: UnallocatedOrder, UnallocatedDuplicate;
    unallocated::sent: UnallocatedSent;
    unallocated::needed: UnallocatedNeeded;

    // Vcpus.
    vcpumap::map: VcpumapMax, VcpumapSlack, VcpumapEmpty, VcpumapBoot;
    registers::psr::flags: VcpuFlags;
    registers::psr::cleared: VcpuNotCleared;
    registers::psr::architecture: VcpuPsrReserved, VcpuPsrRi, VcpuIp;
    registers::psr::pv: VcpuPsrPv;
    registers::psr::hvm: VcpuPsrHvm;
    registers::frame::markers: VcpuCfm, VcpuPfs;
    registers::stack::rsc: VcpuRsc, VcpuRscPl;
    registers::stack::bounds: VcpuBspUnaligned, VcpuBspBelow, VcpuStacked;
    registers::stack::voff: VcpuRbsVoff, VcpuRbsSize;
    registers::stack::image: VcpuRbs, VcpuRbsRnat;
    registers::stack::num_phys_stacked: VcpuNumPhysStacked;
    registers::regions::region: VcpuRr, VcpuRrRid;
    registers::regions::translation: VcpuTr;
    registers::other::nats: VcpuNats;
    registers::other::application: VcpuFpsr, VcpuEc, VcpuIva;
    registers::other::control: VcpuPta, VcpuVector;
    registers::other::breakpoints: VcpuBreakpoint;
    registers::other::event_callback: EventCallbackNone, EventCallbackUnaligned;
    privregs::pfn: PrivregsPfn;
    privregs::mask_addr: PrivregsMaskAddr;
    privregs::flags: PrivregsFlag;
    privregs::registers: PrivregsRr, PrivregsPta, PrivregsVector;

    // Pages that the domain shares.
    shared_info::events: SharedInfoFlag, SharedInfoVector;
    shared_info::start_info: StartInfoPfn, StartInfoMissing, StartInfoHvm;
    shared_info::memmap: SharedInfoMemmap, MemmapInfoMissing;
    start_info::contents: StartInfoMagic, StartInfoNrPages;
    start_info::rings: StartInfoRing;

    // HVM.
    magic_pfns::pages: MagicPfnOutsideRam, MagicPfnMissing, MagicPfnDuplicate, MagicPfnUnusual;
    hvm::records::size: HvmSize;
    hvm::records::descriptors: HvmRecordType, HvmRecordLength, HvmRecordTruncated, HvmRecordInstance, HvmDomainInstance;
    hvm::records::sequence: HvmHeaderFirst, HvmRecordOrder, HvmRecordDuplicate, HvmRecordMissing;
    hvm::records::end: HvmEndMissing, HvmEnd, HvmEndTrailing;
    hvm::header::contents: HvmHeaderMagic, HvmHeaderVersion, HvmHeaderCpuid;
    hvm::vcpu::cpu: HvmCpuIpsr;
    hvm::vcpu::vpd: HvmVpdContext;
    hvm::vcpu::vlsapic: HvmVlsapic;
    hvm::vcpu::vtime: HvmVtime, HvmVtimeItm;
    hvm::viosapic::refused: HvmViosapicBase, HvmViosapicLowest;
    hvm::viosapic::bits: HvmViosapic;
    hvm::identity::mappings: HvmIdentity;

    // What follows.
    checkpoints::unread: CheckpointsUnread;
    stream::trailing: TrailingBytes, DeviceModelTruncated, DeviceModelMagic;
}
