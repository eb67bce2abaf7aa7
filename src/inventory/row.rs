//! What a row says of an image. Every row has every column, in this order.

use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::detect::Detection;
use ia64save_codec::image::PageIndex;
use ia64save_codec::{Dialect, Era, Guest, Severity};

use super::walk::{self, File};
use crate::document::finding::Verdicts;
use crate::document::inventory::InventoryRow;
use crate::document::name::BatchName;
use crate::document::word::{Digits, Hex};
use crate::error::Error;
use crate::loaded::Loaded;
use crate::open::{Options, open};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// Of up to 64 bits; in a line a text.
    Word,
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
    ("p2m_size", Kind::Word),
    ("ram_pages", Kind::Word),
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
pub fn row(file: &File, options: &Options) -> InventoryRow {
    let name = walk::name(&file.path);
    if let Some(error) = &file.error {
        return unreadable(name, "unreadable", error);
    }
    let opened = open(&file.path, options).and_then(|loaded| {
        let row = image(name.clone(), &loaded);
        loaded.verify()?;
        Ok(row)
    });
    opened.unwrap_or_else(|failure| {
        let verdict = match failure {
            Error::Foreign { .. } => "foreign",
            _ if failure.is_of_input() => "invalid",
            _ => "unreadable",
        };
        let mut row = unreadable(name, verdict, &failure.to_string());
        if let Error::Broken { error, .. } = &failure {
            row.errors = Some(1);
            row.codes = Some(vec![error.code.name()]);
        }
        row
    })
}

/// What is said of a file of which nothing is known.
fn unreadable(file: String, verdict: &'static str, why: &str) -> InventoryRow {
    InventoryRow {
        file,
        verdict,
        first_error: Some(why.to_owned()),
        ..InventoryRow::default()
    }
}

fn image(name: String, loaded: &Loaded) -> InventoryRow {
    let (file, image) = (&loaded.file, loaded.image());
    let report = loaded.keep_small(|| check::run_file(file, &CheckOptions::default()));
    let counts = Verdicts::of(&report.findings);
    let more = |severity| {
        let codes = report.suppressed.iter();
        let codes = codes.filter(move |(code, _)| code.severity() == severity);
        codes.map(|(_, count)| *count as usize).sum::<usize>()
    };
    let mut codes: Vec<_> = report
        .findings
        .iter()
        .map(|found| found.code.name())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let mut findings = report.findings.iter();
    let first_error = findings.find(|found| found.severity == Severity::Error);
    let config = file.config.as_ref().and_then(|config| config.as_ref().ok());
    let model = file
        .device_model
        .as_ref()
        .and_then(|model| model.as_ref().ok());
    let detection = image.detection.as_ref();
    let candidates = detection.map(|found| found.candidates.iter().map(|own| own.name()).collect());
    let sum = |count: fn(&PageIndex) -> usize| {
        let rounds = image.checkpoints.iter();
        Some(rounds.map(|one| count(&one.pages) as u64).sum::<u64>())
    };
    let rounds = image.checkpoints.iter();
    let zero = rounds.filter_map(|one| one.pages.zero()).sum::<u64>();
    let first = image.first();
    let list = first.and_then(|one| one.unallocated.as_ref());
    let passes = first.zip(image.ram());
    InventoryRow {
        schema: BatchName,
        file: name,
        file_size: loaded.file_size(),
        sha256: loaded.file_digest().map(|own| Digits::of(&own)),
        compression: loaded.compression.map(|own| own.to_string()),
        unpacked_size: loaded.unpacked_size(),
        unpacked_sha256: loaded.unpacked_digest().map(|own| Digits::of(&own)),
        verdict: report.verdict.name(),
        errors: Some(counts.errors + more(Severity::Error)),
        warnings: Some(counts.warnings + more(Severity::Warning)),
        notes: Some(counts.notes + more(Severity::Note)),
        codes: Some(codes),
        first_error: first_error.map(ToString::to_string),
        complete: image.error.is_none(),
        envelope: Some(file.envelope.kind.name()),
        name: config.and_then(|config| config.name.clone()),
        uuid: config.and_then(|config| config.uuid.clone()),
        format_version: image.prologue.map(|prologue| prologue.version),
        dialect: image.dialect().map(Dialect::name),
        dialect_candidates: Some(candidates.unwrap_or_default()),
        era: detection.and_then(Detection::era).map(Era::id),
        era_candidates: Some(image.eras().iter().map(|era| era.id()).collect()),
        guest: image.guest().map(Guest::name),
        p2m_size: image.prologue.map(|prologue| Hex(prologue.p2m_size)),
        ram_pages: image.ram().map(|ram| Hex(ram.pages())),
        page_size: Some(image.page_size),
        num_records: sum(PageIndex::len),
        num_distinct: sum(PageIndex::distinct),
        num_superseded: sum(PageIndex::superseded),
        num_zero: loaded.digest.map(|_| zero),
        num_unallocated: list.map(|list| list.count),
        num_passes: passes.map(|(one, ram)| one.pages.passes(ram).len()),
        num_vcpus: first.map(|one| one.vcpus.len()),
        num_checkpoints: Some(image.checkpoints.len()),
        device_model_size: model.map(|model| model.data.end - model.data.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_columns_of_a_line() {
        let line = serde_json::to_value(InventoryRow::default()).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
        assert_eq!(keys, names);
    }
}
