//! `guest ps`: the processes.

use std::io::Write;

use ia64save::document::guest::{GuestPs, ProcessDocument};
use ia64save::document::name::GuestPsName;
use ia64save::document::word::Hex;
use ia64save_guest::linux::Task;

use super::source::{Source, unknown};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ADDRESS, DIM, safe};
use crate::cli::render::table::{Align, Cell, Table};

/// Runs the command.
pub fn run(source: &Source) -> Result<Outcome, Failure> {
    let loaded = source.open()?;
    let tasks = source.with_kernel(&loaded, |kernel, _, _| {
        kernel.tasks().map_err(|error| unknown(&loaded, &error))
    })?;
    loaded.verify()?;
    if source.format == Format::Text {
        let right = Align::Right;
        let columns = [
            ("pid", right),
            ("ppid", right),
            ("state", Align::Left),
            ("pgd", right),
            ("task", right),
            ("command", Align::Left),
        ];
        let mut table = Table::new(0, columns);
        for task in &tasks.tasks {
            let pgd = task.pgd.map_or("-".into(), |pgd| format!("{pgd:#x}"));
            let comm = safe(&task.comm).into_owned();
            table.row([
                task.pid.to_string().into(),
                task.ppid.to_string().into(),
                task.state.letter().to_string().into(),
                Cell::styled(ADDRESS, pgd),
                Cell::styled(DIM, format!("{:#x}", task.task)),
                match task.kernel {
                    true => Cell::styled(DIM, format!("[{comm}]")),
                    false => comm.into(),
                },
            ]);
        }
        style::unless_gone(write!(style::stdout(), "{table}"))?;
    } else {
        let document = GuestPs {
            schema: GuestPsName,
            file: loaded.name.clone(),
            processes: tasks.tasks.iter().map(process).collect(),
            broken: tasks.broken.clone(),
        };
        print_json(&document, source.format)?;
    }
    if let Some(broken) = tasks.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}

/// A process, for a document.
pub fn process(task: &Task) -> ProcessDocument {
    ProcessDocument {
        pid: task.pid,
        ppid: task.ppid,
        comm: task.comm.clone(),
        state: task.state.letter().to_string(),
        kernel: task.kernel,
        pgd: task.pgd.map(Hex),
        task: task.task.into(),
    }
}
