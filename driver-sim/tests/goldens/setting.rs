//! A host of a golden image's era, and the image in a domain of it.

use ia64save_codec::transfer::restore::Options;
use ia64save_codec::transfer::{Restore, Restored, Save, Xen, save};
use ia64save_corpus::Golden;
use ia64save_sim::link::Link;
use ia64save_sim::{Era, Host, Machine, Registers};

use crate::ports::{SimSource, SimTarget};

/// The Xen that wrote an image.
pub fn era(golden: &Golden) -> Era {
    let name = match golden.restored()["era"].as_str().expect("an era") {
        "v1old" => "xen-3.1",
        "v1new" => "dev-20070524",
        "seed" => "dev-20071021",
        "r320" => "xen-3.2",
        "r340" => "xen-3.4",
        "r410" => "xen-4.1",
        other => panic!("era {other}"),
    };
    name.parse().expect("an era of the host")
}

/// A host that keeps registers bit by bit, as the domains did behind which most goldens were written.
pub fn host(era: Era) -> Host {
    Host::new(Machine {
        registers: Registers::Verbatim,
        ..Machine::new(era)
    })
}

/// How many vcpus the original restore's target had.
fn vcpus(golden: &Golden) -> u32 {
    let note = golden.restored()["note"].as_str().expect("a note");
    let (_, rest) = note.split_once("with ").expect("with N vcpu(s)");
    rest.split(' ').next().unwrap().parse().expect("a number")
}

/// The channels that the original restores were given.
pub fn options() -> Options {
    Options::default().store_evtchn(21).console_evtchn(22)
}

/// Restores an image as the ground truth did.
pub fn restore(golden: &Golden, host: &Host) -> (SimTarget, Restored) {
    let p2m_size = golden.truth["p2m_size"].as_u64().unwrap();
    let mut target = SimTarget::create(host, golden.guest(), vcpus(golden), p2m_size).unwrap();
    let image = golden.bytes();
    let mut restore = Restore::new(&mut target, options());
    let fed = restore.feed(&image, true);
    let fed = fed.unwrap_or_else(|error| panic!("{}: {error}", golden.name));
    assert!(fed.done && fed.consumed == image.len());
    let done = restore.finish().unwrap();
    (target, done)
}

/// Saves a domain as the original did, not live.
pub fn save(host: &Host, domid: u32) -> Vec<u8> {
    let mut source = SimSource::new(host, domid);
    let mut link = Link::new(host, 0, std::time::Duration::ZERO, Vec::new());
    let options = save::Options::default().live(false);
    let saved = Save::new(&mut source, &mut link)
        .policy(&mut Xen::default())
        .options(options)
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(saved.leftovers.is_empty());
    link.into_receiver()
}
