//! `guest modules`: what was loaded.

use std::io::Write;

use ia64save::document::guest::{GuestModules, ModuleDocument};
use ia64save::document::name::GuestModulesName;
use ia64save_guest::linux::Module;

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
                Cell::styled(DIM, state(module)),
            ]);
        }
        style::unless_gone(write!(style::stdout(), "{table}"))?;
    } else {
        let document = GuestModules {
            schema: GuestModulesName,
            file: loaded.name.clone(),
            modules: modules.modules.iter().map(document).collect(),
            broken: modules.broken.clone(),
        };
        print_json(&document, source.format)?;
    }
    if let Some(broken) = modules.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}

fn state(module: &Module) -> &'static str {
    match module.state {
        0 => "live",
        1 => "coming",
        2 => "going",
        _ => "unknown",
    }
}

/// A module, for a document.
pub fn document(module: &Module) -> ModuleDocument {
    ModuleDocument {
        name: module.name.clone(),
        core: module.core.into(),
        size: module.size.into(),
        state: state(module).to_owned(),
        module: module.module.into(),
    }
}
