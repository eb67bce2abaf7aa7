//! The driver over a simulated kernel against the simulated host itself: whatever the one answers, the
//! other answers too.

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, Errno, HvmParam, P2mEntry, Populated, PortCall, SourceDomain, TargetDomain,
};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::hypervisor::{Fault, Op, Release};
use ia64save_sim::{DomId, Era, GuestSpec, Host, SimSource, SimTarget};
use ia64save_xen::fake::{FakeDevice, FakeToolstack, Halves};
use ia64save_xen::hypervisor::{Direct, Hypervisor, ProbeError, probe};
use ia64save_xen::machine::Ia64;
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::transport::{Argument, Buffer, Hypercall, Layout, Link};
use ia64save_xen::{Transport, XenDomain};

type Fake = XenDomain<Direct<Privcmd<FakeDevice>>, Ia64>;

fn hypervisor(host: &Host) -> Direct<Privcmd<FakeDevice>> {
    let mut transport = Privcmd::fake(host);
    let dialect = host.machine().era.dialect();
    let release = probe(&mut transport).unwrap().speaking(dialect).unwrap();
    Direct::new(transport, release)
}

fn domain(host: &Host, domid: DomId) -> Fake {
    let dialect = host.machine().era.dialect();
    XenDomain::new(hypervisor(host), Ia64::new(dialect), domid as u16)
        .with_toolstack(FakeToolstack::new(host))
}

/// Every era with hypercalls, and the guests that it knows.
fn eras() -> impl Iterator<Item = (Era, Guest)> {
    Era::all()
        .filter(|era| era.dialect() > Dialect::D0)
        .flat_map(|era| [Guest::Pv, Guest::Hvm].map(|guest| (era, guest)))
        .filter(|(era, guest)| era.dialect().supports(*guest))
}

fn spec(guest: Guest) -> GuestSpec {
    GuestSpec {
        vcpus: 3,
        offline: vec![1],
        ballooned: 5,
        ..GuestSpec::new(guest, 90)
    }
}

#[test]
fn every_release_is_found_by_probing() {
    for (era, _) in eras() {
        let host = Host::of(era);
        let release = probe(&mut Privcmd::fake(&host)).unwrap();
        let expected = match era.release() {
            // Trees between releases look like a release.
            Release::Development => continue,
            _ => era.to_string(),
        };
        assert_eq!(format!("xen-{}", release.name), expected);
        assert_eq!(release.dialect, era.dialect());
    }
}

