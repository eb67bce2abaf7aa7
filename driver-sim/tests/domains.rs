//! Domains as the builder makes them, through the ports and the operations of tools.

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{
    Domain, Errno, HvmParam, P2mEntry, Setup, ShutdownReason, SourceDomain, TargetDomain,
};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::hypervisor::Down;
use ia64save_sim::{Era, GuestSpec, Host, Machine, SimSource, SimTarget};

/// A small domain of that era, with small pages.
fn spec(guest: Guest) -> GuestSpec {
    GuestSpec {
        vcpus: 4,
        offline: vec![2],
        ballooned: 5,
        firmware: 8,
        ..GuestSpec::new(guest, 100)
    }
}

fn host(era: Era, page_size: usize) -> Host {
    Host::new(Machine {
        page_size,
        ..Machine::new(era)
    })
}

#[test]
fn every_era_has_its_domains() {
    for era in Era::all() {
        for guest in [Guest::Pv, Guest::Hvm] {
            for page_size in [256, 4096, 16384] {
                let host = host(era, page_size);
                let built = spec(guest).build(&host);
                if !era.dialect().supports(guest) {
                    assert_eq!(built, Err(Errno::ENOSYS));
                    assert_eq!(host.leftovers().domains, 0);
                    continue;
                }
                let mut source = SimSource::new(&host, built.unwrap());
                let info = source.info().unwrap();
                assert_eq!((info.guest, info.max_vcpu_id), (guest, 3), "{era}");
                assert!(!info.paused && info.shutdown.is_none());
                let online: Vec<bool> = (0..4)
                    .map(|vcpu| source.vcpu_info(vcpu).unwrap().online)
                    .collect();
                assert_eq!(online, [true, true, false, true], "{era}");
                let context = source.vcpu_context(1).unwrap();
                assert_eq!(context.len(), era.dialect().spec().context.size());
                assert!(source.vcpu_context(2).is_err());
                let setup = source.setup().unwrap();
                assert_eq!(setup.flags, 2 + u64::from(guest == Guest::Hvm));
                let end = source.maximum_gpfn().unwrap();
                let has_memmap = era.dialect().spec().version.has_memmap();
                let memmap = has_memmap.then(|| source.memmap().unwrap());
                source.expose_p2m(memmap.as_deref()).unwrap();
                let mut entries = vec![P2mEntry::EMPTY; end as usize];
                source.read_p2m(0, &mut entries).unwrap();
                let allocated = entries.iter().filter(|entry| entry.is_allocated());
                assert_eq!(allocated.count() as u64, info.tot_pages, "{era}");
                drop(source);
                assert_eq!(host.leftovers().exposed_p2ms, 0);
            }
        }
    }
}

#[test]
fn what_is_mapped_or_exposed_keeps_a_zombie() {
    let host = host(Era::from(Dialect::D11), 4096);
    let domid = spec(Guest::Pv).build(&host).unwrap();
    let mut results = [Ok(()); 3];
    let missing = 1 << 20;
    host.map_pages(domid, &[0, 1, missing], &mut results)
        .unwrap();
    assert!(results[0].is_ok() && results[2] == Err(Errno::EINVAL));
    let mapped = results.iter().filter(|result| result.is_ok()).count() as u64;
    host.destroy_domain(domid).unwrap();
    assert_eq!(host.destroy_domain(domid), Err(Errno::ESRCH));
    assert_eq!((host.leftovers().domains, host.leftovers().zombies), (0, 1));
    assert!(host.domain_info(domid).unwrap().dying);
    host.unmap_pages(domid, mapped).unwrap();
    assert_eq!(
        host.leftovers(),
        ia64save_sim::hypervisor::Leftovers::default()
    );
    assert_eq!(host.domain_info(domid), Err(Errno::ESRCH));
}

