//! `check`: everything that is wrong with an image.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Range;

use ia64save_codec::check::{self, CheckOptions, Report, Verdict};
use ia64save_codec::image::PageIndex;
use ia64save_codec::{Finding, Severity};
use serde_json::{Value, json};

use super::{Documents, complain};
use crate::args::{Check, Format};
use crate::exit::{Failure, Outcome};
use crate::load::{Loaded, Wanted};
use crate::output::hexline::HexLine;
use crate::output::size::grouped;
use crate::output::style::{self, ADDRESS, DIM, ERROR, HEADING, OK, Painted, WARNING};
use crate::report::{Verdicts, finding, severity_style};

/// Runs the command.
pub fn run(args: &Check) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        zero: true,
        ..Wanted::default()
    };
    let mut outcome = Outcome::Fine;
    let mut documents = Documents::new(args.format, args.images.len());
    for (index, path) in args.images.iter().enumerate() {
        let (name, checked) = match Loaded::open(path, &args.reading, wanted) {
            Ok(loaded) => (loaded.name.clone(), Checked::image(loaded)),
            // A broken envelope is a finding like any other; there is only one then.
            Err(Failure::Invalid(name, error)) => (name, Checked::broken(error)),
            Err(failure) => {
                outcome = outcome.and(complain(&failure));
                continue;
            }
        };
        outcome = outcome.and(match checked.report.verdict {
            Verdict::Invalid => Outcome::Invalid,
            Verdict::ValidWithWarnings if args.strict => Outcome::Warnings,
            Verdict::ValidWithWarnings | Verdict::Valid => Outcome::Fine,
        });
        let written = if args.format == Format::Text {
            let gap = if index > 0 { "\n" } else { "" };
            write!(style::stdout(), "{gap}{}", text(&name, &checked))
        } else {
            documents.add(json(&name, &checked))
        };
        written?;
        if let Some(loaded) = &checked.loaded {
            loaded.verify()?;
        }
    }
    documents.finish()?;
    Ok(outcome)
}

struct Checked {
    loaded: Option<Loaded>,
    report: Report,
}

impl Checked {
    fn image(loaded: Loaded) -> Self {
        let report = loaded.keep_small(|| check::run_file(&loaded.file, &CheckOptions::default()));
        Checked {
            loaded: Some(loaded),
            report,
        }
    }

    fn broken(error: Finding) -> Self {
        Checked {
            loaded: None,
            report: Report::of(error),
        }
    }
}

fn json(name: &str, checked: &Checked) -> Value {
    let report = &checked.report;
    let suppressed = report.suppressed.iter();
    let suppressed: serde_json::Map<_, _> = suppressed
        .map(|(code, count)| (code.name().to_owned(), json!(count)))
        .collect();
    let pages = checked
        .loaded
        .as_ref()
        .and_then(|loaded| loaded.image().first())
        .map(|first| &first.pages);
    json!({
        "schema": "ia64save/check/1",
        "file": name,
        "verdict": report.verdict.name(),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "suppressed": suppressed,
        "num_records": pages.map(PageIndex::len),
        "num_zero": pages.and_then(PageIndex::zero),
    })
}

fn text(name: &str, checked: &Checked) -> String {
    let report = &checked.report;
    let counts = Verdicts::of(&report.findings);
    let mut out = String::new();
    let verdict = match report.verdict {
        Verdict::Valid => Painted(OK, "valid"),
        Verdict::ValidWithWarnings => Painted(WARNING, "valid, with warnings"),
        Verdict::Invalid => Painted(ERROR, "invalid"),
    };
    let _ = writeln!(
        out,
        "{}: {verdict}{}",
        Painted(HEADING, name),
        Painted(DIM, tally(counts))
    );
    if let Some(loaded) = &checked.loaded {
        let _ = writeln!(out, "{}", Painted(DIM, summary(loaded)));
    }
    for found in &report.findings {
        out.push('\n');
        one(&mut out, found, checked.loaded.as_ref());
    }
    for (code, count) in &report.suppressed {
        let more = format!("and {} more {code}", grouped(*count));
        let _ = writeln!(out, "\n{}", Painted(DIM, more));
    }
    out
}

