//! Conversion by eras, on images of real hypervisors.
//!
//! | file | what |
//! |---|---|
//! | `goldens` | every golden into every era and back |
//! | `kin` | one guest on many hypervisors: a conversion gives what the other hypervisor gave |
//! | `registers` | what each field becomes, one test for each thing that went wrong |
//! | `cases` | images with leftovers of a heap in them |
//! | `read_as` | what the result is taken for |

#[path = "../convert/fields.rs"]
#[allow(dead_code)] // what pages hold is looked at elsewhere
mod fields;

mod cases;
mod goldens;
mod kin;
mod read_as;
mod registers;

use bytes::Bytes;
use ia64save_codec::convert::{Conversion, ConvertOptions, Loss, Note, plan};
use ia64save_codec::encode::{Encoder, Piece};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::wire::{Layout, layout_of_context, layout_of_mapped_regs};
use ia64save_codec::{Era, Error, Guest, decode::Event};
use ia64save_corpus::Golden;

/// Reads an image as one of an era.
fn parse(bytes: Vec<u8>, era: Era) -> Image {
    let options = Options::default().era(Some(era));
    let image = Image::parse(&Bytes::from(bytes), &options);
    assert_eq!(image.error, None, "as {era}");
    image
}

/// A golden without its pages, which no conversion looks at.
fn small(golden: &Golden) -> Image {
    let options = Options::default().era(Some(golden.era()));
    let image = Image::parse(&golden.bytes(), &options);
    assert_eq!(image.error, None, "{}", golden.name);
    let mut encoder = Encoder::new(golden.dialect(), golden.guest());
    let mut out = Vec::new();
    let sink = |event: Event<'_>| -> Result<(), Error> {
        if !matches!(event, Event::Pages(_)) {
            encoder.encode(&event)?.write_to(&mut out);
        }
        Ok(())
    };
    image.events(sink).unwrap();
    parse(out, golden.era())
}

fn golden(name: &str) -> Image {
    small(&ia64save_corpus::golden(name))
}

fn planned(image: &Image, to: Era) -> Conversion<'_> {
    plan(image, &ConvertOptions::to(to)).unwrap()
}

/// What became of an image.
struct Made {
    bytes: Vec<u8>,
    image: Image,
    losses: Vec<Loss>,
    notes: Vec<Note>,
}

/// Whether an image can be one of that era: some have room for vcpu 0 alone.
fn is_possible(image: &Image, to: Era) -> bool {
    match plan(image, &ConvertOptions::to(to)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.code, ia64save_codec::Code::ConvertVcpu0);
            false
        }
    }
}

fn converted(image: &Image, to: Era) -> Made {
    let conversion = planned(image, to);
    let mut bytes = Vec::new();
    conversion
        .write(|piece: &Piece<'_>| -> Result<(), Error> {
            piece.write_to(&mut bytes);
            Ok(())
        })
        .unwrap();
    Made {
        image: parse(bytes.clone(), to),
        bytes,
        losses: conversion.losses().to_vec(),
        notes: conversion.notes().to_vec(),
    }
}

impl Made {
    fn lost(&self, path: &str) -> Vec<&str> {
        let losses = self.losses.iter().filter(|loss| loss.path == path);
        losses.map(|loss| &loss.what[..]).collect()
    }

    fn noted(&self, path: &str) -> Vec<&str> {
        let notes = self.notes.iter().filter(|note| note.path == path);
        notes.map(|note| &note.what[..]).collect()
    }
}

fn context_layout(image: &Image) -> &'static Layout {
    layout_of_context(image.read_as().unwrap().spec().context)
}

fn page_layout(image: &Image) -> &'static Layout {
    layout_of_mapped_regs(image.era().unwrap().spec().privregs)
}

fn context(image: &Image) -> &[u8] {
    &image.checkpoints[0].vcpus[0].context.bytes
}

fn page(image: &Image) -> &[u8] {
    &image.checkpoints[0].vcpus[0]
        .privregs
        .as_ref()
        .unwrap()
        .bytes
}

/// A word of the context of vcpu 0.
fn reg(image: &Image, path: &str) -> u64 {
    word(context_layout(image), context(image), path)
}

