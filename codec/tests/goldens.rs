//! Every image that Xen's own code wrote, compared field by field with what is known to be in it.

mod truth;

use ia64save_codec::image::{Checkpoint, Image, Options};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::wire::{ArchSetup, Context, SharedInfo, Wire, memmap::MemmapInfo};
use ia64save_codec::{Dialect, Era, Guest, ram};
use ia64save_corpus::{Golden, goldens};
use serde_json::Value;
use truth::{hex, list, number, sha256};

/// Reads every golden image and gives it to `compare` with the truth about it.
fn each(compare: impl Fn(&Golden, &Image, &Checkpoint)) {
    let mut seen = 0;
    for golden in goldens() {
        let image = read(&golden);
        assert_eq!(image.error, None, "{}", golden.name);
        assert_eq!(image.checkpoints.len(), 1, "{}", golden.name);
        compare(&golden, &image, &image.checkpoints[0]);
        seen += 1;
    }
    assert!(seen >= 53, "{seen} goldens");
}

/// Reads a golden as what it is found to be; where that is left open or is not its dialect, as what it
/// is.
fn read(golden: &Golden) -> Image {
    let image = Image::parse(&golden.bytes(), &Options::default());
    if image.dialect() == Some(golden.dialect()) {
        return image;
    }
    let options = Options::default().dialect(Some(golden.dialect()));
    Image::parse(&golden.bytes(), &options)
}

#[test]
fn what_is_found_has_the_truth_among_it() {
    for golden in goldens() {
        let (name, era) = (&golden.name, golden.era());
        // The last 79 minutes of D7 wrote what D8 does, and mean the same by it.
        let as_d8 = |found: Dialect| era == Era::D7D && found == Dialect::D8;
        let image = Image::parse(&golden.bytes(), &Options::default());
        let found = image.detection.as_ref().expect(name);
        let right = found.eras.contains(&era) && found.candidates.contains(&era.dialect());
        assert!(right || as_d8(found.best()), "{name}: {era} of {found:?}");
        let certain = found.dialect.is_none_or(|dialect| dialect == era.dialect());
        assert!(certain || as_d8(found.best()), "{name}: {era} of {found:?}");
    }
}

#[test]
fn guests_and_versions() {
    each(|golden, image, _| {
        let name = &golden.name;
        assert_eq!(image.dialect(), Some(golden.dialect()), "{name}");
        assert_eq!(image.guest(), Some(golden.guest()), "{name}");
        let version = number(&golden.truth["format_version"]);
        assert_eq!(image.version().map(|v| v as u64), Some(version), "{name}");
    });
}

#[test]
fn heads() {
    each(|golden, image, _| {
        let (name, truth) = (&golden.name, &golden.truth);
        assert_eq!(image.end, number(&truth["file_size"]), "{name}");
        let prologue = image.prologue.unwrap();
        assert_eq!(prologue.p2m_size, number(&truth["p2m_size"]), "{name}");

        let (section, truth) = (image.arch_setup.as_ref().unwrap(), &truth["arch_setup"]);
        assert_eq!(section.offset, number(&truth["offset"]), "{name}");
        assert_eq!(section.bytes.len() as u64, number(&truth["size"]), "{name}");
        let layout = image.arch_setup_layout().unwrap();
        let setup = ArchSetup::parse(layout, &section.bytes).unwrap();
        assert_eq!(setup.flags(), number(&truth["flags"]), "{name}");
        assert_eq!(setup.bp(), number(&truth["bp"]), "{name}");
        assert_eq!(setup.maxmem(), number(&truth["maxmem"]), "{name}");
        assert_eq!(setup.xsi_va(), number(&truth["xsi_va"]), "{name}");
        let immediate = number(&truth["hypercall_imm"]);
        assert_eq!(u64::from(setup.hypercall_imm()), immediate, "{name}");
        let vhpt = setup.vhpt_size_log2().map(i64::from);
        assert_eq!(vhpt, truth["vhpt_size_log2"].as_i64(), "{name}");
        let padding = hex(&truth["pad_hex"]);
        let at = number(&truth["pad_offset"]) - section.offset;
        assert_eq!(section.bytes[at as usize..], padding, "{name}");
    });
}

