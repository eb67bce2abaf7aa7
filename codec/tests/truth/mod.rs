//! Reading the truth about a golden image.

use ia64save_codec::Guest;
use ia64save_codec::image::{Checkpoint, Image};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A number that has to be there.
pub fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

/// A list of numbers that has to be there.
pub fn list(value: &Value) -> Vec<u64> {
    let values = value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"));
    values.iter().map(number).collect()
}

/// Bytes written as hexadecimal digits.
pub fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("digits")
        })
        .collect()
}

/// The sum as the truth has it.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let sum = Sha256::digest(bytes);
    sum.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

/// Name, offset and size of a part.
pub type Place = (String, u64, u64);

/// The parts of an image, by the same names.
pub fn sections_of(image: &Image, checkpoint: &Checkpoint) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    let mut push = |name: &str, offset: u64, size: usize| {
        all.push((name.to_string(), offset, size as u64));
    };
    push("p2m_size", 0, 8);
    push("version", 8, 8);
    let setup = image.arch_setup.as_ref().expect("a setup record");
    push("arch_setup", setup.offset, setup.bytes.len());
    if let Some(memmap) = &image.memmap {
        push("memmap_info_num_pages", memmap.offset - 4, 4);
        push("memmap_info", memmap.offset, memmap.bytes.len());
    }
    let pages = &checkpoint.pages;
    let size = pages.len() * pages.stride() as usize;
    push("page_records", pages.offset(), size);
    push("page_terminator", pages.terminator().expect("an end"), 8);
    let list = checkpoint.unallocated.as_ref().expect("a list");
    push("unallocated_count", list.count_offset, 4);
    push("unallocated_list", list.offset, list.count as usize * 8);
    let shared_info = checkpoint.shared_info.as_ref().expect("shared_info");
    let hvm = image.guest() == Some(Guest::Hvm);
    if hvm {
        push("shared_info", shared_info.offset, shared_info.bytes.len());
    }
    if let Some(map) = &checkpoint.vcpumap {
        push("max_virt_cpus", map.max_virt_cpus_offset, 8);
        push("vcpumap", map.bitmap.offset, map.bitmap.bytes.len());
    }
    for vcpu in &checkpoint.vcpus {
        let (id, context) = (vcpu.id, &vcpu.context);
        push(
            &format!("vcpu{id}_context"),
            context.offset,
            context.bytes.len(),
        );
        if let Some(page) = &vcpu.privregs {
            push(&format!("vcpu{id}_privregs"), page.offset, page.bytes.len());
        }
    }
    if !hvm {
        push("shared_info", shared_info.offset, shared_info.bytes.len());
    }
    if let Some(magic) = &checkpoint.magic_pfns {
        push(
            "magic_pfns",
            magic.section.offset,
            magic.section.bytes.len(),
        );
    }
    if let Some(context) = &checkpoint.hvm_context {
        push("hvm_rec_size", context.size_offset, 8);
        push("hvm_blob", context.blob.offset, context.blob.bytes.len());
    }
    all
}
