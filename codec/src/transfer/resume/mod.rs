//! A domain that has suspended itself goes on where it is.
//!
//! A guest that is saved has made a call, "suspend", that returns twice: in the domain that was restored,
//! and here, if this one goes on. What its kernel does next depends on what the call returns:
//!
//! ```text
//!   returns 0   "I was restored": binds its VIRQs, connects to store and console by start_info
//!   returns 1   "cancelled": all is as it was          (kernels with the note SUSPEND_CANCEL alone)
//! ```
//!
//! A hypervisor leaves 0 behind, on the source too. There the VIRQs are bound already: Linux finds
//! `EEXIST` and stops in a BUG. So the source is brought back in one of two ways ([`ResumeMode`]):
//!
//! ```text
//!   Cancel                                   Reset
//!   get-context of vcpu 0                    shared_info, start_info read
//!   r8 = 1, set-context                      all event channels closed, two made: store, console
//!   let go on                                start_info says them
//!                                            the toolstack introduces store and console
//!   if that fails: r8 = 0 again              let go on
//! ```
//!
//! An HVM guest is let go on as it is: it has no such call in the hypervisor's view, and set-context would
//! not give all of its registers back (spec 15.3). So is a PV guest whose vcpu 0 does not stand in a call:
//! somebody else has shut it down, and there is no call to return.
//!
//! Whether a way exists is asked before a domain is suspended ([`possible`]). [`SourceDomain`] says which
//! release has what. A domain without a way back is not lost: it stays suspended, and can be saved.

mod kernel;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

pub use kernel::KernelError;

use super::error::Cause;
use super::ports::{
    Errno, Introduction, NoWayBack, PortCall, PortError, ShutdownReason, SourceDomain, WaysBack,
};
use super::start_info;
use crate::dialect::{ContextLayout, Guest, UnknownName};
use crate::grammar::PageRun;
use crate::wire::{Context, layout_of_context};

/// How a PV guest is brought back whose suspend call has not returned yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResumeMode {
    /// The call returns 1. For kernels that look at that: those with the note `SUSPEND_CANCEL`.
    Cancel,
    /// The call returns 0, as in a restored domain, which the domain is made to look like: its event
    /// channels are reset, and store and console made anew. Devices have to be connected again, too; that
    /// is the toolstack's work.
    Reset,
}

impl ResumeMode {
    /// Both.
    pub const ALL: [ResumeMode; 2] = [ResumeMode::Cancel, ResumeMode::Reset];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            ResumeMode::Cancel => "cancel",
            ResumeMode::Reset => "reset",
        }
    }
}

impl fmt::Display for ResumeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ResumeMode {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let mut all = ResumeMode::ALL.into_iter();
        all.find(|mode| mode.name() == name).ok_or(UnknownName)
    }
}

/// Whether a domain could go on after it had suspended itself.
///
/// # Errors
/// [`Cause::NoWayBack`] where it could not; [`Cause::Port`] where asking failed.
pub fn possible<D: SourceDomain + ?Sized>(
    domain: &mut D,
    guest: Guest,
    mode: Option<ResumeMode>,
) -> Result<(), Cause> {
    let WaysBack {
        call,
        reset,
        introduction,
    } = PortError::twice(|| domain.ways_back())?;
    let missing = match (guest, mode) {
        _ if !call => Some(NoWayBack::NoCall),
        (Guest::Pv, None) => Some(NoWayBack::UnknownKernel),
        (Guest::Pv, Some(ResumeMode::Reset)) if !reset => Some(NoWayBack::NoReset),
        (Guest::Pv, Some(ResumeMode::Reset)) if !introduction => Some(NoWayBack::NoIntroduction),
        _ => None,
    };
    missing.map_or(Ok(()), |why| Err(Cause::NoWayBack(why)))
}

/// Lets a domain go on that has suspended itself, its device model with it. One that runs is left alone
/// but for its device model, so that who does not know how far a suspension came may call this; one that
/// has shut down for a reason of its own stays so.
///
/// # Errors
/// [`Cause::NoWayBack`] where there is none, [`Cause::Port`] where a call failed, [`Cause::Page`] where
/// start_info could not be read or written. The domain is suspended still, and this may be called again
/// with the same mode.
pub fn resume<D: SourceDomain + ?Sized>(
    domain: &mut D,
    mode: Option<ResumeMode>,
) -> Result<(), Cause> {
    let info = PortError::twice(|| domain.info())?;
    match info.shutdown {
        None => return go_on(domain),
        Some(ShutdownReason::Suspend) => {}
        Some(_) => return Ok(()),
    }
    possible(domain, info.guest, mode)?;
    match (info.guest, mode) {
        (Guest::Pv, Some(ResumeMode::Cancel)) => cancel(domain),
        (Guest::Pv, Some(ResumeMode::Reset)) => {
            reset(domain, info.shared_info_frame)?;
            go_on(domain)
        }
        _ => go_on(domain),
    }
}

