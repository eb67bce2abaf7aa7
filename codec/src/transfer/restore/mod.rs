//! A stream becomes a domain.
//!
//! A [`Restore`] is shown bytes and acts on the target as soon as a part is whole, in constant memory:
//!
//! ```text
//!   prologue
//!   arch_setup      the host is asked how it lays register stacks out, before anything is done
//!                   HVM: the three I/O pages are populated; the domain is set up
//!                   version 1: all pages are populated, the p2m exposed
//!   memmap          the p2m is exposed
//!   pages           populated where nothing is yet, written
//!   unallocated     given back where something is
//!   vcpumap         compared with the target's vcpus
//!   context         its stack laid out for the host, set with the era's flags; PV: read back for the frame
//!                   of the privregs page. Once: a second set would keep the size of the first stack
//!   privregs        written there
//!   shared_info     written without pending events; PV: start_info patched
//!   magic pfns      zeroed, set as parameters; then the event channel of xenstore
//!   HVM context     loaded
//!   the checkpoint is whole: p2m unexposed, done
//!
//!   any failure, or being dropped before the end: p2m unexposed, the domain destroyed
//! ```
//!
//! What differs by time is in [`Tools`] and in the table of [eras](crate::era). Like the original, a restore takes the first checkpoint of a
//! Remus stream and leaves the rest unread (spec 11.1).
//!
//! Unlike the original it hands no frame to the hypervisor that is not RAM by the map (spec 15.2), and
//! does not go on where the target has fewer vcpus than the stream.
//!
//! | file | what |
//! |---|---|
//! | `pages` | populating, writing, giving back |
//! | `tail` | vcpus, shared_info, start_info, devices |
//! | `patch` | what a restore changes in the pages of the stream |
//! | `stack` | a register stack is laid out for the host |
//! | `restored` | [`Restored`]: what it did |

mod pages;
mod patch;
mod restored;
mod stack;
mod tail;

use alloc::vec;
use alloc::vec::Vec;

pub use restored::{PfnList, PrivregsSet, Restored, StartInfoSet, VcpuSet};

use super::cancel::Cancel;
use super::error::{Cause, Fate, TransferError};
use super::ports::{DomainInfo, Errno, P2mEntry, PageResult, PortError, Setup, TargetDomain};
use crate::code::Code;
use crate::decode::{Decoder, Event, Step};
use crate::dialect::{Dialect, Guest, MagicPfn, Tools, Version};
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{Memmap, Part};
use crate::limits::Limits;
use crate::wire::arch_setup::QUERY;
use crate::wire::{ArchSetup, layout_of_start_info};

/// How to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Reads the stream as this dialect. Over a live connection it has to be named: finding it out
    /// may take bytes that the other end never sends.
    pub dialect: Option<Dialect>,
    /// Reads the stream as of this kind of guest, whatever its flags say.
    pub guest: Option<Guest>,
    /// How much the input may make the restore hold.
    pub limits: Limits,
    /// The new domain's event channel to xenstore.
    pub store_evtchn: u32,
    /// The new domain's event channel to its console.
    pub console_evtchn: u32,
}

impl Options {
    /// The dialect to read the stream as.
    #[must_use]
    pub fn dialect(mut self, dialect: Option<Dialect>) -> Self {
        self.dialect = dialect;
        self
    }

    /// The kind of guest to read the stream as.
    #[must_use]
    pub fn guest(mut self, guest: Option<Guest>) -> Self {
        self.guest = guest;
        self
    }

    /// How much the input may make the restore hold.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The new domain's event channel to xenstore.
    #[must_use]
    pub fn store_evtchn(mut self, store_evtchn: u32) -> Self {
        self.store_evtchn = store_evtchn;
        self
    }

    /// The new domain's event channel to its console.
    #[must_use]
    pub fn console_evtchn(mut self, console_evtchn: u32) -> Self {
        self.console_evtchn = console_evtchn;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            dialect: None,
            guest: None,
            limits: Limits::default(),
            store_evtchn: 1,
            console_evtchn: 2,
        }
    }
}

