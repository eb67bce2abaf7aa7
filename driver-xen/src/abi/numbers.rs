//! Numbers of hypercalls, operations and parameters. They never changed while ia64 was supported; a
//! test holds them against `tests/data/layout/constants_by_release.tsv`.

macro_rules! numbers {
    ($( $(#[$meta:meta])* $name:ident: $ty:ty = $value:literal, $public:literal; )*) => {
        $( $(#[$meta])* #[doc = concat!("`", $public, "`.")] pub const $name: $ty = $value; )*

        /// Every number with its name in Xen's public headers.
        pub const ALL: &[(&str, u64)] = &[$( ($public, $value as u64) ),*];
    };
}

numbers! {
    MEMORY_OP: u64 = 12, "__HYPERVISOR_memory_op";
    XEN_VERSION: u64 = 17, "__HYPERVISOR_xen_version";
    EVENT_CHANNEL_OP: u64 = 32, "__HYPERVISOR_event_channel_op";
    HVM_OP: u64 = 34, "__HYPERVISOR_hvm_op";
    DOMCTL: u64 = 36, "__HYPERVISOR_domctl";
    /// On ia64: operations of a control domain on physical maps.
    DOM0VP_OP: u64 = 48, "__HYPERVISOR_arch_0";

    CREATEDOMAIN: u32 = 1, "XEN_DOMCTL_createdomain";
    DESTROYDOMAIN: u32 = 2, "XEN_DOMCTL_destroydomain";
    PAUSEDOMAIN: u32 = 3, "XEN_DOMCTL_pausedomain";
    UNPAUSEDOMAIN: u32 = 4, "XEN_DOMCTL_unpausedomain";
    GETDOMAININFO: u32 = 5, "XEN_DOMCTL_getdomaininfo";
    GETMEMLIST: u32 = 6, "XEN_DOMCTL_getmemlist";
    SHADOW_OP: u32 = 10, "XEN_DOMCTL_shadow_op";
    MAX_MEM: u32 = 11, "XEN_DOMCTL_max_mem";
    SETVCPUCONTEXT: u32 = 12, "XEN_DOMCTL_setvcpucontext";
    GETVCPUCONTEXT: u32 = 13, "XEN_DOMCTL_getvcpucontext";
    GETVCPUINFO: u32 = 14, "XEN_DOMCTL_getvcpuinfo";
    MAX_VCPUS: u32 = 15, "XEN_DOMCTL_max_vcpus";
    ARCH_SETUP: u32 = 23, "XEN_DOMCTL_arch_setup";
    RESUMEDOMAIN: u32 = 27, "XEN_DOMCTL_resumedomain";
    GETHVMCONTEXT: u32 = 33, "XEN_DOMCTL_gethvmcontext";
    SETHVMCONTEXT: u32 = 34, "XEN_DOMCTL_sethvmcontext";
    SET_OPT_FEATURE: u32 = 44, "XEN_DOMCTL_set_opt_feature";
    GETHVMCONTEXT_PARTIAL: u32 = 55, "XEN_DOMCTL_gethvmcontext_partial";

    SHADOW_OFF: u32 = 0, "XEN_DOMCTL_SHADOW_OP_OFF";
    SHADOW_ENABLE_LOGDIRTY: u32 = 2, "XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY";
    SHADOW_CLEAN: u32 = 11, "XEN_DOMCTL_SHADOW_OP_CLEAN";
    SHADOW_PEEK: u32 = 12, "XEN_DOMCTL_SHADOW_OP_PEEK";

    DECREASE_RESERVATION: u64 = 1, "XENMEM_decrease_reservation";
    POPULATE_PHYSMAP: u64 = 6, "XENMEM_populate_physmap";
    MAXIMUM_GPFN: u64 = 14, "XENMEM_maximum_gpfn";

    HVM_SET_PARAM: u64 = 0, "HVMOP_set_param";
    HVM_GET_PARAM: u64 = 1, "HVMOP_get_param";
    HVM_MODIFIED_MEMORY: u64 = 7, "HVMOP_modified_memory";

    DOM0VP_ADD_PHYSMAP_WITH_GMFN: u64 = 9, "IA64_DOM0VP_add_physmap_with_gmfn";
    DOM0VP_EXPOSE_FOREIGN_P2M: u64 = 12, "IA64_DOM0VP_expose_foreign_p2m";
    DOM0VP_UNEXPOSE_FOREIGN_P2M: u64 = 13, "IA64_DOM0VP_unexpose_foreign_p2m";
    DOM0VP_GET_MEMMAP: u64 = 14, "IA64_DOM0VP_get_memmap";
    /// Have pages for the table made.
    EFP_ALLOC_PTE: u64 = 1, "IA64_DOM0VP_EFP_ALLOC_PTE";
}

/// `SCHED_OP`, of which tools use `SCHEDOP_remote_shutdown` alone.
pub const SCHED_OP: u64 = 29;
/// `SCHEDOP_remote_shutdown`.
pub const REMOTE_SHUTDOWN: u64 = 4;
/// `EVTCHNOP_status`.
pub const CHANNEL_STATUS: u64 = 5;
/// `EVTCHNOP_alloc_unbound`.
pub const ALLOC_UNBOUND: u64 = 6;
/// `EVTCHNOP_reset`.
pub const RESET_CHANNELS: u64 = 10;
/// `XENVER_version`: the release, major above minor.
pub const VERSION: u64 = 0;
/// The control domain, as the other end of an event channel.
pub const CONTROL_DOMAIN: u16 = 0;
