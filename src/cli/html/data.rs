//! What the page shows.

use std::ops::Range;

use ia64save::Loaded;
use ia64save::document::check::suppressed;
use ia64save::document::finding::FindingDocument;
use ia64save::document::info::Info;
use ia64save::document::word::digits;
use ia64save_codec::check::{self, CheckOptions, Verdict};
use ia64save_codec::image::{HvmContext, Image};
use ia64save_codec::registers::{self, Group, Value as Register};
use ia64save_codec::repair::{self, Note};
use ia64save_codec::wire::{bits, hvm};
use ia64save_codec::{Dialect, Finding, Guest, tree};
use serde_json::{Value, json};

use super::args::Args;
use super::inside::{Inside, VCPUS};
use super::picture::picture;
use super::words::{base_name, value};
use crate::cli::exit::Outcome;
use crate::cli::render::looks::LOOKS;
use crate::cli::repair::cause;

/// Findings that are shown; of many, the rest is counted.
const FINDINGS: usize = 400;
/// Checkpoints that are drawn.
const CHECKPOINTS: usize = 8;
/// Passes that are drawn.
const PASSES: usize = 240;
/// Device records that are shown.
const DEVICES: usize = 520;
/// Descriptors of the memory map that are shown.
const DESCRIPTORS: usize = 256;
/// Bytes of configuration that are shown.
const CONFIG: usize = 256 << 10;

/// Everything about an image, and what the exit code says of it.
pub fn of(loaded: &Loaded, args: &Args, inside: &Inside) -> (Value, Outcome) {
    let image = loaded.image();
    let report = check::run_file(&loaded.file, &CheckOptions::default());
    let outcome = match report.verdict {
        Verdict::Invalid => Outcome::Invalid,
        Verdict::ValidWithWarnings | Verdict::Valid => Outcome::Fine,
    };
    let (mut info, more_descriptors) = summary(loaded);
    // Where a file lies is nobody's business who is given the page.
    let name = base_name(&loaded.name);
    info["file"] = json!(name);
    let cause = cause::of(loaded, &report, &args.reading);
    // The worst are shown where not all are.
    let mut worst: Vec<&Finding> = report.findings.iter().collect();
    worst.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let shown = worst.iter().take(FINDINGS);
    let (passes, more_passes) = passes(image);
    let dialect = image.read_as();
    let first = image.first();
    let vcpus = first.map_or(&[][..], |first| &first.vcpus);
    let vcpus_shown: Vec<_> = vcpus
        .iter()
        .take(VCPUS)
        .enumerate()
        .map(|(place, vcpu)| {
            let guest = image.guest().unwrap_or(Guest::Pv);
            let mut groups = registers::of_context_by(vcpu, image.eras(), guest);
            groups.extend(dialect.and_then(|dialect| registers::of_privregs(vcpu, dialect)));
            json!({
                "id": vcpu.id,
                "layout": format!("{:?}", vcpu.layout),
                "offset": vcpu.context.offset,
                "groups": groups.iter().map(group).collect::<Vec<_>>(),
                "led": inside.led.get(place),
            })
        })
        .collect();
    let context = first.and_then(|first| first.hvm_context.as_ref());
    let (devices, more_devices) = match (context, dialect) {
        (Some(context), Some(dialect)) => devices(context, dialect),
        _ => (Vec::new(), 0),
    };
    let empty = ia64save_codec::ram::RamMap::default();
    let ram = image.ram().unwrap_or(&empty);
    let drawn = image.checkpoints.iter().take(CHECKPOINTS).enumerate();
    let pictures: Vec<_> = drawn
        .map(|(index, checkpoint)| picture(index, checkpoint, ram))
        .filter(|picture| {
            picture["extents"]
                .as_array()
                .is_some_and(|list| !list.is_empty())
        })
        .collect();
    let config = loaded.file.config_text.as_ref().filter(|_| !args.no_config);
    let config = config.map(|text| String::from_utf8_lossy(&text[..text.len().min(CONFIG)]));
    let data = json!({
        "schema": "ia64save/report/1",
        "tool_version": env!("CARGO_PKG_VERSION"),
        "file": name,
        "file_size": loaded.file_size(),
        "info": info,
        "more_descriptors": more_descriptors,
        "ram_pages": image.ram().map(ia64save_codec::ram::RamMap::pages),
        "verdict": report.verdict.name(),
        "missing": repair::missing(&loaded.file),
        "cause": cause.as_ref().and_then(said),
        "findings": shown.map(|found| with_bytes(found, loaded)).collect::<Vec<_>>(),
        "more_findings": report.findings.len().saturating_sub(FINDINGS),
        "suppressed": suppressed(&report),
        "looks": LOOKS.map(|(name, _, _)| name),
        "pictures": pictures,
        "more_checkpoints": image.checkpoints.len().saturating_sub(CHECKPOINTS),
        "passes": passes,
        "more_passes": more_passes,
        "bits": bit_fields(),
        "vcpus": vcpus_shown,
        "more_vcpus": vcpus.len().saturating_sub(VCPUS),
        "devices": devices,
        "more_devices": more_devices,
        "config": config,
        "guest": inside.guest,
        "has_guest": !inside.guest.is_null(),
    });
    (data, outcome)
}

/// One number that explains all errors, in words.
fn said(note: &Note) -> Option<String> {
    let (found, expected) = note.number?;
    Some(format!(
        "One number explains it: {} at byte {} is {found}; with {expected} there would be no error. ia64save repair \
         puts {expected} there.",
        note.path, note.offset
    ))
}

