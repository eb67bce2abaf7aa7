//! Hosts with an image restored on them.

use ia64save_codec::Guest;
use ia64save_codec::image::{Checkpoint, Image};
use ia64save_codec::transfer::Restore;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::transfer::restore::Options;
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs};
use ia64save_sim::{Era, Host, Machine, SimTarget};

/// Where a field is in a context of an era, where it has one.
pub fn place(era: ia64save_codec::Era, path: &str) -> Option<(usize, usize)> {
    let layout = era.dialect().spec().context;
    let field = layout_of_context(layout).find(path)?;
    Some((field.offset, field.size().min(8)))
}

pub fn word(bytes: &[u8], (at, size): (usize, usize)) -> u64 {
    let mut word = [0; 8];
    word[..size].copy_from_slice(&bytes[at..at + size]);
    u64::from_le_bytes(word)
}

pub fn put(bytes: &mut [u8], (at, size): (usize, usize), value: u64) {
    bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
}

/// A field of a privregs page.
pub fn in_page(era: ia64save_codec::Era, path: &str) -> (usize, usize) {
    let field = layout_of_mapped_regs(era.spec().privregs).find(path);
    let field = field.unwrap_or_else(|| panic!("no {path}"));
    (field.offset, field.size().min(8))
}

/// A machine of an era whose register stacks begin where those of a context do, so that it lays nothing
/// out anew: no conversion can know where the target's do.
pub fn machine(era: Era, context: &[u8]) -> Machine {
    let mut machine = Machine::new(era);
    if let Some(place) = place(era.meaning(), "regs.rbs_voff") {
        machine.rbs_voff = word(context, place);
    }
    machine
}

pub fn last(image: &Image) -> &Checkpoint {
    image.checkpoints.last().expect("a checkpoint")
}

/// Restores an image. What is refused is refused by the hypervisor.
pub fn restore(host: &Host, guest: Guest, bytes: &[u8], pages: u64) -> Result<u32, String> {
    let mut target = SimTarget::create(host, guest, 8, pages).expect("a domain");
    let options = Options::default()
        .dialect(Some(host.machine().era.dialect()))
        .guest(Some(guest));
    let mut restore = Restore::new(&mut target, options);
    let fed = restore
        .feed(bytes, true)
        .map_err(|error| error.to_string())?;
    assert!(fed.done, "more is wanted");
    restore.finish().map_err(|error| error.to_string())?;
    Ok(target.domid())
}

/// A domain of one vcpu with that context, and, where there is one, that privregs page.
pub fn set(host: &Host, context: &[u8], page: Option<&[u8]>) -> Result<u32, Errno> {
    let domid = host.create_domain(Guest::Pv, 1, 64)?;
    host.set_vcpu_context(domid, 0, context)?;
    if let Some(page) = page {
        let frame = host.domain_info(domid)?.shared_info_frame + 1;
        host.guest_write(domid, frame, 0, page)?;
    }
    Ok(domid)
}
