//! Help: commands in groups, and examples behind each.

use std::fmt::Write as _;

use super::examples;
use super::render::style::{HEADING, LABEL, Painted};

/// What commands are for: heading, commands.
pub const GROUPS: [(&str, &[&str]); 8] = [
    (
        "Look",
        &[
            "info", "check", "dump", "map", "compare", "report", "batch", "explain",
        ],
    ),
    ("Change", &["convert", "edit", "decode", "encode"]),
    ("Rescue", &["repair"]),
    ("Guest memory", &["extract", "find", "translate"]),
    ("Guest system", &["backtrace", "guest"]),
    ("Simulate", &["simulate", "corpus"]),
    ("Real host", &["xen"]),
    ("Shell", &["completions", "man", "help"]),
];

/// The list of commands below the headings of their groups.
pub fn groups(root: &clap::Command) -> String {
    let widest = root.get_subcommands().map(|c| c.get_name().len()).max();
    let widest = widest.unwrap_or(0);
    let mut out = String::new();
    for (heading, names) in GROUPS {
        let found = names.iter().filter_map(|name| root.find_subcommand(name));
        let lines: Vec<_> = found
            .map(|command| {
                let name = Painted(LABEL, format!("{:widest$}", command.get_name()));
                let about = command.get_about().map(ToString::to_string);
                format!("  {name}  {}\n", about.unwrap_or_default())
            })
            .collect();
        if !lines.is_empty() {
            let _ = writeln!(out, "{}", Painted(HEADING, format!("{heading}:")));
            out.extend(lines);
            out.push('\n');
        }
    }
    out
}

/// A command with the program's name in its version, and with examples in its long help.
pub fn dressed(command: clap::Command, path: &str) -> clap::Command {
    let own = examples::of(path);
    let mut command = command.display_name("ia64save");
    if !own.is_empty() {
        let mut text = Painted(HEADING, "Examples:").to_string();
        for (line, what) in own {
            let _ = write!(
                text,
                "\n  {what}:\n    {}",
                Painted(LABEL, format!("ia64save {line}"))
            );
        }
        if let Some(after) = command.get_after_help() {
            let _ = write!(text, "\n\n{}", after.ansi());
        }
        command = command.after_long_help(text);
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .collect();
    for name in names {
        let inner = if path.is_empty() {
            name.clone()
        } else {
            format!("{path} {name}")
        };
        command = command.mut_subcommand(name, |found| dressed(found, &inner));
    }
    command
}
