//! A domain becomes a stream.
//!
//! ```text
//!        live                                            not live
//!   enable log-dirty                                 suspend, look why
//!          |                                                 |
//!          +------------------> expose the p2m <-------------+
//!                                      |
//!                prologue, arch_setup, memmap (version 2, 3)
//!                                      |
//!          +---------------------------+
//!          v                                                 |
//!   +-> policy: what next? ---- suspend, or enough           |
//!   |      | pass, stretch             |                     |
//!   |      v                           v                     |
//!   |   peek, send              suspend, look why            |
//!   |      |                           |                     |
//!   +--- clean, device model    clean, device model          |
//!                                      |                     |
//!                                      v                     |
//!          +------> snapshot of the p2m: present, unallocated <---+
//!          |                           |
//!          |      the last pass, terminator, unallocated list, tail, flush
//!          |                           |
//!          |    observer: a further checkpoint?  (Remus, from 4.0)
//!          |              yes |        | no
//!          +-- clean <- suspend <- resume   |
//!                                      v
//!                  log-dirty off, p2m unexposed: Saved, the domain stays suspended
//!
//!   any failure: log-dirty off, p2m unexposed, the domain resumed where it was suspended: TransferError
//! ```
//!
//! What the original left open is closed here: the unallocated list and the last pass come from one
//! look at the p2m, so no page can fall between them; a page that cannot be read is an error unless
//! the caller says otherwise; a page that was given back and got anew is sent again even if log-dirty
//! missed it.
//!
//! | file | what |
//! |---|---|
//! | `memory` | which pages are to be sent, and the trips through RAM that send them |
//! | `tail` | what follows the pages |
//! | `output` | events through the encoder into the sink |

mod memory;
mod output;
mod tail;

use alloc::vec::Vec;
use core::time::Duration;

use self::memory::{Memory, Trip};
use self::output::Output;
use super::bitmap::PfnBitmap;
use super::error::{Cause, Fate, TransferError};
use super::observer::{Observer, Pass};
use super::policy::{Plan, Policy, View};
use super::ports::{DomainInfo, Errno, PortError, Setup, ShutdownReason, Sink, SourceDomain};
use crate::decode::Event;
use crate::dialect::{ArchSetupLayout, Dialect, Guest, P2mSizeMeaning};
use crate::grammar::{Memmap, Prologue};
use crate::ram::RamMap;
use crate::wire::ArchSetup;
use crate::wire::arch_setup::{ArchSetupDom0Op, ArchSetupPlain, ArchSetupVhpt};

/// How to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Send pages while the domain runs. Otherwise it is suspended first.
    pub live: bool,
    /// Leave out pages that cannot be read even while the domain is suspended, as the original did
    /// up to 3.4. Otherwise the save fails, as in 4.1.
    pub skip_unreadable: bool,
    /// The most pages that the p2m may have: what bitmaps are allocated for.
    pub most_pfns: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            live: true,
            skip_unreadable: false,
            most_pfns: 1 << 30,
        }
    }
}

/// What a save came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The dialect of the stream: that of the source's hypervisor.
    pub dialect: Dialect,
    /// The kind of guest.
    pub guest: Guest,
    /// `p2m_size` of the stream.
    pub p2m_size: u64,
    /// Pages that are RAM by the memory map.
    pub ram_pages: u64,
    /// Passes and stretches, the last one of each checkpoint included.
    pub passes: u32,
    /// Page records.
    pub sent: u64,
    /// Pages left out of the image since they could not be read.
    pub unreadable: u64,
    /// Entries of the last unallocated list.
    pub unallocated: u32,
    /// The vcpus of the stream.
    pub vcpus: Vec<u32>,
    /// Checkpoints: 1, and one more for each round of Remus.
    pub checkpoints: u32,
    /// Bytes of the stream.
    pub bytes: u64,
    /// When the save began, by the sink's clock.
    pub began: Duration,
    /// When the domain was suspended last.
    pub suspended: Duration,
    /// When everything was flushed.
    pub finished: Duration,
    /// What could not be given back, although the stream is whole.
    pub leftovers: Vec<PortError>,
}

impl Saved {
    /// How long the domain was suspended for, up to the last byte.
    pub fn downtime(&self) -> Duration {
        self.finished.saturating_sub(self.suspended)
    }

    /// How long all of it took.
    pub fn total(&self) -> Duration {
        self.finished.saturating_sub(self.began)
    }
}

