//! `check`: everything that is wrong with an image.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save::document::check::{Cause, Check, suppressed};
use ia64save::document::failure::{Failure as Why, FileOutcome};
use ia64save::document::files::Entry;
use ia64save::document::finding::{FindingDocument, Verdicts};
use ia64save::document::name::CheckName;
use ia64save::{Loaded, inventory, open};
use ia64save_codec::check::{self, CheckOptions, Report, Verdict};
use ia64save_codec::image::{Image, PageIndex};
use ia64save_codec::repair::Note;
use ia64save_codec::{Finding, Severity};

use super::repair::cause;
use crate::cli::args::{Format, Reading};
use crate::cli::exit::{Failure, Outcome, complain};
use crate::cli::opened::options;
use crate::cli::render::hexline::HexLine;
use crate::cli::render::json::Documents;
use crate::cli::render::severity_style;
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, ADDRESS, DIM, ERROR, HEADING, OK, Painted, WARNING};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Images, and folders to look for them in as batch does; - is standard input
    #[arg(value_name = "PATH", required = true, value_hint = ValueHint::AnyPath)]
    pub images: Vec<PathBuf>,

    /// Say nothing of what is valid, and of the rest no more than the verdict
    #[arg(short, long)]
    pub quiet: bool,

    /// Exit with 3 where there are warnings
    #[arg(long)]
    pub strict: bool,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

/// Packed images up to this size are unpacked once more where a cause is looked for.
const UNPACKED: u64 = 64 << 20;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Fine;
    let mut totals = Totals::default();
    let paths = paths(&args.images);
    // A folder is several images, however many are in it.
    let several = paths.len() > 1 || args.images.iter().any(|path| path.is_dir());
    let mut documents = Documents::<CheckName, Check>::new(args.format);
    for path in &paths {
        let (name, checked) = match look_at(path, args) {
            Ok(loaded) => (loaded.name.clone(), Checked::image(path, loaded, args)),
            // A broken envelope is a finding like any other; there is only one then.
            Err(Failure::Invalid(name, error)) => (name, Checked::broken(error)),
            Err(failure) => {
                totals.unread += 1;
                outcome = outcome.and(complain(&failure));
                documents.add_failure(inventory::name(path), &failure)?;
                continue;
            }
        };
        let own = match checked.report.verdict {
            Verdict::Invalid => Outcome::Invalid,
            Verdict::ValidWithWarnings if args.strict => Outcome::Warnings,
            Verdict::ValidWithWarnings | Verdict::Valid => Outcome::Fine,
        };
        outcome = outcome.and(own);
        let gap = if totals.shown() > 0 { "\n" } else { "" };
        totals.count(checked.report.verdict);
        let written = match args.format {
            _ if args.quiet && own == Outcome::Fine => Ok(()),
            Format::Text if args.quiet => {
                let head = head(&name, &checked.report);
                writeln!(style::stdout(), "{head}")
            }
            Format::Text => write!(style::stdout(), "{gap}{}", text(&name, &checked)),
            Format::Json | Format::Jsonl => documents.add(entry(name, &checked)),
        };
        written?;
        if let Some(loaded) = &checked.loaded {
            loaded.verify()?;
        }
    }
    documents.finish()?;
    if several && args.format == Format::Text && !args.quiet {
        writeln!(style::stdout(), "\n{}", Painted(HEADING, totals.text()))?;
    }
    Ok(outcome)
}

/// The files named, and those in the folders named.
fn paths(named: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for path in named {
        if path.is_dir() {
            let found = inventory::files(std::slice::from_ref(path), false);
            paths.extend(found.into_iter().map(|file| file.path));
        } else {
            paths.push(path.clone());
        }
    }
    paths
}

fn look_at(path: &Path, args: &Args) -> Result<Loaded, Failure> {
    let wanted = options(&args.reading).zero(true);
    Ok(open(path, &wanted)?)
}

/// How many images there were, by verdict.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    valid: usize,
    warnings: usize,
    invalid: usize,
    /// What is no image, or could not be read.
    unread: usize,
}

