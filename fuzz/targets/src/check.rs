//! The rules, the fields and the map of anything.

use std::fmt::Write;

use bytes::Bytes;
use ia64save_codec::SaveFile;
use ia64save_codec::check::{self, CheckOptions, Report, Verdict};
use ia64save_codec::envelope::Envelope;
use ia64save_codec::fields::{self, Selection};
use ia64save_codec::image::Image;

use crate::Input;
use crate::usage::Budget;

/// Rules keep ranges of pfns and, of each code, a few findings.
const RULES: Budget = Budget {
    bytes: (2 << 20, 64),
    calls: (40_000, 16),
    time: (200_000_000, 40_000),
};
/// Fields are visited one by one and not kept.
const FIELDS: Budget = Budget {
    bytes: (256 << 10, 8),
    calls: (4000, 16),
    time: (200_000_000, 40_000),
};

/// Nothing panics, whatever could be read; it takes as long as the input is; findings lie within the
/// input and fields within each other's neighbourhood.
pub fn check(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let bytes = input.bytes();
    let options = input.options().zero(input.choice % 2 == 1);
    let image = Image::parse(&bytes, &options);
    let size = bytes.len();
    let checked = CheckOptions::default().findings_per_code(u64::from(input.choice % 32));
    let report = RULES.spend(size, || check::run(&image, &checked));
    sound(&report, &image, size as u64);
    extents(&image);
    let file = SaveFile::new(Envelope::bare(), &bytes, image, size as u64);
    FIELDS.spend(size, || visit(&file, &bytes));
    RULES.spend(size, || check::run_file(&file, &checked));
}

fn sound(report: &Report, image: &Image, size: u64) {
    let mut at = 0;
    for finding in &report.findings {
        assert!(finding.offset >= at, "by offset: {finding}");
        at = finding.offset;
        assert!(at <= size, "{finding}");
        assert!(!finding.to_string().is_empty());
    }
    match &image.error {
        // A code of which no finding is kept is counted.
        Some(error) => assert!(
            report.findings.contains(error) || report.suppressed.contains_key(&error.code),
            "{error}"
        ),
        None if report.verdict == Verdict::Valid => {
            assert!(
                report
                    .findings
                    .iter()
                    .all(|f| f.severity == ia64save_codec::Severity::Note)
            );
        }
        None => {}
    }
}

/// Every pfn is in one extent, in order.
fn extents(image: &Image) {
    let Some(ram) = image.ram() else { return };
    for (index, checkpoint) in image.checkpoints.iter().enumerate() {
        let mut next = Some(0);
        let mut count = 0usize;
        checkpoint.map(ram, &mut |extent| {
            let first = Some(extent.pfns.first());
            assert_eq!(first, next, "{extent:?}: no pfn is left out, nor twice");
            next = extent.pfns.end();
            count += 1;
        });
        let records = checkpoint.pages.len();
        let runs = checkpoint
            .unallocated
            .as_ref()
            .map_or(0, |list| list.runs.len());
        let most = 4 * (records + runs + ram.runs().len()) + 4;
        assert!(count <= most, "{count} extents of {records} records");
        for (pfn, last, _) in checkpoint.pages.last_copies() {
            assert_eq!(checkpoint.pages.last(pfn), Some(last));
        }
        checkpoint.pages.passes(ram);
        image.start_info(index);
    }
}

/// Every field is as long as it says, and its value can be printed.
fn visit(file: &SaveFile, bytes: &Bytes) {
    let size = bytes.len() as u64;
    let mut text = String::new();
    for selection in [
        Selection::default(),
        Selection::new("pages"),
        Selection::new("start_info"),
    ] {
        fields::visit(file, &selection, &mut |field| {
            assert!(
                field.offset + field.size <= size,
                "{}: {}",
                field.path,
                field.offset
            );
            text.clear();
            let _ = write!(text, "{:?}", field.value);
        });
    }
}
