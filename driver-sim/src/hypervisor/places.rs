//! Where the hypervisor puts the pages that it shares with a domain.

use super::era::Era;

/// Frame of the shared_info page where tools name pages by gpfn: those of the vcpus follow.
pub(crate) const SHARED_INFO_GPFN: u64 = 1 << 40 >> 14;
/// The same where they name it by machine frame.
const SHARED_INFO_FRAME: u64 = 0x800_0000;

/// Frame of the shared_info page, as tools name it.
pub(crate) fn shared_info_frame(era: Era) -> u64 {
    if era.maps_by_gpfn() {
        SHARED_INFO_GPFN
    } else {
        SHARED_INFO_FRAME
    }
}
