//! `info` as JSON.

use ia64save_codec::detect::Detection;
use ia64save_codec::elf::XenCore;
use ia64save_codec::image::{Checkpoint, Image, MagicPfns, Vcpu};
use ia64save_codec::wire::arch_setup::ArchSetup;
use ia64save_codec::wire::memmap::MemmapInfo;
use ia64save_codec::wire::shared_info::SharedInfo;
use ia64save_codec::wire::vcpu_context::Context;
use ia64save_codec::wire::{Wire, hvm};
use ia64save_codec::{Dialect, Era, ram};
use serde_json::{Map, Value, json};

use super::{digits, finding, hex};
use crate::loaded::Loaded;

/// Everything `info` knows, with the names of the specification.
pub fn info(loaded: &Loaded) -> Value {
    let image = loaded.image();
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("schema", json!("ia64save/info/1"));
    put("tool_version", json!(env!("CARGO_PKG_VERSION")));
    put("file", json!(loaded.name));
    put("file_size", json!(loaded.file_size()));
    put(
        "compression",
        json!(loaded.compression.map(|c| c.to_string())),
    );
    if let Some(digest) = loaded.file_digest() {
        put("sha256", json!(digits(&digest)));
    }
    if let Some(size) = loaded.unpacked_size() {
        put("unpacked_size", json!(size));
    }
    if let Some(digest) = loaded.unpacked_digest() {
        put("unpacked_sha256", json!(digits(&digest)));
    }
    put("envelope", envelope(loaded));
    put("core", loaded.file.core.as_ref().map_or(Value::Null, core));
    put(
        "format_version",
        json!(image.prologue.map(|prologue| prologue.version)),
    );
    put("dialect", json!(image.dialect().map(Dialect::name)));
    let detection = image.detection.as_ref();
    put("dialect_id", json!(image.dialect().map(Dialect::id)));
    let candidates = detection.map(|d| d.candidates.iter().map(|c| c.name()).collect::<Vec<_>>());
    put("dialect_candidates", json!(candidates.unwrap_or_default()));
    put(
        "dialect_evidence",
        json!(detection.map(|d| &d.evidence[..]).unwrap_or_default()),
    );
    for (key, value) in eras(image) {
        put(key, value);
    }
    put(
        "guest",
        json!(image.guest().map(ia64save_codec::Guest::name)),
    );
    put("page_size", json!(image.page_size));
    put(
        "p2m_size",
        json!(image.prologue.map(|prologue| prologue.p2m_size)),
    );
    put("arch_setup", arch_setup(image).unwrap_or(Value::Null));
    put("memmap", memmap(image).unwrap_or(Value::Null));
    // The stream proper stands at the top; Remus rounds come as a list, itself included.
    let first = image
        .first()
        .map(|first| checkpoint(image, first))
        .unwrap_or_default();
    out.extend(first);
    let rounds = image
        .checkpoints
        .iter()
        .map(|c| Value::Object(checkpoint(image, c)));
    let several = image.checkpoints.len() > 1;
    out.insert("num_checkpoints".into(), json!(image.checkpoints.len()));
    out.insert(
        "checkpoints".into(),
        json!(several.then(|| rounds.collect::<Vec<_>>())),
    );
    out.insert(
        "trailing_bytes".into(),
        json!(loaded.file.trailing().map_or(0, |(_, size)| size)),
    );
    out.insert("complete".into(), json!(image.error.is_none()));
    out.insert("error".into(), json!(image.error.as_ref().map(finding)));
    Value::Object(out)
}