/// A word of the privregs page of vcpu 0.
fn privreg(image: &Image, path: &str) -> u64 {
    word(page_layout(image), page(image), path)
}

fn word(layout: &Layout, bytes: &[u8], path: &str) -> u64 {
    let found = layout.find(path).unwrap_or_else(|| panic!("no {path}"));
    let field = &bytes[found.offset..found.offset + found.kind.size()];
    let mut word = [0; 8];
    word[..field.len()].copy_from_slice(field);
    u64::from_le_bytes(word)
}

/// Puts a word into the context of vcpu 0.
fn set_reg(image: &mut Image, path: &str, value: u64) {
    let layout = context_layout(image);
    let section = &mut image.checkpoints[0].vcpus[0].context;
    section.bytes = with(layout, &section.bytes, path, value).into();
}

/// Puts a word into the privregs page of vcpu 0.
fn set_privreg(image: &mut Image, path: &str, value: u64) {
    let layout = page_layout(image);
    let section = image.checkpoints[0].vcpus[0].privregs.as_mut().unwrap();
    section.bytes = with(layout, &section.bytes, path, value).into();
}

fn with(layout: &Layout, bytes: &[u8], path: &str, value: u64) -> Vec<u8> {
    let found = layout.find(path).unwrap_or_else(|| panic!("no {path}"));
    let size = found.kind.size();
    let mut bytes = bytes.to_vec();
    bytes[found.offset..found.offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    bytes
}

/// The eras whose images these tests can read: context F before three magic pfns is read by who knows
/// of it.
fn eras(guest: Guest) -> impl Iterator<Item = Era> {
    Era::ALL.into_iter().filter(move |era| {
        era.dialect().supports(guest) && (guest == Guest::Pv || *era != Era::D10A)
    })
}

/// Registers of the stack by value, each with its NaT bit, and how many are dirty.
fn stacked(image: &Image) -> (u64, Vec<(u64, bool)>) {
    use ia64save_codec::era::{RbsImage, StackForm};
    let spec = image.era().unwrap().spec();
    let start = spec.rbs_voff.unwrap_or_else(|| match spec.rbs {
        RbsImage::Dirty => reg(image, "regs.rbs_voff"),
        _ => 56,
    });
    let count = match spec.stack {
        StackForm::Loadrs => {
            let words = reg(image, "user_regs.loadrs") >> 19;
            words - (start + words) / 64
        }
        StackForm::HostBytes => {
            let words = (reg(image, "regs.ar.bsp") - reg(image, "regs.ar.bspstore")) / 8;
            words - (start + words) / 64
        }
        StackForm::GuestSlots => {
            let [store, bsp] =
                ["regs.ar.bspstore", "regs.ar.bsp"].map(|path| reg(image, path) >> 3);
            let words = bsp - store;
            words - (store % 64 + words) / 64
        }
    };
    if spec.rbs != RbsImage::Dirty {
        return (count, Vec::new());
    }
    let rnat = if spec.whole {
        reg(image, "regs.rbs_rnat")
    } else {
        0
    };
    let place = context_layout(image).find("regs.rbs").unwrap().offset;
    let at = |index: u64| {
        let offset = place + index as usize * 8;
        u64::from_le_bytes(context(image)[offset..offset + 8].try_into().unwrap())
    };
    // The last word that a register is in.
    let last = (0..)
        .filter(|i| (start + i) % 64 != 63)
        .nth(count.max(1) as usize - 1);
    let last = last.unwrap();
    let mut all = Vec::new();
    let mut index = 0;
    while (all.len() as u64) < count {
        let slot = (start + index) % 64;
        if slot != 63 {
            let behind = (index..=last + 1).find(|i| (start + i) % 64 == 63);
            let nats = behind.map_or(rnat, at);
            all.push((at(index), nats >> slot & 1 != 0));
        }
        index += 1;
    }
    (count, all)
}

/// The bitmap of general registers that are NaT.
fn nats(image: &Image) -> u32 {
    let era = image.era().unwrap();
    let path = match context_layout(image).find("regs.nats") {
        Some(_) => "regs.nats",
        None => "user_regs.eml_unat",
    };
    era.nats(image.guest().unwrap()).to_bitmap(reg(image, path))
}
