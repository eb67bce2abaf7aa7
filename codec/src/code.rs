//! Every complaint that this crate can make, declared once.
//!
//! One declaration yields the [`Code`], its stable name, its usual severity and the clause of the
//! specification that the input breaks. `spec/findings.md` has an entry for each.

use core::fmt;
use core::str::FromStr;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// No Xen wrote this, or a restore may not do what the user expects.
    Warning,
    /// The image breaks the format: it cannot be restored, or not as it stands.
    Error,
}

impl Severity {
    /// `"error"`, `"warning"` or `"note"`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! codes {
    ($( $variant:ident = $name:literal, $severity:ident, $clause:literal, $title:literal; )*) => {
        /// The stable name of one complaint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(
                #[doc = concat!("`", $name, "`: ", $title, " (spec ", $clause, ").")]
                $variant,
            )*
        }

        impl Code {
            /// Every code, in the order of the stream.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// The stable name, as printed, in JSON and for `explain`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            /// The usual severity.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity),* }
            }

            /// The clause of `spec/ia64-save.md` that the input breaks.
            pub fn clause(self) -> &'static str {
                match self { $(Code::$variant => $clause),* }
            }

            /// What is wrong, in half a sentence.
            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title),* }
            }
        }
    };
}

codes! {
    // The stream as a whole: what a decoder cannot get past.
    Truncated = "truncated", Error, "2.1", "the input ends inside the stream";
    LimitExceeded = "limit-exceeded", Error, "14.1", "a size in the input exceeds what a reader takes";
    OutOfOrder = "out-of-order", Error, "2.1", "a part of the stream was given out of its order";
    PartSize = "part-size", Error, "2.1", "a part of the stream was given in another size than its place asks for";
    VersionUnknown = "version-unknown", Error, "3.2", "the version word is not 1, 2 or 3";
    DialectNone = "dialect-none", Error, "12.2", "no dialect of this version explains the stream";
    DialectAmbiguous = "dialect-ambiguous", Note, "12.2", "several dialects explain the stream equally well";
    DialectMismatch = "dialect-mismatch", Warning, "12.2", "the stream is not of the dialect that was asked for";
    GuestUnsupported = "guest-unsupported", Error, "2.3", "this dialect cannot hold this kind of guest";
    VcpumapSize = "vcpumap-size", Error, "8.1", "the size of the vcpumap cannot be computed";

    // The head.
    P2mSizeZero = "p2m-size-zero", Error, "3.1", "p2m_size is 0";
    P2mSizeHuge = "p2m-size-huge", Warning, "3.1", "p2m_size reaches the frames that Xen keeps for itself";
    P2mSizeMismatch = "p2m-size-mismatch", Warning, "3.1", "p2m_size is not the memory that arch_setup.maxmem gives";
    P2mSizeHvm = "p2m-size-hvm", Warning, "3.1", "p2m_size is too small for an HVM domain";
    SetupFlags = "setup-flags", Error, "3.3", "arch_setup.flags are not those that a saver writes";
    SetupBp = "setup-bp", Warning, "3.3", "arch_setup.bp is set";
    SetupMaxmem = "setup-maxmem", Warning, "3.3", "arch_setup.maxmem is not what this dialect has there";
    SetupXsiVa = "setup-xsi-va", Warning, "3.3", "arch_setup.xsi_va is no place for shared_info";
    SetupHypercallImm = "setup-hypercall-imm", Note, "3.3", "arch_setup.hypercall_imm is not the usual one";
    SetupVhptSize = "setup-vhpt-size", Note, "3.3", "arch_setup.vhpt_size_log2 is no usual size of a table";

    // The memory map.
    MemmapNumPages = "memmap-num-pages", Error, "4.1", "the memory map does not take one page";
    MemmapEmpty = "memmap-empty", Error, "4.2", "the memory map has no descriptors";
    MemmapOverflow = "memmap-overflow", Error, "4.2", "the descriptors reach beyond the pages of the memory map";
    MemmapDescSmall = "memmap-desc-small", Error, "4.2", "a descriptor is said to be shorter than one";
    MemmapDescSize = "memmap-desc-size", Warning, "4.2", "a descriptor is said to be longer than Xen's";
    MemmapSize = "memmap-size", Error, "4.2", "the size of the descriptors is no multiple of that of one";
    MemmapVersion = "memmap-version", Warning, "4.2", "the version of the descriptors is not 1";
    MemmapDescWrap = "memmap-desc-wrap", Error, "4.3", "a descriptor reaches beyond 64 bits";
    MemmapDescUnaligned = "memmap-desc-unaligned", Warning, "4.3", "a descriptor does not begin on a 4 KiB boundary";
    MemmapDescEmpty = "memmap-desc-empty", Note, "4.3", "a descriptor has no pages";
    MemmapLowest = "memmap-lowest", Error, "4.3", "the lowest descriptor is one that no hypervisor accepts";
    MemmapOverlap = "memmap-overlap", Warning, "4.3", "descriptors overlap";
    MemmapEnd = "memmap-end", Error, "4.3", "the memory map reaches beyond the domain's memory";
    MemmapNoRam = "memmap-no-ram", Error, "4.4", "the memory map has no RAM";
    MemmapPartialPage = "memmap-partial-page", Warning, "4.4", "RAM begins or ends within a page";
    MemmapHvmIo = "memmap-hvm-io", Warning, "4.4", "RAM lies where an HVM domain has devices";

    // Pages.
    PagesNone = "pages-none", Error, "5.2", "no page was sent";
    PageOutsideRam = "page-outside-ram", Error, "5.1", "a page is not RAM by the memory map";
    PageBeyondP2m = "page-beyond-p2m", Warning, "5.1", "a page is RAM by the memory map, and beyond p2m_size";
    PageMissing = "page-missing", Note, "5.4", "RAM is neither sent nor listed as unallocated";
    UnallocatedCount = "unallocated-count", Error, "6.1", "more pages are listed as unallocated than there are";
    UnallocatedOutsideRam = "unallocated-outside-ram", Error, "6.2", "an unallocated pfn is not RAM by the memory map";
    UnallocatedOrder = "unallocated-order", Warning, "6.2", "the unallocated list is not in the order of the memory map";
    UnallocatedDuplicate = "unallocated-duplicate", Warning, "6.2", "a pfn is listed twice as unallocated";
    UnallocatedSent = "unallocated-sent", Note, "6.2", "pages were sent and then listed as unallocated";
    UnallocatedNeeded = "unallocated-needed", Error, "6.2", "a page that the domain cannot do without is listed as unallocated";

    // Vcpus.
    VcpumapMax = "vcpumap-max", Error, "8.1", "max_virt_cpus is not 64";
    VcpumapSlack = "vcpumap-slack", Warning, "8.2", "the vcpumap has bits at or above max_virt_cpus";
    VcpumapEmpty = "vcpumap-empty", Error, "8.2", "no vcpu is online";
    VcpumapBoot = "vcpumap-boot", Note, "8.2", "vcpu 0 is offline";
    VcpuFlags = "vcpu-flags", Warning, "8.4", "the flags of a context have bits without a meaning";
    VcpuNotCleared = "vcpu-not-cleared", Note, "8.3", "a field that the hypervisor clears is set";
    VcpuPsrReserved = "vcpu-psr-reserved", Warning, "8.5", "reserved bits of psr are set";
    VcpuPsrRi = "vcpu-psr-ri", Warning, "8.5", "psr.ri names no slot of a bundle";
    VcpuPsrPv = "vcpu-psr-pv", Warning, "8.5", "psr is not as Xen gives it for a PV guest";
    VcpuPsrHvm = "vcpu-psr-hvm", Error, "8.5", "psr has bits of which a restore crashes the domain that asks for it";
    VcpuIp = "vcpu-ip", Warning, "8.5", "ip does not point at a bundle";
    VcpuCfm = "vcpu-cfm", Warning, "8.6", "the current frame marker describes no frame";
    VcpuPfs = "vcpu-pfs", Warning, "8.6", "ar.pfs describes no frame";
    VcpuRsc = "vcpu-rsc", Warning, "8.7", "reserved bits of ar.rsc are set";
    VcpuRscPl = "vcpu-rsc-pl", Warning, "8.7", "the register stack of a PV guest works at a level below that of its kernel";
    VcpuBspUnaligned = "vcpu-bsp-unaligned", Warning, "8.7", "the backing store does not lie on a word boundary";
    VcpuBspBelow = "vcpu-bsp-below", Error, "8.7", "ar.bsp is below ar.bspstore";
    VcpuStacked = "vcpu-stacked", Error, "8.7", "more stacked registers are dirty than a processor has";
    VcpuRbsVoff = "vcpu-rbs-voff", Warning, "8.7", "rbs_voff is no place within 512 bytes";
    VcpuRbsSize = "vcpu-rbs-size", Error, "8.7", "the image of the register stack does not fit its buffer";
    VcpuRbs = "vcpu-rbs", Warning, "8.7", "the image of the register stack goes on behind its end";
    VcpuRbsRnat = "vcpu-rbs-rnat", Warning, "8.7", "rbs_rnat has bits of registers that are not there";
    VcpuNumPhysStacked = "vcpu-num-phys-stacked", Error, "8.7", "num_phys_stacked is not that of an Itanium";
    VcpuRr = "vcpu-rr", Error, "8.8", "a region register has reserved bits or no page size";
    VcpuRrRid = "vcpu-rr-rid", Warning, "8.8", "a region id is beyond what a domain gets";
    VcpuTr = "vcpu-tr", Warning, "8.8", "a translation register has reserved bits or no page size";
    VcpuNats = "vcpu-nats", Warning, "8.9", "NaT bits of registers that cannot have one";
    VcpuFpsr = "vcpu-fpsr", Warning, "8.9", "reserved bits of ar.fpsr are set";
    VcpuEc = "vcpu-ec", Warning, "8.9", "ar.ec has more than 6 bits";
    VcpuIva = "vcpu-iva", Warning, "8.9", "cr.iva is not 32 KiB aligned";
    VcpuPta = "vcpu-pta", Note, "8.9", "cr.pta has reserved bits or too small a table";
    VcpuVector = "vcpu-vector", Warning, "8.9", "reserved bits of an interruption vector register are set";
    VcpuBreakpoint = "vcpu-breakpoint", Note, "8.9", "a breakpoint lies in Xen's own memory";
    PrivregsPfn = "privregs-pfn", Warning, "8.10", "privregs_pfn is not the frame that Xen uses";
    PrivregsMaskAddr = "privregs-mask-addr", Warning, "8.10", "interrupt_mask_addr does not point at the vcpu's own mask";
    PrivregsFlag = "privregs-flag", Warning, "8.10", "a flag of the privregs page is neither 0 nor 1";
    PrivregsRr = "privregs-rr", Warning, "8.10", "a region register of the privregs page has reserved bits or no page size";
    PrivregsPta = "privregs-pta", Warning, "8.10", "pta of the privregs page has reserved bits or too small a table";
    PrivregsVector = "privregs-vector", Warning, "8.10", "reserved bits of an interruption vector register of the privregs page are set";
    EventCallbackNone = "event-callback-none", Note, "8.11", "a PV vcpu has no event callback";
    EventCallbackUnaligned = "event-callback-unaligned", Warning, "8.11", "event_callback_ip does not point at a bundle";

    // Pages that the domain shares.
    SharedInfoFlag = "shared-info-flag", Warning, "9.1", "an upcall flag is neither 0 nor 1";
    SharedInfoVector = "shared-info-vector", Warning, "9.2", "evtchn_vector is no vector";
    SharedInfoMemmap = "shared-info-memmap", Warning, "9.2", "shared_info does not say where the memory map is";
    MemmapInfoMissing = "memmap-info-missing", Warning, "9.2", "the page of the memory map was not sent";
    StartInfoPfn = "start-info-pfn", Error, "9.2", "start_info_pfn is not RAM";
    StartInfoMissing = "start-info-missing", Error, "9.2", "the start_info page was not sent";
    StartInfoHvm = "start-info-hvm", Warning, "9.2", "an HVM domain has a start_info page";
    StartInfoMagic = "start-info-magic", Warning, "9.3", "the start_info page does not begin with its magic";
    StartInfoNrPages = "start-info-nr-pages", Note, "9.3", "start_info.nr_pages is not a part of p2m_size";
    StartInfoRing = "start-info-ring", Warning, "9.3", "the ring of xenstore or the console was not sent";

    // HVM.
    MagicPfnOutsideRam = "magic-pfn-outside-ram", Error, "10.2", "a magic pfn is not RAM";
    MagicPfnMissing = "magic-pfn-missing", Error, "10.2", "a magic page was not sent";
    MagicPfnDuplicate = "magic-pfn-duplicate", Warning, "10.2", "two magic pfns name one page";
    MagicPfnUnusual = "magic-pfn-unusual", Warning, "10.2", "a magic pfn is not where every builder puts it";
    HvmSize = "hvm-size", Error, "10.3", "the HVM context has not the size that its vcpus take";
    HvmHeaderFirst = "hvm-header-first", Error, "10.4", "the first record is not HEADER";
    HvmRecordType = "hvm-record-type", Error, "10.4", "no record has this typecode";
    HvmRecordLength = "hvm-record-length", Error, "10.4", "a record has not the length of its type";
    HvmRecordTruncated = "hvm-record-truncated", Error, "10.4", "a record reaches beyond the HVM context";
    HvmRecordOrder = "hvm-record-order", Warning, "10.4", "records are not in the order in which Xen writes them";
    HvmRecordInstance = "hvm-record-instance", Error, "10.4", "a record is of a vcpu that is not online";
    HvmDomainInstance = "hvm-domain-instance", Warning, "10.4", "a record of the domain has an instance";
    HvmRecordDuplicate = "hvm-record-duplicate", Warning, "10.4", "a record occurs twice";
    HvmRecordMissing = "hvm-record-missing", Error, "10.4", "a record is missing";
    HvmEndMissing = "hvm-end-missing", Error, "10.4", "the HVM context has no END record";
    HvmEnd = "hvm-end", Warning, "10.4", "the END record is not all zero";
    HvmEndTrailing = "hvm-end-trailing", Warning, "10.4", "bytes follow the END record";
    HvmHeaderMagic = "hvm-header-magic", Error, "10.5", "the magic of the HVM context is wrong";
    HvmHeaderVersion = "hvm-header-version", Error, "10.5", "the version of the HVM context is not 1";
    HvmHeaderCpuid = "hvm-header-cpuid", Warning, "10.5", "the CPUID of the saving host is not that of an Itanium";
    HvmCpuIpsr = "hvm-cpu-ipsr", Warning, "10.6", "reserved bits of the machine's psr are set";
    HvmVpdContext = "hvm-vpd-context", Warning, "10.6", "a VPD and its context disagree";
    HvmVlsapic = "hvm-vlsapic", Warning, "10.7", "a flag of a VLSAPIC record is neither 0 nor 1";
    HvmVtime = "hvm-vtime", Warning, "10.7", "a flag of a VTIME record is neither 0 nor 1";
    HvmVtimeItm = "hvm-vtime-itm", Warning, "10.7", "a VTIME record and its VPD disagree";
    HvmViosapicBase = "hvm-viosapic-base", Error, "10.8", "the interrupt controller is not at its address";
    HvmViosapicLowest = "hvm-viosapic-lowest", Error, "10.8", "lowest_vcpu_id names no vcpu";
    HvmViosapic = "hvm-viosapic", Warning, "10.8", "the interrupt controller has bits that mean nothing";
    HvmIdentity = "hvm-identity", Warning, "10.9", "an identity mapping is neither on nor off";

    // What follows.
    CheckpointsUnread = "checkpoints-unread", Note, "11.1", "further checkpoints follow, which the original restore does not read";
    TrailingBytes = "trailing-bytes", Warning, "11.2", "bytes that belong to nobody follow the stream";

    // Envelopes.
    EnvelopeTruncated = "envelope-truncated", Error, "13", "the input ends inside the envelope";
    EnvelopeConfigLength = "envelope-config-length", Error, "13.1", "the length of the configuration is not possible";
    EnvelopeConfigSyntax = "envelope-config-syntax", Warning, "13", "the configuration cannot be read";
    EnvelopeMagic = "envelope-magic", Error, "13.2", "the magic of the xl header is damaged";
    EnvelopeByteorder = "envelope-byteorder", Error, "13.2", "the byte order of the xl header is neither little nor big";
    EnvelopeXlFlags = "envelope-xl-flags", Error, "13.2", "the xl header asks for features that nobody can honour";
    EnvelopeOptionalData = "envelope-optional-data", Error, "13.2", "the optional data of the xl header does not hold what it says";
    ForeignFormat = "foreign-format", Error, "13.6", "the input is of another format";
    DeviceModelTruncated = "device-model-truncated", Error, "13.4", "the input ends inside the device-model record";
    DeviceModelLength = "device-model-length", Error, "13.4", "the record cannot say a length of this size";
    DeviceModelMagic = "device-model-magic", Warning, "13.4", "the device-model record does not hold a qemu image";
    ConfigGuest = "config-guest", Warning, "13.1", "the configuration names another kind of guest than the stream";
    ConfigVcpus = "config-vcpus", Warning, "13.1", "the configuration gives fewer vcpus than the stream has";
    DeviceModelAbsent = "device-model-absent", Note, "13.4", "a fully virtualised domain comes without its device model's state";

    // Conversion.
    ConvertVcpu0 = "convert-vcpu0-offline", Error, "8.2", "the dialect asked for carries vcpu 0 alone, which is offline";
    ConvertPages = "convert-pages-absent", Error, "5.1", "the pages of the image are not at hand";
    ConvertUnallocated = "convert-unallocated-count", Error, "6.1", "the unallocated list would have more entries than its count can say";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Code {
    type Err = crate::dialect::UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.name() == s)
            .ok_or(crate::dialect::UnknownName)
    }
}
