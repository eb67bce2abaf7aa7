//! `info`: what an image is, on one screen.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueHint;
use ia64save::document;
use ia64save::{Loaded, open};
use ia64save_codec::detect::Detection;
use ia64save_codec::elf::{Order, XenCore};
use ia64save_codec::envelope::Config;
use ia64save_codec::image::{Checkpoint, Image};
use ia64save_codec::wire::arch_setup::ArchSetup;
use ia64save_codec::wire::hvm;
use ia64save_codec::wire::vcpu_context::Context;
use ia64save_codec::{Guest, ram};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::complain;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::Documents;
use crate::cli::render::size::counted;
use crate::cli::render::size::{grouped, human};
use crate::cli::render::style::{self, ADDRESS, DIM, ERROR, HEADING, Painted, WARNING};
use crate::cli::render::table::{Align, Block, Cell, Table};

/// What the user says.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Images; - is standard input. Compressed ones (.zst, .gz, .xz) are recognised
    #[arg(value_name = "IMAGE", required = true, value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// Read every byte: give the SHA-256 of the file, and of what is in a packed one; count zero pages
    #[arg(long)]
    pub digest: bool,

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

/// Lines of evidence that fit on the screen; `--format json` has them all.
const EVIDENCE: usize = 4;
/// What evidence against a dialect begins with.
const ALTHOUGH: &str = "although ";
/// Rows of a table that fit on the screen.
const ROWS: usize = 12;

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = args
        .reading
        .options()
        .zero(args.digest)
        .digest(args.digest)
        .cores(true);
    let mut outcome = Outcome::Fine;
    let mut documents = Documents::new(args.format, args.images.len());
    for (index, path) in args.images.iter().enumerate() {
        let loaded = match open(path, &wanted) {
            Ok(loaded) => loaded,
            Err(failure) => {
                outcome = outcome.and(complain(&failure.into()));
                continue;
            }
        };
        let written = if args.format == Format::Text {
            let gap = if index > 0 { "\n" } else { "" };
            write!(style::stdout(), "{gap}{}", text(&loaded))
        } else {
            documents.add(loaded.keep_small(|| document::info(&loaded)))
        };
        written?;
        loaded.verify()?;
        if let Some(error) = &loaded.image().error {
            outcome = outcome.and(complain(&Failure::Invalid(
                loaded.name.clone(),
                error.clone(),
            )));
        }
    }
    documents.finish()?;
    Ok(outcome)
}

fn text(loaded: &Loaded) -> String {
    let image = loaded.image();
    let mut out = String::new();
    heading(&mut out, loaded);
    if let Some(facts) = &loaded.file.core {
        let _ = write!(out, "{}", core(facts));
    } else {
        let config = loaded.file.config.as_ref().and_then(|c| c.as_ref().ok());
        let _ = write!(out, "{}", stream(image, config));
    }
    memory_map(&mut out, image);
    if let Some(first) = image.first() {
        pages(&mut out, image, first);
        vcpus(&mut out, first);
        hvm(&mut out, first);
    }
    rounds(&mut out, image);
    behind(&mut out, loaded);
    out
}

fn heading(out: &mut String, loaded: &Loaded) {
    let file = &loaded.file;
    let mut what = human(file.size);
    if let Some(compression) = loaded.compression {
        let _ = write!(what, " in {compression}");
    }
    let _ = match file.envelope.kind.name() {
        "bare" if file.core.is_some() => write!(what, ", core of xm dump-core"),
        "bare" if file.image.prologue.is_none() => Ok(()),
        "bare" => write!(what, ", bare stream"),
        kind => write!(
            what,
            ", {kind} file, stream at byte {}",
            file.envelope.stream_offset
        ),
    };
    let _ = writeln!(
        out,
        "{}  {}",
        Painted(HEADING, &loaded.name),
        Painted(DIM, what)
    );
    if let Some(digest) = loaded.file_digest() {
        let hex = document::digits(&digest);
        let _ = writeln!(out, "{}", Painted(DIM, format!("sha256 {hex}")));
    }
    if let Some(digest) = loaded.unpacked_digest() {
        let hex = document::digits(&digest);
        let text = format!("sha256 {hex} unpacked");
        let _ = writeln!(out, "{}", Painted(DIM, text));
    }
    let _ = writeln!(out);
}