#[test]
fn a_source_answers_as_the_host_does() {
    for (era, guest) in eras() {
        let host = Host::of(era);
        let domid = spec(guest).build(&host).unwrap();
        let (mut sim, mut xen) = (SimSource::new(&host, domid), domain(&host, domid));
        let what = format!("{era} {guest}");
        let info = sim.info().unwrap();
        assert_eq!(xen.info(), Ok(info), "{what}");
        assert_eq!(xen.dialect(), sim.dialect(), "{what}");
        assert_eq!(xen.page_size(), sim.page_size(), "{what}");
        assert_eq!(xen.setup(), sim.setup(), "{what}");
        let version = era.dialect().spec().version;
        if sim.dialect() > Dialect::D2 {
            assert_eq!(xen.maximum_gpfn(), sim.maximum_gpfn(), "{what}");
        }
        let memmap = version.has_memmap().then(|| sim.memmap().unwrap());
        if let Some(memmap) = &memmap {
            assert_eq!(xen.memmap().as_ref(), Ok(memmap), "{what}");
        }

        let end = sim.maximum_gpfn().unwrap() + 10;
        let mut ours = vec![P2mEntry::EMPTY; end as usize];
        xen.expose_p2m(memmap.as_deref()).unwrap();
        let twice = xen.expose_p2m(memmap.as_deref()).unwrap_err();
        assert_eq!(
            (twice.call, twice.errno),
            (PortCall::ExposeP2m, Errno::EEXIST)
        );
        xen.read_p2m(0, &mut ours).unwrap();
        let mut theirs = vec![P2mEntry::EMPTY; end as usize];
        host.p2m(domid, 0, &mut theirs).unwrap();
        for (gpfn, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours.is_mapped(), theirs.is_mapped(), "{what} {gpfn:#x}");
            if version.has_memmap() {
                assert_eq!(ours, theirs, "{what} {gpfn:#x}");
            }
        }
        let mut beyond = [P2mEntry(1)];
        xen.read_p2m(1 << 40, &mut beyond).unwrap();
        assert_eq!(beyond, [P2mEntry::EMPTY]);
        xen.unexpose_p2m().unwrap();
        assert_eq!(host.leftovers().exposed_p2ms, 0, "{what}");

        // All there is, in one batch, some that is not, and shared_info by itself.
        let mapped = |gpfn: &u64| theirs[*gpfn as usize].is_mapped();
        let mut gpfns: Vec<u64> = (0..end)
            .filter(|gpfn| mapped(gpfn) || mapped(&gpfn.saturating_sub(1)))
            .collect();
        gpfns.reverse();
        compare_pages(&mut sim, &mut xen, &gpfns, &what);
        compare_pages(&mut sim, &mut xen, &[info.shared_info_frame], &what);

        for vcpu in 0..=info.max_vcpu_id {
            assert_eq!(xen.vcpu_info(vcpu), sim.vcpu_info(vcpu), "{what}");
            let context = sim.vcpu_context(vcpu);
            assert_eq!(xen.vcpu_context(vcpu), context, "{what}");
            if let (Guest::Pv, Ok(context)) = (guest, context) {
                let layout = era.dialect().spec().context;
                let context = ia64save_codec::wire::Context::parse(layout, &context).unwrap();
                compare_pages(&mut sim, &mut xen, &[context.privregs_pfn()], &what);
            }
        }
        assert_eq!(xen.vcpu_info(9), sim.vcpu_info(9), "{what}");
        assert_eq!(xen.vcpu_context(9), sim.vcpu_context(9), "{what}");
        if guest == Guest::Hvm {
            for param in [
                HvmParam::StorePfn,
                HvmParam::IoreqPfn,
                HvmParam::BufioreqPfn,
            ] {
                assert_eq!(xen.hvm_param(param), sim.hvm_param(param), "{what}");
            }
            let size = xen.hvm_context_size().unwrap();
            assert_eq!(Ok(size), sim.hvm_context_size(), "{what}");
            assert_eq!(xen.hvm_context(size), sim.hvm_context(size), "{what}");
        }
    }
}

fn compare_pages(sim: &mut SimSource, xen: &mut Fake, gpfns: &[u64], what: &str) {
    // Pages of records: 8 bytes before each.
    let (size, stride) = (sim.page_size(), sim.page_size() + 8);
    let read = |domain: &mut dyn Domain| {
        let mut out = vec![0xee; gpfns.len() * stride];
        let mut results = vec![Err(Errno::EIO); gpfns.len()];
        domain
            .read_pages(gpfns, &mut out, stride, 8, &mut results)
            .unwrap();
        for (page, result) in out.chunks_mut(stride).zip(&results) {
            assert_eq!(page[..8], [0xee; 8]);
            if result.is_err() {
                page[8..8 + size].fill(0xee);
            }
        }
        (out, results)
    };
    assert!(read(sim) == read(xen), "{what}");
}

#[test]
fn log_dirty_tells_what_a_guest_wrote_and_is_never_asked_in_vain() {
    let host = Host::of(Dialect::D11);
    for guest in [Guest::Pv, Guest::Hvm] {
        let domid = spec(guest).build(&host).unwrap();
        let mut xen = domain(&host, domid);
        let mut dirty = PfnBitmap::new(200);
        let off = xen.peek_dirty(&mut dirty).unwrap_err();
        assert_eq!((off.call, off.errno), (PortCall::PeekDirty, Errno::EINVAL));
        xen.enable_log_dirty().unwrap();
        assert!(!xen.found_log_dirty());
        assert_eq!(xen.enable_log_dirty().unwrap_err().errno, Errno::EINVAL);
        xen.clean_dirty(&mut dirty).unwrap();
        for gpfn in [3, 17] {
            host.guest_write(domid, gpfn, 0, b"new").unwrap();
        }
        for _ in 0..2 {
            dirty.fill();
            xen.peek_dirty(&mut dirty).unwrap();
            assert_eq!(dirty.iter().collect::<Vec<_>>(), [3, 17]);
        }
        xen.clean_dirty(&mut dirty).unwrap();
        assert_eq!(dirty.len(), 2);
        xen.peek_dirty(&mut dirty).unwrap();
        assert!(dirty.is_empty());
        if guest == Guest::Hvm {
            host.device_model_write(domid, 5, 0, b"disk").unwrap();
            xen.device_model_dirty(&mut dirty).unwrap();
            assert!(dirty.contains(5));
        }
        xen.disable_log_dirty().unwrap();
        assert_eq!(host.leftovers().log_dirty, 0);
        assert_eq!(host.leftovers().device_model_logs, 0);
    }
}