impl Totals {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Valid => self.valid += 1,
            Verdict::ValidWithWarnings => self.warnings += 1,
            Verdict::Invalid => self.invalid += 1,
        }
    }

    fn shown(self) -> usize {
        self.valid + self.warnings + self.invalid
    }

    fn text(self) -> String {
        let parts = [
            (self.valid, "valid"),
            (self.warnings, "valid with warnings"),
            (self.invalid, "invalid"),
            (self.unread, "not read"),
        ];
        let told = parts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told
            .map(|(count, what)| format!("{} {what}", grouped(*count as u64)))
            .collect();
        let all = self.shown() + self.unread;
        let what = if all == 1 { "file" } else { "files" };
        if told.is_empty() {
            return format!("{all} {what}");
        }
        format!("{} {what}: {}", grouped(all as u64), told.join(", "))
    }
}

struct Checked {
    loaded: Option<Loaded>,
    report: Report,
    /// The number that explains all that is wrong.
    cause: Option<Note>,
}

impl Checked {
    fn image(path: &Path, loaded: Loaded, args: &Args) -> Self {
        let report = loaded.keep_small(|| check::run_file(&loaded.file, &CheckOptions::default()));
        let cause = if loaded.data().is_empty() && loaded.file.size <= UNPACKED {
            // What was packed has passed, and is unpacked once more.
            let wanted = options(&args.reading).random_access(true);
            let stays = path.as_os_str() != "-" && cause::is_wanted(&loaded, &report);
            let again = || open(path, &wanted).ok();
            let again = stays.then(again).flatten();
            again.and_then(|again| cause::of(&again, &report, &args.reading))
        } else {
            cause::of(&loaded, &report, &args.reading)
        };
        Checked {
            loaded: Some(loaded),
            report,
            cause,
        }
    }

    fn broken(error: Finding) -> Self {
        Checked {
            loaded: None,
            report: Report::of(error),
            cause: None,
        }
    }
}

/// What a script is told of an image.
fn entry(file: String, checked: &Checked) -> Entry<Check> {
    let report = &checked.report;
    let image = checked.loaded.as_ref().map(Loaded::image);
    let pages = image
        .and_then(Image::first)
        .map(|first| &first.pages);
    let error = match image {
        Some(image) => image.error.as_ref(),
        // The envelope is broken.
        None => report.findings.first(),
    };
    Entry {
        file,
        outcome: match report.verdict {
            Verdict::Invalid => FileOutcome::Invalid,
            Verdict::ValidWithWarnings | Verdict::Valid => FileOutcome::Fine,
        },
        error: error.map(Why::from),
        of: Some(Check {
            verdict: report.verdict.name(),
            findings: report.findings.iter().map(FindingDocument::from).collect(),
            suppressed: suppressed(report),
            cause: checked.cause.as_ref().map(Cause::from),
            num_records: pages.map(PageIndex::len),
            num_zero: pages.and_then(PageIndex::zero),
        }),
    }
}

/// Name, verdict and how many complaints there are.
fn head(name: &str, report: &Report) -> String {
    let verdict = match report.verdict {
        Verdict::Valid => Painted(OK, "valid"),
        Verdict::ValidWithWarnings => Painted(WARNING, "valid, with warnings"),
        Verdict::Invalid => Painted(ERROR, "invalid"),
    };
    let tally = tally(Verdicts::of(&report.findings));
    let (name, tally) = (Painted(HEADING, name), Painted(DIM, tally));
    format!("{name}: {verdict}{tally}")
}

fn text(name: &str, checked: &Checked) -> String {
    let report = &checked.report;
    let mut out = head(name, report) + "\n";
    if let Some(loaded) = &checked.loaded {
        let _ = writeln!(out, "{}", Painted(DIM, summary(loaded)));
    }
    if let Some((note, (found, expected))) =
        checked.cause.as_ref().and_then(|n| Some((n, n.number?)))
    {
        let _ = writeln!(
            out,
            "\n{} {} at byte {} is {found}; with {expected} there would be no error. \
             ia64save repair puts {expected} there",
            Painted(HEADING, "One number explains it:"),
            Painted(style::LABEL, &note.path),
            note.offset
        );
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
    let (base, bytes) =
        loaded.bytes_at(loaded.without_pages(HexLine::wants(&mark, end), found.offset)?)?;
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
