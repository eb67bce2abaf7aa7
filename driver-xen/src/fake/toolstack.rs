//! The guest and the device model of a simulated host.

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, Introduction, PortCall};
use ia64save_sim::Host;
use ia64save_sim::hypervisor::Kernel;

use crate::toolstack::{Devices, Toolstack};
use crate::transport::DomainId;

/// Asks the simulated guest itself.
#[derive(Clone)]
pub struct FakeToolstack {
    host: Host,
    records: bool,
}

impl FakeToolstack {
    /// The toolstack of a host.
    pub fn new(host: &Host) -> Self {
        FakeToolstack {
            host: host.clone(),
            records: true,
        }
    }

    /// One that has not recorded what its guests' kernels are like.
    #[must_use]
    pub fn without_records(mut self) -> Self {
        self.records = false;
        self
    }

    fn enter(&self, call: PortCall) -> Result<(), Errno> {
        self.host
            .strike(call)
            .map_or(Ok(()), |fault| Err(fault.errno))
    }
}

impl Toolstack for FakeToolstack {
    fn suspend(&mut self, domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        self.enter(PortCall::Suspend)?;
        self.host.request_suspend(domain.into())
    }

    /// Has recorded that its guests take a cancelled suspension, but for those whose kernel is known not to.
    fn takes_cancel(&mut self, domain: DomainId) -> Result<Option<bool>, Errno> {
        let kernel = self.host.kernel(domain.into())?;
        Ok(self.records.then_some(kernel != Some(Kernel::Restarts)))
    }

    fn introduces(&self, _domain: DomainId) -> bool {
        true
    }

    fn introduce(&mut self, domain: DomainId, introduction: &Introduction) -> Result<(), Errno> {
        self.enter(PortCall::Introduce)?;
        self.host.introduce(domain.into(), introduction)
    }

    fn log_devices(&mut self, domain: DomainId, on: bool) -> Result<Devices, Errno> {
        self.host.device_model_record(domain.into(), on)?;
        Ok(Devices::Recorded)
    }

    fn dirty_by_devices(&mut self, domain: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        self.enter(PortCall::DeviceModelDirty)?;
        self.host.device_model_dirty(domain.into(), dirty)
    }
}
