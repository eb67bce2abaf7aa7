//! The transport that the suites run over: privcmd of a simulated kernel.

use ia64save_sim::Host;
use ia64save_xen::fake::FakeDevice;
use ia64save_xen::privcmd::Privcmd;

/// The transport.
pub type Way = Privcmd<FakeDevice>;

/// To the control domain of a host.
pub fn open(host: &Host) -> Way {
    Privcmd::fake(host)
}
