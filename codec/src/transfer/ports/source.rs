//! A domain that is saved.

use alloc::vec::Vec;

use super::context::HvmParam;
use super::domain::{Domain, Setup};
use super::error::PortError;
use crate::transfer::bitmap::PfnBitmap;

/// A domain that can be saved.
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

    /// Lets a suspended domain go on as if it had never been suspended, the device model with it. Has
    /// no effect on a domain that runs: who does not know how far a suspension came may call it.
    fn resume(&mut self) -> Result<(), PortError>;

    /// A parameter of an HVM domain.
    fn hvm_param(&mut self, param: HvmParam) -> Result<u64, PortError>;

    /// How many bytes [`SourceDomain::hvm_context`] needs at most.
    fn hvm_context_size(&mut self) -> Result<usize, PortError>;

    /// The HVM context, into at most `size` bytes; how many it took.
    fn hvm_context(&mut self, size: usize) -> Result<Vec<u8>, PortError>;
}