/// `info` without what may be long and is shown otherwise.
fn summary(loaded: &Loaded) -> (Value, usize) {
    let mut info = value(&Info::from(loaded));
    let mut more = 0;
    if let Some(map) = info.as_object_mut() {
        for name in ["checkpoints", "hvm_context"] {
            map.remove(name);
        }
        if let Some(list) = map.get_mut("unallocated").and_then(Value::as_object_mut) {
            list.remove("ranges");
        }
        if let Some(Value::Array(list)) =
            map.get_mut("memmap").and_then(|m| m.get_mut("descriptors"))
        {
            more = list.len().saturating_sub(DESCRIPTORS);
            list.truncate(DESCRIPTORS);
        }
    }
    (info, more)
}

/// A finding with the bytes around it, where they are no page of the guest's.
fn with_bytes(found: &Finding, loaded: &Loaded) -> Value {
    let mut value = value(&FindingDocument::from(found));
    let end = loaded.file.size;
    let mark = found.offset..found.offset.saturating_add(found.length.min(48).into());
    let start = (found.offset & !15).saturating_sub(16);
    let window = start..mark.end.saturating_add(32).min(end);
    if let Some((base, bytes)) = around(window, found, loaded)
        && bytes.len() >= 4
        && base <= mark.start
    {
        value["hex"] = json!({
            "base": base,
            "bytes": digits(&bytes),
            "start": mark.start,
            "end": mark.end,
        });
    }
    value
}

fn around(window: Range<u64>, found: &Finding, loaded: &Loaded) -> Option<(u64, Vec<u8>)> {
    loaded.bytes_at(loaded.without_pages(window, found.offset)?)
}

/// Pages of each pass, and how many of them a later copy replaces.
fn passes(image: &Image) -> (Vec<Value>, usize) {
    let Some(ram) = image.ram() else {
        return (Vec::new(), 0);
    };
    let mut all = Vec::new();
    let mut more = 0;
    for (round, checkpoint) in image.checkpoints.iter().enumerate() {
        let pages = &checkpoint.pages;
        let mut counts = vec![false; pages.len()];
        for (_, record, _) in pages.last_copies() {
            counts[record] = true;
        }
        for (number, pass) in pages.passes(ram).iter().enumerate() {
            if all.len() == PASSES {
                more += 1;
                continue;
            }
            let records = pass.first..pass.first + pass.records;
            let last = records.clone().filter(|record| counts[*record]);
            let zero = records
                .clone()
                .filter(|record| counts[*record] && pages.is_zero(*record) == Some(true));
            let (label, name) = if round == 0 {
                (format!("{}", number + 1), format!("pass {}", number + 1))
            } else {
                (
                    format!("r{round}"),
                    format!("round {round}, pass {}", number + 1),
                )
            };
            all.push(json!({
                "label": label,
                "name": name,
                "records": pass.records,
                "superseded": pass.records - last.count(),
                "zero": zero.count(),
            }));
        }
    }
    (all, more)
}

fn words(register: &Register) -> Vec<String> {
    register
        .words
        .iter()
        .map(|word| format!("{word:#x}"))
        .collect()
}

/// `[name, offset, words, how its bits are read, meaning]`.
fn register(register: &Register) -> Value {
    let meaning = match &register.form {
        Some(form) => format!("{} ({form})", register.meaning),
        None => register.meaning.to_owned(),
    };
    json!([
        register.name,
        register.offset,
        words(register),
        register.bits.map(|bits| bits.name),
        meaning,
    ])
}

/// Registers, and the names of those that are 0.
fn registers_and_zeros(all: &[Register]) -> (Vec<Value>, Vec<&str>) {
    let (zeros, others): (Vec<_>, Vec<_>) = all.iter().partition(|register| register.is_zero());
    let zeros = zeros.iter().map(|register| &register.name[..]).collect();
    (others.into_iter().map(register).collect(), zeros)
}

fn group(group: &Group) -> Value {
    let (registers, zeros) = registers_and_zeros(&group.registers);
    json!({ "name": group.name, "registers": registers, "zeros": zeros })
}

/// The records of an HVM context.
fn devices(context: &HvmContext, dialect: Dialect) -> (Vec<Value>, usize) {
    let mut all = Vec::new();
    let mut more = 0;
    for (offset, record) in context.records() {
        if record.typecode == 0 {
            continue;
        }
        if all.len() == DEVICES {
            more += 1;
            continue;
        }
        let layout = tree::body_layout(dialect, record.typecode);
        let fields = layout.map_or_else(Vec::new, |layout| {
            registers::of_structure(layout, offset + 8, record.body)
        });
        let is_pin = |register: &&Register| {
            register
                .bits
                .is_some_and(|own| own.name == bits::REDIRECTION.name)
        };
        let pins: Vec<_> = fields
            .iter()
            .filter(is_pin)
            .map(|pin| words(pin).remove(0))
            .collect();
        let others: Vec<_> = fields.iter().filter(|own| !is_pin(own)).cloned().collect();
        let (registers, zeros) = registers_and_zeros(&others);
        all.push(json!({
            "typecode": record.typecode,
            "name": hvm::record_of(record.typecode).map(|known| known.name),
            "instance": record.instance,
            "length": record.length,
            "offset": offset,
            "registers": registers,
            "zeros": zeros,
            "pins": pins,
        }));
    }
    (all, more)
}

/// How the bits of registers are read: `{psr: [[name, low, width, meaning], ...]}`.
fn bit_fields() -> Value {
    let all = bits::ALL.iter().map(|register| {
        let fields = register.fields.iter();
        let fields = fields.map(|field| json!([field.name, field.low, field.width, field.meaning]));
        (register.name.to_owned(), fields.collect::<Value>())
    });
    Value::Object(all.collect())
}
