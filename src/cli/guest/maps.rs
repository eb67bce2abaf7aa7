//! `guest maps`: the address space of a process.

use std::io::Write;

use ia64save::document::guest::{AreaDocument, GuestMaps};
use ia64save::document::name::GuestMapsName;
use ia64save::document::word::Hex;

use super::source::{Source, unknown};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::size::human;
use crate::cli::render::style::{self, ADDRESS, DIM, safe};
use crate::cli::render::table::{Align, Cell, Table};

/// The arguments of `guest maps`.
#[derive(clap::Args, Debug)]
pub struct Maps {
    #[command(flatten)]
    pub source: Source,

    /// The process
    #[arg(long, value_name = "PID")]
    pub pid: u64,
}

/// Runs the command.
pub fn run(args: &Maps) -> Result<Outcome, Failure> {
    let source = &args.source;
    let loaded = source.open()?;
    let (task, maps) = source.with_kernel(&loaded, |kernel, _, _| {
        let maps = kernel.task(args.pid).and_then(|task| {
            let maps = kernel.maps(&task)?;
            Ok((task, maps))
        });
        maps.map_err(|error| unknown(&loaded, &error))
    })?;
    loaded.verify()?;
    if source.format == Format::Text {
        let columns = [
            ("from", Align::Right),
            ("to", Align::Right),
            ("access", Align::Left),
            ("size", Align::Right),
            ("what", Align::Left),
        ];
        let mut table = Table::new(0, columns);
        for area in &maps.areas {
            let name = area.name.as_deref().unwrap_or_default();
            table.row([
                Cell::styled(ADDRESS, format!("{:#x}", area.start)),
                Cell::styled(ADDRESS, format!("{:#x}", area.end)),
                area.access().into(),
                human(area.end.saturating_sub(area.start)).clone().into(),
                Cell::styled(DIM, safe(name).into_owned()),
            ]);
        }
        style::unless_gone(write!(style::stdout(), "{table}"))?;
    } else {
        let areas = maps.areas.iter().map(|area| AreaDocument {
            start: area.start.into(),
            end: area.end.into(),
            access: area.access(),
            flags: area.flags.into(),
            offset: area.offset.map(Hex),
            name: area.name.clone(),
        });
        let document = GuestMaps {
            schema: GuestMapsName,
            file: loaded.name.clone(),
            pid: task.pid,
            comm: task.comm.clone(),
            pgd: task.pgd.map(Hex),
            areas: areas.collect(),
            broken: maps.broken.clone(),
        };
        print_json(&document, source.format)?;
    }
    if let Some(broken) = maps.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}
