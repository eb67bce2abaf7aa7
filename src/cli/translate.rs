//! `translate`: where virtual addresses of the guest lead, and back.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::ValueHint;
use ia64save::document::memory::{Translate, TranslatedAddress};
use ia64save::document::name::TranslateName;
use ia64save::document::word::Hex;
use ia64save::{Loaded, open};
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::{Backward, View};

use crate::cli::args::{Format, Reading, number};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::opened::{accept, no_checkpoint, view_of};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ADDRESS, DIM, Painted, WARNING};
use crate::cli::space::Space;

/// The arguments of `translate`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The image, or a core of xm dump-core; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Virtual addresses; a number may begin with 0x
    #[arg(value_name = "ADDR", required = true, value_parser = number)]
    pub addresses: Vec<u64>,

    /// The vcpu that sees them; the first without
    #[arg(long, value_name = "N")]
    pub vcpu: Option<u32>,

    #[command(flatten)]
    pub space: Space,

    /// The addresses are guest physical: show every virtual one that leads there
    #[arg(long)]
    pub physical: bool,

    /// The checkpoint to take: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

    /// Read a damaged image, or a packed one that is cut short, as far as it goes
    #[arg(long)]
    pub damaged: bool,

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

/// An address and where it leads.
struct Row {
    virt: Option<u64>,
    physical: Option<u64>,
    /// Of the byte in the file.
    offset: Option<u64>,
    /// In a word; `None` where it leads nowhere.
    how: Option<&'static str>,
    why: String,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let wanted = args
        .reading
        .options()
        .random_access(true)
        .cores(true)
        .damaged(args.damaged);
    let loaded = open(&args.image, &wanted)?;
    accept(&loaded, args.damaged)?;
    let count = loaded.image().checkpoints.len();
    if args.checkpoint >= count.max(1) {
        return Err(no_checkpoint(&loaded.name, args.checkpoint, count));
    }
    let memory = Memory::new(loaded.image(), args.checkpoint);
    let view = view_of(&loaded, &memory, args.checkpoint, args.vcpu)?;
    let view = args.space.of(&loaded, view)?;
    let addresses = args.addresses.iter();
    let rows: Vec<Row> = if args.physical {
        let backward = Backward::new(&view, true);
        addresses
            .flat_map(|at| back(&view, &backward, *at))
            .collect()
    } else {
        addresses.map(|at| forth(&view, *at)).collect()
    };
    loaded.verify()?;
    let vcpu = args.vcpu.or_else(|| first(&loaded, args.checkpoint));
    if args.format == Format::Text {
        write!(style::stdout(), "{}", text(&rows, memory.page_size()))?;
    } else {
        let document = document(&loaded, vcpu, &rows, memory.page_size());
        print_json(&document, args.format)?;
    }
    Ok(Outcome::Fine)
}

fn first(loaded: &Loaded, checkpoint: usize) -> Option<u32> {
    let round = loaded.image().checkpoints.get(checkpoint)?;
    Some(round.vcpus.first()?.id)
}

/// Where a virtual address leads.
fn forth(view: &View<'_>, address: u64) -> Row {
    let row = Row {
        virt: Some(address),
        physical: None,
        offset: None,
        how: None,
        why: String::new(),
    };
    match view.translate(address) {
        Ok(to) => Row {
            physical: to.physical,
            offset: to.offset,
            how: Some(to.how.class()),
            why: why(&to.how.to_string(), to.offset.is_some()),
            ..row
        },
        Err(fault) => Row {
            why: fault.to_string(),
            ..row
        },
    }
}

/// The virtual addresses of a guest physical one.
fn back(view: &View<'_>, backward: &Backward<'_, '_>, physical: u64) -> Vec<Row> {
    let offset = view.offset_of(physical);
    let row = |virt, how, why: String| Row {
        virt,
        physical: Some(physical),
        offset,
        how,
        why,
    };
    let found = backward.of(physical).into_iter();
    let mut rows: Vec<_> = found
        .map(|(virt, how)| {
            let why = why(&how.to_string(), offset.is_some());
            row(Some(virt), Some(how.class()), why)
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(None, None, "no virtual address leads there".into()));
    }
    rows
}

fn why(how: &str, has_page: bool) -> String {
    let no_page = if has_page {
        ""
    } else {
        "; the image has no page there"
    };
    format!("{how}{no_page}")
}

fn document(loaded: &Loaded, vcpu: Option<u32>, rows: &[Row], page_size: u64) -> Translate {
    let addresses = rows.iter().map(|row| TranslatedAddress {
        r#virtual: row.virt.map(Hex),
        physical: row.physical.map(Hex),
        pfn: row.physical.map(|physical| Hex(physical / page_size)),
        offset: row.offset,
        how: row.how,
        why: row.why.clone(),
    });
    Translate {
        schema: TranslateName,
        file: loaded.name.clone(),
        vcpu,
        addresses: addresses.collect(),
    }
}

fn text(rows: &[Row], page_size: u64) -> String {
    let mut out = String::new();
    for row in rows {
        let virt = row.virt.map_or("-".into(), |at| format!("{at:#018x}"));
        let virt = Painted(ADDRESS, format!("{virt:<18}"));
        let place = match (row.physical, row.offset) {
            (Some(physical), offset) => {
                let at = offset.map_or("not in the image".into(), |at| format!("at byte {at}"));
                let pfn = format!("{:#x}", physical / page_size);
                let physical = Painted(ADDRESS, format!("{physical:#012x}"));
                format!("{physical}  pfn {pfn:>7}  {at}")
            }
            (None, Some(at)) => format!("no memory of the guest  at byte {at}"),
            (None, None) => Painted(WARNING, "leads nowhere").to_string(),
        };
        let _ = writeln!(out, "{virt}  {place}  {}", Painted(DIM, &row.why));
    }
    out
}