#[test]
fn memory_maps() {
    each(|golden, image, _| {
        let (name, truth) = (&golden.name, &golden.truth["memmap"]);
        let Some(section) = &image.memmap else {
            assert!(truth.is_null(), "{name}");
            return;
        };
        assert_eq!(section.offset, number(&truth["offset"]), "{name}");
        assert_eq!(section.bytes.len() as u64, number(&truth["size"]), "{name}");
        let pages = section.bytes.len() / image.page_size;
        assert_eq!(pages as u64, number(&truth["num_pages"]), "{name}");
        let info = MemmapInfo::parse(&section.bytes).unwrap();
        let field = |field: &str| number(&truth[field]);
        assert_eq!(info.efi_memmap_size, field("efi_memmap_size"), "{name}");
        assert_eq!(info.efi_memdesc_size, field("efi_memdesc_size"), "{name}");
        let version = u64::from(info.efi_memdesc_version);
        assert_eq!(version, field("efi_memdesc_version"), "{name}");

        let found: Vec<_> = ram::descriptors(&section.bytes).collect();
        let expected = truth["descriptors"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        let mut runs: Vec<Pfns> = Vec::new();
        for ((offset, found), truth) in found.iter().zip(expected) {
            let at = section.offset + *offset as u64;
            assert_eq!(at, number(&truth["offset"]), "{name}");
            assert_eq!(u64::from(found.r#type), number(&truth["type"]), "{name}");
            assert_eq!(found.phys_addr, number(&truth["phys_addr"]), "{name}");
            assert_eq!(found.virt_addr, number(&truth["virt_addr"]), "{name}");
            assert_eq!(found.num_pages, number(&truth["num_pages"]), "{name}");
            assert_eq!(found.attribute, number(&truth["attribute"]), "{name}");
            assert_eq!(Some(found.is_ram()), truth["is_ram"].as_bool(), "{name}");
            if found.is_ram() {
                let pfns = number(&truth["first_pfn"])..number(&truth["end_pfn"]);
                runs.extend(Pfns::of(pfns));
            }
        }
        assert_eq!(image.ram().unwrap().runs(), runs, "{name}");
        let behind = field("tail_offset") - section.offset;
        let sum = sha256(&section.bytes[behind as usize..]);
        assert_eq!(sum, truth["tail_sha256"], "{name}");
    });
}

#[test]
fn pages() {
    each(|golden, image, checkpoint| {
        let (name, truth) = (&golden.name, &golden.truth["pages"]);
        let pages = &checkpoint.pages;
        assert_eq!(pages.offset(), number(&truth["offset"]), "{name}");
        assert_eq!(pages.stride(), number(&truth["record_size"]), "{name}");
        assert_eq!(pages.len() as u64, number(&truth["num_records"]), "{name}");
        let distinct = number(&truth["num_distinct"]);
        assert_eq!(pages.distinct() as u64, distinct, "{name}");
        assert_eq!(pages.pfns(), list(&truth["order"]), "{name}");
        let terminator = truth["terminator_offset"].as_u64();
        assert_eq!(pages.terminator(), terminator, "{name}");
        let ascending = pages.pfns().is_sorted();
        assert_eq!(Some(ascending), truth["ascending"].as_bool(), "{name}");

        let mut duplicates = 0;
        for (pfn, last, copies) in pages.last_copies() {
            let key = pfn.to_string();
            let page = image.page(checkpoint, last).unwrap();
            assert_eq!(sha256(page), truth["last_sha256"][&key], "{name}: {pfn}");
            let (offset, same) = image.page_of(0, pfn).unwrap();
            assert_eq!((offset, same), (pages.page_offset(last), page), "{name}");
            let record = image.record_offset_of(0, pfn);
            assert_eq!(record, Some(pages.record_offset(last)), "{name}");
            assert_eq!(record, Some(offset - 8), "{name}: {pfn}");
            if copies > 1 {
                duplicates += 1;
                let expected = truth["duplicates"][&key].as_u64();
                assert_eq!(Some(copies as u64), expected, "{name}: {pfn}");
            }
        }
        let expected = truth["duplicates"].as_object().unwrap().len();
        assert_eq!(duplicates, expected, "{name}");
    });
}

#[test]
fn passes_of_live_saves() {
    each(|golden, image, checkpoint| {
        let Some(expected) = golden.truth["how_written"]["passes"].as_u64() else {
            return; // what the real hypervisor's dirty log made of it was not written down
        };
        let passes = checkpoint.pages.passes(image.ram().unwrap());
        assert_eq!(passes.len() as u64, expected, "{}", golden.name);
        let records: usize = passes.iter().map(|pass| pass.records).sum();
        assert_eq!(records, checkpoint.pages.len(), "{}", golden.name);
    });
}

#[test]
fn unallocated_lists() {
    each(|golden, _, checkpoint| {
        let (name, truth) = (&golden.name, &golden.truth["unallocated"]);
        let found = checkpoint.unallocated.as_ref().unwrap();
        assert_eq!(found.count_offset, number(&truth["count_offset"]), "{name}");
        assert_eq!(u64::from(found.count), number(&truth["count"]), "{name}");
        assert_eq!(found.offset, number(&truth["list_offset"]), "{name}");
        let pfns: Vec<u64> = found.pfns().collect();
        assert_eq!(pfns, list(&truth["pfns"]), "{name}");
        let mut both = pfns;
        both.retain(|pfn| checkpoint.pages.last(*pfn).is_some());
        assert_eq!(both, list(&truth["also_sent_as_page"]), "{name}");
    });
}

#[test]
fn vcpumaps() {
    each(|golden, _, checkpoint| {
        let (name, truth) = (&golden.name, &golden.truth["vcpumap"]);
        let Some(map) = &checkpoint.vcpumap else {
            assert!(truth.is_null(), "{name}");
            return;
        };
        let at = number(&truth["max_virt_cpus_offset"]);
        assert_eq!(map.max_virt_cpus_offset, at, "{name}");
        let max = number(&truth["max_virt_cpus"]);
        assert_eq!(map.max_virt_cpus, max, "{name}");
        assert_eq!(map.bitmap.offset, number(&truth["offset"]), "{name}");
        assert_eq!(map.bitmap.bytes, hex(&truth["bytes_hex"]), "{name}");
        let online: Vec<u64> = map.online().map(u64::from).collect();
        assert_eq!(online, list(&truth["online"]), "{name}");
    });
}

#[test]
fn vcpus() {
    each(|golden, _, checkpoint| {
        let (name, truth) = (&golden.name, golden.truth["vcpus"].as_array().unwrap());
        assert_eq!(checkpoint.vcpus.len(), truth.len(), "{name}");
        for (vcpu, truth) in checkpoint.vcpus.iter().zip(truth) {
            assert_eq!(u64::from(vcpu.id), number(&truth["id"]), "{name}");
            assert_eq!(vcpu.layout, golden.dialect().spec().context, "{name}");
            let section = &vcpu.context;
            assert_eq!(section.offset, number(&truth["ctx_offset"]), "{name}");
            let size = section.bytes.len() as u64;
            assert_eq!(size, number(&truth["ctx_size"]), "{name}");
            assert_eq!(sha256(&section.bytes), truth["ctx_sha256"], "{name}");
            let context = Context::parse(vcpu.layout, &section.bytes).unwrap();
            let field = |field: &str| number(&truth[field]);
            assert_eq!(context.flags(), field("flags"), "{name}");
            assert_eq!(context.ip(), field("ip"), "{name}");
            assert_eq!(context.psr(), field("psr"), "{name}");
            assert_eq!(context.cfm(), field("cfm"), "{name}");
            assert_eq!(context.pr(), field("pr"), "{name}");
            assert_eq!(context.b(0), Some(field("b0")), "{name}");
            assert_eq!(context.privregs_pfn(), field("privregs_pfn"), "{name}");
            let callback = context.event_callback_ip();
            assert_eq!(callback, field("event_callback_ip"), "{name}");

            let page = vcpu.privregs.as_ref();
            assert_eq!(page.is_some(), golden.guest() == Guest::Pv, "{name}");
            let offset = page.map(|page| page.offset);
            assert_eq!(offset, truth["privregs_offset"].as_u64(), "{name}");
            let sum = page.map_or(Value::Null, |page| sha256(&page.bytes).into());
            assert_eq!(sum, truth["privregs_sha256"], "{name}");
        }
    });
}

#[test]
fn shared_info() {
    each(|golden, image, checkpoint| {
        let (name, truth) = (&golden.name, &golden.truth["shared_info"]);
        let section = checkpoint.shared_info.as_ref().unwrap();
        assert_eq!(section.offset, number(&truth["offset"]), "{name}");
        assert_eq!(section.bytes.len() as u64, number(&truth["size"]), "{name}");
        assert_eq!(sha256(&section.bytes), truth["sha256"], "{name}");
        let start_info = number(&truth["start_info_pfn"]);
        assert_eq!(checkpoint.start_info_pfn(), Some(start_info), "{name}");
        let layout = golden.dialect().spec().shared_info[0];
        let parsed = SharedInfo::parse(layout, &section.bytes).unwrap();
        let vector = truth["evtchn_vector"].as_i64();
        assert_eq!(Some(parsed.evtchn_vector().into()), vector, "{name}");
        let (num_pages, pfn) = (parsed.memmap_info_num_pages(), parsed.memmap_info_pfn());
        let expected = truth["memmap_info_num_pages"].as_u64();
        assert_eq!(num_pages.map(u64::from), expected, "{name}");
        assert_eq!(pfn, truth["memmap_info_pfn"].as_u64(), "{name}");
        if golden.guest() == Guest::Pv {
            let (offset, page) = image.start_info(0).unwrap();
            let record = checkpoint.pages.last(start_info).unwrap();
            let expected = checkpoint.pages.record_offset(record) + 8;
            assert_eq!(offset, expected, "{name}");
            assert!(page.starts_with(b"xen-3.0-ia64"), "{name}");
        }
    });
}

#[test]
fn hvm_state() {
    each(|golden, _, checkpoint| {
        let (name, truth) = (&golden.name, &golden.truth);
        assert_eq!(
            checkpoint.magic_pfns.is_some(),
            golden.guest() == Guest::Hvm,
            "{name}"
        );
        let (Some(magic), Some(context)) = (&checkpoint.magic_pfns, &checkpoint.hvm_context) else {
            assert!(checkpoint.hvm_context.is_none(), "{name}");
            return;
        };
        let expected = &truth["magic_pfns"];
        assert_eq!(magic.section.offset, number(&expected["offset"]), "{name}");
        let size = magic.section.bytes.len() as u64;
        assert_eq!(size, number(&expected["size"]), "{name}");
        let order: Vec<&str> = magic.order.iter().map(|magic| magic.name()).collect();
        assert_eq!(Value::from(order), expected["order"], "{name}");
        for (magic, pfn, _) in magic.iter() {
            assert_eq!(pfn, number(&expected[magic.name()]), "{name}");
        }

        let expected = &truth["hvm_context"];
        assert_eq!(
            context.size_offset,
            number(&expected["size_offset"]),
            "{name}"
        );
        assert_eq!(context.blob.offset, number(&expected["offset"]), "{name}");
        let size = context.blob.bytes.len() as u64;
        assert_eq!(size, number(&expected["size"]), "{name}");
        assert_eq!(sha256(&context.blob.bytes), expected["sha256"], "{name}");
        let records = expected["records"].as_array().unwrap();
        assert_eq!(context.records().count(), records.len(), "{name}");
        for ((offset, record), truth) in context.records().zip(records) {
            assert_eq!(offset, number(&truth["desc_offset"]), "{name}");
            let typecode = number(&truth["typecode"]);
            assert_eq!(u64::from(record.typecode), typecode, "{name}");
            let instance = number(&truth["instance"]);
            assert_eq!(u64::from(record.instance), instance, "{name}");
            assert_eq!(u64::from(record.length), number(&truth["length"]), "{name}");
            assert_eq!(record.body.len() as u64, u64::from(record.length), "{name}");
        }
    });
}

#[test]
fn nothing_trails() {
    each(|golden, image, checkpoint| {
        assert_eq!(
            number(&golden.truth["trailing_bytes"]),
            0,
            "{}",
            golden.name
        );
        assert_eq!(image.trailing, None, "{}", golden.name);
        assert!(checkpoint.complete, "{}", golden.name);
    });
}

#[test]
fn sections_follow_one_another_to_the_end() {
    each(|golden, image, checkpoint| {
        let expected = golden.sections().into_iter();
        let expected: Vec<_> = expected.map(|s| (s.name, s.offset, s.size)).collect();
        let found = truth::sections_of(image, checkpoint);
        assert_eq!(found, expected, "{}", golden.name);
        let sum: u64 = found.iter().map(|(_, _, size)| size).sum();
        assert_eq!(sum, image.end, "{}", golden.name);
    });
}
