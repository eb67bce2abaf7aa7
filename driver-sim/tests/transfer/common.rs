//! A domain as it is, to be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use ia64save_codec::transfer::policy::Policy;
use ia64save_codec::transfer::ports::{ShutdownReason, SourceDomain};
use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::save::{Options, Save};
use ia64save_codec::transfer::{Restored, Saved, TransferError, Xen};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::link::Link;
use ia64save_sim::{DomId, Era, Host, Machine};

use crate::ports::{self, SimSource, SimTarget};

/// A host of that era with small pages.
pub fn host(era: impl Into<Era>, page_size: usize) -> Host {
    Host::new(Machine {
        page_size,
        ..Machine::new(era.into())
    })
}

/// Saves a domain that is left suspended.
pub fn save(host: &Host, domid: DomId, live: bool) -> Result<(Saved, Vec<u8>), TransferError> {
    save_by(host, domid, live, &mut Xen::default())
}

/// The same, with a policy.
pub fn save_by(
    host: &Host,
    domid: DomId,
    live: bool,
    policy: &mut dyn Policy,
) -> Result<(Saved, Vec<u8>), TransferError> {
    let mut source = SimSource::new(host, domid);
    let mut link = Link::new(host, 1 << 24, Duration::from_millis(1), Vec::new());
    let options = Options::default().live(live);
    let save = Save::new(&mut source, &mut link).options(options);
    let saved = save.policy(policy).run()?;
    Ok((saved, link.into_receiver()))
}

/// Restores an image in pieces of so many bytes; the new domain is paused.
pub fn restore(
    host: &Host,
    guest: Guest,
    vcpus: u32,
    max_pages: u64,
    image: &[u8],
    piece: usize,
) -> Result<(DomId, Restored), TransferError> {
    let mut target = SimTarget::create(host, guest, vcpus, max_pages).expect("a domain");
    let domid = target.domid();
    let options = RestoreOptions::default().dialect(Some(host.machine().era.dialect()));
    let mut restore = Restore::new(&mut target, options);
    let (mut at, mut shown) = (0, 0);
    while !restore.feed(&[], false)?.done && at < image.len() {
        shown = (shown + piece).min(image.len());
        at += restore
            .feed(&image[at..shown], shown == image.len())?
            .consumed;
    }
    Ok((domid, restore.finish()?))
}

/// A vcpu: its registers, and the page that a PV vcpu shares with the hypervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcpuState {
    pub context: Vec<u8>,
    pub privregs: Option<Vec<u8>>,
}

/// All that a saved domain has and a restored one must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainState {
    pub guest: Guest,
    pub memory: BTreeMap<u64, Vec<u8>>,
    pub vcpus: BTreeMap<u32, VcpuState>,
    pub hvm_context: Option<Vec<u8>>,
}

/// Looks at a domain, not through a port: no fault that was planned strikes here.
pub fn state(host: &Host, domid: DomId) -> DomainState {
    let info = host.domain_info(domid).unwrap();
    let frame = info.shared_info_frame;
    let all = host.machine().era.dialect().has_vcpumap(info.guest);
    let online = |vcpu: u32| host.vcpu_info(domid, vcpu).unwrap().online;
    let vcpus = (0..=info.max_vcpu_id).filter(|vcpu| *vcpu == 0 || (all && online(*vcpu)));
    let vcpus = vcpus.map(|vcpu| {
        let privregs = match info.guest {
            Guest::Pv => host.guest_page(domid, frame + 1 + u64::from(vcpu)),
            Guest::Hvm => None,
        };
        let context = host.vcpu_context(domid, vcpu).unwrap();
        (vcpu, VcpuState { context, privregs })
    });
    let hvm_context = (info.guest == Guest::Hvm).then(|| {
        let size = host.hvm_context_size(domid).unwrap();
        host.hvm_context(domid, size).unwrap()
    });
    let pages = host.guest_pages(domid);
    let page = |pfn: &u64| (*pfn, host.guest_page(domid, *pfn).unwrap());
    DomainState {
        guest: info.guest,
        memory: pages.iter().map(page).collect(),
        vcpus: vcpus.collect(),
        hvm_context,
    }
}

/// A domain was saved in this state and restored into that one: every difference that a restore does
/// not make by design.
pub fn assert_same(before: &DomainState, after: &DomainState, restored: &Restored, what: &str) {
    assert_eq!(before.guest, after.guest, "{what}");
    let pfns = |state: &DomainState| state.memory.keys().copied().collect::<Vec<_>>();
    assert_eq!(pfns(before), pfns(after), "{what}: which pages there are");
    for (pfn, page) in &before.memory {
        let new = &after.memory[pfn];
        if restored.cleared.contains(pfn) {
            assert!(new.iter().all(|byte| *byte == 0), "{what}: page {pfn:#x}");
        } else if before.guest == Guest::Pv && *pfn == restored.start_info_pfn {
            // Patched: nr_pages, shared_info, flags, both event channels.
            let kept = |page: &[u8]| {
                let mut page = page.to_vec();
                for field in [32..52, 64..68, 80..84] {
                    page.get_mut(field)
                        .into_iter()
                        .for_each(|field| field.fill(0));
                }
                page
            };
            assert_eq!(kept(page), kept(new), "{what}: start_info");
        } else {
            assert!(page == new, "{what}: page {pfn:#x} differs");
        }
    }
    assert_eq!(
        before.vcpus.keys().collect::<Vec<_>>(),
        after.vcpus.keys().collect::<Vec<_>>(),
        "{what}: vcpus"
    );
    for (id, vcpu) in &before.vcpus {
        let new = &after.vcpus[id];
        assert!(vcpu.privregs == new.privregs, "{what}: privregs[{id}]");
        let differs = |at: &usize| vcpu.context[*at] != new.context[*at];
        let first = (0..vcpu.context.len()).find(differs);
        assert_eq!(first, None, "{what}: vcpu[{id}] differs at that byte");
    }
    assert!(
        before.hvm_context == after.hvm_context,
        "{what}: HVM context"
    );
}

/// A domain that was saved is suspended and nothing of it is held.
pub fn assert_suspended(host: &Host, domid: DomId) {
    let info = host.domain_info(domid).unwrap();
    assert_eq!(info.shutdown, Some(ShutdownReason::Suspend));
    let left = host.leftovers();
    assert_eq!(
        (left.mapped_pages, left.exposed_p2ms, left.log_dirty),
        (0, 0, 0)
    );
}

/// Lets a suspended domain go on, and sees that it does.
pub fn resume(host: &Host, domid: DomId) {
    if ports::can_resume(host.machine().era) {
        SimSource::new(host, domid).resume().unwrap();
        assert!(host.runs(domid));
    }
}

/// Every era, with the kinds of guest that it can save.
pub fn eras() -> impl Iterator<Item = (Era, Guest)> {
    Era::all().filter(|era| ports::reach(*era)).flat_map(|era| {
        let dialect: Dialect = era.dialect();
        let guests = [Guest::Pv, Guest::Hvm].into_iter();
        guests
            .filter(move |guest| dialect.supports(*guest))
            .map(move |guest| (era, guest))
    })
}
