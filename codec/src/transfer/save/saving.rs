//! A save under way.

use alloc::vec::Vec;

use super::memory::{Memory, Trip};
use super::output::Output;
use super::{Options, Saved};
use crate::decode::Event;
use crate::dialect::{ArchSetupLayout, Guest, P2mSizeMeaning};
use crate::grammar::{Memmap, Prologue};
use crate::ram::RamMap;
use crate::transfer::bitmap::PfnBitmap;
use crate::transfer::error::{Cause, Fate, TransferError};
use crate::transfer::observer::{Observer, Pass};
use crate::transfer::policy::{Plan, Policy, View};
use crate::transfer::ports::{
    DomainInfo, Errno, PortError, Setup, ShutdownReason, Sink, SourceDomain,
};
use crate::transfer::resume;
use crate::wire::ArchSetup;
use crate::wire::arch_setup::{ArchSetupDom0Op, ArchSetupPlain, ArchSetupVhpt};

/// A save, how far it has come, and what is to be given back.
pub(super) struct Saving<'a, 'p, D, S> {
    pub(super) domain: &'a mut D,
    pub(super) out: Output<'a, S>,
    pub(super) policy: &'p mut dyn Policy,
    pub(super) observer: &'p mut dyn Observer,
    pub(super) options: Options,
    pub(super) info: DomainInfo,
    pub(super) logging: bool,
    pub(super) exposed: bool,
    pub(super) told_to_suspend: bool,
    pub(super) saved: Saved,
}

impl<D: SourceDomain, S: Sink> Saving<'_, '_, D, S> {
    /// All of it, up to the last flush.
    pub(super) fn all(&mut self) -> Result<(), Cause> {
        self.info = self.domain.info()?;
        let (dialect, guest) = (self.saved.dialect, self.info.guest);
        self.saved.guest = guest;
        if self.options.needs_way_back {
            resume::possible(self.domain, guest, self.options.resume_mode)?;
        }
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
            self.saved.passes = memory.passes;
            self.saved.finished = self.out.sink.now();
            let index = self.saved.checkpoints;
            self.saved.checkpoints += 1;
            if !dialect.spec().checkpoints || !self.observer.checkpoint(index) {
                return Ok(());
            }
            resume::resume(self.domain, self.options.resume_mode)?;
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
        self.out.cancel.check()?;
        self.told_to_suspend = true;
        self.domain.suspend()?;
        self.out.cancel.check()?;
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
        let present = memory.first_look(self.domain, self.out.cancel)?;
        let mut left = present;
        let mut idle = 0;
        let nothing = PfnBitmap::default();
        loop {
            self.out.cancel.check()?;
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
                    self.saved.stretches -= 1;
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
        memory.snapshot(self.domain, self.out.cancel)?;
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
        self.saved.stretches += 1;
        let now = self.out.sink.now();
        Pass {
            number: self.saved.stretches,
            last,
            began: now,
            ended: now,
            ..Pass::default()
        }
    }

    /// Log-dirty off, p2m unexposed; what could not be done.
    pub(super) fn give_back(&mut self) -> Vec<PortError> {
        let mut failed = Vec::new();
        if self.logging {
            failed.extend(PortError::twice(|| self.domain.disable_log_dirty()).err());
        }
        if self.exposed {
            failed.extend(PortError::twice(|| self.domain.unexpose_p2m()).err());
        }
        failed
    }

    /// The domain goes on, if it can.
    fn bring_back(&mut self, cleanup: &mut Vec<PortError>) -> Fate {
        let shutdown = PortError::twice(|| self.domain.info()).map(|info| info.shutdown);
        if matches!(shutdown, Ok(Some(reason)) if reason != ShutdownReason::Suspend) {
            return Fate::ShutDown;
        }
        match resume::resume(self.domain, self.options.resume_mode) {
            Ok(()) => Fate::Resumed,
            Err(Cause::NoWayBack(why)) => Fate::NoWayBack(why),
            Err(Cause::Page { call, errno, .. }) => {
                cleanup.push(PortError::new(call, errno));
                Fate::Suspended
            }
            Err(Cause::Port(error)) => {
                cleanup.push(error);
                Fate::Suspended
            }
            Err(_) => Fate::Suspended,
        }
    }

    /// Leaves the domain as it was found.
    pub(super) fn fail(&mut self, cause: Cause) -> TransferError {
        let mut cleanup = self.give_back();
        let mut fate = Fate::Untouched;
        if self.told_to_suspend {
            fate = self.bring_back(&mut cleanup);
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