/// A save, about to be made.
///
/// ```no_run
/// use ia64save_codec::transfer::ports::{Sink, SourceDomain};
/// use ia64save_codec::transfer::{Adaptive, Save, TransferError};
///
/// fn save(domain: &mut impl SourceDomain, sink: &mut impl Sink) -> Result<(), TransferError> {
///     let mut policy = Adaptive::default();
///     let saved = Save::new(domain, sink).policy(&mut policy).run()?;
///     assert!(saved.sent <= 3 * saved.p2m_size);
///     domain.destroy().ok(); // or resume: it is suspended
///     Ok(())
/// }
/// ```
#[allow(missing_debug_implementations)] // it holds whoever decides and looks on
pub struct Save<'a, 'p, D, S> {
    domain: &'a mut D,
    sink: &'a mut S,
    policy: Option<&'p mut dyn Policy>,
    observer: Option<&'p mut dyn Observer>,
    options: Options,
}

impl<'a, 'p, D: SourceDomain, S: Sink> Save<'a, 'p, D, S> {
    /// A live save by the default policy.
    pub fn new(domain: &'a mut D, sink: &'a mut S) -> Self {
        Save {
            domain,
            sink,
            policy: None,
            observer: None,
            options: Options::default(),
        }
    }

    /// How to save.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Who decides.
    #[must_use]
    pub fn policy(mut self, policy: &'p mut dyn Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Who looks on.
    #[must_use]
    pub fn observer(mut self, observer: &'p mut dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Saves. Afterwards the domain is suspended: the caller destroys it, or has it
    /// [resume](SourceDomain::resume).
    ///
    /// # Errors
    /// Whatever failed; the domain then runs on where it ran before. Bytes may have been written,
    /// but no stream that a restore takes for whole, with one exception: where the last
    /// [`Sink::flush`] failed, how much has arrived is for the caller to find out.
    pub fn run(self) -> Result<Saved, TransferError> {
        let mut adaptive = super::policy::Adaptive::default();
        let mut nobody = ();
        let policy = self.policy.unwrap_or(&mut adaptive);
        let observer = self.observer.unwrap_or(&mut nobody);
        let began = self.sink.now();
        let dialect = self.domain.dialect();
        let mut saving = Saving {
            domain: self.domain,
            out: Output::new(self.sink),
            policy,
            observer,
            options: self.options,
            info: NO_INFO,
            logging: false,
            exposed: false,
            told_to_suspend: false,
            saved: Saved {
                dialect,
                guest: Guest::Pv,
                p2m_size: 0,
                ram_pages: 0,
                passes: 0,
                sent: 0,
                unreadable: 0,
                unallocated: 0,
                vcpus: Vec::new(),
                checkpoints: 0,
                bytes: 0,
                began,
                suspended: began,
                finished: began,
                leftovers: Vec::new(),
            },
        };
        match saving.all() {
            Ok(()) => {
                saving.saved.leftovers = saving.give_back();
                Ok(saving.saved)
            }
            Err(cause) => Err(saving.fail(cause)),
        }
    }
}

pub(super) const NO_INFO: DomainInfo = DomainInfo {
    guest: Guest::Pv,
    max_vcpu_id: 0,
    paused: false,
    dying: false,
    shutdown: None,
    tot_pages: 0,
    max_pages: 0,
    shared_info_frame: 0,
};

/// A save under way.
struct Saving<'a, 'p, D, S> {
    domain: &'a mut D,
    out: Output<'a, S>,
    policy: &'p mut dyn Policy,
    observer: &'p mut dyn Observer,
    options: Options,
    info: DomainInfo,
    logging: bool,
    exposed: bool,
    told_to_suspend: bool,
    saved: Saved,
}

impl<D: SourceDomain, S: Sink> Saving<'_, '_, D, S> {
    fn all(&mut self) -> Result<(), Cause> {
        self.info = self.domain.info()?;
        let (dialect, guest) = (self.saved.dialect, self.info.guest);
        self.saved.guest = guest;
        self.out.begin(dialect, guest, self.domain.page_size());
        self.measure()?;
        if self.options.live {
            self.enable_log_dirty()?;
        } else {
            self.suspend()?;
        }
        let mut memory = self.head()?;
        if self.options.live {
            self.while_it_runs(&mut memory)?;
        }
        loop {
            self.checkpoint(&mut memory)?;
            self.out.sink.flush()?;
            self.saved.bytes = self.out.encoder.offset();
            self.saved.finished = self.out.sink.now();
            let index = self.saved.checkpoints;
            self.saved.checkpoints += 1;
            if !dialect.spec().checkpoints || !self.observer.checkpoint(index) {
                return Ok(());
            }
            self.domain.resume()?;
            self.observer.resumed();
            self.suspend()?;
            if self.options.live {
                memory.next_checkpoint();
                self.clean(&mut memory, LAST)?;
            }
        }
    }

    /// How large the p2m is (spec 3.1).
    fn measure(&mut self) -> Result<(), Cause> {
        let found = match self.saved.dialect.spec().p2m_size {
            P2mSizeMeaning::MaxMem => self.info.max_pages,
            P2mSizeMeaning::MaximumGpfn => self.domain.maximum_gpfn()?,
        };
        let most = self.options.most_pfns;
        if found > most {
            return Err(Cause::TooLarge { most, found });
        }
        self.saved.p2m_size = found;
        Ok(())
    }

    /// Somebody who died while saving may have left log-dirty on.
    fn enable_log_dirty(&mut self) -> Result<(), Cause> {
        match self.domain.enable_log_dirty() {
            Err(error) if error.errno == Errno::EINVAL => {
                self.domain.disable_log_dirty()?;
                self.domain.enable_log_dirty()?;
            }
            done => done?,
        }
        self.logging = true;
        Ok(())
    }

    /// Has the domain suspend itself, and looks whether that is why it stopped.
    fn suspend(&mut self) -> Result<(), Cause> {
        self.told_to_suspend = true;
        self.domain.suspend()?;
        self.info = self.domain.info()?;
        if self.info.shutdown != Some(ShutdownReason::Suspend) {
            return Err(Cause::NotSuspended(self.info.shutdown));
        }
        self.saved.suspended = self.out.sink.now();
        self.observer.suspended(self.saved.suspended);
        Ok(())
    }

    /// Prologue, setup record, memory map; exposes the p2m.
    fn head(&mut self) -> Result<Memory, Cause> {
        let spec = self.saved.dialect.spec();
        let p2m_size = self.saved.p2m_size;
        let setup = self.domain.setup()?;
        self.out.put(&Event::Prologue(Prologue {
            p2m_size,
            version: spec.version as u64,
        }))?;
        self.out.put(&Event::ArchSetup {
            layout: spec.arch_setup,
            bytes: &setup_bytes(spec.arch_setup, &setup),
        })?;
        let ram = if spec.version.has_memmap() {
            let page_size = self.domain.page_size();
            let bytes = self.domain.memmap()?;
            self.domain.expose_p2m(Some(&bytes))?;
            self.exposed = true;
            self.out.put(&Event::Memmap(Memmap {
                num_pages: u32::try_from(bytes.len() / page_size).unwrap_or(0),
                bytes: &bytes,
            }))?;
            RamMap::from_memmap(&bytes, page_size)
        } else {
            self.domain.expose_p2m(None)?;
            self.exposed = true;
            RamMap::flat(p2m_size)
        };
        let (live, skip) = (self.options.live, self.options.skip_unreadable);
        let memory = Memory::new(spec.version, &ram, p2m_size, live, skip);
        self.saved.ram_pages = memory.ram_pages;
        self.observer.started(memory.ram_pages);
        Ok(memory)
    }

    /// The passes of a live save up to the last one; leaves the domain suspended.
    fn while_it_runs(&mut self, memory: &mut Memory) -> Result<(), Cause> {
        let mut last: Option<Pass> = None;
        let present = memory.first_look(self.domain)?;
        let mut left = present;
        let mut idle = 0;
        let nothing = PfnBitmap::default();
        loop {
            let mut pass = self.next_pass(false);
            let plan = self.policy.next(&View {
                p2m_size: self.saved.p2m_size,
                present,
                sent: memory.sent,
                to_send: &memory.to_send,
                left,
                dirty: last.map_or(&nothing, |_| &memory.dirty),
                dirty_pages: last.map_or(0, |pass| pass.dirty),
                pass: last.as_ref(),
                now: pass.began,
            });
            if last.is_none() && !matches!(plan, Plan::Pass) {
                memory.leave_out_holes();
            }
            let trip = match plan {
                Plan::Suspend => {
                    self.saved.passes -= 1;
                    self.suspend()?;
                    return self.clean(memory, LAST).map(drop);
                }
                Plan::Pass => {
                    self.domain.peek_dirty(&mut memory.dirty)?;
                    Trip::Pass
                }
                Plan::Stretch { most, among } => Trip::Stretch { most, among },
                Plan::Wait(time) => {
                    self.out.sink.wait(time);
                    Trip::Stretch {
                        most: 0,
                        among: None,
                    }
                }
            };
            let before = self.out.encoder.offset();
            let (domain, out) = (&mut *self.domain, &mut self.out);
            memory.send(trip, domain, out, self.observer, &mut pass)?;
            let kind = match trip {
                Trip::Pass => Trip::Pass,
                _ => LAST,
            };
            pass.bytes = self.out.encoder.offset() - before;
            pass.ended = self.out.sink.now();
            // A policy that does nothing for ever does not get its way.
            let waits = pass.ended > pass.began;
            idle = if pass.sent > 0 || waits { 0 } else { idle + 1 };
            let enough = self.policy.enough(
                &pass,
                &View {
                    p2m_size: self.saved.p2m_size,
                    present,
                    sent: memory.sent,
                    to_send: &memory.to_send,
                    left,
                    dirty: &nothing,
                    dirty_pages: 0,
                    pass: Some(&pass),
                    now: pass.ended,
                },
            );
            let enough = enough || idle == 2;
            if enough {
                self.suspend()?;
            }
            pass.dirty = self.clean(memory, kind)?;
            left = memory.to_send.len();
            pass.left = left;
            self.observer.passed(&pass);
            if enough {
                return Ok(());
            }
            last = Some(pass);
        }
    }

    /// Takes over what became dirty, and begins the record anew. How many pages that was.
    fn clean(&mut self, memory: &mut Memory, trip: Trip<'_>) -> Result<u64, Cause> {
        self.domain.clean_dirty(&mut memory.dirty)?;
        if self.saved.guest == Guest::Hvm {
            self.domain.device_model_dirty(&mut memory.dirty)?;
        }
        memory.cleaned(trip);
        Ok(memory.dirty.len())
    }

    /// Snapshot, last pass and tail, of a suspended domain.
    fn checkpoint(&mut self, memory: &mut Memory) -> Result<(), Cause> {
        memory.snapshot(self.domain)?;
        let live = self.options.live;
        let all = !live || self.policy.resends_all(self.saved.dialect);
        let mut pass = self.next_pass(true);
        let before = self.out.encoder.offset();
        memory.send(
            Trip::Last { all },
            self.domain,
            &mut self.out,
            self.observer,
            &mut pass,
        )?;
        pass.bytes = self.out.encoder.offset() - before;
        pass.ended = self.out.sink.now();
        self.observer.passed(&pass);
        self.saved.unreadable += pass.unreadable;
        self.saved.sent = memory.sent;
        self.unallocated(memory)?;
        self.tail()
    }

    fn next_pass(&mut self, last: bool) -> Pass {
        self.saved.passes += 1;
        let now = self.out.sink.now();
        Pass {
            number: self.saved.passes,
            last,
            began: now,
            ended: now,
            ..Pass::default()
        }
    }

    /// Log-dirty off, p2m unexposed; what could not be done.
    fn give_back(&mut self) -> Vec<PortError> {
        let mut failed = Vec::new();
        if self.logging {
            failed.extend(twice(|| self.domain.disable_log_dirty()).err());
        }
        if self.exposed {
            failed.extend(twice(|| self.domain.unexpose_p2m()).err());
        }
        failed
    }

    /// Leaves the domain as it was found.
    fn fail(&mut self, cause: Cause) -> TransferError {
        let mut cleanup = self.give_back();
        let mut fate = Fate::Untouched;
        if self.told_to_suspend {
            fate = match twice(|| self.domain.info()).map(|info| info.shutdown) {
                Ok(Some(reason)) if reason != ShutdownReason::Suspend => Fate::ShutDown,
                _ => match twice(|| self.domain.resume()) {
                    Ok(()) => Fate::Resumed,
                    Err(error) => {
                        cleanup.push(error);
                        Fate::Suspended
                    }
                },
            };
        }
        TransferError {
            part: self.out.encoder.part(),
            offset: self.out.encoder.offset(),
            cause,
            fate,
            cleanup,
        }
    }
}

/// What the cleans before the last pass and after a stretch have in common: nothing that was to be
/// sent is forgotten.
const LAST: Trip<'static> = Trip::Last { all: false };

/// Cleaning up is worth a second try.
pub(super) fn twice<T>(mut attempt: impl FnMut() -> Result<T, PortError>) -> Result<T, PortError> {
    attempt().or_else(|_| attempt())
}

/// The setup record with its padding zero.
fn setup_bytes(layout: ArchSetupLayout, setup: &Setup) -> Vec<u8> {
    let Setup {
        flags,
        bp,
        maxmem,
        xsi_va,
        hypercall_imm,
        vhpt_size_log2,
    } = *setup;
    match layout {
        ArchSetupLayout::Dom0Op => ArchSetup::Dom0Op(ArchSetupDom0Op {
            domain: 0,
            pad2: [0; 6],
            flags,
            bp,
            maxmem,
            xsi_va,
            hypercall_imm,
            pad44: [0; 4],
        }),
        ArchSetupLayout::Plain => ArchSetup::Plain(ArchSetupPlain {
            flags,
            bp,
            maxmem,
            xsi_va,
            hypercall_imm,
            pad36: [0; 4],
        }),
        ArchSetupLayout::Vhpt => ArchSetup::Vhpt(ArchSetupVhpt {
            flags,
            bp,
            maxmem,
            xsi_va,
            hypercall_imm,
            vhpt_size_log2,
            pad37: [0; 3],
        }),
    }
    .to_bytes()
}
