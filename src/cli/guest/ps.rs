//! `guest ps`: the processes.

use std::io::Write;

use ia64save::document::hex;
use ia64save_guest::linux::Task;
use serde_json::{Value, json};

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
        let value = json!({
            "schema": "ia64save/guest-ps/1",
            "file": loaded.name,
            "processes": tasks.tasks.iter().map(value).collect::<Vec<_>>(),
            "broken": tasks.broken,
        });
        print_json(vec![value], source.format)?;
    }
    if let Some(broken) = tasks.broken {
        style::warn(&format!("{}: there may be more: {broken}", loaded.name))?;
    }
    Ok(Outcome::Fine)
}

fn value(task: &Task) -> Value {
    json!({
        "pid": task.pid,
        "ppid": task.ppid,
        "comm": task.comm,
        "state": task.state.letter().to_string(),
        "kernel": task.kernel,
        "pgd": task.pgd.map(hex),
        "task": hex(task.task),
    })
}