#[test]
fn an_hvm_domain_is_not_saved_live_where_the_device_model_goes_unseen() {
    for era in ["xen-3.2", "xen-3.4", "xen-4.0"] {
        let host = Host::of(era.parse::<Era>().unwrap());
        let domid = spec(Guest::Hvm).build(&host).unwrap();
        let dialect = host.machine().era.dialect();
        let mut xen = XenDomain::new(hypervisor(&host), Ia64::new(dialect), domid as u16);
        let refused = xen.enable_log_dirty().unwrap_err();
        assert_eq!(refused.errno, Errno::ENOSYS, "{era}");
        assert_eq!(host.leftovers().log_dirty, 0, "{era}");
    }
}

#[test]
fn a_target_becomes_what_the_hosts_own_port_makes_of_it() {
    for (era, guest) in eras() {
        let (here, there) = (Host::of(era), Host::of(era));
        let mut sim = SimTarget::create(&here, guest, 2, 40).unwrap();
        let mut xen = hypervisor(&there);
        let domid = xen
            .create_domain(guest == Guest::Hvm, *b"0123456789abcdef")
            .unwrap();
        xen.set_max_vcpus(domid, 2).unwrap();
        xen.set_max_mem(domid, 40 * 16).unwrap();
        let mut xen = domain(&there, domid.into());
        let what = format!("{era} {guest}");
        let both = |sim: &mut SimTarget,
                    xen: &mut Fake,
                    call: &dyn Fn(&mut dyn TargetDomain) -> String| {
            assert_eq!(call(sim), call(xen), "{what}");
        };
        both(&mut sim, &mut xen, &|d| format!("{:?}", d.info()));
        both(&mut sim, &mut xen, &|d| {
            let all: Vec<u64> = (2..30).collect();
            format!("{:?}", d.populate(&all))
        });
        both(&mut sim, &mut xen, &|d| {
            format!("{:?}", d.decrease_reservation(&[4, 60, 5, 5, 61, 62, 6]))
        });
        both(&mut sim, &mut xen, &|d| {
            let all: Vec<u64> = (30..60).collect();
            let Populated { done, error } = d.populate(&all).unwrap();
            format!("{done} {error:?}")
        });
        both(&mut sim, &mut xen, &|d| {
            let mut bytes = Vec::new();
            for gpfn in [3_u64, 4, 7, 99] {
                bytes.extend(gpfn.to_le_bytes());
                bytes.extend(vec![gpfn as u8; 16384]);
            }
            let mut results = vec![Ok(()); 4];
            let run = ia64save_codec::grammar::PageRun::new(&bytes, 16384);
            d.write_pages(run, &mut results).unwrap();
            let mut page = vec![0; 16384];
            let mut result = [Ok(())];
            d.read_pages(&[7], &mut page, 16384, 0, &mut result)
                .unwrap();
            format!("{results:?} {result:?} {page:?}")
        });
        both(&mut sim, &mut xen, &|d| {
            format!("{:?}", d.clear_pages(&[3, 7]))
        });
        both(&mut sim, &mut xen, &|d| {
            format!("{:?}", d.clear_pages(&[3, 99, 7]))
        });
        both(&mut sim, &mut xen, &|d| {
            format!("{:?} {:?}", d.unpause(), d.info())
        });
        both(&mut sim, &mut xen, &|d| {
            format!("{:?} {:?}", d.pause(), d.info())
        });
        if guest == Guest::Hvm {
            both(&mut sim, &mut xen, &|d| {
                let first = d.set_hvm_param(HvmParam::IoreqPfn, 3);
                format!("{first:?} {:?}", d.set_hvm_param(HvmParam::IoreqPfn, 3))
            });
        }
        both(&mut sim, &mut xen, &|d| {
            format!("{:?} {:?}", d.destroy(), d.destroy())
        });
        assert_eq!(there.leftovers(), here.leftovers(), "{what}");
    }
}

