//! The result, for people and as JSON.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use ia64save::Loaded;
use ia64save::document::compare::{
    self as document, CompareHead, Compared, ComparedPages, DifferenceDocument, DifferentPage,
    Incomparable,
};
use ia64save::document::info::Range;
use ia64save::document::name::CompareName;
use ia64save_codec::Dialect;
use ia64save_codec::compare::restored::Rule;
use ia64save_codec::compare::{PagePairs, Report};
use ia64save_codec::pfns::Pfns;

use super::args::Args;
use super::pages::PageReport;
use super::strict::FirstByte;
use crate::cli::args::Format;
use crate::cli::render::json::print_json;
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, ADDRESS, DIM, ERROR, HEADING, LABEL, OK, Painted};

/// Everything that was compared.
pub struct Logical {
    pub state: Report,
    pub pages: Vec<Round>,
    /// What was left out since a restore changes it; `None` where that was not asked for.
    pub by_design: Option<Vec<ByDesign>>,
}

/// What a restore changes.
pub struct ByDesign {
    pub path: String,
    pub a: Option<String>,
    pub b: Option<String>,
    pub rule: &'static Rule,
}

impl ByDesign {
    /// A page, whose bytes are not shown.
    pub fn page(pfn: u64, rule: &'static Rule) -> Self {
        ByDesign {
            path: format!("pfn {pfn:#x}"),
            a: None,
            b: None,
            rule,
        }
    }

    fn document(&self) -> document::ByDesign {
        document::ByDesign {
            path: self.path.clone(),
            a: self.a.clone(),
            b: self.b.clone(),
            why: self.rule.why,
            clause: self.rule.clause,
        }
    }
}

/// The pages of a checkpoint.
pub struct Round {
    pub checkpoint: usize,
    pub pairs: PagePairs,
    pub found: PageReport,
}

impl Round {
    fn only(&self) -> [u64; 2] {
        [&self.pairs.only_a, &self.pairs.only_b].map(|runs| Pfns::sum(runs.iter().copied()))
    }

    fn is_same(&self) -> bool {
        self.found.differ == 0 && self.only() == [0, 0]
    }
}

impl Logical {
    pub fn is_same(&self) -> bool {
        self.state.is_same() && self.pages.iter().all(Round::is_same)
    }
}

/// Prints the result of a comparison by meaning.
pub fn logical(args: &Args, a: &Loaded, b: &Loaded, found: &Logical) -> io::Result<()> {
    if args.format != Format::Text {
        let state = &found.state;
        let rounds: Vec<_> = found.pages.iter().map(pages_document).collect();
        let incomparable = state.incomparable.iter();
        let document = document::Logical {
            head: head(a, b, "logical", found.is_same()),
            pages: rounds.first().cloned(),
            checkpoints: (rounds.len() > 1).then_some(rounds),
            num_differences: state.count,
            differences: state
                .differences
                .iter()
                .map(DifferenceDocument::from)
                .collect(),
            incomparable: incomparable
                .map(|(path, why)| Incomparable {
                    path: path.clone(),
                    why: why.clone(),
                })
                .collect(),
            restored: found
                .by_design
                .as_ref()
                .map(|list| list.iter().map(ByDesign::document).collect()),
        };
        return print_json(&document, args.format);
    }
    write!(style::stdout(), "{}", text(args, a, b, found))
}

fn head(a: &Loaded, b: &Loaded, mode: &'static str, same: bool) -> CompareHead {
    let file = |loaded: &Loaded| {
        let image = loaded.image();
        Compared {
            file: loaded.name.clone(),
            file_size: loaded.file.size,
            core: loaded.file.core.is_some(),
            dialect: image.dialect().map(Dialect::name),
            guest: image.guest().map(ia64save_codec::Guest::name),
            num_checkpoints: image.checkpoints.len(),
        }
    };
    CompareHead {
        schema: CompareName,
        mode,
        same,
        a: file(a),
        b: file(b),
    }
}

fn pages_document(round: &Round) -> ComparedPages {
    let ranges = |runs: &[Pfns]| runs.iter().copied().map(Range::from).collect();
    let [only_a, only_b] = round.only();
    let first = round.found.first.iter().map(|page| DifferentPage {
        pfn: page.pfn.into(),
        in_page: page.in_page,
        offset_a: page.offsets[0],
        offset_b: page.offsets[1],
    });
    ComparedPages {
        checkpoint: round.checkpoint,
        compared: round.found.compared,
        differ: round.found.differ,
        only_a,
        only_b,
        ranges_only_a: ranges(&round.pairs.only_a),
        ranges_only_b: ranges(&round.pairs.only_b),
        first: first.collect(),
    }
}

/// `xen-3.3 pv`.
fn kind(loaded: &Loaded) -> String {
    let image = loaded.image();
    let guest = image.guest().map_or("", ia64save_codec::Guest::name);
    if loaded.file.core.is_some() {
        return format!("core of xm dump-core, {guest}");
    }
    let dialect = image.dialect().map_or("ambiguous dialect", Dialect::name);
    format!("{dialect} {guest}")
}

fn verdict(out: &mut String, a: &Loaded, b: &Loaded, same: bool) {
    for (letter, loaded) in [("a", a), ("b", b)] {
        let _ = writeln!(
            out,
            "{letter}  {}  {}",
            Painted(HEADING, &loaded.name),
            Painted(DIM, kind(loaded))
        );
    }
    let verdict = if same {
        Painted(OK, "nothing differs")
    } else {
        Painted(ERROR, "they differ")
    };
    let _ = writeln!(out, "\n  {verdict}");
}

