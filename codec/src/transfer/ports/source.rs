//! A domain that is saved.

use alloc::vec::Vec;

use super::context::HvmParam;
use super::domain::{Domain, Setup};
use super::error::PortError;
use super::way_back::{Introduction, WaysBack};
use crate::transfer::bitmap::PfnBitmap;

/// A domain that can be saved.
///
/// # The source goes on after any failure
///
/// What that means depends on the release and on the guest's kernel; [`resume`](crate::transfer::resume) says how
/// it is done.
///
/// | release | PV, the kernel has the note `SUSPEND_CANCEL` | PV, it has not | HVM |
/// |---|---|---|---|
/// | 3.0.3, 3.0.4 | stays suspended: there is no call | stays suspended | was not saved then |
/// | 3.1 to 4.1 | goes on: its suspend call returns 1 | goes on as if restored, where event channels can be reset and somebody introduces it; else stays suspended | goes on as it is |
///
/// Kernels of ia64 control domains pass no reset of event channels on (they answer `EINVAL`); a control
/// domain of this project's own does.
///
/// - Before the domain was told to suspend itself it has run all the while, whatever fails.
/// - One that stays suspended is whole, and can be saved again. A caller that cannot live with that says
///   so ([`needs_way_back`](crate::transfer::save::Options::needs_way_back)), and is refused before anything is done.
/// - A failure while it is brought back leaves it suspended, with its suspend call as it was.
pub trait SourceDomain: Domain {
    /// The setup record, queried: flags with the query bit.
    fn setup(&mut self) -> Result<Setup, PortError>;

    /// The memory map page or pages, whole: header, descriptors, and whatever lies behind them. Not
    /// called in version 1.
    fn memmap(&mut self) -> Result<Vec<u8>, PortError>;

    /// Begins to record which pages are written to. `EINVAL` where it is on already. Writes by
    /// others (device models, tools) through their own mappings are never recorded, and neither is a
    /// page that is populated before the next clean.
    fn enable_log_dirty(&mut self) -> Result<(), PortError>;

    /// Ends it. Without it on, does nothing.
    fn disable_log_dirty(&mut self) -> Result<(), PortError>;

    /// Puts the pages written to since the last clean into `dirty`, in place of what was there, and
    /// keeps the record.
    fn peek_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError>;

    /// As [`SourceDomain::peek_dirty`], and begins the record anew.
    fn clean_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError>;

    /// Adds the pages that the device model has written to since it was asked last: its own record,
    /// as the hypervisor does not see those writes (HVM). How it is kept, by two bitmaps of which
    /// one is active (3.2 to 3.4) or by a hypercall (4.0), is the driver's matter.
    fn device_model_dirty(&mut self, dirty: &mut PfnBitmap) -> Result<(), PortError>;

    /// Has the guest suspend itself, and returns when it has, or has not: the caller looks at
    /// [`Domain::info`]. For an HVM domain the device model stops as well.
    fn suspend(&mut self) -> Result<(), PortError>;

    /// Lets a suspended domain go on, the device model with it: the hypervisor's call and no more. Has no
    /// effect on a domain that runs. What its guest then finds is prepared before
    /// ([`resume`](crate::transfer::resume::resume)).
    fn resume(&mut self) -> Result<(), PortError>;

    /// What is there to bring the domain back once it is suspended. Changes nothing, and is asked before
    /// it is.
    fn ways_back(&mut self) -> Result<WaysBack, PortError>;

    /// Closes all event channels of a suspended domain, and makes two that the control domain may bind:
    /// for store and console, in this order.
    fn reset_channels(&mut self) -> Result<(u32, u32), PortError>;

    /// Tells the daemons of store and console where the domain's rings and event channels are, as a
    /// toolstack does that has made a domain.
    fn introduce(&mut self, introduction: &Introduction) -> Result<(), PortError>;

    /// A parameter of an HVM domain.
    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError>;

    /// How many bytes [`SourceDomain::hvm_context`] needs at most.
    fn hvm_context_size(&mut self) -> Result<usize, PortError>;

    /// The HVM context, into at most `size` bytes; how many it took.
    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError>;
}