#[test]
fn a_host_of_another_kind_is_refused_by_name() {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    // Its kernel was built for another hypervisor: every version is refused.
    let mut transport = Privcmd::new(FakeDevice::new(&host).with_interface(9));
    let refused = probe(&mut transport).unwrap_err();
    assert_eq!(refused, ProbeError::UnknownInterface { version: 0x3_0004 });
    assert!(
        refused
            .to_string()
            .starts_with("Xen 3.4: its domctl interface is none of")
    );
    let odd = ProbeError::UnknownRelease {
        version: 0x4_0011,
        interface: 5,
    };
    assert!(
        odd.to_string()
            .contains("Xen 4.17 with domctl interface version 5")
    );
}

#[test]
fn the_kernel_of_that_time_passes_on_what_is_on_its_list() {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let domid = spec(Guest::Hvm).build(&host).unwrap();
    let mut transport = Privcmd::fake(&host);
    let mut call = |number: u64, operation: u64, bytes: &mut [u8]| {
        transport.hypercall(&mut Hypercall {
            number,
            arguments: [
                Argument::Value(operation),
                Argument::Buffer(0),
                Argument::Value(0),
                Argument::Value(0),
                Argument::Value(0),
            ],
            buffers: &mut [Buffer::in_out(bytes)],
            links: &[],
        })
    };
    // modified_memory, an operation on memory, a hypercall.
    assert_eq!(call(34, 7, &mut [0; 16]), Err(Errno::EINVAL));
    assert_eq!(call(12, 5, &mut [0; 16]), Err(Errno::ENOSYS));
    assert_eq!(call(1, 0, &mut [0; 16]), Err(Errno::ENOSYS));
    // gethvmcontext_partial, and a domctl of another interface version.
    let mut domctl = vec![0; 144];
    let mut domctl = |command: u8, interface: u8| {
        (domctl[0], domctl[4], domctl[8]) = (command, interface, domid as u8);
        transport.hypercall(&mut Hypercall {
            number: 36,
            arguments: [
                Argument::Buffer(0),
                Argument::Value(0),
                Argument::Value(0),
                Argument::Value(0),
                Argument::Value(0),
            ],
            buffers: &mut [Buffer::in_out(&mut domctl)],
            links: &[],
        })
    };
    assert_eq!(domctl(55, 5), Err(Errno::ENOSYS));
    assert_eq!(domctl(3, 6), Err(Errno::EACCES));
    assert_eq!(domctl(3, 5), Ok(0));
}

#[test]
fn what_is_unsound_or_too_long_is_refused_before_anything_happens() {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let mut transport = Privcmd::fake(&host);
    let before = host.counts();
    let none = Argument::Value(0);
    let long = transport.geometry().buffer + 1;
    let link = |offset| Link {
        holder: 0,
        offset,
        target: 0,
    };
    for (index, length, links, errno) in [
        (1, 8, vec![], Errno::EINVAL),
        (0, 8, vec![link(1)], Errno::EINVAL),
        (0, 8, vec![link(usize::MAX)], Errno::EINVAL),
        (0, long, vec![], Errno::E2BIG),
    ] {
        let refused = transport.hypercall(&mut Hypercall {
            number: 12,
            arguments: [
                Argument::Value(6),
                Argument::Buffer(index),
                none,
                none,
                none,
            ],
            buffers: &mut [Buffer::in_out(&mut vec![0; length])],
            links: &links,
        });
        assert_eq!(refused, Err(errno));
    }
    let (mut out, mut results) = (vec![0; 16384], vec![Ok(()); 2]);
    let packed = Layout::packed(16384);
    let tight = Layout { at: 0, stride: 100 };
    for layout in [packed, tight] {
        let refused = transport.read_foreign(1, &[0, 1], &mut out, layout, &mut results);
        assert_eq!(refused, Err(Errno::EINVAL));
    }
    assert_eq!(transport.reserve(1000), Err(Errno::EINVAL));
    let region = transport.reserve(16384).unwrap();
    assert_eq!(
        transport.read_region(region, 16380, &mut [0; 8]),
        Err(Errno::EFAULT)
    );
    assert_eq!(transport.release(region), Ok(()));
    assert_eq!(transport.release(region), Err(Errno::EINVAL));
    assert_eq!(before, host.counts());
}