/// The era, where one remains; those that remain; and the one that the image is understood by.
pub fn eras(image: &Image) -> [(&'static str, Value); 3] {
    let ids: Vec<_> = image.eras().iter().map(|era| era.id()).collect();
    let only = image.detection.as_ref().and_then(Detection::era);
    [
        ("era", json!(only.map(Era::id))),
        ("era_candidates", json!(ids)),
        ("era_likeliest", json!(image.era().map(Era::id))),
    ]
}

/// What a core says of itself.
fn core(core: &XenCore) -> Value {
    json!({
        "guest": core.guest.name(),
        "nr_vcpus": core.nr_vcpus,
        "nr_pages": core.nr_pages,
        "format_version": core.format_version.map(|(major, minor)| format!("{major}.{minor}")),
        "xen_version": core.xen_version.map(|(major, minor)| format!("{major}.{minor}")),
        "padding_pages": core.padding,
        "order": core.order.name(),
    })
}

fn envelope(loaded: &Loaded) -> Value {
    let file = &loaded.file;
    let envelope = &file.envelope;
    let model = file
        .device_model
        .as_ref()
        .and_then(|model| model.as_ref().ok());
    let stream_end = file
        .image
        .trailing
        .as_ref()
        .map_or(file.image.end, |t| t.offset);
    let config = envelope.config.as_ref();
    let parsed = file.config.as_ref().and_then(|config| config.as_ref().ok());
    json!({
        "kind": envelope.kind.name(),
        "stream_offset": envelope.stream_offset,
        "stream_size": stream_end.saturating_sub(envelope.stream_offset),
        "config_offset": config.map(|range| range.start),
        "config_size": config.map(|range| range.end - range.start),
        "config": parsed.map(|config| json!({
            "name": config.name,
            "uuid": config.uuid,
            "domid": config.domid,
            "memory": config.memory,
            "maxmem": config.maxmem,
            "vcpus": config.vcpus,
            "vcpu_avail": config.vcpu_avail.map(hex),
            "guest": config.guest.map(ia64save_codec::Guest::name),
            "devices": config.devices,
        })),
        "xl": envelope.xl.map(|xl| json!({
            "byteorder": xl.byteorder.name(),
            "mandatory_flags": hex(xl.mandatory_flags.into()),
            "optional_flags": hex(xl.optional_flags.into()),
            "optional_data_len": xl.optional_data_len,
        })),
        "device_model": model.map(|model| model.kind.name()),
        "device_model_offset": model.map(|model| model.signature_offset),
        "device_model_size": model.map(|model| model.data.end - model.signature_offset),
        "device_model_data_offset": model.map(|model| model.data.start),
        "device_model_data_size": model.map(|model| model.data.end - model.data.start),
    })
}

fn arch_setup(image: &Image) -> Option<Value> {
    let section = image.arch_setup.as_ref()?;
    let setup = ArchSetup::parse(image.arch_setup_layout()?, &section.bytes)?;
    Some(json!({
        "offset": section.offset,
        "size": section.bytes.len(),
        "flags": hex(setup.flags()),
        "bp": hex(setup.bp()),
        "maxmem": setup.maxmem(),
        "xsi_va": hex(setup.xsi_va()),
        "hypercall_imm": hex(setup.hypercall_imm().into()),
        "vhpt_size_log2": setup.vhpt_size_log2(),
        "domain": setup.domain(),
    }))
}

fn memmap(image: &Image) -> Option<Value> {
    let section = image.memmap.as_ref()?;
    let info = MemmapInfo::parse(&section.bytes);
    let page_size = image.page_size as u64;
    let descriptors = ram::descriptors(&section.bytes).map(|(offset, descriptor)| {
        // Both are rounded down, as savers did; a descriptor that ends beyond 64 bits has none.
        let end = descriptor.end();
        json!({
            "offset": section.offset + offset as u64,
            "type": descriptor.r#type,
            "type_name": descriptor.type_name(),
            "phys_addr": hex(descriptor.phys_addr),
            "virt_addr": hex(descriptor.virt_addr),
            "num_pages": descriptor.num_pages,
            "attribute": hex(descriptor.attribute),
            "is_ram": descriptor.is_ram(),
            "first_pfn": end.map(|_| descriptor.phys_addr / page_size),
            "end_pfn": end.map(|end| end / page_size),
        })
    });
    Some(json!({
        "num_pages_offset": section.offset - 4,
        "num_pages": section.bytes.len() / image.page_size,
        "offset": section.offset,
        "size": section.bytes.len(),
        "efi_memmap_size": info.as_ref().map(|info| info.efi_memmap_size),
        "efi_memdesc_size": info.as_ref().map(|info| info.efi_memdesc_size),
        "efi_memdesc_version": info.as_ref().map(|info| info.efi_memdesc_version),
        "descriptors": descriptors.collect::<Vec<_>>(),
    }))
}

fn checkpoint(image: &Image, checkpoint: &Checkpoint) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        out.insert(key.to_owned(), value.unwrap_or(Value::Null));
    };
    let pages = &checkpoint.pages;
    let mut counts = json!({
        "offset": pages.offset(),
        "record_size": pages.stride(),
        "num_records": pages.len(),
        "num_distinct": pages.distinct(),
        "num_superseded": pages.superseded(),
        "num_passes": image.ram().map(|ram| pages.passes(ram).len()),
        "terminator_offset": pages.terminator(),
    });
    if let Some(zero) = pages.zero() {
        counts["num_zero"] = json!(zero);
    }
    put("pages", Some(counts));
    put(
        "unallocated",
        checkpoint.unallocated.as_ref().map(|list| {
            let runs = list.runs.iter();
            json!({
                "count_offset": list.count_offset,
                "count": list.count,
                "list_offset": list.offset,
                "ranges": runs.map(|run| json!({
                    "start": run.first(),
                    "length": run.pages(),
                })).collect::<Vec<_>>(),
            })
        }),
    );
    put(
        "vcpumap",
        checkpoint.vcpumap.as_ref().map(|map| {
            json!({
                "max_virt_cpus_offset": map.max_virt_cpus_offset,
                "offset": map.bitmap.offset,
                "max_virt_cpus": map.max_virt_cpus,
                "size": map.bitmap.bytes.len(),
                "online": map.online().collect::<Vec<_>>(),
            })
        }),
    );
    put("vcpus", Some(checkpoint.vcpus.iter().map(vcpu).collect()));
    put("shared_info", shared_info(image, checkpoint));
    put("magic_pfns", checkpoint.magic_pfns.as_ref().map(magic_pfns));
    put("hvm_context", hvm_context(checkpoint));
    if let Some(record) = &checkpoint.device_model {
        let value = json!({
            "kind": record.kind.name(),
            "signature_offset": record.signature_offset,
            "offset": record.data.offset,
            "size": record.size,
        });
        put("device_model", Some(value));
    }
    out
}