fn text(args: &Args, a: &Loaded, b: &Loaded, found: &Logical) -> String {
    let mut out = String::new();
    verdict(&mut out, a, b, found.is_same());
    for round in &found.pages {
        pages_text(&mut out, args, round);
    }
    let state = &found.state;
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "Registers, devices and the rest"),
        match state.count {
            0 => "equal".into(),
            1 => "1 difference".into(),
            count => format!("{} differences", grouped(count)),
        }
    );
    for difference in &state.differences {
        let nothing = || String::from("nothing");
        let _ = writeln!(
            out,
            "    {}  {} in a, {} in b{}",
            Painted(LABEL, &difference.path),
            difference.a.clone().unwrap_or_else(nothing),
            difference.b.clone().unwrap_or_else(nothing),
            Painted(DIM, places([difference.offset_a, difference.offset_b]))
        );
    }
    more(&mut out, state.count - state.differences.len() as u64);
    if let Some(list) = &found.by_design {
        by_design_text(&mut out, args, list);
    }
    if !state.incomparable.is_empty() {
        let _ = writeln!(out, "\n  {}", Painted(HEADING, "Not compared"));
        for (path, why) in &state.incomparable {
            let _ = writeln!(out, "    {}  {}", Painted(LABEL, path), Painted(DIM, why));
        }
    }
    out
}

/// What a restore changes, one line for each reason.
fn by_design_text(out: &mut String, args: &Args, list: &[ByDesign]) {
    let heading = Painted(HEADING, "Left out, as a restore changes it");
    let count = match list.len() {
        0 => "nothing".into(),
        count => grouped(count as u64),
    };
    let _ = writeln!(out, "\n  {heading}  {count}");
    for left in list.iter().take(args.limit) {
        let values = match (&left.a, &left.b) {
            (Some(a), Some(b)) => format!("  {a} in a, {b} in b"),
            _ => String::new(),
        };
        let why = format!("  {} (spec {})", left.rule.why, left.rule.clause);
        let _ = writeln!(
            out,
            "    {}{values}{}",
            Painted(LABEL, &left.path),
            Painted(DIM, why)
        );
    }
    more(out, list.len().saturating_sub(args.limit) as u64);
}

fn pages_text(out: &mut String, args: &Args, round: &Round) {
    let [only_a, only_b] = round.only();
    let mut parts = vec![format!("{} in both", grouped(round.found.compared))];
    let counts = [
        (round.found.differ, "differ"),
        (only_a, "in a alone"),
        (only_b, "in b alone"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    parts.extend(told.map(|(count, what)| format!("{} {what}", grouped(*count))));
    if parts.len() == 1 {
        parts.push("equal".into());
    }
    let heading = match round.checkpoint {
        0 => "Pages".into(),
        number => format!("Pages as of checkpoint {number}"),
    };
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, heading),
        parts.join(", ")
    );
    for page in &round.found.first {
        let place = places(page.offsets.map(Some));
        let _ = writeln!(
            out,
            "    {} differs from byte {} on{}",
            Painted(ADDRESS, format!("pfn {:#x}", page.pfn)),
            page.in_page,
            Painted(DIM, place)
        );
    }
    more(out, round.found.differ - round.found.first.len() as u64);
    for (runs, letter) in [(&round.pairs.only_a, "a"), (&round.pairs.only_b, "b")] {
        for run in runs.iter().take(args.limit) {
            let pfns = match run.pages() {
                1 => format!("pfn {run}"),
                _ => format!("pfns {run}"),
            };
            let _ = writeln!(out, "    {} in {letter} alone", Painted(ADDRESS, pfns));
        }
        let rest = runs.len().saturating_sub(args.limit);
        more(out, rest as u64);
    }
}

fn places(offsets: [Option<u64>; 2]) -> String {
    match offsets {
        [Some(a), Some(b)] if a == b => format!("  at byte {a}"),
        [Some(a), Some(b)] => format!("  at byte {a} and at byte {b}"),
        [Some(a), None] => format!("  at byte {a} of a"),
        [None, Some(b)] => format!("  at byte {b} of b"),
        [None, None] => String::new(),
    }
}

fn more(out: &mut String, count: u64) {
    if count > 0 {
        let text = format!("and {} more (--limit)", grouped(count));
        let _ = writeln!(out, "    {}", Painted(DIM, text));
    }
}

/// Prints the result of a comparison of bytes.
pub fn strict(args: &Args, a: &Loaded, b: &Loaded, found: Option<&FirstByte>) -> io::Result<()> {
    if args.format != Format::Text {
        let document = document::Strict {
            head: head(a, b, "strict", found.is_none()),
            unpacked: [a, b].map(|loaded| loaded.compression.is_some()),
            first: found.map(|first| document::FirstByte {
                offset: first.offset,
                path: first.path.clone(),
                ends: first.ends,
            }),
        };
        return print_json(&document, args.format);
    }
    let mut out = String::new();
    verdict(&mut out, a, b, found.is_none());
    let packed = [a, b]
        .into_iter()
        .filter(|loaded| loaded.compression.is_some());
    let packed: Vec<_> = packed.map(|loaded| &loaded.name[..]).collect();
    if !packed.is_empty() {
        let text = format!(
            "compared is what is packed in {}: offsets are those of the unpacked bytes",
            packed.join(" and in ")
        );
        let _ = writeln!(out, "  {}", Painted(DIM, text));
    }
    if let Some(first) = found {
        let what = if first.ends {
            "one of them ends"
        } else {
            "first difference"
        };
        let path = first.path.as_deref().unwrap_or("outside all parts");
        let _ = writeln!(
            out,
            "  {what} at byte {}: {}",
            first.offset,
            Painted(LABEL, path)
        );
    }
    write!(style::stdout(), "{out}")
}