/// What a core says of itself.
fn core(core: &XenCore) -> Block {
    let mut block = Block::new(2);
    if let Some((major, minor)) = core.format_version {
        block.row("format", format!("{major}.{minor}"));
    }
    if let Some((major, minor)) = core.xen_version {
        block.row("written by", format!("Xen {major}.{minor}"));
    }
    block.row("guest", kind_of_guest(core.guest));
    block.row("vcpus", core.nr_vcpus.to_string());
    let mut pages = grouped(core.nr_pages);
    if core.padding > 0 {
        let _ = write!(pages, ", and {} of padding", grouped(core.padding));
    }
    block.row("pages", pages);
    if core.order == Order::Swapped {
        let text = "privregs and shared_info stand the wrong way round, as xm dump-core left them";
        block.row("sections", Cell::styled(DIM, text));
    }
    block
}

fn kind_of_guest(guest: Guest) -> &'static str {
    match guest {
        Guest::Pv => "paravirtual (PV)",
        Guest::Hvm => "fully virtualised (HVM, VTi)",
    }
}

/// What the configuration of the envelope says of the domain, in a line.
fn domain(config: &Config) -> String {
    let mut parts = Vec::new();
    parts.extend(
        config
            .name
            .as_deref()
            .map(|name| style::safe(name).into_owned()),
    );
    parts.extend(
        config
            .memory
            .map(|memory| format!("{} MiB", grouped(memory))),
    );
    parts.extend(config.vcpus.map(|vcpus| counted(vcpus, "vcpu")));
    if config.devices > 0 {
        parts.push(counted(config.devices as u64, "device"));
    }
    parts.join(", ")
}

fn stream(image: &Image, config: Option<&Config>) -> Block {
    let mut block = Block::new(2);
    if let Some(text) = config.map(domain).filter(|text| !text.is_empty()) {
        block.row("domain", text);
    }
    if let Some(prologue) = image.prologue {
        block.row("version", prologue.version.to_string());
    }
    if let Some(detection) = &image.detection {
        if let Some(dialect) = detection.dialect {
            let spec = dialect.spec();
            let by = if spec.releases.starts_with("none") {
                String::from("a development tree")
            } else {
                format!("Xen {}", spec.releases)
            };
            block.row(
                "dialect",
                format!("{} ({}, written by {by})", spec.name, spec.id),
            );
        } else {
            let names: Vec<_> = detection.candidates.iter().map(|d| d.name()).collect();
            let text = format!(
                "ambiguous: {} (--dialect or --era says which)",
                names.join(" or ")
            );
            block.row("dialect", Cell::styled(WARNING, text));
        }
        block.row("era", era(detection));
        let shown = detection.evidence.iter().skip(2).take(EVIDENCE);
        let (although, because): (Vec<&str>, Vec<&str>) = shown
            .map(String::as_str)
            .partition(|text| text.starts_with(ALTHOUGH));
        if !because.is_empty() {
            block.row("because", Cell::styled(DIM, because.join("\n")));
        }
        let although: Vec<_> = although
            .iter()
            .map(|text| &text[ALTHOUGH.len()..])
            .collect();
        if !although.is_empty() {
            block.row("although", Cell::styled(DIM, although.join("\n")));
        }
    }
    if let Some(guest) = image.guest() {
        block.row("guest", kind_of_guest(guest));
    }
    if let Some(prologue) = image.prologue {
        let bytes = prologue.p2m_size.checked_mul(image.page_size as u64);
        let size = bytes.map_or("more than 16 EiB".into(), human);
        block.row(
            "p2m_size",
            format!("{} pages ({size})", grouped(prologue.p2m_size)),
        );
    }
    let setup = image.arch_setup.as_ref().zip(image.arch_setup_layout());
    if let Some(setup) = setup.and_then(|(s, layout)| ArchSetup::parse(layout, &s.bytes)) {
        let mut text = format!(
            "flags {:#x}, bp {:#x}, maxmem {}, xsi_va {:#x}, hypercall_imm {:#x}",
            setup.flags(),
            setup.bp(),
            human(setup.maxmem()),
            setup.xsi_va(),
            setup.hypercall_imm(),
        );
        if let Some(vhpt) = setup.vhpt_size_log2() {
            let _ = write!(text, ", vhpt_size_log2 {vhpt}");
        }
        block.row("arch_setup", text);
    }
    block
}

/// When the hypervisor was built that wrote this, as far as the bytes tell.
fn era(detection: &Detection) -> Cell {
    let best = detection.best_era();
    let spec = best.spec();
    let (first, last) = spec.dates;
    let when = if first == last {
        String::from(first)
    } else {
        format!("{first} to {last}")
    };
    if detection.era().is_some() {
        return format!("{best}, {when}").into();
    }
    let ids: Vec<&str> = detection.eras.iter().map(|era| era.id()).collect();
    let ids = ids.join(", ");
    let text = format!("one of {ids}; read as {best}, {when} (--era overrules)");
    Cell::styled(DIM, text)
}

