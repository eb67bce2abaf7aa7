//! Which checkpoints take part, and what becomes of the parts of the stream.

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::conversion::{Conversion, Round};
use super::loss::Losses;
use super::pages::Pages;
use super::tail::Tail;
use super::{ConvertOptions, Route, alike, head, memmap, unallocated};
use crate::code::Code;
use crate::detect;
use crate::era::Era;
use crate::error::Error;
use crate::image::{Checkpoint, DeviceModelRecord, Image};
use crate::limits::Limits;
use crate::pfns::Pfns;
use crate::ram::RamMap;

/// Says what the image would be in another dialect, or compact, or both. Nothing is written.
///
/// # Errors
/// - that which ended the reading of the image, where no checkpoint of it is complete, or where
///   nothing was asked for that would leave the incomplete one out;
/// - [`Code::GuestUnsupported`] where the dialect has no such guest (spec 2.3);
/// - [`Code::ConvertVcpu0`] where it carries vcpu 0 alone, and vcpu 0 is offline (spec 8.2);
/// - [`Code::ConvertPages`] where the image was read from a stream and its pages are gone;
/// - [`Code::ConvertUnallocated`] where the unallocated list would be too long for its count.
pub fn plan<'a>(image: &'a Image, options: &ConvertOptions) -> Result<Conversion<'a>, Error> {
    let route = route(image, *options)?;
    let last = image
        .checkpoints
        .iter()
        .rposition(|checkpoint| checkpoint.complete)
        .ok_or_else(|| incomplete(image))?;
    let (Some(prologue), Some(setup), Some(ram)) = (image.prologue, &image.arch_setup, image.ram())
    else {
        return Err(incomplete(image));
    };
    let mut losses = Losses::default();
    choice(image, route, &mut losses);
    let torn = image.error.is_some() || last + 1 < image.checkpoints.len();
    if torn {
        if route.is_same() && !options.compact {
            return Err(incomplete(image));
        }
        let what = format!("incomplete: {}", incomplete(image));
        losses.name(format!("checkpoint[{}]", last + 1), what);
    }

    let p2m_size = prologue.p2m_size;
    let page_size = image.page_size;
    let arch_setup = head::arch_setup(&setup.bytes, p2m_size, page_size, route, &mut losses);
    let memmap = memmap::convert(image, p2m_size, last, route, &mut losses);
    let new_ram = match &memmap {
        Some(map) => RamMap::from_memmap(map, page_size),
        None => RamMap::flat(p2m_size),
    };

    let fold = options.compact || !route.to.spec().checkpoints;
    let rounds: Vec<Range<usize>> = if fold {
        for earlier in 0..last {
            let what = format!("folded into checkpoint {last}, whose state alone is kept");
            losses.name(format!("checkpoint[{earlier}]"), what);
        }
        core::iter::once(0..last + 1).collect()
    } else {
        (0..=last).map(|index| index..index + 1).collect()
    };
    let rounds = rounds
        .into_iter()
        .map(|range| {
            losses.of_checkpoint(range.end - 1);
            round(
                image,
                range,
                [ram, &new_ram],
                p2m_size,
                (route, options.compact),
                &mut losses,
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    losses.of_checkpoint(0);
    let trailing = trailing(image, route, &mut losses);
    let (losses, notes) = losses.finish();
    Ok(Conversion {
        route,
        page_size,
        prologue: head::prologue(prologue, route),
        arch_setup,
        memmap,
        rounds,
        trailing,
        byte_order: image.byte_order,
        losses,
        notes,
    })
}

/// From where to where. An image of one era is of any other that means the same.
fn route(image: &Image, options: ConvertOptions) -> Result<Route, Error> {
    let to = options.to.dialect();
    let (Some(detection), Some(guest)) = (&image.detection, image.guest()) else {
        return Err(incomplete(image));
    };
    if !to.supports(guest) {
        let offset = image
            .arch_setup
            .as_ref()
            .map_or(0, |section| section.offset);
        return Err(
            Error::new(Code::GuestUnsupported, offset, "arch_setup.flags")
                .length(8)
                .expected(format!("a paravirtual guest for {to}"))
                .found(format!("a guest that is {guest}")),
        );
    }
    let read_as = detection.best_era();
    let from = if alike::mean_the_same(read_as, options.to, guest) {
        options.to
    } else {
        read_as
    };
    Ok(Route {
        from: from.dialect(),
        to,
        eras: [from, options.to],
        guest,
    })
}

/// Says which of several eras the image was taken for, where that decides what is written.
fn choice(image: &Image, route: Route, losses: &mut Losses) {
    let [from, to] = route.eras;
    let eras = image.eras().iter().copied();
    let others: Vec<&str> = eras
        .filter(|era| !alike::mean_the_same(*era, from, route.guest))
        .map(Era::id)
        .collect();
    if from != to && !others.is_empty() {
        let what = format!(
            "taken for one of {from}; {} would explain it as well, and --era says which it is",
            others.join(", ")
        );
        losses.note("image", what);
    }
}

/// One checkpoint of the result, made from one or more of the source.
fn round<'a>(
    image: &'a Image,
    range: Range<usize>,
    ram: [&RamMap; 2],
    p2m_size: u64,
    (route, compact): (Route, bool),
    losses: &mut Losses,
) -> Result<Round<'a>, Error> {
    let checkpoints = &image.checkpoints[range.clone()];
    let last = &image.checkpoints[range.end - 1];
    let list = last.unallocated.as_ref().ok_or_else(|| incomplete(image))?;
    let unallocated = unallocated::convert(list, checkpoints, p2m_size, ram, route, losses);
    let count = Pfns::sum(unallocated.iter().copied());
    let Ok(unallocated_count) = u32::try_from(count) else {
        let error = Error::new(Code::ConvertUnallocated, list.count_offset, "unallocated");
        return Err(error
            .expected(format!("at most {} pfns", u32::MAX))
            .found(format!("{count}")));
    };
    Ok(Round {
        pages: Pages::new(image, range, compact)?,
        unallocated,
        unallocated_count,
        tail: Tail::convert(last, ram[0], route, losses)?.ok_or_else(|| incomplete(image))?,
        device_model: device_model(last, losses),
    })
}

