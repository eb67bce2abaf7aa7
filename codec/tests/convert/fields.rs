//! Every field of an image under its path, to compare two images.

use std::collections::BTreeMap;

use ia64save_codec::Era;
use ia64save_codec::image::Image;
use ia64save_codec::ram;
use ia64save_codec::wire::{
    Layout, Style, layout_of_arch_setup, layout_of_context, layout_of_mapped_regs,
    layout_of_shared_info,
};

pub type Fields = BTreeMap<String, Vec<u8>>;

/// All fields but padding, of the last checkpoint. Zero fields are there too.
pub fn fields(image: &Image, era: Era) -> Fields {
    let spec = era.dialect().spec();
    let mut all = Fields::new();
    let prologue = image.prologue.unwrap();
    all.insert("p2m_size".into(), prologue.p2m_size.to_le_bytes().into());
    let setup = &image.arch_setup.as_ref().unwrap().bytes;
    walk(
        &mut all,
        "arch_setup",
        layout_of_arch_setup(spec.arch_setup),
        setup,
    );
    if let Some(map) = &image.memmap {
        let all_of_it: Vec<String> = ram::descriptors(&map.bytes)
            .map(|(_, descriptor)| format!("{descriptor:?}"))
            .collect();
        all.insert("memmap".into(), all_of_it.concat().into_bytes());
    }
    let checkpoint = image.checkpoints.last().unwrap();
    let list = checkpoint.unallocated.as_ref().unwrap();
    let pfns: Vec<u8> = list.pfns().flat_map(u64::to_le_bytes).collect();
    all.insert("unallocated".into(), pfns);
    if let Some(map) = &checkpoint.vcpumap {
        let max = map.max_virt_cpus.to_le_bytes().into();
        all.insert("vcpumap.max_virt_cpus".into(), max);
        for vcpu in map.online() {
            all.insert(format!("vcpu[{vcpu}]"), vec![1]);
        }
    }
    for vcpu in &checkpoint.vcpus {
        let name = format!("vcpu[{}]", vcpu.id);
        walk(
            &mut all,
            &name,
            layout_of_context(spec.context),
            &vcpu.context.bytes,
        );
        // Bits that are no general register's say nothing.
        let form = era.nats(image.guest().unwrap());
        for path in ["regs.nats", "user_regs.eml_unat"] {
            if let Some(word) = all.get_mut(&format!("{name}.{path}")) {
                word.resize(8, 0);
                let bits = u64::from_le_bytes(word[..].try_into().unwrap());
                *word = form.to_bitmap(bits).to_le_bytes().into();
            }
        }
        if let Some(page) = &vcpu.privregs {
            let layout = era.spec().privregs;
            let name = format!("privregs[{}]", vcpu.id);
            walk(&mut all, &name, layout_of_mapped_regs(layout), &page.bytes);
            all.insert(format!("{name}.rest"), page.bytes[4096..].into());
        }
    }
    let page = &checkpoint.shared_info.as_ref().unwrap().bytes;
    let layout = spec.shared_info[spec.shared_info.len() - 1];
    walk(&mut all, "shared_info", layout_of_shared_info(layout), page);
    all.insert("shared_info.rest".into(), page[4384..].into());
    if let Some(magic) = &checkpoint.magic_pfns {
        for (magic, pfn, _) in magic.iter() {
            let name = format!("magic_pfns.{}", magic.name());
            all.insert(name, pfn.to_le_bytes().into());
        }
    }
    if let Some(context) = &checkpoint.hvm_context {
        for (index, (_, record)) in context.records().enumerate() {
            // Nothing on is the same as no record.
            if record.typecode != 8 || record.body.iter().any(|byte| *byte != 0) {
                let name = format!("hvm_context.records[{index}]");
                all.insert(name, [&[record.typecode as u8], record.body].concat());
            }
        }
    }
    all
}

/// The state of guest memory that a restore would build.
pub fn memory(image: &Image) -> BTreeMap<u64, Vec<u8>> {
    let last = image.checkpoints.len() - 1;
    let listed = image.checkpoints[last].unallocated.as_ref().unwrap();
    let listed: Vec<u64> = listed.pfns().collect();
    image
        .checkpoints
        .iter()
        .flat_map(|checkpoint| checkpoint.pages.pfns())
        .filter(|pfn| !listed.contains(pfn))
        .map(|pfn| (*pfn, image.page_of(last, *pfn).unwrap().1.to_vec()))
        .collect()
}

fn walk(all: &mut Fields, name: &str, layout: &Layout, bytes: &[u8]) {
    layout.walk(bytes, &mut |entry| {
        if entry.style == Style::Pad {
            return;
        }
        // Of the longest arrays a conversion carries all or nothing.
        if entry.count == 1 || entry.count > 128 {
            all.insert(format!("{name}.{}", entry.path), entry.bytes.into());
            return;
        }
        for (index, element) in entry.bytes.chunks(entry.kind.size()).enumerate() {
            all.insert(format!("{name}.{}[{index}]", entry.path), element.into());
        }
    });
}