/// What became of the bytes that a restore was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes that it took; the caller drops them.
    pub consumed: usize,
    /// How many bytes it wants to see next time, at least, counted from the first that it did not
    /// take; 0 when it is done.
    pub wanted: usize,
    /// The domain is restored; bytes that follow are not of its image.
    pub done: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The domain is restored, and nobody has taken it over yet.
    Done,
    Finished,
    Failed(TransferError),
}

/// A restore under way.
///
/// ```no_run
/// use ia64save_codec::transfer::ports::TargetDomain;
/// use ia64save_codec::transfer::{Restore, Restored, TransferError};
/// use ia64save_codec::transfer::restore::Options;
///
/// fn restore(image: &[u8], target: &mut impl TargetDomain) -> Result<Restored, TransferError> {
///     let mut restore = Restore::new(target, Options::default());
///     restore.feed(image, true)?;
///     restore.finish()
/// }
/// ```
///
/// A target whose restore is dropped before it is [finished](Restore::finish) is destroyed.
#[derive(Debug)]
pub struct Restore<'a, T: TargetDomain> {
    target: &'a mut T,
    options: Options,
    cancel: Cancel<'a>,
    decoder: Decoder,
    era: Era,
    tools: &'static Tools,
    stage: Stage,
    info: DomainInfo,
    exposed: bool,
    /// Where the host's register stacks begin, in words of 64, if it matters.
    rbs_voff: Option<u64>,
    done: Restored,
    /// Where the privregs page goes that comes next.
    privregs_frame: u64,
    page_size: usize,
    entries: Vec<P2mEntry>,
    results: Vec<PageResult>,
    /// Pfns for the next call.
    pfns: Vec<u64>,
    /// A record for a page that does not come as one.
    record: Vec<u8>,
}

impl<'a, T: TargetDomain> Restore<'a, T> {
    /// A restore into a domain that is fresh and paused.
    pub fn new(target: &'a mut T, options: Options) -> Self {
        let page_size = target.page_size();
        let (era, tools) = (target.era(), Tools::of(target.dialect()));
        Restore {
            target,
            options,
            cancel: Cancel::default(),
            decoder: Decoder::new()
                .page_size(page_size)
                .limits(options.limits)
                .dialect(options.dialect)
                .guest(options.guest),
            era,
            tools,
            stage: Stage::Open,
            info: DomainInfo::UNKNOWN,
            exposed: false,
            rbs_voff: None,
            done: Restored::default(),
            privregs_frame: 0,
            page_size,
            entries: Vec::new(),
            results: Vec::new(),
            pfns: Vec::new(),
            record: vec![0; 8 + page_size],
        }
    }

    /// Where in the file the stream begins, for the offsets of errors; to be said before the first byte
    /// is shown. Counts stay those of the stream.
    #[must_use]
    pub fn starting_at(mut self, offset: u64) -> Self {
        self.decoder = core::mem::take(&mut self.decoder).starting_at(offset);
        self
    }

