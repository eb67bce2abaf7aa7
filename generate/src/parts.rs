//! The other parts of a stream: setup record, pages of vcpus and of the domain, HVM context.

use ia64save_codec::Guest;
use ia64save_codec::dialect::{MappedRegsLayout, P2mSizeMeaning, SharedInfoLayout};
use ia64save_codec::era::{DcrSet, VhptByte};
use ia64save_codec::wire::hvm::header::{HVM_MAGIC, HVM_VERSION};
use ia64save_codec::wire::hvm::viosapic::VIOSAPIC_BASE;
use ia64save_codec::wire::hvm::{Per, RECORDS, Record};
use ia64save_codec::wire::{
    layout_of_arch_setup, layout_of_mapped_regs, layout_of_shared_info, layout_of_start_info,
};

use crate::canvas::Canvas;
use crate::context::{CONTROL, predicates};
use crate::memory::Memory;
use crate::params::Params;
use crate::random::Random;
use crate::vcpu::{PSR_HVM, Vcpu};

/// How a PV kernel is told what it runs on.
const START_INFO_MAGIC: &[u8] = b"xen-3.0-ia64";

/// The domain setup record, with the saver's stack in its padding.
pub(crate) fn arch_setup(params: &Params, memory: &Memory, random: &mut Random) -> Vec<u8> {
    let dialect = params.dialect;
    let layout = dialect.spec().arch_setup;
    let stack = random.garbage(layout.size());
    let mut canvas = Canvas::new(layout_of_arch_setup(layout), stack);
    canvas.set_if_there("domain", 0);
    canvas.set("flags", if params.guest == Guest::Hvm { 3 } else { 2 });
    canvas.set("bp", 0);
    let maxmem = match dialect.spec().p2m_size {
        P2mSizeMeaning::MaxMem => 0,
        P2mSizeMeaning::MaximumGpfn => memory.end * params.page_size as u64,
    };
    canvas.set("maxmem", maxmem);
    canvas.set("xsi_va", params.era.spec().xsi_va);
    canvas.set("hypercall_imm", 0x1000);
    let size = random.pick(&[0, 16, 23]);
    let is_size = match params.era.spec().vhpt {
        VhptByte::Padding => false,
        VhptByte::Either => random.once_in(2),
        VhptByte::Size => true,
    };
    if is_size && let Some(byte) = canvas.bytes.get_mut(36) {
        *byte = size;
    }
    canvas.bytes
}

/// The privregs page of a PV vcpu.
pub(crate) fn privregs(params: &Params, vcpu: u32, random: &mut Random) -> Vec<u8> {
    let spec = params.era.spec();
    let own = Vcpu::new(params, vcpu);
    let layout = spec.privregs;
    let mut canvas = Canvas::new(layout_of_mapped_regs(layout), vec![0; params.page_size]);
    for register in 0..16 {
        canvas.set(&format!("vbgr[{register}]"), random.word());
        canvas.set(&format!("vgr[{register}]"), random.word());
    }
    for (number, value) in own.cr.iter().enumerate() {
        // These two are kept elsewhere.
        let elsewhere = number == 2 || number == 65 || (number == 0 && spec.dcr_set == DcrSet::Own);
        if !elsewhere && *value != 0 {
            canvas.put(2048 + 8 * number, &value.to_le_bytes());
        }
    }
    canvas.set("interrupt_collection_enabled", 1);
    canvas.set("banknum", 1);
    canvas.set("metaphysical_mode", own.metaphysical.into());
    let mask = spec.xsi_va + 48 * u64::from(vcpu) + 1;
    canvas.set("interrupt_mask_addr", mask);
    for (region, rr) in own.rr.into_iter().enumerate() {
        canvas.set(&format!("rrs[{region}]"), rr);
    }
    canvas.put(3108, &own.page_flags(layout));
    if layout == MappedRegsLayout::M5 && random.once_in(2) {
        canvas.set("itc_offset", random.below(1 << 40));
        canvas.set("itc_last", own.itc);
    }
    canvas.bytes
}

