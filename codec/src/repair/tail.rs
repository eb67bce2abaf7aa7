//! What stands behind the pages, as far as it can be looked up elsewhere.

use alloc::format;
use alloc::vec::Vec;

use super::{Patient, Repair};
use crate::code::Code;
use crate::dialect::Guest;
use crate::grammar;
use crate::image::{Checkpoint, Image};
use crate::size::place;
use crate::wire;
use crate::wire::start_info::START_INFO_MAGIC;
use crate::wire::vcpu_context::NUM_PHYS_STACKED;

/// Where shared_info has the pfn of start_info.
const START_INFO_PFN: u64 = 4112;

pub(super) fn proposals(patient: &mut Patient<'_>, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    for checkpoint in &image.checkpoints {
        if patient.has(Code::VcpuNumPhysStacked) {
            stacked(checkpoint, out);
        }
        if patient.has(Code::MagicPfnOutsideRam) {
            magic_pfns(image, checkpoint, out);
        }
        if patient.has_any(&[Code::StartInfoPfn, Code::StartInfoMissing]) {
            start_info(patient, checkpoint, out);
        }
        if patient.has_any(&[Code::HvmSize, Code::HvmEndMissing]) {
            hvm_size(patient, checkpoint, out);
        }
    }
    trailing(patient, out);
}

/// Every Itanium has as many; a restore refuses another number.
fn stacked(checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    for vcpu in &checkpoint.vcpus {
        let layout = wire::layout_of_context(vcpu.layout);
        let field = layout.find("regs.num_phys_stacked");
        let context = wire::Context::parse(vcpu.layout, &vcpu.context.bytes);
        let found = context.and_then(|context| context.num_phys_stacked());
        if let (Some(field), Some(found)) = (field, found)
            && found != NUM_PHYS_STACKED
            && found != 0
        {
            let path = format!("vcpu[{}].regs.num_phys_stacked", vcpu.id);
            let what = "what every Itanium has".into();
            let at = vcpu.context.offset + field.offset as u64;
            out.push(Repair::put(
                at,
                &NUM_PHYS_STACKED.to_le_bytes(),
                &path,
                what,
            ));
        }
    }
}

/// Every builder put these pages at the same place; if one was sent from there, it is that one.
fn magic_pfns(image: &Image, checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let (Some(magic), Some(ram)) = (&checkpoint.magic_pfns, image.ram()) else {
        return;
    };
    for (name, pfn, offset) in magic.iter() {
        let usual = name.usual_gpfn();
        if !ram.contains(pfn) && checkpoint.pages.last(usual).is_some() {
            let path = format!("magic_pfns.{}", name.name());
            let what = "where every builder puts it and a page was sent".into();
            out.push(Repair::put(offset, &usual.to_le_bytes(), &path, what));
        }
    }
}

/// The page says what it is: if there is one alone, its pfn is known.
fn start_info(patient: &mut Patient<'_>, checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let image = &patient.file.image;
    let Some(section) = checkpoint
        .shared_info
        .as_ref()
        .filter(|_| image.guest() == Some(Guest::Pv))
    else {
        return;
    };
    let mut found = Vec::new();
    for (pfn, record, _) in checkpoint.pages.last_copies() {
        if image
            .page(checkpoint, record)
            .is_some_and(|page| page.starts_with(START_INFO_MAGIC))
        {
            found.push(pfn);
        }
    }
    if let [pfn] = found[..] {
        let what = "whose page begins as start_info does".into();
        let path = "shared_info.arch.start_info_pfn";
        let at = section.offset + START_INFO_PFN;
        out.push(Repair::put(at, &pfn.to_le_bytes(), path, what));
    }
}

/// The records say how long they are, and END says that they are all.
pub(super) fn hvm_size(patient: &mut Patient<'_>, checkpoint: &Checkpoint, out: &mut Vec<Repair>) {
    let at = match (&checkpoint.hvm_context, &checkpoint.magic_pfns) {
        (Some(context), _) => context.size_offset,
        (None, Some(magic)) => magic.section.end(),
        (None, None) => return,
    };
    let most = place(crate::Limits::default().hvm_context_bytes);
    let bytes = (patient.read)(at + 8, most);
    let mut rest = &bytes[..];
    while let Ok((after, record)) = grammar::hvm_record(rest) {
        rest = after;
        if record.typecode == 0 {
            let size = (bytes.len() - rest.len()) as u64;
            let what = "which the records take up to END".into();
            out.push(Repair::put(
                at,
                &size.to_le_bytes(),
                "hvm_context.size",
                what,
            ));
            return;
        }
    }
}

/// What belongs to nobody goes, and so does a device-model record that is not whole.
fn trailing(patient: &Patient<'_>, out: &mut Vec<Repair>) {
    let file = patient.file;
    let begins = match (&file.device_model, file.image.trailing.as_ref()) {
        (Some(Err(error)), Some(trailing)) => {
            let size = file.size.saturating_sub(trailing.offset);
            let what = format!("{size} bytes of a device-model record that is not whole: {error}");
            out.push(Repair::drop(trailing.offset, size, "device_model", what));
            return;
        }
        _ => file.trailing(),
    };
    if let (Some((offset, size)), true) = (begins, patient.has(Code::TrailingBytes)) {
        let what = format!("{size} bytes behind the stream, which belong to nobody");
        out.push(Repair::drop(offset, size, "trailing", what));
    }
}