/// The hypervisor says -1 to what it does not know, which is `EPERM`; the kernel `EINVAL`. Neither is a failure:
/// the guest's own page is read.
#[test]
fn a_memory_map_is_read_on_every_release_and_kernel() {
    for (era, guest) in eras() {
        let dialect = era.dialect();
        if !dialect.spec().version.has_memmap() {
            continue;
        }
        let host = Host::of(era);
        let domid = spec(guest).build(&host).unwrap();
        let expected = SimSource::new(&host, domid).memmap().unwrap();
        for device in [
            FakeDevice::new(&host),
            FakeDevice::new(&host).without_get_memmap(),
        ] {
            let mut transport = Privcmd::new(device);
            let release = probe(&mut transport).unwrap().speaking(dialect).unwrap();
            // A tree on the way to 3.4 answers as 3.4 and has no such call.
            let early = ia64save_xen::abi::Release {
                gives_memmap: true,
                ..release
            };
            let xen = Direct::new(transport, early);
            let mut source = XenDomain::new(xen, Ia64::new(era.meaning()), domid as u16);
            assert_eq!(source.memmap().as_ref(), Ok(&expected), "{era} {guest}");
        }
        // By the release alone: no call is made that it has not.
        let before = host.counts();
        let mut xen = domain(&host, domid);
        assert_eq!(xen.memmap().as_ref(), Ok(&expected), "{era} {guest}");
        let asked = host.counts().of(Op::GetMemmap) - before.of(Op::GetMemmap);
        let gives = probe(&mut Privcmd::fake(&host)).unwrap().gives_memmap;
        assert_eq!(asked > 0, gives, "{era} {guest}");
    }
}

#[test]
fn log_dirty_that_somebody_left_on_is_begun_anew_and_said() {
    for (era, guest) in eras() {
        let host = Host::of(era);
        let domid = spec(guest).build(&host).unwrap();
        host.enable_log_dirty(domid).unwrap();
        host.guest_write(domid, 3, 0, b"before").unwrap();
        let mut xen = domain(&host, domid);
        xen.enable_log_dirty().unwrap();
        assert!(xen.found_log_dirty(), "{era} {guest}");
        let mut dirty = PfnBitmap::new(200);
        xen.peek_dirty(&mut dirty).unwrap();
        assert!(dirty.is_empty(), "{era} {guest}: a record of its own");
        xen.disable_log_dirty().unwrap();
        assert_eq!(host.leftovers().log_dirty, 0, "{era} {guest}");
    }
}

#[test]
fn a_limit_is_made_to_fit_where_it_is_the_end_of_the_map() {
    for (era, _) in eras() {
        let host = Host::of(era);
        let domid = host.create_domain(Guest::Pv, 1, 90).unwrap();
        let mut xen = domain(&host, domid);
        xen.populate(&(0..20).collect::<Vec<_>>()).unwrap();
        xen.fit_limit(26).unwrap();
        if era.release() == Release::Development {
            continue;
        }
        let early = ["xen-3.0.3", "xen-3.0.4", "xen-3.1"].contains(&&era.to_string()[..]);
        let expected = if early { 26 } else { 90 };
        assert_eq!(
            host.domain_info(domid).unwrap().max_pages,
            expected,
            "{era}"
        );
        // Less than there is.
        let refused = xen.fit_limit(10);
        assert_eq!(refused.is_err(), early, "{era}");
    }
}