    /// What ends it before its time.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel<'a>) -> Self {
        self.cancel = cancel;
        self
    }

    /// What has been done so far.
    pub fn restored(&self) -> &Restored {
        &self.done
    }

    /// Acts on the parts that `input` has whole: the bytes behind those taken so far. `end` says
    /// that nothing follows them.
    ///
    /// # Errors
    /// Whatever failed. The domain has been destroyed then, and every later call says the same.
    pub fn feed(&mut self, input: &[u8], end: bool) -> Result<Fed, TransferError> {
        let mut consumed = 0;
        loop {
            match &self.stage {
                Stage::Open => {}
                Stage::Done | Stage::Finished => {
                    return Ok(Fed {
                        consumed,
                        wanted: 0,
                        done: true,
                    });
                }
                Stage::Failed(error) => return Err(error.clone()),
            }
            let (part, at) = (self.decoder.part(), self.decoder.offset());
            if let Err(cause) = self.cancel.check() {
                return Err(self.fail(part, at, cause));
            }
            match self.decoder.decode(&input[consumed..], end) {
                Ok(Step::NeedMore(wanted)) => {
                    return Ok(Fed {
                        consumed,
                        wanted,
                        done: false,
                    });
                }
                Ok(Step::Event {
                    offset,
                    consumed: bytes,
                    event,
                }) => {
                    consumed += bytes;
                    self.done.consumed += bytes as u64;
                    if let Err(cause) = self.event(offset, &event) {
                        return Err(self.fail(event.part(), offset, cause));
                    }
                }
                Ok(Step::Done) => return Err(self.fail(part, at, Cause::Abandoned)),
                Err(error) => return Err(self.fail(part, at, error.into())),
            }
        }
    }

    /// What was done, once [`Fed::done`] was said.
    ///
    /// # Errors
    /// What had failed, or that the restore was given up before its end.
    pub fn finish(mut self) -> Result<Restored, TransferError> {
        if self.stage == Stage::Open {
            let (part, offset) = (self.decoder.part(), self.decoder.offset());
            return Err(self.fail(part, offset, Cause::Abandoned));
        }
        match core::mem::replace(&mut self.stage, Stage::Finished) {
            Stage::Failed(error) => Err(error),
            _ => Ok(core::mem::take(&mut self.done)),
        }
    }

    fn event(&mut self, offset: u64, event: &Event<'_>) -> Result<(), Cause> {
        match event {
            Event::Prologue(prologue) => self.done.p2m_size = prologue.p2m_size,
            Event::ArchSetup { layout, bytes } => {
                if let Some(setup) = ArchSetup::parse(*layout, bytes) {
                    self.set_up(&setup)?;
                }
            }
            Event::Memmap(memmap) => self.memmap(offset, memmap)?,
            Event::Pages(run) => self.pages(offset, *run)?,
            Event::Unallocated(run) => self.unallocated(*run)?,
            Event::Detected(detection) => {
                self.done.detection = Some(detection.clone());
                self.understand(&detection.candidates)?;
            }
            Event::Vcpumap(map) => self.vcpumap(offset, map)?,
            Event::Context {
                vcpu,
                layout,
                bytes,
            } => self.context(*vcpu, *layout, bytes)?,
            Event::Privregs { vcpu, bytes } => self.privregs(*vcpu, bytes)?,
            Event::SharedInfo(bytes) => self.shared_info(offset, bytes)?,
            Event::MagicPfns { order, bytes } => self.magic_pfns(offset, order, bytes)?,
            Event::HvmContext(blob) => {
                self.target.set_hvm_context(blob)?;
                self.done.hvm_context = Some(blob.to_vec());
            }
            Event::CheckpointEnd { .. } => {
                self.done.leftovers = self.give_back();
                self.stage = Stage::Done;
            }
            Event::PagesEnd
            | Event::UnallocatedCount(_)
            | Event::DeviceModel { .. }
            | Event::Trailing(_) => {}
        }
        Ok(())
    }

    /// Makes the domain what the setup record says; version 1 gives it all its pages as well.
    fn set_up(&mut self, setup: &ArchSetup) -> Result<(), Cause> {
        let Some(head) = self.decoder.head() else {
            return Ok(());
        };
        let (guest, version, candidates) = (head.guest, head.version, head.candidates());
        match self.options.dialect {
            Some(dialect) => self.understand(&[dialect])?,
            None => self.understand(&candidates)?,
        }
        self.done.guest = Some(guest);
        if stack::matters(self.era) {
            self.rbs_voff = self.target.rbs_voff()?;
        }
        let p2m_size = self.done.p2m_size;
        if guest == Guest::Hvm {
            let pages = [MagicPfn::Ioreq, MagicPfn::Bufioreq, MagicPfn::Bufpioreq];
            self.populate(&pages.map(MagicPfn::usual_gpfn))?;
        }
        let mut wanted = Setup {
            flags: setup.flags() & !QUERY,
            bp: 0,
            maxmem: setup.maxmem(),
            xsi_va: setup.xsi_va(),
            hypercall_imm: setup.hypercall_imm(),
            vhpt_size_log2: setup.vhpt_size_log2().unwrap_or(0),
        };
        if self.tools.computes_setup {
            // The builder had put start_info into the third page from the end, and the boot parameter
            // block behind it.
            let start_info = self.target.dialect().spec().start_info;
            let behind = start_info
                .last()
                .map_or(0, |last| layout_of_start_info(*last).size);
            wanted.maxmem = p2m_size.wrapping_sub(3).wrapping_mul(self.page_size as u64);
            wanted.bp = wanted.maxmem.wrapping_add(behind as u64);
        }
        self.target.set_setup(&wanted)?;
        self.done.setup = Some(wanted);
        self.info = self.target.info()?;
        if self.info.guest != guest {
            return Err(Cause::OtherGuest {
                stream: guest,
                target: self.info.guest,
            });
        }
        if version == Version::V1 {
            self.populate_all(p2m_size)?;
            self.target.expose_p2m(None)?;
            self.exposed = true;
        }
        Ok(())
    }

    fn memmap(&mut self, offset: u64, memmap: &Memmap<'_>) -> Result<(), Cause> {
        if memmap.num_pages == 0 {
            return Err(Error::new(Code::MemmapNumPages, offset, "memmap.num_pages")
                .length(4)
                .expected("1")
                .found("0")
                .into());
        }
        self.target.expose_p2m(Some(memmap.bytes))?;
        self.exposed = true;
        Ok(())
    }

    /// Whether the target's hypervisor understands any of these dialects.
    fn understand(&self, dialects: &[Dialect]) -> Result<(), Cause> {
        let target = self.target.dialect();
        match dialects.first() {
            Some(&stream) if !dialects.iter().any(|one| understands(target, *one)) => {
                Err(Cause::OtherDialect { stream, target })
            }
            _ => Ok(()),
        }
    }

    /// Whether a pfn is RAM by the memory map.
    fn is_ram(&self, pfn: u64) -> bool {
        self.decoder
            .head()
            .is_some_and(|head| head.ram.contains(pfn))
    }

    /// The p2m unexposed; what could not be done.
    fn give_back(&mut self) -> Vec<PortError> {
        let exposed = core::mem::take(&mut self.exposed);
        let failed = exposed.then(|| PortError::twice(|| self.target.unexpose_p2m()).err());
        failed.flatten().into_iter().collect()
    }

    /// Leaves nothing behind.
    fn fail(&mut self, part: Part, offset: u64, cause: Cause) -> TransferError {
        let mut cleanup = self.give_back();
        let fate = match PortError::twice(|| self.target.destroy()) {
            Err(error) if error.errno != Errno::ESRCH => {
                cleanup.push(error);
                Fate::HalfBuilt
            }
            _ => Fate::Destroyed,
        };
        self.done.destroyed = fate == Fate::Destroyed;
        let error = TransferError {
            part,
            offset,
            cause,
            fate,
            cleanup,
        };
        self.stage = Stage::Failed(error.clone());
        error
    }
}