fn go_on<D: SourceDomain + ?Sized>(domain: &mut D) -> Result<(), Cause> {
    Ok(PortError::twice(|| domain.resume())?)
}

/// The suspend call returns 1.
fn cancel<D: SourceDomain + ?Sized>(domain: &mut D) -> Result<(), Cause> {
    let layout = domain.dialect().spec().context;
    let found = PortError::twice(|| domain.vcpu_context(0))?;
    let Some(cancelled) = returning(layout, &found, 1) else {
        return go_on(domain);
    };
    PortError::twice(|| domain.set_vcpu_context(0, &cancelled))?;
    let done = go_on(domain);
    if done.is_err()
        && let Some(kept) = returning(layout, &found, 0)
    {
        // It may be saved now, and what is restored then must not believe that nothing happened.
        let _ = PortError::twice(|| domain.set_vcpu_context(0, &kept));
    }
    done
}

/// The context of a vcpu whose call returns this. `None` where it does not stand in a call: in all
/// releases that let a domain go on, the mark of an interruption is missing there (bit 63 of `cfm`,
/// 68fa1896bb).
fn returning(layout: ContextLayout, context: &[u8], value: u64) -> Option<Vec<u8>> {
    let interrupted = Context::parse(layout, context)?.cfm() >> 63 != 0;
    if interrupted {
        return None;
    }
    let fields = layout_of_context(layout);
    let result = match layout {
        ContextLayout::A => "user_regs.r8",
        _ => "regs.r[8]",
    };
    let mut context = context.to_vec();
    start_info::put(fields, &mut context, result, value);
    // Nothing beyond the trap frame is to change; eras up to D7c had anything in here.
    start_info::put(fields, &mut context, "flags", 0);
    Some(context)
}

/// Makes the domain look like one that was restored, for its store, its console and its VIRQs.
fn reset<D: SourceDomain + ?Sized>(domain: &mut D, shared_info: u64) -> Result<(), Cause> {
    let spec = domain.dialect().spec();
    let (Some(&shared), Some(&info)) = (spec.shared_info.last(), spec.start_info.last()) else {
        return Err(PortError::new(PortCall::ResetChannels, Errno::ENOSYS).into());
    };
    // All that may fail and changes nothing comes first.
    let (_, pfn) = start_info::pfn(shared, &read(domain, shared_info)?);
    let mut page = read(domain, pfn)?;
    let (store_mfn, console_mfn) = start_info::rings(info, &page);
    let (store_port, console_port) = PortError::twice(|| domain.reset_channels())?;
    start_info::set_channels(info, &mut page, store_port, console_port);
    write(domain, pfn, &page)?;
    let introduction = Introduction {
        store_mfn,
        store_port,
        console_mfn,
        console_port,
    };
    Ok(PortError::twice(|| domain.introduce(&introduction))?)
}

fn read<D: SourceDomain + ?Sized>(domain: &mut D, pfn: u64) -> Result<Vec<u8>, Cause> {
    let size = domain.page_size();
    let (mut page, mut results) = (vec![0; size], [Ok(())]);
    PortError::twice(|| domain.read_pages(&[pfn], &mut page, size, 0, &mut results))?;
    let call = PortCall::ReadPages;
    results[0].map_err(|errno| Cause::Page { call, pfn, errno })?;
    Ok(page)
}

fn write<D: SourceDomain + ?Sized>(domain: &mut D, pfn: u64, page: &[u8]) -> Result<(), Cause> {
    let record = [&pfn.to_le_bytes()[..], page].concat();
    let mut results = [Ok(())];
    let run = PageRun::new(&record, page.len());
    PortError::twice(|| domain.write_pages(run, &mut results))?;
    let call = PortCall::WritePages;
    results[0].map_err(|errno| Cause::Page { call, pfn, errno })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn only_a_call_returns() {
        for dialect in Dialect::ALL {
            let layout = dialect.spec().context;
            let fields = layout_of_context(layout);
            let mut context = vec![0xa5; layout.size()];
            assert_eq!(
                returning(layout, &context, 1),
                None,
                "{dialect}: interrupted"
            );
            let cfm = if layout == ContextLayout::A {
                "user_regs.cr_ifs"
            } else {
                "regs.cfm"
            };
            start_info::put(fields, &mut context, cfm, 6);
            let back = returning(layout, &context, 1).unwrap();
            let changed: Vec<usize> = (0..back.len())
                .filter(|at| back[*at] != context[*at])
                .collect();
            // flags, and r8.
            assert_eq!(changed.len(), 16, "{dialect}");
            assert_eq!(changed[..8], [0, 1, 2, 3, 4, 5, 6, 7]);
            assert_eq!(back[changed[8]..changed[8] + 8], 1u64.to_le_bytes());
        }
        assert_eq!(returning(ContextLayout::F, &[], 1), None);
    }

    #[test]
    fn modes_have_names() {
        for mode in ResumeMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert!("plain".parse::<ResumeMode>().is_err());
    }
}