fn vcpu(vcpu: &Vcpu) -> Value {
    let Some(context) = Context::parse(vcpu.layout, &vcpu.context.bytes) else {
        return json!({ "id": vcpu.id, "ctx_offset": vcpu.context.offset });
    };
    json!({
        "id": vcpu.id,
        "ctx_offset": vcpu.context.offset,
        "ctx_size": vcpu.context.bytes.len(),
        "ctx_layout": format!("{:?}", vcpu.layout),
        "flags": hex(context.flags()),
        "ip": hex(context.ip()),
        "b0": context.b(0).map(hex),
        "psr": hex(context.psr()),
        "cfm": hex(context.cfm()),
        "pr": hex(context.pr()),
        "event_callback_ip": hex(context.event_callback_ip()),
        "privregs_pfn": context.privregs_pfn(),
        "privregs_offset": vcpu.privregs.as_ref().map(|page| page.offset),
    })
}

fn shared_info(image: &Image, checkpoint: &Checkpoint) -> Option<Value> {
    let section = checkpoint.shared_info.as_ref()?;
    let layout = *image.read_as()?.spec().shared_info.last()?;
    let page = SharedInfo::parse(layout, &section.bytes);
    Some(json!({
        "offset": section.offset,
        "size": section.bytes.len(),
        "start_info_pfn": page.as_ref().map(SharedInfo::start_info_pfn),
        "evtchn_vector": page.as_ref().map(SharedInfo::evtchn_vector),
        "memmap_info_num_pages": page.as_ref().and_then(SharedInfo::memmap_info_num_pages),
        "memmap_info_pfn": page.as_ref().and_then(SharedInfo::memmap_info_pfn),
    }))
}

fn magic_pfns(magic: &MagicPfns) -> Value {
    let mut out = json!({
        "offset": magic.section.offset,
        "size": magic.section.bytes.len(),
        "order": magic.order.iter().map(|m| m.name()).collect::<Vec<_>>(),
    });
    for (magic, pfn, _) in magic.iter() {
        out[magic.name()] = json!(pfn);
    }
    out
}

fn hvm_context(checkpoint: &Checkpoint) -> Option<Value> {
    let context = checkpoint.hvm_context.as_ref()?;
    let records = context.records().map(|(offset, record)| {
        let known = hvm::record_of(record.typecode);
        json!({
            "typecode": record.typecode,
            "name": known.map(|known| known.name),
            "instance": record.instance,
            "length": record.length,
            "desc_offset": offset,
            "body_offset": offset + 8,
        })
    });
    Some(json!({
        "size_offset": context.size_offset,
        "offset": context.blob.offset,
        "size": context.blob.bytes.len(),
        "records": records.collect::<Vec<_>>(),
    }))
}
