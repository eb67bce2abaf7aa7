//! What a row says of an image. Every row has every column, in this order.

use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::detect::Detection;
use ia64save_codec::image::PageIndex;
use ia64save_codec::{Dialect, Era, Guest, Severity};
use serde_json::{Map, Value, json};

use super::walk::{self, File};
use crate::document::{Verdicts, digits};
use crate::error::Error;
use crate::loaded::Loaded;
use crate::open::{Options, open};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
    /// Texts; in a table joined by spaces.
    Texts,
}

/// The columns. `null` stands for what is not known.
pub const COLUMNS: [(&str, Kind); 35] = [
    ("schema", Kind::Text),
    ("file", Kind::Text),
    ("file_size", Kind::Number),
    ("sha256", Kind::Text),
    ("compression", Kind::Text),
    ("unpacked_size", Kind::Number),
    ("unpacked_sha256", Kind::Text),
    ("verdict", Kind::Text),
    ("errors", Kind::Number),
    ("warnings", Kind::Number),
    ("notes", Kind::Number),
    ("codes", Kind::Texts),
    ("first_error", Kind::Text),
    ("complete", Kind::Flag),
    ("envelope", Kind::Text),
    ("name", Kind::Text),
    ("uuid", Kind::Text),
    ("format_version", Kind::Number),
    ("dialect", Kind::Text),
    ("dialect_candidates", Kind::Texts),
    ("era", Kind::Text),
    ("era_candidates", Kind::Texts),
    ("guest", Kind::Text),
    ("p2m_size", Kind::Number),
    ("ram_pages", Kind::Number),
    ("page_size", Kind::Number),
    ("num_records", Kind::Number),
    ("num_distinct", Kind::Number),
    ("num_superseded", Kind::Number),
    ("num_zero", Kind::Number),
    ("num_unallocated", Kind::Number),
    ("num_passes", Kind::Number),
    ("num_vcpus", Kind::Number),
    ("num_checkpoints", Kind::Number),
    ("device_model_size", Kind::Number),
];

/// The row of one file, whatever is in it. Zero pages and digests are in it where the options ask for them.
pub fn row(file: &File, options: &Options) -> Value {
    let mut map: Map<String, Value> = COLUMNS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), Value::Null))
        .collect();
    map["schema"] = json!("ia64save/batch/1");
    map["file"] = json!(walk::name(&file.path));
    if let Some(error) = &file.error {
        unreadable(&mut map, "unreadable", error);
        return Value::Object(map);
    }
    let opened = open(&file.path, options).and_then(|loaded| {
        image(&loaded, &mut map);
        Ok(loaded.verify()?)
    });
    if let Err(failure) = opened {
        let verdict = match failure {
            Error::Foreign { .. } => "foreign",
            _ if failure.is_of_input() => "invalid",
            _ => "unreadable",
        };
        unreadable(&mut map, verdict, &failure.to_string());
        if let Error::Broken { error, .. } = &failure {
            map["errors"] = json!(1);
            map["codes"] = json!([error.code.name()]);
        }
    }
    Value::Object(map)
}

/// What is said of a file of which nothing is known.
fn unreadable(map: &mut Map<String, Value>, verdict: &str, why: &str) {
    map["verdict"] = json!(verdict);
    map["complete"] = json!(false);
    map["first_error"] = json!(why);
}

fn image(loaded: &Loaded, map: &mut Map<String, Value>) {
    let (file, image) = (&loaded.file, loaded.image());
    let report = loaded.keep_small(|| check::run_file(file, &CheckOptions::default()));
    let counts = Verdicts::of(&report.findings);
    let more = |severity| {
        let codes = report.suppressed.iter();
        let codes = codes.filter(move |(code, _)| code.severity() == severity);
        codes.map(|(_, count)| *count as usize).sum::<usize>()
    };
    let mut codes: Vec<&str> = report
        .findings
        .iter()
        .map(|found| found.code.name())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let mut findings = report.findings.iter();
    let first = findings.find(|found| found.severity == Severity::Error);
    let config = file.config.as_ref().and_then(|config| config.as_ref().ok());
    let model = file
        .device_model
        .as_ref()
        .and_then(|model| model.as_ref().ok());
    let candidates = image.detection.as_ref().map(|detection| {
        let names = detection.candidates.iter().map(|dialect| dialect.name());
        names.collect::<Vec<_>>()
    });
    let sum = |count: fn(&PageIndex) -> u64| {
        image
            .checkpoints
            .iter()
            .map(|one| count(&one.pages))
            .sum::<u64>()
    };
    let zero = image
        .checkpoints
        .iter()
        .filter_map(|one| one.pages.zero())
        .sum::<u64>();
    let first_checkpoint = image.first();
    let passes = first_checkpoint.zip(image.ram());
    let mut put = |name: &str, value: Value| map[name] = value;
    put("file_size", json!(loaded.file_size()));
    put(
        "sha256",
        json!(loaded.file_digest().map(|own| digits(&own))),
    );
    put("unpacked_size", json!(loaded.unpacked_size()));
    let unpacked = loaded.unpacked_digest();
    put("unpacked_sha256", json!(unpacked.map(|own| digits(&own))));
    put(
        "compression",
        json!(loaded.compression.map(|own| own.to_string())),
    );
    put("verdict", json!(report.verdict.name()));
    put("errors", json!(counts.errors + more(Severity::Error)));
    put("warnings", json!(counts.warnings + more(Severity::Warning)));
    put("notes", json!(counts.notes + more(Severity::Note)));
    put("codes", json!(codes));
    put("first_error", json!(first.map(ToString::to_string)));
    put("complete", json!(image.error.is_none()));
    put("envelope", json!(file.envelope.kind.name()));
    put(
        "name",
        json!(config.and_then(|config| config.name.as_ref())),
    );
    put(
        "uuid",
        json!(config.and_then(|config| config.uuid.as_ref())),
    );
    put(
        "format_version",
        json!(image.prologue.map(|prologue| prologue.version)),
    );
    put("dialect", json!(image.dialect().map(Dialect::name)));
    put("dialect_candidates", json!(candidates.unwrap_or_default()));
    let era = image.detection.as_ref().and_then(Detection::era);
    put("era", json!(era.map(Era::id)));
    let eras: Vec<&str> = image.eras().iter().map(|era| era.id()).collect();
    put("era_candidates", json!(eras));
    put("guest", json!(image.guest().map(Guest::name)));
    put(
        "p2m_size",
        json!(image.prologue.map(|prologue| prologue.p2m_size)),
    );
    put(
        "ram_pages",
        json!(image.ram().map(ia64save_codec::ram::RamMap::pages)),
    );
    put("page_size", json!(image.page_size));
    put("num_records", json!(sum(|pages| pages.len() as u64)));
    put("num_distinct", json!(sum(|pages| pages.distinct() as u64)));
    put(
        "num_superseded",
        json!(sum(|pages| pages.superseded() as u64)),
    );
    put("num_zero", json!(loaded.digest.map(|_| zero)));
    let list = first_checkpoint.and_then(|one| one.unallocated.as_ref());
    put("num_unallocated", json!(list.map(|list| list.count)));
    put(
        "num_passes",
        json!(passes.map(|(one, ram)| one.pages.passes(ram).len())),
    );
    put(
        "num_vcpus",
        json!(first_checkpoint.map(|one| one.vcpus.len())),
    );
    put("num_checkpoints", json!(image.checkpoints.len()));
    put(
        "device_model_size",
        json!(model.map(|model| model.data.end - model.data.start)),
    );
}