/// The device-model record behind a checkpoint that another follows (spec 11.3). Behind what is the last
/// checkpoint of the result, it is what trails.
fn device_model<'a>(
    checkpoint: &'a Checkpoint,
    losses: &mut Losses,
) -> Option<&'a DeviceModelRecord> {
    let record = checkpoint.device_model.as_ref()?;
    if record.data.bytes.len() as u64 != record.size {
        let what = format!("{} bytes of the device model are not at hand", record.size);
        losses.name("device_model", what);
        return None;
    }
    Some(record)
}

/// The bytes behind the last checkpoint (spec 11.2).
fn trailing<'a>(image: &'a Image, route: Route, losses: &mut Losses) -> &'a [u8] {
    let Some(trailing) = &image.trailing else {
        return &[];
    };
    let in_file = image.data.as_ref().and_then(|data| {
        let from = usize::try_from(trailing.offset).ok()?;
        data.get(from..from.checked_add(usize::try_from(trailing.size).ok()?)?)
    });
    let kept = in_file.unwrap_or(&trailing.first);
    if kept.len() as u64 != trailing.size {
        losses.name(
            "trailing",
            format!("{} bytes behind the stream are not at hand", trailing.size),
        );
        return &[];
    }
    // A dialect without checkpoints has nothing to mistake them for; one with them may.
    let (limits, order) = (Limits::default(), image.byte_order);
    let mistaken = !route.is_one_dialect()
        && image.head.as_ref().is_some_and(|head| {
            let follows = detect::follows(head, route.to, &limits, order, kept, true);
            matches!(
                follows,
                Ok(detect::Follow::Checkpoint | detect::Follow::DeviceModel(_))
            )
        });
    if mistaken {
        let what = format!(
            "{} would take these bytes for a further checkpoint",
            route.to
        );
        losses.name("trailing", what);
        return &[];
    }
    kept
}

/// What ended the reading of an image.
fn incomplete(image: &Image) -> Error {
    image.error.clone().unwrap_or_else(|| {
        Error::new(Code::OutOfOrder, image.end, "checkpoint").expected("a whole image")
    })
}