fn memory_map(out: &mut String, image: &Image) {
    let Some(section) = &image.memmap else { return };
    let page_size = image.page_size as u64;
    let columns = [
        ("type", Align::Left),
        ("pfns", Align::Right),
        ("", Align::Left),
        ("size", Align::Right),
        ("attribute", Align::Right),
        ("", Align::Left),
    ];
    let mut table = Table::new(4, columns);
    let mut left_out = 0;
    for (index, (_, descriptor)) in ram::descriptors(&section.bytes).enumerate() {
        if index >= ROWS {
            left_out += 1;
            continue;
        }
        let name = descriptor
            .type_name()
            .map_or_else(|| descriptor.r#type.to_string(), short_type);
        let pfn = |byte: u64| format!("{:#x}", byte / page_size);
        let (first, end) = match descriptor.end() {
            Some(end) => (pfn(descriptor.phys_addr), format!(".. {}", pfn(end))),
            None => ("beyond 64 bits".into(), String::new()),
        };
        // A range that begins or ends within a page is told in bytes as well: its pfns alone say something else.
        let start = descriptor.phys_addr;
        let stop = descriptor
            .num_pages
            .checked_mul(4096)
            .and_then(|size| start.checked_add(size));
        let uneven = stop.filter(|end| start % page_size != 0 || end % page_size != 0);
        let uneven = uneven.map(|end| format!("bytes {start:#x} .. {end:#x}"));
        let bytes = descriptor
            .num_pages
            .checked_mul(4096)
            .map_or("huge".into(), human);
        let style = if descriptor.is_ram() {
            style::VALUE
        } else {
            DIM
        };
        table.row([
            Cell::styled(
                style,
                if descriptor.is_ram() {
                    format!("{name} (RAM)")
                } else {
                    name
                },
            ),
            Cell::styled(ADDRESS, first),
            Cell::styled(ADDRESS, end),
            Cell::styled(style, bytes),
            Cell::styled(style, format!("{:#x}", descriptor.attribute)),
            Cell::styled(DIM, uneven.unwrap_or_default()),
        ]);
    }
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "Memory map"),
        at(section.offset)
    );
    let _ = write!(out, "{table}");
    more(out, left_out, "descriptors");
}

/// `EFI_CONVENTIONAL_MEMORY` as `conventional memory`.
fn short_type(name: &str) -> String {
    name.trim_start_matches("EFI_")
        .to_lowercase()
        .replace('_', " ")
}

fn pages(out: &mut String, image: &Image, checkpoint: &Checkpoint) {
    let pages = &checkpoint.pages;
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "Pages"),
        at(pages.offset())
    );
    let mut block = Block::new(4);
    let bytes = (pages.len() as u64).saturating_mul(image.page_size as u64);
    block.row(
        "records",
        format!("{} ({})", grouped(pages.len() as u64), human(bytes)),
    );
    block.row("distinct", grouped(pages.distinct() as u64));
    if pages.superseded() > 0 {
        let passes = image.ram().map_or(0, |ram| pages.passes(ram).len());
        let count = grouped(pages.superseded() as u64);
        block.row(
            "superseded",
            format!(
                "{count}, in {} passes (a live save)",
                grouped(passes as u64)
            ),
        );
    }
    if let Some(zero) = pages.zero() {
        block.row("zero", grouped(zero));
    }
    if let Some(list) = &checkpoint.unallocated {
        let mut text = grouped(list.count.into());
        for run in list.runs.iter().take(4) {
            let _ = write!(text, "  {run}");
        }
        if list.runs.len() > 4 {
            text.push_str("  …");
        }
        block.row("unallocated", text);
    }
    let _ = write!(out, "{block}");
}

