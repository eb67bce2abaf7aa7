//! A domain that is restored.

use super::context::HvmParam;
use super::domain::{Domain, PageResult, Setup};
use super::error::{Errno, PortError};
use crate::grammar::PageRun;

/// How far populating went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Populated {
    /// The first `done` pages of the batch are there now.
    pub done: u64,
    /// Why not more.
    pub error: Option<Errno>,
}

/// A fresh domain, paused, with as many vcpus as it will ever have, into which an image is restored.
pub trait TargetDomain: Domain {
    /// Sets the domain up. Once, before anything but IO pages is populated.
    fn set_setup(&mut self, setup: &Setup) -> Result<(), PortError>;

    /// Gives the domain memory at these gpfns, in this order, as far as it goes: beyond the domain's
    /// limit some of a batch is there and the rest is not.
    fn populate(&mut self, gpfns: &[u64]) -> Result<Populated, PortError>;

    /// Takes memory away. How many pages were taken: one that is not there counts as none, without
    /// an error.
    fn decrease_reservation(&mut self, gpfns: &[u64]) -> Result<u64, PortError>;

    /// Copies a run of records into the domain's pages, in order, `results[i]` saying how the `i`-th
    /// went. Maps, copies, unmaps.
    ///
    /// # Errors
    /// Where the batch as a whole failed. Success does *not* mean that every page was written.
    fn write_pages(
        &mut self,
        run: PageRun<'_>,
        results: &mut [PageResult],
    ) -> Result<(), PortError>;

    /// Fills pages with zeros.
    fn clear_pages(&mut self, gpfns: &[u64]) -> Result<(), PortError>;

    /// Sets a vcpu's context, in the layout of [`Domain::dialect`].
    fn set_vcpu_context(&mut self, vcpu: u32, context: &[u8]) -> Result<(), PortError>;

    /// Sets a parameter of an HVM domain.
    fn set_hvm_param(&mut self, param: HvmParam, value: u64) -> Result<(), PortError>;

    /// Loads the HVM context.
    fn set_hvm_context(&mut self, context: &[u8]) -> Result<(), PortError>;
}
