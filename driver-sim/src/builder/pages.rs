//! What is in the memory of a domain.

use ia64save_codec::Guest;
use ia64save_codec::dialect::SharedInfoLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::nvram::{NVRAM_SIGNATURE, NvramSaveAddr};
use ia64save_codec::wire::start_info::START_INFO_MAGIC;
use ia64save_codec::wire::{
    Wire, boot_param::BootParam, layout_of_shared_info, layout_of_start_info,
};

use super::map::{Map, nvram_pfn};
use super::spec::{Contents, GuestSpec};
use crate::fields::Fields;
use crate::hypervisor::{DomId, Era, Host};
use ia64save_generate::Random;

/// Interrupt vector by which Linux takes events.
const EVTCHN_VECTOR: u64 = 233;
/// Ports of xenstore and console.
const STORE_PORT: u64 = 1;
const CONSOLE_PORT: u64 = 2;

pub(super) fn write(
    spec: &GuestSpec,
    host: &Host,
    domid: DomId,
    map: &Map,
    present: &[u64],
) -> Result<(), Errno> {
    let machine = host.machine();
    let page_size = machine.page_size;
    fill(spec, host, domid, map, present)?;
    if has_memmap(machine.era) {
        let bytes = map.memmap_bytes(page_size);
        for (pfn, page) in map.memmap.clone().zip(bytes.chunks(page_size)) {
            host.guest_write(domid, pfn, 0, page)?;
        }
        let pages = map.memmap.end - map.memmap.start;
        host.set_memmap_place(domid, map.memmap.start, pages)?;
    }
    if let Some(pfn) = map.start_info {
        let page = start_info(machine.era, map, page_size);
        host.guest_write(domid, pfn, 0, &page)?;
    }
    if spec.guest == Guest::Hvm && present.binary_search(&nvram_pfn()).is_ok() {
        let nvram = NvramSaveAddr {
            addr: (nvram_pfn() + 1) * page_size as u64,
            signature: NVRAM_SIGNATURE,
        };
        host.guest_write(domid, nvram_pfn(), 0, &nvram.to_bytes())?;
    }
    let frame = host.domain_info(domid)?.shared_info_frame;
    let page = shared_info(spec, machine.era, map, page_size);
    host.guest_write(domid, frame, 0, &page)
}

/// Guests have a memory map in their memory from b4835ed4dd (2007-05-21) on, months before it was
/// saved.
fn has_memmap(era: Era) -> bool {
    era.shared_info() == SharedInfoLayout::S2
}

fn fill(
    spec: &GuestSpec,
    host: &Host,
    domid: DomId,
    map: &Map,
    present: &[u64],
) -> Result<(), Errno> {
    let mut page = vec![0; host.machine().page_size];
    for pfn in present {
        let mut random = Random::new(spec.seed, &[2, *pfn]);
        if map.is_special(*pfn) && spec.guest == Guest::Pv {
            continue;
        }
        let content = match spec.contents {
            Contents::Empty => continue,
            Contents::Random if random.once_in(8) => continue,
            Contents::Random => &mut page[..],
            Contents::Marked => {
                let end = page.len().min(16);
                &mut page[..end]
            }
        };
        random.fill(content);
        host.guest_write(domid, *pfn, 0, content)?;
    }
    Ok(())
}

fn start_info(era: Era, map: &Map, page_size: usize) -> Vec<u8> {
    let layout = layout_of_start_info(era.start_info());
    let mut page = vec![0; page_size];
    let mut fields = Fields::new(layout, &mut page);
    fields.fill("magic", START_INFO_MAGIC);
    fields.set("nr_pages", map.end);
    fields.set("shared_info", 1 << 40);
    fields.set("store_mfn", map.store);
    fields.set("store_evtchn", STORE_PORT);
    for console in ["console_mfn", "console.domU.mfn"] {
        fields.set(console, map.console);
    }
    for console in ["console_evtchn", "console.domU.evtchn"] {
        fields.set(console, CONSOLE_PORT);
    }
    fields.fill("cmd_line", b"root=/dev/xvda1 ro console=hvc0");
    if let Some(behind) = page.get_mut(layout.size..) {
        let mut boot = Fields::new(BootParam::LAYOUT, behind);
        boot.set("domain_start", map.memmap.start);
        boot.set("domain_size", map.memmap.end - map.memmap.start);
    }
    page
}

fn shared_info(spec: &GuestSpec, era: Era, map: &Map, page_size: usize) -> Vec<u8> {
    let layout = layout_of_shared_info(era.shared_info());
    let mut random = Random::new(spec.seed, &[3]);
    let mut page = vec![0; page_size];
    let mut fields = Fields::new(layout, &mut page);
    for vcpu in 0..64 {
        let path = format!("vcpu_info[{vcpu}]");
        fields.set(&format!("{path}.evtchn_upcall_mask"), 1);
        if spec.online().any(|online| online == vcpu) {
            fields.set(&format!("{path}.time.version"), 2 * random.below(1000));
            fields.set(&format!("{path}.time.tsc_timestamp"), random.below(1 << 40));
            fields.set(&format!("{path}.time.system_time"), random.below(1 << 40));
            fields.set(&format!("{path}.time.tsc_to_system_mul"), 0xa000_0000);
        }
    }
    // An event waits for vcpu 0; ports nobody bound are held back.
    fields.set("vcpu_info[0].evtchn_pending_sel", 1);
    fields.set("evtchn_pending[0]", 1 << CONSOLE_PORT);
    for word in 0..64 {
        let bound = if word == 0 {
            1 << STORE_PORT | 1 << CONSOLE_PORT
        } else {
            0
        };
        fields.set(&format!("evtchn_mask[{word}]"), !bound);
    }
    fields.set("wc_version", 2);
    fields.set("wc_sec", 1_200_000_000);
    fields.set("wc_nsec", random.below(1_000_000_000));
    fields.set("arch.start_info_pfn", map.start_info.unwrap_or(0));
    fields.set("arch.evtchn_vector", EVTCHN_VECTOR);
    if has_memmap(era) {
        fields.set(
            "arch.memmap_info_num_pages",
            map.memmap.end - map.memmap.start,
        );
        fields.set("arch.memmap_info_pfn", map.memmap.start);
    }
    page
}