fn vcpus(out: &mut String, checkpoint: &Checkpoint) {
    if checkpoint.vcpus.is_empty() {
        return;
    }
    let columns = [
        ("id", Align::Right),
        ("ip", Align::Right),
        ("psr", Align::Right),
        ("cfm", Align::Right),
        ("privregs_pfn", Align::Right),
        ("layout", Align::Left),
        ("at byte", Align::Right),
    ];
    let mut table = Table::new(4, columns);
    for vcpu in checkpoint.vcpus.iter().take(ROWS) {
        let Some(context) = Context::parse(vcpu.layout, &vcpu.context.bytes) else {
            continue;
        };
        let word = |word: u64| Cell::styled(ADDRESS, format!("{word:#x}"));
        table.row([
            vcpu.id.to_string().into(),
            word(context.ip()),
            word(context.psr()),
            word(context.cfm()),
            word(context.privregs_pfn()),
            Cell::styled(
                DIM,
                format!("{:?}, {} bytes", vcpu.layout, vcpu.context.bytes.len()),
            ),
            Cell::styled(DIM, vcpu.context.offset.to_string()),
        ]);
    }
    let _ = write!(out, "\n  {}", Painted(HEADING, "Vcpus"));
    if let Some(map) = &checkpoint.vcpumap {
        let text = format!(
            "  {} of {} online",
            checkpoint.vcpus.len(),
            map.max_virt_cpus
        );
        let _ = write!(out, "{}", Painted(DIM, text));
    }
    let _ = writeln!(out);
    let _ = write!(out, "{table}");
    more(out, checkpoint.vcpus.len().saturating_sub(ROWS), "vcpus");
}

fn hvm(out: &mut String, checkpoint: &Checkpoint) {
    let Some(magic) = &checkpoint.magic_pfns else {
        return;
    };
    let _ = writeln!(
        out,
        "\n  {}  {}",
        Painted(HEADING, "HVM"),
        at(magic.section.offset)
    );
    let mut block = Block::new(4);
    let pfns: Vec<_> = magic
        .iter()
        .map(|(m, pfn, _)| format!("{} {pfn:#x}", m.name()))
        .collect();
    block.row("magic pfns", pfns.join(", "));
    if let Some(context) = &checkpoint.hvm_context {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for (_, record) in context.records() {
            let name = hvm::record_of(record.typecode).map_or("unknown", |record| record.name);
            match counts.last_mut() {
                Some((last, count)) if *last == name => *count += 1,
                _ => counts.push((name, 1)),
            }
        }
        let names = counts.iter().map(|(name, count)| match count {
            1 => (*name).to_owned(),
            _ => format!("{count} {name}"),
        });
        block.row(
            "context",
            format!("{} bytes", grouped(context.blob.bytes.len() as u64)),
        );
        block.row("records", names.collect::<Vec<_>>().join(", "));
    }
    let _ = write!(out, "{block}");
}

fn rounds(out: &mut String, image: &Image) {
    if image.checkpoints.len() < 2 {
        return;
    }
    let columns = [
        ("checkpoint", Align::Right),
        ("records", Align::Right),
        ("at byte", Align::Right),
    ];
    let mut table = Table::new(4, columns);
    for (index, checkpoint) in image.checkpoints.iter().enumerate().skip(1).take(ROWS) {
        let whole = if checkpoint.complete {
            ""
        } else {
            " (not whole)"
        };
        table.row([
            format!("{index}{whole}").into(),
            grouped(checkpoint.pages.len() as u64).into(),
            Cell::styled(DIM, checkpoint.pages.offset().to_string()),
        ]);
    }
    let _ = writeln!(out, "\n  {}", Painted(HEADING, "Remus rounds"));
    let _ = write!(out, "{table}");
    more(
        out,
        (image.checkpoints.len() - 1).saturating_sub(ROWS),
        "rounds",
    );
    let mut records = image.checkpoints.iter().flat_map(|c| &c.device_model);
    if let Some(first) = records.next() {
        let _ = writeln!(
            out,
            "    device model between them: {}, {} in all, the first {}",
            first.kind,
            grouped(1 + records.count() as u64),
            at(first.signature_offset)
        );
    }
}

fn behind(out: &mut String, loaded: &Loaded) {
    if let Some(Ok(model)) = &loaded.file.device_model {
        let size = human(model.data.end - model.data.start);
        let _ = writeln!(
            out,
            "\n  {}  {}, {size}  {}",
            Painted(HEADING, "Device model"),
            model.kind.name(),
            at(model.signature_offset)
        );
    }
    if let Some((offset, size)) = loaded.file.trailing() {
        let text = format!("{} bytes behind the end belong to nobody", grouped(size));
        let _ = writeln!(out, "\n  {}  {}", Painted(WARNING, text), at(offset));
    }
    if loaded.image().error.is_some() {
        let gap = if out.ends_with("\n\n") { "" } else { "\n" };
        let _ = writeln!(
            out,
            "{gap}  {}",
            Painted(ERROR, "The image is broken: see ia64save check")
        );
    }
}

fn at(offset: u64) -> Painted<String> {
    Painted(DIM, format!("at byte {offset}"))
}

fn more(out: &mut String, count: usize, of: &str) {
    if count > 0 {
        let _ = writeln!(
            out,
            "    {}",
            Painted(DIM, format!("and {count} more {of} (--format json)"))
        );
    }
}
