//! The control of domains: one hypercall whose structure has a header and a command's own arguments.

use ia64save_codec::layout;

/// Bytes of a domctl. The union behind the header has 128 bytes in every version.
pub const SIZE: usize = 144;
/// Where a command's own arguments begin.
pub const ARGUMENTS: usize = 16;

layout! {
    /// The header of every domctl.
    pub struct Domctl: 144 {
        @0  cmd: u32, Dec, "XEN_DOMCTL_*";
        @4  interface_version: u32, Dec, "must be that of the hypervisor, and on ia64 of the control domain's kernel";
        @8  domain: u16, Dec, "domid";
        @10 pad10: [u8; 6], Pad, "padding";
        @16 u as "u.pad": [u8; 128], Bytes, "the command's arguments";
    }
}

layout! {
    /// `getdomaininfo` of interface version 3 to 5 (3.0.3 to 3.4).
    pub struct DomainInfoV3: 72 {
        @0  domain: u16, Dec, "domid of the answer: the first one from the one asked for";
        @2  pad2: u16, Pad, "padding";
        @4  flags: u32, Hex, "XEN_DOMINF_*";
        @8  tot_pages: u64, Dec, "pages owned";
        @16 max_pages: u64, Dec, "limit";
        @24 shared_info_frame: u64, Hex, "frame of shared_info: gpfn from 3.0.4";
        @32 cpu_time: u64, Dec, "ns";
        @40 nr_online_vcpus: u32, Dec, "vcpus not down";
        @44 max_vcpu_id: u32, Dec, "highest allocated vcpu";
        @48 ssidref: u32, Hex, "label";
        @52 handle: [u8; 16], Bytes, "UUID";
        @68 pad68: u32, Pad, "padding";
    }
}

layout! {
    /// `getdomaininfo` of interface version 6 (4.0).
    pub struct DomainInfoV6: 80 {
        @0  domain: u16, Dec, "domid of the answer";
        @2  pad2: u16, Pad, "padding";
        @4  flags: u32, Hex, "XEN_DOMINF_*";
        @8  tot_pages: u64, Dec, "pages owned";
        @16 max_pages: u64, Dec, "limit";
        @24 shr_pages: u64, Dec, "shared pages";
        @32 shared_info_frame: u64, Hex, "gpfn of shared_info";
        @40 cpu_time: u64, Dec, "ns";
        @48 nr_online_vcpus: u32, Dec, "vcpus not down";
        @52 max_vcpu_id: u32, Dec, "highest allocated vcpu";
        @56 ssidref: u32, Hex, "label";
        @60 handle: [u8; 16], Bytes, "UUID";
        @76 pad76: u32, Pad, "padding";
    }
}

layout! {
    /// `getdomaininfo` of interface version 7 (4.1).
    pub struct DomainInfoV7: 80 {
        @0  domain: u16, Dec, "domid of the answer";
        @2  pad2: u16, Pad, "padding";
        @4  flags: u32, Hex, "XEN_DOMINF_*";
        @8  tot_pages: u64, Dec, "pages owned";
        @16 max_pages: u64, Dec, "limit";
        @24 shr_pages: u64, Dec, "shared pages";
        @32 shared_info_frame: u64, Hex, "gpfn of shared_info";
        @40 cpu_time: u64, Dec, "ns";
        @48 nr_online_vcpus: u32, Dec, "vcpus not down";
        @52 max_vcpu_id: u32, Dec, "highest allocated vcpu";
        @56 ssidref: u32, Hex, "label";
        @60 handle: [u8; 16], Bytes, "UUID";
        @76 cpupool: u32, Dec, "pool of processors";
    }
}

layout! {
    /// `getdomaininfo` of interface version 8 (4.2).
    pub struct DomainInfoV8: 88 {
        @0  domain: u16, Dec, "domid of the answer";
        @2  pad2: u16, Pad, "padding";
        @4  flags: u32, Hex, "XEN_DOMINF_*";
        @8  tot_pages: u64, Dec, "pages owned";
        @16 max_pages: u64, Dec, "limit";
        @24 shr_pages: u64, Dec, "shared pages";
        @32 paged_pages: u64, Dec, "pages paged out";
        @40 shared_info_frame: u64, Hex, "gpfn of shared_info";
        @48 cpu_time: u64, Dec, "ns";
        @56 nr_online_vcpus: u32, Dec, "vcpus not down";
        @60 max_vcpu_id: u32, Dec, "highest allocated vcpu";
        @64 ssidref: u32, Hex, "label";
        @68 handle: [u8; 16], Bytes, "UUID";
        @84 cpupool: u32, Dec, "pool of processors";
    }
}

