//! The page that a domain shares with the hypervisor (spec 9.1): event channels, time, and where
//! to find start_info and the memory map.

use alloc::boxed::Box;

use super::declare::layout;
use super::eras::eras;
use crate::dialect::SharedInfoLayout;

layout! {
    /// The clock of one vcpu.
    pub struct VcpuTimeInfo: 32 {
        @0  version: u32, Dec, "raised before and after each update, odd while one is under way";
        @4  pad0: u32, Pad, "padding";
        @8  tsc_timestamp: u64, Dec, "cycle counter at system_time, cycles";
        @16 system_time: u64, Dec, "time since boot, nanoseconds";
        @24 tsc_to_system_mul: u32, Hex, "nanoseconds per cycle, as a fraction of 2^32";
        @28 tsc_shift: i8, Dec, "binary places to shift cycles left by before multiplying";
        @29 pad1: [u8; 3], Pad, "padding";
    }
}

layout! {
    /// Event state and clock of one vcpu.
    pub struct VcpuInfo: 48 {
        @0  evtchn_upcall_pending: u8, Dec, "1 while an event waits for the vcpu";
        @1  evtchn_upcall_mask: u8, Dec, "1 while the vcpu takes no events; a PV guest's psr.i, inverted";
        @2  pad2: [u8; 6], Pad, "padding";
        @8  evtchn_pending_sel: u64, Hex, "one bit for each word of evtchn_pending that has a bit set; a restore zeroes it";
        @16 time: VcpuTimeInfo, Dec, "clock of the vcpu";
    }
}

layout! {
    /// The ia64 part before 2006-08-12.
    pub struct ArchSharedInfoS0: 16 {
        @0  start_info_pfn: u64, Hex, "gpfn of start_info, which a PV restore patches; 0 for HVM";
        @8  evtchn_vector: i32, Dec, "interrupt vector that announces events";
        @12 pad12: [u8; 4], Pad, "padding";
    }
}

layout! {
    /// The ia64 part of 3.0.3 to 3.1.
    pub struct ArchSharedInfoS1: 272 {
        @0  start_info_pfn: u64, Hex, "gpfn of start_info, which a PV restore patches; 0 for HVM";
        @8  evtchn_vector: i32, Dec, "interrupt vector that announces events";
        @12 pad12: [u8; 4], Pad, "padding";
        @16 pad: [u64; 32], Pad, "reserved";
    }
}

layout! {
    /// The ia64 part from 2007-05-21 on.
    pub struct ArchSharedInfoS2: 272 {
        @0  start_info_pfn: u64, Hex, "gpfn of start_info, which a PV restore patches; 0 for HVM";
        @8  evtchn_vector: i32, Dec, "interrupt vector that announces events";
        @12 memmap_info_num_pages: u32, Dec, "pages of the memory map; no Xen accepts more than 1";
        @16 memmap_info_pfn: u64, Hex, "gpfn of the memory map";
        @24 pad: [u64; 31], Pad, "reserved";
    }
}

/// Declares one layout: they differ in the ia64 part alone.
macro_rules! shared_info {
    ($(#[$meta:meta])* $name:ident: $size:literal, $arch:ty) => {
        layout! {
            $(#[$meta])*
            pub struct $name: $size {
                @0    vcpu_info: [VcpuInfo; 64], Dec, "event state and clock of each vcpu";
                @3072 evtchn_pending: [u64; 64], Hex, "4096 bits, one for each event channel port with an event; a restore zeroes them";
                @3584 evtchn_mask: [u64; 64], Hex, "4096 bits, one for each port whose events are held back; a restore keeps them";
                @4096 wc_version: u32, Dec, "raised before and after each update of the wall clock, odd while one is under way";
                @4100 wc_sec: u32, Dec, "wall clock at boot, seconds since 1970";
                @4104 wc_nsec: u32, Dec, "wall clock at boot, nanoseconds within the second";
                @4108 pad4108: [u8; 4], Pad, "padding";
                @4112 arch: $arch, Hex, "the part that only ia64 has";
            }
        }
    };
}

shared_info! {
    /// shared_info before 3.0.3.
    SharedInfoS0: 4128, ArchSharedInfoS0
}

shared_info! {
    /// shared_info of 3.0.3 to 3.1.
    SharedInfoS1: 4384, ArchSharedInfoS1
}

shared_info! {
    /// shared_info from 3.2 on.
    SharedInfoS2: 4384, ArchSharedInfoS2
}

eras! {
    /// The used part of the shared_info page in any of its layouts. The rest of the 16384 bytes
    /// means nothing.
    pub enum SharedInfo by SharedInfoLayout {
        S0(Box<SharedInfoS0>), "4128 bytes, before 3.0.3.";
        S1(Box<SharedInfoS1>), "4384 bytes, 3.0.3 to 3.1.";
        S2(Box<SharedInfoS2>), "4384 bytes with the memory map's address, from 3.2.";
    }
}

macro_rules! any {
    ($self:ident, $info:ident => $value:expr) => {
        match $self {
            SharedInfo::S0($info) => $value,
            SharedInfo::S1($info) => $value,
            SharedInfo::S2($info) => $value,
        }
    };
}

impl SharedInfo {
    /// Gpfn of start_info; 0 for HVM.
    pub fn start_info_pfn(&self) -> u64 {
        any!(self, info => info.arch.start_info_pfn)
    }

    /// Interrupt vector that announces events.
    pub fn evtchn_vector(&self) -> i32 {
        any!(self, info => info.arch.evtchn_vector)
    }

    /// Pages of the memory map.
    pub fn memmap_info_num_pages(&self) -> Option<u32> {
        match self {
            SharedInfo::S2(info) => Some(info.arch.memmap_info_num_pages),
            SharedInfo::S0(_) | SharedInfo::S1(_) => None,
        }
    }

    /// Gpfn of the memory map.
    pub fn memmap_info_pfn(&self) -> Option<u64> {
        match self {
            SharedInfo::S2(info) => Some(info.arch.memmap_info_pfn),
            SharedInfo::S0(_) | SharedInfo::S1(_) => None,
        }
    }

    /// Event state and clock of a vcpu below 64.
    pub fn vcpu_info(&self, vcpu: usize) -> Option<&VcpuInfo> {
        any!(self, info => info.vcpu_info.get(vcpu))
    }

    /// One bit for each event channel port with an event.
    pub fn evtchn_pending(&self) -> &[u64; 64] {
        any!(self, info => &info.evtchn_pending)
    }

    /// One bit for each event channel port whose events are held back.
    pub fn evtchn_mask(&self) -> &[u64; 64] {
        any!(self, info => &info.evtchn_mask)
    }
}
