//! A way to the host that breaks at any call: no domain and no save is left that is not named.

use ia64save_codec::Guest;
use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_sim::{Era, Host};
use ia64save_xen::fake::FakeToolstack;
use ia64save_xen::hypervisor::{Direct, probe};
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::transport::{DomainId, Geometry, Hypercall, Layout, Region, Transport};

use super::super::{restore, save};
use super::{What, domain, recovered, saved, what};
use crate::cli::xen::host::Hyper;
use crate::cli::xen::unfinished::Unfinished;

/// A way to a host that breaks at one of its calls: before it gets there, or on the way back.
struct Breaking {
    inner: Box<dyn Transport>,
    left: u64,
    arrives: bool,
    broken: bool,
}

impl Breaking {
    /// Whether this call gets there, and its answer back.
    fn passes(&mut self) -> (bool, bool) {
        if self.broken {
            return (false, false);
        }
        if self.left == 0 {
            self.broken = true;
            return (self.arrives, false);
        }
        self.left -= 1;
        (true, true)
    }

    fn through<R>(
        &mut self,
        call: impl FnOnce(&mut dyn Transport) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let (there, back) = self.passes();
        let done = there.then(|| call(&mut *self.inner));
        match done {
            Some(done) if back => done,
            _ => Err(Errno::EPIPE),
        }
    }
}

impl Transport for Breaking {
    fn geometry(&self) -> Geometry {
        self.inner.geometry()
    }
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        self.through(|inner| inner.hypercall(call))
    }
    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.through(|inner| inner.read_foreign(domain, frames, out, layout, results))
    }
    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.through(|inner| inner.write_foreign(domain, frames, data, layout, results))
    }
    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        self.through(|inner| inner.clear_foreign(domain, frames, results))
    }
    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        self.inner.reserve(bytes)
    }
    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        self.inner.read_region(region, offset, out)
    }
    fn release(&mut self, region: Region) -> Result<(), Errno> {
        // The far end gives it back by itself.
        self.inner.release(region)
    }
    fn failure(&self) -> Option<String> {
        self.broken.then(|| "the agent is gone".into())
    }
}

/// The hypervisor of a host, to which the way breaks at the `nth` call from now on.
fn breaking(host: &Host, nth: u64, arrives: bool) -> Hyper {
    let mut inner: Box<dyn Transport> = Box::new(Privcmd::fake(host));
    let release = probe(&mut inner).unwrap();
    let transport = Breaking {
        inner,
        left: nth,
        arrives,
        broken: false,
    };
    Direct::new(Box::new(transport), release)
}

#[test]
fn a_lost_way_to_the_host_leaves_no_domain_unnamed() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    for era in ["xen-3.0.4", "xen-3.4"] {
        let host = || Host::of(era.parse::<Era>().unwrap());
        let there = host();
        domain(&there, Guest::Pv);
        saved(&there, &image, &[]).unwrap();
        let What::Restore(args) = what(&["restore", image.to_str().unwrap()]) else {
            unreachable!()
        };
        for arrives in [false, true] {
            let mut nth = 0;
            loop {
                let here = host();
                let state = tempfile::tempdir().unwrap();
                let unfinished = Unfinished::within(Some(state.path()));
                let done = restore::restore(&args, breaking(&here, nth, arrives), &unfinished);
                let place = format!("{era}, call {nth}, {arrives}");
                let Err(failure) = done else {
                    assert_eq!(here.domains().len(), 1, "{place}");
                    break;
                };
                let said = failure.to_string();
                if here.domains().is_empty() {
                    // Before it was made, or where its destruction arrived.
                    nth += 1;
                    continue;
                }
                assert!(said.contains("`ia64save xen recover"), "{place}: {said}");
                // Before its number is known, that it may be there.
                if said.contains("may have made one") {
                    assert!(unfinished.found().is_empty(), "{place}");
                    assert!(said.contains("--destroy"), "{place}: {said}");
                } else {
                    assert!(said.contains("domain 1"), "{place}: {said}");
                    assert_eq!(unfinished.found().len(), 1, "{place}: {said}");
                    let mended = recovered(&here, &["1"], &unfinished).unwrap();
                    assert_eq!(mended["fate"], "destroyed", "{place}");
                }
                nth += 1;
            }
            assert!(nth > 15, "{nth}");
        }
    }
}

#[test]
fn a_lost_way_to_the_host_leaves_no_save_unnamed() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let name = image.to_str().unwrap();
    for (live, then) in [(true, "suspended"), (false, "resume"), (false, "destroy")] {
        let mut words = vec!["save", "1", "-o", name, "--then", then];
        words.extend(live.then_some("--live"));
        let What::Save(args) = what(&words) else {
            unreachable!()
        };
        for arrives in [false, true] {
            let mut nth = 0;
            loop {
                let host = super::host();
                domain(&host, Guest::Pv);
                let state = tempfile::tempdir().unwrap();
                let unfinished = Unfinished::within(Some(state.path()));
                let xen = breaking(&host, nth, arrives);
                let toolstack = Box::new(FakeToolstack::new(&host));
                let done = save::save(&args, xen, toolstack, &unfinished);
                let place = format!("{live} {then}, call {nth}, {arrives}");
                let Err(failure) = done else {
                    break;
                };
                let said = failure.to_string();
                let untouched = host.runs(1) && host.leftovers().log_dirty == 0;
                let gone = host.domains().is_empty();
                if !untouched && !gone {
                    assert!(said.contains("`ia64save xen recover 1"), "{place}: {said}");
                    let mended = recovered(&host, &["1"], &unfinished).unwrap();
                    assert_ne!(mended["fate"], "gone", "{place}");
                    assert_eq!(host.leftovers().log_dirty, 0, "{place}");
                }
                nth += 1;
            }
            assert!(nth > 10, "{nth}");
        }
    }
}
