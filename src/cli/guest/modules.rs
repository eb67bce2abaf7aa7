//! `guest modules`: what was loaded.

use std::io::Write;

use ia64save::document::hex;
use serde_json::json;

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
        let all = modules.modules.iter().map(|module| {
            json!({
                "name": module.name,
                "core": hex(module.core),
                "size": module.size,
                "state": state(module.state),
                "module": hex(module.module),
            })
        });
        let value = json!({
            "schema": "ia64save/guest-modules/1",
            "file": loaded.name,
            "modules": all.collect::<Vec<_>>(),
            "broken": modules.broken,
        });
        print_json(vec![value], source.format)?;
    }
    if let Some(broken) = modules.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}