/// `getdomaininfo`, flags: it is being destroyed.
pub const DYING: u64 = 1 << 0;
/// `getdomaininfo`, flags: fully virtualised.
pub const HVM: u64 = 1 << 1;
/// `getdomaininfo`, flags: it has shut down; why, bits 16 to 23 say.
pub const SHUTDOWN: u64 = 1 << 2;
/// `getdomaininfo`, flags: the toolstack has paused it.
pub const PAUSED: u64 = 1 << 3;
/// `getdomaininfo`, flags: none of its vcpus has anything to do.
pub const BLOCKED: u64 = 1 << 4;
/// `getdomaininfo`, flags: one of its vcpus runs.
pub const RUNNING: u64 = 1 << 5;
/// `getdomaininfo`, flags: where the reason of a shutdown begins.
pub const REASON_SHIFT: u32 = 16;

layout! {
    /// `createdomain` of 3.0.3, which knows no HVM domain on ia64.
    pub struct CreateV3: 20 {
        @0 ssidref: u32, Hex, "label";
        @4 handle: [u8; 16], Bytes, "UUID";
    }
}

layout! {
    /// `createdomain` of 3.0.4 to 4.2.
    pub struct CreateV4: 24 {
        @0  ssidref: u32, Hex, "label";
        @4  handle: [u8; 16], Bytes, "UUID";
        @20 flags: u32, Hex, "bit 0: fully virtualised";
    }
}

/// `createdomain`, flags: fully virtualised.
pub const CREATE_HVM: u64 = 1;

layout! {
    /// `getmemlist`: the frame behind each gpfn.
    pub struct GetMemList: 32 {
        @0  max_pfns: u64, Dec, "how many are asked for";
        @8  start_pfn: u64, Dec, "the first of them";
        @16 buffer as "buffer.p": u64, Hex, "address of a u64 each: the gpfn (machine frame in 3.0.3), or ~0";
        @24 num_pfns: u64, Dec, "how many were answered";
    }
}

layout! {
    /// `shadow_op`: log-dirty.
    pub struct ShadowOp: 40 {
        @0  op: u32, Dec, "what to do";
        @4  mode: u32, Dec, "not used on ia64";
        @8  mb: u32, Dec, "not used on ia64";
        @12 pad12: u32, Pad, "padding";
        @16 dirty_bitmap as "dirty_bitmap.p": u64, Hex, "address of the bitmap";
        @24 pages: u64, Dec, "bits of the bitmap; how many were answered";
        @32 fault_count as "stats.fault_count": u32, Dec, "faults since the last clean";
        @36 dirty_count as "stats.dirty_count": u32, Dec, "pages written to since the last clean";
    }
}

layout! {
    /// `max_mem`.
    pub struct MaxMem: 8 {
        @0 max_memkb: u64, Dec, "limit in KiB";
    }
}

layout! {
    /// `getvcpucontext`, `setvcpucontext`.
    pub struct VcpuContext: 16 {
        @0 vcpu: u32, Dec, "vcpu";
        @4 pad4: u32, Pad, "padding";
        @8 ctxt as "ctxt.p": u64, Hex, "address of the context";
    }
}

layout! {
    /// `getvcpuinfo`.
    pub struct GetVcpuInfo: 24 {
        @0  vcpu: u32, Dec, "vcpu asked for";
        @4  online: u8, Dec, "it is not down";
        @5  blocked: u8, Dec, "it waits";
        @6  running: u8, Dec, "it runs";
        @7  pad7: u8, Pad, "padding";
        @8  cpu_time: u64, Dec, "ns";
        @16 cpu: u32, Dec, "processor";
        @20 pad20: u32, Pad, "padding";
    }
}

layout! {
    /// `max_vcpus`.
    pub struct MaxVcpus: 4 {
        @0 max: u32, Dec, "vcpus to make";
    }
}

layout! {
    /// `gethvmcontext`, `sethvmcontext`.
    pub struct HvmContext: 16 {
        @0 size: u32, Dec, "bytes of the buffer; how many were used";
        @4 pad4: u32, Pad, "padding";
        @8 buffer as "buffer.p": u64, Hex, "address; 0 asks how many bytes are needed at most";
    }
}

layout! {
    /// `gethvmcontext_partial` (3.4 on). An ia64 kernel does not pass it on.
    pub struct HvmContextPartial: 16 {
        @0 r#type as "type": u32, Dec, "typecode";
        @4 instance: u32, Dec, "vcpu";
        @8 buffer as "buffer.p": u64, Hex, "address";
    }
}

layout! {
    /// `set_opt_feature` (3.2 on): identity mapping of regions.
    pub struct OptFeature: 32 {
        @0  cmd: u64, Dec, "1 region 7, 2 region 4, 3 region 5";
        @8  on: u8, Dec, "0 off, 1 on";
        @9  pad9: [u8; 7], Pad, "padding";
        @16 pgprot: u64, Hex, "protection, as in HVM record 8";
        @24 key: u64, Hex, "protection key, as in HVM record 8";
    }
}
