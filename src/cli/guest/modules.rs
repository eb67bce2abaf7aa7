//! `guest modules`: what was loaded.

use std::io::Write;

use ia64save::document::guest::{GuestModules, ModuleDocument};
use ia64save::document::name::GuestModulesName;

use super::source::{Source, unknown};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ADDRESS, DIM, safe};
use crate::cli::render::table::{Align, Cell, Table};

/// Runs the command.
pub fn run(source: &Source) -> Result<Outcome, Failure> {
    let loaded = source.open()?;
    let modules = source.with_kernel(&loaded, |kernel, _, _| {
        kernel.modules().map_err(|error| unknown(&loaded, &error))
    })?;
    loaded.verify()?;
    let state = |state| match state {
        0 => "live",
        1 => "coming",
        2 => "going",
        _ => "unknown",
    };
    if source.format == Format::Text {
        let columns = [
            ("module", Align::Left),
            ("size", Align::Right),
            ("at", Align::Right),
            ("state", Align::Left),
        ];
        let mut table = Table::new(0, columns);
        for module in &modules.modules {
            table.row([
                safe(&module.name).into_owned().into(),
                module.size.to_string().into(),
                Cell::styled(ADDRESS, format!("{:#x}", module.core)),
                Cell::styled(DIM, state(module.state)),
            ]);
        }
        style::unless_gone(write!(style::stdout(), "{table}"))?;
    } else {
        let all = modules.modules.iter().map(|module| ModuleDocument {
            name: module.name.clone(),
            core: module.core.into(),
            size: module.size.into(),
            state: state(module.state).to_string(),
            module: module.module.into(),
        });
        let document = GuestModules {
            schema: GuestModulesName,
            file: loaded.name.clone(),
            modules: all.collect(),
            broken: modules.broken.clone(),
        };
        print_json(&document, source.format)?;
    }
    if let Some(broken) = modules.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}
