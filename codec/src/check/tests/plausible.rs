//! The parts of a sample: plausible bytes for each, as a hypervisor of that dialect would have written.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::sample::{PAGES, Record, Vcpu, XSI_VA};
use crate::PAGE_SIZE;
use crate::check::context::spelt;
use crate::dialect::{Dialect, Guest};
use crate::era::{Era, PsrForm};
use crate::wire::hvm::header::{HVM_MAGIC, HVM_VERSION};
use crate::wire::hvm::viosapic::VIOSAPIC_BASE;
use crate::wire::hvm::{Per, RECORDS};
use crate::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use crate::wire::{self, Layout};

pub(super) fn put(bytes: &mut [u8], layout: &Layout, path: &str, value: u64) {
    let found = layout
        .find(path)
        .unwrap_or_else(|| panic!("no field {path}"));
    let field = &mut bytes[found.offset..found.offset + found.size()];
    let size = field.len();
    field.copy_from_slice(&value.to_le_bytes()[..size]);
}

pub(super) fn filled(layout: &Layout, size: usize, fields: &[(&str, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (path, value) in fields {
        put(&mut bytes, layout, path, *value);
    }
    bytes
}

pub(super) fn context(dialect: Dialect, guest: Guest, id: u32) -> Vec<u8> {
    let era = Era::usual(dialect).spec();
    let layout = dialect.spec().context;
    let fields = wire::layout_of_context(layout);
    let mut bytes = vec![0; layout.size()];
    let pv = guest == Guest::Pv;
    let store = 0xe000_0000_0100_0000;
    let mut set = |path: &str, value| {
        // What a layout lacks, its dialect does not have.
        let path = spelt(layout, path);
        if fields.find(&path).is_some() {
            put(&mut bytes, fields, &path, value);
        }
    };
    set(
        "regs.psr",
        if pv {
            // Of a kernel: the machine's, or as it sees it itself.
            match era.psr {
                PsrForm::Machine => 0x1012_0842_6010,
                PsrForm::Virtual => 0x1010_0842_6010,
            }
        } else {
            0x1010_0802_6010
        },
    );
    set("regs.ip", 0xa000_0000_0000_0010);
    set("regs.cfm", 0x8000_0000_0000_040c);
    set("regs.ar.pfs", 0x40c);
    set(
        "regs.ar.rsc",
        if pv { 3 | era.kernel_level << 2 } else { 3 },
    );
    set("regs.ar.bspstore", store);
    set("regs.ar.bsp", store + 0x100);
    set("regs.ar.fpsr", 0x0009_804c_0270_033f);
    set("regs.cr.iva", 0xa000_0001_0000_8000);
    set("regs.cr.pta", 0x3c);
    set("regs.cr.itm", 0x1234);
    set("regs.cr.itv", 0x1_00ef);
    set("regs.pr", 0xfeed);
    for region in 0..8 {
        set(&format!("regs.rr[{region}]"), 0x10039 + (region << 8));
    }
    for word in 0..32 {
        set(&format!("regs.rbs[{word}]"), 0xbeef);
    }
    set("regs.tr.itrs[1].pte", 0x661);
    set("regs.tr.itrs[1].itir", 26 << 2);
    set("regs.tr.dtrs[0].pte", 0x100);
    set("regs.num_phys_stacked", 96);
    if pv {
        set("event_callback_ip", 0xa000_0001_0000_9000);
    }
    set(
        "privregs_pfn",
        if pv { 0x400_0001 + u64::from(id) } else { 1 },
    );
    bytes
}

pub(super) fn privregs(dialect: Dialect, id: u32) -> Vec<u8> {
    let era = Era::usual(dialect).spec();
    let layout = wire::layout_of_mapped_regs(era.privregs);
    let fields = [
        ("interrupt_mask_addr", XSI_VA + 48 * u64::from(id) + 1),
        ("interrupt_collection_enabled", 1),
        ("banknum", 1),
        ("pta", 0x3c),
        ("itv", 0x1_0000),
    ];
    let mut page = filled(layout, PAGE_SIZE, &fields);
    for index in 0..8 {
        let value = era.region_defaults.value(index);
        put(&mut page, layout, &format!("rrs[{index}]"), value);
    }
    page
}

pub(super) fn records(dialect: Dialect, vcpus: &[Vcpu]) -> Vec<Record> {
    let spec = dialect.spec();
    let known = RECORDS
        .iter()
        .filter(|known| known.typecode != 8 || spec.hvm_fixed_bytes[0] == 608);
    let instances = |per| match per {
        Per::Domain => 1,
        Per::Vcpu => vcpus.len(),
    };
    known
        .flat_map(|known| (0..instances(known.per)).map(move |index| (known, index)))
        .map(|(known, index)| {
            let mut body = vec![0; known.length as usize];
            let mut set = |path: &str, value| put(&mut body, known.layout, path, value);
            let context = &vcpus[index].context;
            match known.typecode {
                1 => {
                    set("magic", HVM_MAGIC);
                    set("version", HVM_VERSION);
                    set("cpuid[3]", 4);
                }
                3 => {
                    set("vpd.vpd_low.vpsr", 0x1010_0802_6010);
                    set("vpd.vpd_low.vpr", 0xfeed);
                    let vcr = known.layout.find("vpd.vpd_low.vcr").unwrap().offset;
                    body[vcr..vcr + 1024].copy_from_slice(&context[1528..2552]);
                }
                5 => set("itm", 0x1234),
                6 => {
                    set("lowest_vcpu_id", u64::MAX);
                    set("base_address", VIOSAPIC_BASE);
                    set("redirtbl[47].bits", 1 << 16 | 0x2f);
                }
                8 => {
                    set("im_reg7.on", 1);
                    set("im_reg7.pgprot", 0x661);
                }
                _ => {}
            }
            Record {
                typecode: known.typecode,
                instance: if known.per == Per::Vcpu {
                    vcpus[index].id as u16
                } else {
                    0
                },
                length: known.length,
                body,
            }
        })
        .collect()
}

pub(super) fn start_info(dialect: Dialect) -> Vec<u8> {
    let layout = wire::layout_of_start_info(dialect.spec().start_info[0]);
    let console = if dialect == Dialect::D0 {
        "console_mfn"
    } else {
        "console.domU.mfn"
    };
    let fields = [("nr_pages", PAGES), ("store_mfn", 8), (console, 9)];
    let mut page = filled(layout, PAGE_SIZE, &fields);
    page[..12].copy_from_slice(b"xen-3.0-ia64");
    page
}

/// RAM as bytes: start and EFI pages.
pub(super) fn memmap(ram: &[(u64, u64)]) -> Vec<u8> {
    let fields = [
        ("efi_memmap_size", 40 * ram.len() as u64),
        ("efi_memdesc_size", 40),
        ("efi_memdesc_version", 1),
    ];
    let mut page = filled(MemmapInfo::LAYOUT, PAGE_SIZE, &fields);
    for (index, (start, pages)) in ram.iter().enumerate() {
        let fields = [
            ("type", 7),
            ("phys_addr", *start),
            ("num_pages", *pages),
            ("attribute", 8),
        ];
        let desc = filled(EfiMemoryDesc::LAYOUT, 40, &fields);
        page[24 + 40 * index..][..40].copy_from_slice(&desc);
    }
    page
}
