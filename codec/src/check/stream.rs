//! The stream as a whole, and its first word.

use alloc::format;

use super::context::Context;
use super::findings::Findings;
use crate::code::Code;
use crate::detect;
use crate::dialect::{Guest, P2mSizeMeaning};
use crate::envelope::{self, DeviceModel, Tail};
use crate::error::Finding;

/// The gpfn at 1 TiB, where Xen puts shared_info of PV domains and what follows it (spec 8.10).
/// Nothing else of a domain lies there or above.
const SHARED_INFO_GPFN: u64 = 0x400_0000;
/// 4 GiB in pages: where the firmware of an HVM domain ends.
const HVM_PAGES: u64 = 0x40000;

/// What ended the reading.
pub(super) fn decode_error(context: &Context<'_>, out: &mut Findings) {
    if let Some(error) = &context.image.error {
        out.add(error.clone());
    }
}

/// Which dialect it is, where nothing tells.
pub(super) fn dialect(context: &Context<'_>, out: &mut Findings) {
    let image = context.image;
    let Some(detection) = image.detection.as_ref().filter(|d| d.dialect.is_none()) else {
        return;
    };
    let tail = image
        .first()
        .and_then(|first| first.pages.terminator())
        .unwrap_or(image.stream_offset);
    out.add(
        Finding::new(Code::DialectAmbiguous, tail, "dialect")
            .expected("something that tells the dialects of this version apart")
            .found(detect::names(&detection.candidates)),
    );
}

/// `p2m_size` by itself, and against `arch_setup.maxmem` (spec 3.1).
///
/// A dialect that wrote the domain's memory limit there has nothing to compare it with.
pub(super) fn p2m_size(context: &Context<'_>, out: &mut Findings) {
    let Some(prologue) = context.image.prologue else {
        return;
    };
    let size = prologue.p2m_size;
    let finding = |code| {
        Finding::new(code, context.image.stream_offset, "p2m_size")
            .length(8)
            .found(format!("{size:#x}"))
    };
    if size == 0 {
        out.add(finding(Code::P2mSizeZero).expected("the pages of the domain"));
        return;
    }
    if size > SHARED_INFO_GPFN {
        let most = format!("at most {SHARED_INFO_GPFN:#x}, where shared_info lies");
        out.add(finding(Code::P2mSizeHuge).expected(most));
    }
    if context.is(Guest::Hvm) && size < HVM_PAGES {
        out.add(finding(Code::P2mSizeHvm).expected(format!("at least {HVM_PAGES:#x} (4 GiB)")));
    }
    let maxmem = context.image.head.as_ref().map_or(0, |head| head.maxmem);
    let pages = maxmem.div_ceil(context.page_size);
    let comparable = context.always(|spec| spec.p2m_size == P2mSizeMeaning::MaximumGpfn);
    if comparable && maxmem != 0 && size != pages {
        out.add(finding(Code::P2mSizeMismatch).expected(format!(
            "{pages:#x}, the pages of arch_setup.maxmem ({maxmem:#x} bytes)"
        )));
    }
}

/// What follows the last checkpoint, other than a device-model record (spec 11.2), and what such records
/// hold, those between checkpoints included (spec 11.3).
pub(super) fn trailing(context: &Context<'_>, out: &mut Findings) {
    for (index, checkpoint) in context.image.checkpoints.iter().enumerate() {
        let Some(record) = &checkpoint.device_model else {
            continue;
        };
        if !record.data.bytes.starts_with(&envelope::QEMU_MAGIC) {
            let model = DeviceModel {
                kind: record.kind,
                signature_offset: record.signature_offset,
                data: record.data.offset..record.data.offset + record.size,
                qemu_magic: false,
            };
            let place = |mut finding: Finding| {
                finding.path = format!("checkpoint[{index}].{}", finding.path);
                finding
            };
            model
                .check()
                .map(place)
                .into_iter()
                .for_each(|f| out.add(f));
        }
    }
    let Some(trailing) = &context.image.trailing else {
        return;
    };
    let end = trailing.offset + trailing.size;
    // What is kept of it reaches beyond the header of any record.
    let order = context.image.byte_order;
    let record = match envelope::parse_tail(&trailing.first, true, trailing.offset, order) {
        Ok(Tail::Record(record)) => record.finish(end).map(|model| {
            if let Some(finding) = model.check() {
                out.add(finding);
            }
            model.data.end
        }),
        Ok(_) => Ok(trailing.offset),
        Err(error) => Err(error),
    };
    match record {
        Ok(begins) if begins < end => out.add(
            Finding::new(Code::TrailingBytes, begins, "trailing")
                .length(u32::try_from(end - begins).unwrap_or(u32::MAX))
                .expected("the end of the file, or a device-model record")
                .found(format!("{} bytes", end - begins)),
        ),
        Ok(_) => {}
        Err(error) => out.add(error),
    }
}