#[test]
fn log_dirty_has_its_real_manners() {
    let host = host(Era::from(Dialect::D11), 4096);
    let domid = spec(Guest::Hvm).build(&host).unwrap();
    let mut source = SimSource::new(&host, domid);
    let mut dirty = PfnBitmap::new(1 << 20);
    let pages = host.guest_pages(domid);
    // Off: it succeeds, and says nothing.
    host.guest_write(domid, pages[1], 0, &[1]).unwrap();
    source.clean_dirty(&mut dirty).unwrap();
    assert!(dirty.is_empty());
    source.enable_log_dirty().unwrap();
    assert!(source.enable_log_dirty().is_err());
    host.guest_write(domid, pages[1], 0, &[1]).unwrap();
    host.device_model_write(domid, pages[2], 0, &[1]).unwrap();
    host.balloon_out(domid, pages[3]).unwrap();
    host.balloon_in(domid, pages[3]).unwrap();
    host.guest_write(domid, pages[3], 0, &[1]).unwrap();
    source.peek_dirty(&mut dirty).unwrap();
    assert_eq!(dirty.iter().collect::<Vec<_>>(), [pages[1]]);
    let mut theirs = PfnBitmap::new(1 << 20);
    source.device_model_dirty(&mut theirs).unwrap();
    assert_eq!(theirs.iter().collect::<Vec<_>>(), [pages[2]]);
    assert_eq!(host.leftovers().log_dirty, 1);
    source.disable_log_dirty().unwrap();
    source.disable_log_dirty().unwrap();
    assert_eq!(host.leftovers().device_model_logs, 0);
}

#[test]
fn memory_is_given_and_taken_as_far_as_it_goes() {
    let host = host(Era::from(Dialect::D11), 4096);
    let mut target = SimTarget::create(&host, Guest::Pv, 1, 3).unwrap();
    let populated = target.populate(&[7, 8, 9, 10]).unwrap();
    assert_eq!((populated.done, populated.error), (3, Some(Errno::ENOMEM)));
    assert_eq!(target.decrease_reservation(&[8, 100]).unwrap(), 1);
    assert_eq!(target.decrease_reservation(&[8]).unwrap(), 0);
    assert_eq!(host.guest_pages(target.domid()), [7, 9]);
    let cleared = target.clear_pages(&[7, 8]).unwrap_err();
    assert_eq!((cleared.done, cleared.errno), (1, Errno::EINVAL));
}

#[test]
fn a_memory_map_that_the_hypervisor_refused_is_refused() {
    let host = host(Era::from(Dialect::D11), 16384);
    let domid = spec(Guest::Pv).build(&host).unwrap();
    let memmap = SimSource::new(&host, domid).memmap().unwrap();
    let expose = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut memmap = memmap.clone();
        change(&mut memmap);
        let mut source = SimSource::new(&host, domid);
        source
            .expose_p2m(Some(&memmap))
            .map_err(|error| error.errno)
    };
    assert_eq!(expose(&|_| {}), Ok(()));
    let no = Err(Errno::EINVAL);
    assert_eq!(expose(&|map| map[0] = 39), no, "no whole descriptors");
    assert_eq!(expose(&|map| map[8] = 32), no, "descriptors too small");
    assert_eq!(expose(&|map| map[24 + 9] = 1), no, "not aligned to 4 KiB");
    assert_eq!(expose(&|map| map[24 + 24..][..8].fill(0)), no, "empty");
    assert_eq!(expose(&|map| map[24 + 27] = 1), no, "beyond the memory");
    assert_eq!(expose(&|map| map.truncate(20)), no, "no header");
    let mut source = SimSource::new(&host, domid);
    assert_eq!(source.expose_p2m(None).unwrap_err().errno, Errno::EINVAL);
    let mut entries = [P2mEntry::EMPTY];
    assert_eq!(
        source.read_p2m(0, &mut entries).unwrap_err().errno,
        Errno::EFAULT
    );
    source.expose_p2m(Some(&memmap)).unwrap();
    assert!(source.expose_p2m(Some(&memmap)).is_err());
}