impl<T: TargetDomain> Drop for Restore<'_, T> {
    fn drop(&mut self) {
        if matches!(self.stage, Stage::Open | Stage::Done) {
            let (part, offset) = (self.decoder.part(), self.decoder.offset());
            self.fail(part, offset, Cause::Abandoned);
        }
    }
}

/// Whether the tools and the hypervisor of one dialect restore a stream of another (spec 12.3): the
/// registers are laid out alike, and the version is known. Version 1 was given up by all that came
/// after it.
fn understands(target: Dialect, stream: Dialect) -> bool {
    let (target, stream) = (target.spec(), stream.spec());
    let first = |version| version == Version::V1;
    target.context == stream.context
        && stream.version <= target.version
        && first(stream.version) == first(target.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{D0, D1, D1b, D2, D3, D6, D7, D8, D10, D11, D12};

    #[test]
    fn an_era_restores_what_its_hypervisor_can_take() {
        let restored_by = |target: Dialect| -> Vec<Dialect> {
            let all = Dialect::ALL.into_iter();
            all.filter(|stream| understands(target, *stream)).collect()
        };
        assert_eq!(restored_by(D1b), [D0, D1, D1b]);
        assert_eq!(restored_by(D3), [D2, D3]);
        assert_eq!(restored_by(D6), [D6]);
        assert_eq!(restored_by(D8), [D7, D8]);
        assert_eq!(restored_by(D10), [D10]);
        assert_eq!(restored_by(D11), [D10, D11, D12]);
    }
}
