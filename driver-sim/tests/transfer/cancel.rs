//! A transfer that is not wanted any more ends soon, and as after any failure.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Sink, SinkError, SourceDomain};
use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::save::{Options, Save};
use ia64save_codec::transfer::{Cancel, Cause, Fate, ResumeMode};
use ia64save_sim::hypervisor::Leftovers;
use ia64save_sim::workload::Pattern;
use ia64save_sim::{DomId, GuestSpec, Host};

use crate::common::{eras, host, save, state};
use crate::ports::{self, SimSource, SimTarget};

/// A stream that raises the flag at its `at`-th request for space, and counts what is taken afterwards.
struct Raises<'a> {
    flag: &'a AtomicBool,
    at: u32,
    asked: u32,
    space: Vec<u8>,
    late: usize,
}

impl Sink for Raises<'_> {
    fn space(&mut self, bytes: usize) -> Result<&mut [u8], SinkError> {
        if self.asked == self.at {
            self.flag.store(true, Ordering::Relaxed);
        }
        self.asked += 1;
        self.space.resize(bytes, 0);
        Ok(&mut self.space)
    }

    fn commit(&mut self, bytes: usize) -> Result<(), SinkError> {
        if self.asked > self.at + 1 {
            self.late += bytes;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn now(&mut self) -> Duration {
        Duration::from_millis(u64::from(self.asked))
    }
}

fn domain(era: ia64save_sim::Era, guest: Guest) -> (Host, DomId) {
    let host = host(era, 1024);
    let spec = GuestSpec::new(guest, 600);
    let domid = spec.build(&host).unwrap();
    let workload = spec.workload(&host, Pattern::Uniform, 1000).unwrap();
    host.set_workload(domid, workload).unwrap();
    (host, domid)
}

#[test]
fn a_save_ends_wherever_it_is_and_its_domain_runs_on() {
    let mut ends = 0;
    for (era, guest) in eras().filter(|(era, _)| ports::can_resume(*era)) {
        for live in [false, true] {
            for at in 0.. {
                let (host, domid) = domain(era, guest);
                let flag = AtomicBool::new(false);
                let mut sink = Raises {
                    flag: &flag,
                    at,
                    asked: 0,
                    space: Vec::new(),
                    late: 0,
                };
                let mut source = SimSource::new(&host, domid);
                let options = Options::default()
                    .live(live)
                    .resume_mode(Some(ResumeMode::Cancel));
                let saved = Save::new(&mut source, &mut sink)
                    .options(options)
                    .cancel(Cancel::on(&flag))
                    .run();
                let what = format!("{era} {guest} live {live}, at {at}");
                // The part at hand may still end; no batch of pages follows.
                assert!(sink.late < 128 << 10, "{what}: {}", sink.late);
                let raised = flag.load(Ordering::Relaxed);
                match saved {
                    Err(error) => {
                        assert!(raised, "{what}: {error}");
                        assert_eq!(error.cause, Cause::Cancelled, "{what}");
                        assert!(matches!(error.fate, Fate::Untouched | Fate::Resumed));
                        assert_eq!(error.cleanup, [], "{what}");
                        ends += 1;
                    }
                    // The flag came with the last byte, or never.
                    Ok(_) => source.resume().unwrap(),
                }
                drop(source);
                assert!(host.runs(domid), "{what}");
                let left = host.leftovers();
                assert_eq!((left.mapped_pages, left.exposed_p2ms), (0, 0), "{what}");
                assert_eq!((left.log_dirty, left.device_model_logs), (0, 0), "{what}");
                if !raised {
                    break;
                }
            }
        }
    }
    assert!(ends > 100, "only {ends} saves were cancelled");
}

#[test]
fn a_save_that_is_not_wanted_from_the_start_does_nothing() {
    for (era, guest) in eras() {
        for live in [false, true] {
            let (host, domid) = domain(era, guest);
            let before = state(&host, domid);
            let flag = AtomicBool::new(true);
            let mut sink = Raises {
                flag: &flag,
                at: 0,
                asked: 0,
                space: Vec::new(),
                late: 0,
            };
            let mut source = SimSource::new(&host, domid);
            let saved = Save::new(&mut source, &mut sink)
                .options(Options::default().live(live))
                .cancel(Cancel::on(&flag))
                .run();
            let error = saved.unwrap_err();
            assert_eq!(
                (error.cause, error.fate),
                (Cause::Cancelled, Fate::Untouched)
            );
            assert_eq!(sink.asked, 0);
            drop(source);
            assert!(host.runs(domid));
            assert_eq!(state(&host, domid), before);
        }
    }
}

#[test]
fn a_restore_ends_wherever_it_is_and_leaves_no_domain() {
    for (era, guest) in eras() {
        let (there, domid) = domain(era, guest);
        let info = there.domain_info(domid).unwrap();
        let (_, image) = save(&there, domid, false).unwrap();
        for at in (0..image.len()).step_by(image.len() / 40) {
            let here = host(era, 1024);
            let vcpus = info.max_vcpu_id + 1;
            let mut target = SimTarget::create(&here, guest, vcpus, info.max_pages).unwrap();
            let flag = AtomicBool::new(false);
            let options = RestoreOptions::default().dialect(Some(era.dialect()));
            let mut restore = Restore::new(&mut target, options).cancel(Cancel::on(&flag));
            let fed = restore.feed(&image[..at], false).unwrap();
            flag.store(true, Ordering::Relaxed);
            let error = restore.feed(&image[fed.consumed..], true).unwrap_err();
            assert_eq!(
                (&error.cause, error.fate),
                (&Cause::Cancelled, Fate::Destroyed)
            );
            drop(restore);
            drop(target);
            assert_eq!(here.leftovers(), Leftovers::default(), "{era} {guest} {at}");
        }
    }
}
