//! One guest on many hypervisors: a conversion gives what the other hypervisor gave.

use ia64save_codec::Guest;
use ia64save_codec::era::RbsImage;
use ia64save_codec::wire::{Layout, Style};
use ia64save_corpus::golden;

use super::{context, context_layout, converted, page, page_layout, small, stacked};

/// The guest that fills every register and asks for its own suspension.
const SELF_SUSPENDED: [&str; 16] = [
    "realD2-pv",
    "realD3-pv",
    "realD4a-pv",
    "realD5-pv",
    "realD6a-pv",
    "realD6c-pv",
    "realD6d-pv",
    "realD7a-pv",
    "realD7c-pv",
    "realD7d-pv",
    "realD8a-pv",
    "realD8b-pv",
    "realD9a-pv",
    "realD9b-pv",
    "realD10a-pv",
    "realD41-pv",
];

/// What differs between runs of that guest, not between hypervisors: what the hypercall and the last full
/// entry before it left in scratch registers, and what the builder of the day began with.
fn differs_by_itself(path: &str) -> bool {
    const PATHS: [&str; 14] = [
        "privregs[0].interrupt_collection_enabled",
        "privregs[0].interrupt_mask_addr",
        "privregs[0].vpsr",
        "vcpu[0].regs.r[8]",
        "vcpu[0].regs.r[2]",
        "vcpu[0].regs.r[3]",
        "vcpu[0].regs.r[14]",
        "vcpu[0].regs.r[15]",
        "vcpu[0].regs.r[16]",
        "vcpu[0].regs.r[17]",
        "vcpu[0].regs.r[18]",
        "vcpu[0].regs.ar.itc",
        "vcpu[0].regs.cr.itm",
        "flags",
    ];
    PATHS.contains(&path)
}

/// Words by their path: arrays element by element.
fn words(layout: &Layout, bytes: &[u8], mut visit: impl FnMut(String, &[u8])) {
    layout.walk(bytes, &mut |entry| {
        if entry.style == Style::Pad {
            return;
        }
        let size = entry.kind.size();
        for (index, word) in entry.bytes.chunks(size).enumerate() {
            let path = match entry.count {
                1 => entry.path.to_string(),
                _ => format!("{}[{index}]", entry.path),
            };
            visit(path, word);
        }
    });
}

#[test]
fn what_another_hypervisor_gave_of_the_same_guest_is_what_is_made() {
    let mut compared = 0;
    for from in SELF_SUSPENDED {
        let source = small(&golden(from));
        for to in SELF_SUSPENDED {
            let genuine = small(&golden(to));
            let era = genuine.era().unwrap();
            let made = converted(&source, era);
            let said: Vec<&str> = made
                .losses
                .iter()
                .map(|loss| &loss.path[..])
                .chain(made.notes.iter().map(|note| &note.path[..]))
                .collect();
            let mut hold = |path: String, new: &[u8], old: &[u8]| {
                let named = said.iter().any(|said| path.starts_with(said));
                compared += 1;
                assert!(
                    new == old || named || differs_by_itself(&path),
                    "{from} as {to}: {path} is {new:02x?}, {era} gave {old:02x?}"
                );
            };
            let layout = context_layout(&genuine);
            words(layout, context(&genuine), |path, old| {
                // The stack is compared by its registers, psr without what the page has otherwise.
                let place = layout.find(&path).unwrap().offset;
                let new = &context(&made.image)[place..place + old.len()];
                let by_hand = ["rbs", "ar.bsp", "psr", "nats", "rr[", "ar.itc"];
                let by_hand = by_hand
                    .iter()
                    .any(|name| path.starts_with(&format!("regs.{name}")));
                if era.assigns(Guest::Pv, &path) && !by_hand {
                    hold(format!("vcpu[0].{path}"), new, old);
                }
            });
            let layout = page_layout(&genuine);
            words(layout, page(&genuine), |path, old| {
                let place = layout.find(&path).unwrap().offset;
                let new = &page(&made.image)[place..place + old.len()];
                if !path.starts_with("rrs[") {
                    hold(format!("privregs[0].{path}"), new, old);
                }
            });
            let registers = [&made.image, &genuine].map(|image| {
                let (count, all) = stacked(image);
                (
                    count,
                    all.into_iter().map(|(word, _)| word).collect::<Vec<_>>(),
                )
            });
            let [(new, made_of), (old, gave)] = &registers;
            assert_eq!(new, old, "{from} as {to}: dirty registers");
            let both = [&source, &genuine].map(|image| image.era().unwrap().spec().rbs);
            if both == [RbsImage::Dirty; 2] {
                assert_eq!(made_of.len(), gave.len());
                let levels = [&source, &genuine].map(|image| image.era().unwrap().spec());
                let levels = levels.map(|spec| spec.kernel_level);
                for (one, other) in made_of.iter().zip(gave) {
                    // Some registers are the ar.pfs of a caller, with the level of its kernel: which of
                    // them is one nobody knows, so none is changed.
                    let level = levels[0] != levels[1] && one << 2 == other << 2;
                    assert!(
                        one == other || level,
                        "{from} as {to}: {one:#x}, {other:#x}"
                    );
                }
            }
        }
    }
    assert!(compared > 50_000, "{compared}");
}
