//! `completions`: what a shell needs to complete a command line.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap_complete::Shell;
use ia64save_codec::{Code, Dialect, Guest};

use crate::cli::exit::{Failure, Outcome};
use crate::cli::help::GROUPS;
use crate::cli::render::style;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args, command: clap::Command) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    let mut command = with_values(command, "");
    clap_complete::generate(args.shell, &mut command, "ia64save", &mut script);
    if args.shell == Shell::Fish {
        script.extend(positionals_of_fish(&command, "").bytes());
    }
    style::plain_stdout().write_all(&script)?;
    Ok(Outcome::Fine)
}

/// A command whose arguments say which values they take: those too that the parser knows by rules instead of by a
/// list. It is for scripts alone and parses nothing.
fn with_values(command: clap::Command, path: &str) -> clap::Command {
    let mut command = command.mut_args(|argument| {
        let values = values(path, argument.get_id().as_str());
        if values.is_empty() {
            return argument;
        }
        // Defaults are values of the type that is no more.
        let argument = argument.default_values(Vec::<&str>::new());
        argument.value_parser(PossibleValuesParser::new(values))
    });
    let inner: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .filter(|name| name != "help")
        .collect();
    for name in inner {
        let path = format!("{path} {name}").trim().to_owned();
        command = command.mut_subcommand(name, |inner| with_values(inner, &path));
    }
    command
}

/// The values of an argument of a command that its parser has no list of.
fn values(path: &str, argument: &str) -> Vec<PossibleValue> {
    let dialects = || {
        let all = Dialect::ALL.into_iter().map(Dialect::spec);
        all.flat_map(|spec| {
            let help = format!("{}: {}", spec.id, spec.releases);
            let names = [spec.name].into_iter().chain(spec.aliases.iter().copied());
            names.map(move |name| PossibleValue::new(name).help(help.clone()))
        })
    };
    let eras = || {
        let all = ia64save_codec::Era::ALL.into_iter();
        all.map(|era| PossibleValue::new(era.id()).help(era.dialect().name()))
    };
    match (path, argument) {
        ("simulate save" | "simulate migrate", "dialect") | ("simulate restore", "host") => {
            ia64save_sim::Era::all()
                .map(|era| PossibleValue::new(era.to_string()))
                .collect()
        }
        (_, "dialect" | "host_dialect") => dialects().collect(),
        ("convert", "to") => dialects().chain(eras()).collect(),
        (_, "era") => eras().collect(),
        (_, "guest") => [Guest::Pv, Guest::Hvm]
            .map(|guest| PossibleValue::new(guest.name()))
            .into(),
        (_, "workload") => ia64save_sim::workload::Pattern::ALL
            .iter()
            .map(|pattern| PossibleValue::new(pattern.name()))
            .collect(),
        ("explain", "code") => Code::ALL
            .iter()
            .map(|code| PossibleValue::new(code.name()).help(code.title()))
            .collect(),
        ("man", "command") => GROUPS
            .iter()
            .flat_map(|(_, names)| names.iter())
            .filter(|name| **name != "help")
            .map(|name| PossibleValue::new(*name))
            .collect(),
        _ => Vec::new(),
    }
}

/// The generator for fish passes over values without an option in front of them.
fn positionals_of_fish(command: &clap::Command, path: &str) -> String {
    let mut script = String::new();
    for argument in command.get_positionals().filter(|_| !path.is_empty()) {
        let Some(values) = argument.get_value_parser().possible_values() else {
            continue;
        };
        for value in values.filter(|value| !value.is_hide_set()) {
            let help = value.get_help().map_or(String::new(), |help| {
                let help = help.to_string().replace('\\', "\\\\").replace('\'', "\\'");
                format!(" -d '{help}'")
            });
            let _ = writeln!(
                script,
                "complete -c ia64save -n \"__fish_ia64save_using_subcommand {path}\" -f -a \"{}\"{help}",
                value.get_name()
            );
        }
    }
    for inner in command.get_subcommands().filter(|c| c.get_name() != "help") {
        // The generator's own test knows one level by name, and looks for the others itself.
        if path.is_empty() {
            script += &positionals_of_fish(inner, inner.get_name());
        }
    }
    script
}