/// The shared_info page.
pub(crate) fn shared_info(params: &Params, memory: &Memory, random: &mut Random) -> Vec<u8> {
    let layout = random.pick(params.dialect.spec().shared_info);
    let mut canvas = Canvas::new(layout_of_shared_info(layout), vec![0; params.page_size]);
    for vcpu in 0..64 {
        let path = format!("vcpu_info[{vcpu}]");
        let pending = params.vcpus.contains(&vcpu) && random.once_in(2);
        canvas.set(&format!("{path}.evtchn_upcall_pending"), pending.into());
        canvas.set(&format!("{path}.evtchn_upcall_mask"), (!pending).into());
        canvas.set(&format!("{path}.evtchn_pending_sel"), random.word());
        canvas.set(&format!("{path}.time.system_time"), random.word());
    }
    canvas.fill("evtchn_pending", &random.bytes(512));
    canvas.fill("evtchn_mask", &random.bytes(512));
    canvas.set("wc_sec", 1_200_000_000);
    let start_info = match params.guest {
        Guest::Pv => memory.start_info,
        Guest::Hvm => 0,
    };
    canvas.set("arch.start_info_pfn", start_info);
    canvas.set("arch.evtchn_vector", 233);
    if layout == SharedInfoLayout::S2 {
        canvas.set("arch.memmap_info_num_pages", 1);
        canvas.set("arch.memmap_info_pfn", memory.present[0]);
    }
    canvas.bytes
}

/// A page of the guest. Its first copy differs from the next, and some are all zero.
pub(crate) fn page(params: &Params, memory: &Memory, pfn: u64, random: &mut Random) -> Vec<u8> {
    if params.guest == Guest::Pv && pfn == memory.start_info {
        return start_info(params, memory, random);
    }
    if random.once_in(8) {
        return vec![0; params.page_size];
    }
    random.bytes(params.page_size)
}

fn start_info(params: &Params, memory: &Memory, random: &mut Random) -> Vec<u8> {
    let layout = random.pick(params.dialect.spec().start_info);
    let mut canvas = Canvas::new(layout_of_start_info(layout), vec![0; params.page_size]);
    let mut magic = [0; 32];
    magic[..START_INFO_MAGIC.len()].copy_from_slice(START_INFO_MAGIC);
    canvas.fill("magic", &magic);
    canvas.set("nr_pages", memory.end);
    canvas.set("shared_info", 1 << 40);
    canvas.set("store_mfn", memory.present[0]);
    canvas.set("store_evtchn", 1 + random.below(4));
    canvas.bytes
}

/// The HVM context: every record of the domain and of each vcpu, by type.
pub(crate) fn hvm_context(params: &Params, random: &mut Random) -> Vec<u8> {
    let mut blob = Vec::new();
    for record in &RECORDS {
        if record.typecode == 8 && !params.identity_record {
            continue;
        }
        let instances: &[u32] = match record.per {
            Per::Domain => &[0],
            Per::Vcpu => &params.vcpus,
        };
        for instance in instances {
            blob.extend_from_slice(&record.typecode.to_le_bytes());
            blob.extend_from_slice(&(*instance as u16).to_le_bytes());
            blob.extend_from_slice(&record.length.to_le_bytes());
            blob.extend(hvm_record(params, record, *instance, random));
        }
    }
    blob
}

fn hvm_record(params: &Params, record: &Record, vcpu: u32, random: &mut Random) -> Vec<u8> {
    let mut body = Canvas::new(record.layout, vec![0; record.length as usize]);
    match record.name {
        "HEADER" => {
            body.set("magic", HVM_MAGIC);
            body.set("version", HVM_VERSION);
            body.set("changeset", u64::MAX);
            body.set("cpuid[3]", 0x1f01_0504);
        }
        "CPU" => body.set("ipsr", PSR_HVM),
        "VPD" => {
            for register in 0..16 {
                body.set(&format!("vpd.vpd_low.vgr[{register}]"), random.word());
                body.set(&format!("vpd.vpd_low.vbgr[{register}]"), random.word());
            }
            body.set("vpd.vpd_low.vpsr", PSR_HVM);
            body.set("vpd.vpd_low.vpr", predicates(params, vcpu));
            for (name, value) in CONTROL {
                body.set(&format!("vpd.vpd_low.{name}"), value);
            }
            // Addresses of the saving host.
            body.set("vpd.vpd_low.virt_env_vaddr", random.word());
            body.set("vpd.vmm_avail[0]", random.word());
        }
        "VTIME" => {
            body.set("itc", random.below(1 << 40));
            body.set("last_itc", random.below(1 << 40));
        }
        "VIOSAPIC" => {
            body.set("lowest_vcpu_id", u64::MAX);
            body.set("base_address", VIOSAPIC_BASE);
        }
        "VACPI" => body.set("regs.tmr_val", random.below(1 << 24)),
        _ => {}
    }
    body.bytes
}
