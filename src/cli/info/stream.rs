//! What the stream says of itself, or a core.

use std::fmt::Write as _;

use ia64save_codec::Guest;
use ia64save_codec::detect::Detection;
use ia64save_codec::elf::{Order, XenCore};
use ia64save_codec::envelope::Config;
use ia64save_codec::image::Image;
use ia64save_codec::wire::arch_setup::ArchSetup;

use crate::cli::render::size::{counted, grouped, human};
use crate::cli::render::style::{self, DIM, WARNING};
use crate::cli::render::table::{Block, Cell};

/// Lines of evidence that fit on the screen; `--format json` has them all.
const EVIDENCE: usize = 4;
/// What evidence against a dialect begins with.
const ALTHOUGH: &str = "although ";
/// What a core says of itself.
pub(super) fn core(core: &XenCore) -> Block {
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

pub(super) fn stream(image: &Image, config: Option<&Config>) -> Block {
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