#[test]
fn setup_is_made_once_and_says_what_it_was_told() {
    let host = host(Era::from(Dialect::D11), 16384);
    let mut target = SimTarget::create(&host, Guest::Hvm, 1, 64).unwrap();
    let setup = Setup {
        flags: 1,
        maxmem: 1 << 32,
        vhpt_size_log2: 23,
        ..Setup::default()
    };
    assert!(target.set_setup(&Setup { flags: 3, ..setup }).is_err());
    target.set_setup(&setup).unwrap();
    assert!(target.set_setup(&setup).is_err());
    assert_eq!(target.maximum_gpfn().unwrap(), 0x4_0000);
    // A page of the device model has to be there, and is named once.
    assert!(target.set_hvm_param(HvmParam::IoreqPfn, 0x3_9000).is_err());
    target.populate(&[0x3_9000]).unwrap();
    target.set_hvm_param(HvmParam::IoreqPfn, 0x3_9000).unwrap();
    assert!(target.set_hvm_param(HvmParam::IoreqPfn, 0x3_9000).is_err());
    let mut source = SimSource::new(&host, target.domid());
    assert_eq!(source.hvm_param(HvmParam::IoreqPfn).unwrap(), 0x3_9000);
    let queried = source.setup().unwrap();
    assert_eq!((queried.flags, queried.maxmem), (3, 1 << 32));
}

#[test]
fn an_hvm_context_is_loaded_record_by_record() {
    let host = host(Era::from(Dialect::D11), 4096);
    let domid = spec(Guest::Hvm).build(&host).unwrap();
    let mut source = SimSource::new(&host, domid);
    let size = source.hvm_context_size().unwrap();
    let blob = source.hvm_context(size).unwrap();
    assert_eq!(size, 608 + 4 * 65656, "an upper bound");
    assert_eq!(blob.len(), 608 + 3 * 65656);
    assert!(source.hvm_context(blob.len() - 1).is_err());
    let load = |blob: &[u8], vcpus: u32| {
        let mut target = SimTarget::create(&host, Guest::Hvm, vcpus, 1).unwrap();
        let loaded = target.set_hvm_context(blob).map_err(|error| error.errno);
        (target, loaded)
    };
    let (mut target, loaded) = load(&blob, 4);
    assert_eq!(loaded, Ok(()));
    assert!(target.vcpu_info(3).unwrap().online && !target.vcpu_info(2).unwrap().online);
    let mut again = SimSource::new(&host, target.domid());
    let back = again.hvm_context(size).unwrap();
    assert_eq!(back, blob);
    for (change, errno) in [
        (0, Errno::ENODATA),
        (8, Errno::ENODATA),
        (72, Errno::EINVAL),
    ] {
        let mut bad = blob.clone();
        bad[change] ^= 0x40;
        assert_eq!(load(&bad, 4).1, Err(errno), "{change}");
    }
    assert_eq!(load(&blob, 2).1, Err(Errno::EINVAL), "vcpu 3 is not there");
    assert_eq!(
        load(&blob[..blob.len() - 8], 4).1,
        Err(Errno::EINVAL),
        "no end"
    );
    assert_eq!(load(b"junk", 4).1, Err(Errno::ENODATA));
}

#[test]
fn an_hvm_psr_that_the_hypervisor_does_not_take_kills_the_one_who_asks() {
    let host = host(Era::from(Dialect::D11), 4096);
    let domid = spec(Guest::Hvm).build(&host).unwrap();
    let mut context = host.vcpu_context(domid, 0).unwrap();
    context[16 + 456 + 5] |= 0x40; // psr.vm
    let mut target = SimTarget::create(&host, Guest::Hvm, 1, 1).unwrap();
    let refused = target.set_vcpu_context(0, &context).unwrap_err();
    assert_eq!(refused.errno, Errno::EIO);
    // Not the guest: the control domain, and the machine with it.
    assert_eq!(host.down(), Some(Down::ControlDomain));
    assert_eq!(target.info().unwrap_err().errno, Errno::EIO);
    assert_eq!(host.domain_info(domid), Err(Errno::EIO));
    assert_eq!(host.create_domain(Guest::Pv, 1, 1), Err(Errno::EIO));
}

#[test]
fn a_guest_suspends_itself_and_goes_on() {
    let host = host(Era::from(Dialect::D11), 4096);
    let domid = spec(Guest::Pv).build(&host).unwrap();
    let mut source = SimSource::new(&host, domid);
    assert!(host.runs(domid));
    source.suspend().unwrap();
    assert_eq!(
        source.info().unwrap().shutdown,
        Some(ShutdownReason::Suspend)
    );
    source.resume().unwrap();
    assert!(host.runs(domid));
    host.shut_down(domid, ShutdownReason::Crash).unwrap();
    source.resume().unwrap();
    assert!(!host.runs(domid), "the dead stay dead");
}