#[test]
fn a_destroy_goes_on_where_it_stopped() {
    for era in ["xen-3.1", "xen-3.2", "xen-3.3", "xen-3.4", "xen-4.0"] {
        let host = Host::of(era.parse::<Era>().unwrap());
        // More pages than any number of tries that somebody could have thought enough.
        let all = GuestSpec::new(Guest::Pv, 2500).build(&host).unwrap();
        let other = spec(Guest::Pv).build(&host).unwrap();
        let halves = Halves::default();
        let open = || {
            let mut transport = Privcmd::new(FakeDevice::new(&host).destroying_slowly(&halves));
            let release = probe(&mut transport).unwrap();
            Direct::new(transport, release)
        };
        let mut xen = open();
        assert_eq!(xen.is_half_destroyed(all as u16), Ok(false), "{era}");
        // A process that is killed after so many.
        let before = host.domain_info(all).unwrap();
        host.faults(|faults| faults.add(Fault::at(PortCall::Destroy, 700, Errno::EPIPE)));
        assert_eq!(xen.destroy(all as u16), Err(Errno::EPIPE), "{era}");
        let info = xen.domain_info(all as u16).unwrap();
        assert_eq!(info.tot_pages, before.tot_pages - 700, "{era}");
        assert_eq!(info.flags & ia64save_xen::abi::domctl::DYING, 0, "{era}");
        drop(xen);
        let mut xen = open();
        let told = xen.release().tells_half_destroyed;
        assert_eq!(told, era > "xen-3.2", "{era}");
        assert_eq!(xen.is_half_destroyed(all as u16), Ok(told), "{era}");
        assert_eq!(xen.is_half_destroyed(other as u16), Ok(false), "{era}");
        assert_eq!(xen.destroy(all as u16), Ok(()), "{era}");
        assert_eq!(host.domains(), [other], "{era}");
    }
}

/// Kernels with and without errors for each page say the same of the same pages.
#[test]
fn errors_of_pages_are_read_from_every_kernel() {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let domid = spec(Guest::Pv).build(&host).unwrap() as u16;
    let read = |device: FakeDevice, domid: u16, frames: &[u64]| {
        let mut transport = Privcmd::new(device);
        let mut out = vec![0; frames.len() * 16384];
        let mut results = vec![Ok(()); frames.len()];
        transport
            .read_foreign(domid, frames, &mut out, Layout::packed(16384), &mut results)
            .unwrap();
        (out, results)
    };
    let frames = [0, 1 << 30, 5, u64::MAX, 0xf000_0001, 2, 0xffff_ffff];
    let gone = Err(Errno::EINVAL);
    for domid in [domid, 77] {
        let old = read(FakeDevice::new(&host), domid, &frames);
        let new = read(FakeDevice::new(&host).with_batch_v2(), domid, &frames);
        assert!(old.0 == new.0);
        if domid == 77 {
            // Only newer kernels say why.
            assert_eq!(old.1, [gone; 7]);
            assert_eq!(new.1, [Err(Errno::ESRCH); 7]);
            // Unless there is one page to ask for.
            assert_eq!(
                read(FakeDevice::new(&host), domid, &[3]).1,
                [Err(Errno::ESRCH)]
            );
        } else {
            assert_eq!(old.1, [Ok(()), gone, Ok(()), gone, gone, Ok(()), gone]);
            assert_eq!(new.1, old.1);
        }
    }
    assert_eq!(host.leftovers().mapped_pages, 0);
}

#[test]
fn domains_are_listed_and_channels_handed_out() {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let ids: Vec<DomId> = (0..3)
        .map(|_| spec(Guest::Pv).build(&host).unwrap())
        .collect();
    host.destroy_domain(ids[1]).unwrap();
    let mut xen = hypervisor(&host);
    let listed: Vec<DomId> = xen
        .domains()
        .unwrap()
        .iter()
        .map(|i| i.domain.into())
        .collect();
    assert_eq!(listed, [0, ids[0], ids[2]]);
    assert_eq!(xen.domain_info(ids[1] as u16), Err(Errno::ESRCH));
    let ports = [0; 2].map(|remote| xen.alloc_unbound(ids[0] as u16, remote).unwrap());
    assert_eq!(ports, [1, 2]);
    xen.shut_down(ids[0] as u16, 2).unwrap();
    assert_eq!(xen.domain_info(ids[0] as u16).unwrap().flags >> 16, 2);
}
