//! Vcpus and HVM parameters.

/// What the hypervisor says of a vcpu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VcpuInfo {
    /// It has been brought up and not down again: it is saved.
    pub online: bool,
}

/// Parameters of an HVM domain that a restore sets (spec 10.2), by their index in Xen's public headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u64)]
pub enum HvmParam {
    /// gpfn of the xenstore ring.
    StorePfn = 1,
    /// Event channel of the xenstore ring.
    StoreEvtchn = 2,
    /// gpfn of the device-model request page.
    IoreqPfn = 5,
    /// gpfn of the buffered request page.
    BufioreqPfn = 6,
    /// gpfn of the buffered port request page; ia64 alone has it.
    BufpioreqPfn = 9,
}

impl HvmParam {
    /// Its name in messages and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            HvmParam::StorePfn => "store_pfn",
            HvmParam::StoreEvtchn => "store_evtchn",
            HvmParam::IoreqPfn => "ioreq_pfn",
            HvmParam::BufioreqPfn => "bufioreq_pfn",
            HvmParam::BufpioreqPfn => "bufpioreq_pfn",
        }
    }
}
