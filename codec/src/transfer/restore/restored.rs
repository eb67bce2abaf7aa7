//! What a restore did, in the order in which it did it.

use alloc::vec::Vec;

use crate::detect::Detection;
use crate::dialect::Guest;
use crate::pfns::Pfns;
use crate::transfer::ports::{HvmParam, PortError, Setup};

/// What a restore did. Filled while it goes on, so that it says after a failure how far it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// The kind of guest; `None` until the setup record came.
    pub guest: Option<Guest>,
    /// `p2m_size` of the stream.
    pub p2m_size: u64,
    /// The stream's dialect; `None` until the tail came.
    pub detection: Option<Detection>,
    /// Bytes of the stream that were taken.
    pub consumed: u64,
    /// Page records that were copied into the domain.
    pub records: u64,
    /// The setup record as the hypervisor got it.
    pub setup: Option<Setup>,
    /// gpfns that were given memory.
    pub populated: PfnList,
    /// gpfns whose memory was given back.
    pub decreased: PfnList,
    /// Pages that were zeroed.
    pub cleared: Vec<u64>,
    /// Contexts that were set. A vcpu may occur twice (see
    /// [`Spec::set_twice`](crate::era::Spec::set_twice)).
    pub vcpus_set: Vec<VcpuSet>,
    /// Privregs pages that were written (PV).
    pub privregs: Vec<PrivregsSet>,
    /// The shared_info page as it was written.
    pub shared_info: Option<Vec<u8>>,
    /// `start_info_pfn` of shared_info; 0 for HVM.
    pub start_info_pfn: u64,
    /// start_info as it was patched (PV).
    pub start_info: Option<StartInfoSet>,
    /// HVM parameters that were set.
    pub hvm_params: Vec<(HvmParam, u64)>,
    /// The HVM context that was loaded.
    pub hvm_context: Option<Vec<u8>>,
    /// Frame of the xenstore ring.
    pub store_mfn: Option<u64>,
    /// Frame of the console ring (PV).
    pub console_mfn: Option<u64>,
    /// The domain was destroyed, since something failed.
    pub destroyed: bool,
    /// What could not be given back after a success.
    pub leftovers: Vec<PortError>,
}

/// A context that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcpuSet {
    /// Which vcpu.
    pub vcpu: u32,
    /// The bytes that the hypervisor got.
    pub context: Vec<u8>,
}

/// A privregs page that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivregsSet {
    /// Which vcpu.
    pub vcpu: u32,
    /// The frame where the domain has it.
    pub frame: u64,
    /// The page.
    pub page: Vec<u8>,
}

/// Fields of start_info after a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfoSet {
    /// `p2m_size` of the stream.
    pub nr_pages: u64,
    /// Address of shared_info: its frame times the size of a page.
    pub shared_info: u64,
    /// 0.
    pub flags: u32,
    /// gpfn of the xenstore ring, as the guest has it.
    pub store_mfn: u64,
    /// The new event channel of xenstore.
    pub store_evtchn: u32,
    /// gpfn of the console ring, as the guest has it.
    pub console_mfn: u64,
    /// The new event channel of the console.
    pub console_evtchn: u32,
}

/// Pfns in an order that matters. Those that follow one another take no room of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PfnList {
    runs: Vec<Pfns>,
    len: u64,
}

impl PfnList {
    /// Appends a pfn.
    pub fn push(&mut self, pfn: u64) {
        self.len += 1;
        let next = Pfns::one(pfn);
        if !self.runs.last_mut().is_some_and(|last| last.push(next)) {
            self.runs.push(next);
        }
    }

    /// How many there are; one that was appended twice counts twice.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pfns in their order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().flat_map(|run| run.iter())
    }

    /// The same as runs of consecutive pfns.
    pub fn runs(&self) -> &[Pfns] {
        &self.runs
    }
}

impl Extend<u64> for PfnList {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, pfns: I) {
        for pfn in pfns {
            self.push(pfn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_list_keeps_the_order() {
        let mut list = PfnList::default();
        list.extend([5, 6, 7, 2, 3, 9, 9]);
        assert_eq!(list.runs().len(), 4);
        assert_eq!(list.iter().collect::<Vec<_>>(), vec![5, 6, 7, 2, 3, 9, 9]);
        assert_eq!(list.len(), 7);
        list.extend([u64::MAX - 1, u64::MAX]);
        assert_eq!((list.len(), list.iter().last()), (9, Some(u64::MAX)));
    }
}