/// ` (2 errors, 1 warning)`, or nothing.
fn tally(counts: Verdicts) -> String {
    let part = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let parts = [
        part(counts.errors, "error"),
        part(counts.warnings, "warning"),
        part(counts.notes, "note"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!(" ({})", parts.join(", "))
    }
}

/// What was looked at, in a line.
fn summary(loaded: &Loaded) -> String {
    let image = loaded.image();
    let mut parts = Vec::new();
    if let Some(detection) = &image.detection {
        let names: Vec<_> = detection
            .candidates
            .iter()
            .map(|dialect| dialect.name())
            .collect();
        parts.push(format!("{} {}", names.join(" or "), detection.guest));
    }
    let records: usize = image.checkpoints.iter().map(|c| c.pages.len()).sum();
    let zero: u64 = image
        .checkpoints
        .iter()
        .filter_map(|c| c.pages.zero())
        .sum();
    parts.push(format!(
        "{} page records, {} of them zero",
        grouped(records as u64),
        grouped(zero)
    ));
    let vcpus = image.first().map_or(0, |first| first.vcpus.len());
    parts.push(format!("{vcpus} vcpu{}", if vcpus == 1 { "" } else { "s" }));
    if image.checkpoints.len() > 1 {
        parts.push(format!("{} checkpoints", image.checkpoints.len()));
    }
    format!("  {}", parts.join(", "))
}

/// One finding: what, where, expected and found, the bytes, where to read on.
fn one(out: &mut String, found: &Finding, loaded: Option<&Loaded>) {
    let head = Painted(
        severity_style(found.severity),
        format!("{}[{}]", found.severity, found.code),
    );
    let place = Painted(ADDRESS, format!("byte {}", found.offset));
    let _ = writeln!(
        out,
        "{head} at {place} ({}): {}",
        found.path,
        found.message()
    );
    let mut lines = Vec::new();
    if !found.expected.is_empty() {
        lines.push(("expected", &found.expected));
    }
    if !found.found.is_empty() {
        lines.push(("found", &found.found));
    }
    for (label, value) in lines {
        let _ = writeln!(
            out,
            "  {} {value}",
            Painted(style::LABEL, format!("{label:8}"))
        );
    }
    if let Some(bytes) = loaded.and_then(|loaded| bytes(found, loaded)) {
        out.push_str(&bytes);
    }
    let more = match found.severity {
        Severity::Note => format!("  spec {}", found.clause()),
        _ => format!("  spec {}, ia64save explain {}", found.clause(), found.code),
    };
    let _ = writeln!(out, "{}", Painted(DIM, more));
}

/// The line of bytes that the finding is about, where they are at hand and no page of the guest's.
fn bytes(found: &Finding, loaded: &Loaded) -> Option<String> {
    let mark = found.offset..found.offset.saturating_add(found.length.min(16).into());
    let end = loaded.file.size;
    let (base, bytes) = loaded.bytes_at(clip(HexLine::wants(&mark, end), found.offset, loaded)?)?;
    // A few bytes, or others than those to blame, would only confuse.
    let held = base..base + bytes.len() as u64;
    if bytes.len() < 4 || held.start > mark.start || held.end < mark.end.min(end) {
        return None;
    }
    let line = HexLine::new(base, &bytes, mark, end).to_string();
    Some(
        line.lines()
            .fold(String::new(), |all, line| all + "  " + line + "\n"),
    )
}

/// Guest memory holds secrets: among page records, nothing but the header at hand is shown.
pub(super) fn clip(range: Range<u64>, offset: u64, loaded: &Loaded) -> Option<Range<u64>> {
    let mut shown = range;
    for checkpoint in &loaded.image().checkpoints {
        let pages = &checkpoint.pages;
        let end = pages.terminator().unwrap_or(loaded.file.size);
        if shown.end <= pages.offset() || shown.start >= end {
            continue;
        }
        if offset >= end {
            shown.start = shown.start.max(end);
        } else if offset < pages.offset() {
            shown.end = shown.end.min(pages.offset());
        } else {
            let record = (offset - pages.offset()) / pages.stride();
            let header = pages.record_offset(record as usize);
            shown = shown.start.max(header)..shown.end.min(header + 8);
        }
    }
    (shown.start < shown.end).then_some(shown)
}
