//! A command's page, section by section.

use clap::{Arg, ArgAction, Command};
use roff::{Inline, Roff, bold, italic, roman};

use super::with_pages;
use crate::cli::examples;
use crate::cli::help::GROUPS;

/// What the exit codes of most commands say.
const STATUS: [(&str, &str); 6] = [
    ("0", "All is well."),
    ("1", "The input is invalid; of check, an image has errors."),
    ("2", "The program was used wrongly."),
    ("3", "There are warnings, and --strict asked to be told."),
    ("4", "Reading or writing failed."),
    ("63", "The input is something else than a save image."),
];

/// What the commands with a meaning of their own say.
const OWN_STATUS: [(&str, &[(&str, &str)]); 2] = [
    (
        "compare",
        &[
            ("0", "Nothing differs."),
            ("1", "Something does."),
            (
                "2",
                "The images could not be compared, or the program was used wrongly.",
            ),
            ("4", "Reading failed."),
            ("63", "One of the two is something else than a save image."),
        ],
    ),
    (
        "find",
        &[
            ("0", "Something was found."),
            ("1", "Nothing was found."),
            (
                "2",
                "The image is invalid, or the program was used wrongly.",
            ),
            ("4", "Reading failed."),
            ("63", "The input is something else than a save image."),
        ],
    ),
];

/// Files that arguments name.
const FILES: [(&str, &str); 5] = [
    (
        "IMAGE",
        "A save image, bare or as xend or xl wrote it, packed with zstd, gzip or xz or not; where the command says \
         so, a core of xm dump-core. A dash is standard input.",
    ),
    (
        "OUT",
        "Written under another name and moved into place once it is whole; what was there before stays until then. \
         Names that end in .zst, .gz or .xz are packed (--compress). A dash is standard output, where the account \
         of what was done goes to standard error.",
    ),
    (
        "TREE",
        "A folder of tree.json (or .yaml) and pages.bin, as ia64save-decode(1) writes it.",
    ),
    ("PATH", "An image, or a folder that is searched for images."),
    ("DIR", "A folder; it is made where there is none."),
];

/// A command and those above it.
pub struct Page<'a> {
    command: &'a Command,
    path: Vec<&'a str>,
    siblings: Vec<&'a str>,
}

impl<'a> Page<'a> {
    pub fn new(command: &'a Command, parents: &[&'a Command]) -> Self {
        let names = parents.iter().copied().chain([command]);
        let siblings = parents
            .last()
            .into_iter()
            .flat_map(|parent| with_pages(parent));
        Page {
            command,
            path: names.map(Command::get_name).collect(),
            siblings: siblings.map(Command::get_name).collect(),
        }
    }

    /// How `man` calls it, with dashes.
    pub fn name(&self) -> String {
        self.path.join("-")
    }

    /// Its path below the program.
    fn below(&self) -> String {
        self.path[1..].join(" ")
    }

    pub fn roff(&self) -> String {
        let mut page = Roff::new();
        let title = self.name().to_uppercase();
        let source = concat!("ia64save ", env!("CARGO_PKG_VERSION"));
        page.control("TH", [&title[..], "1", "", source, "ia64save"]);
        page.control("SH", ["NAME"]);
        let about = self
            .command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        page.text([roman(format!("{} - {about}", self.name()))]);
        self.synopsis(&mut page);
        self.description(&mut page, &about);
        self.options(&mut page);
        self.examples(&mut page);
        self.status(&mut page);
        self.files(&mut page);
        environment(&mut page);
        self.see_also(&mut page);
        page.render()
    }

    fn arguments(&self) -> impl Iterator<Item = &'a Arg> {
        let all = self.command.get_arguments();
        all.filter(|argument| !argument.is_hide_set())
    }

    fn synopsis(&self, page: &mut Roff) {
        page.control("SH", ["SYNOPSIS"]);
        let mut line = vec![bold(self.path.join(" "))];
        let (needed, others): (Vec<_>, Vec<_>) = self
            .arguments()
            .filter(|argument| !argument.is_positional() && !is_common(argument))
            .partition(|argument| argument.is_required_set());
        for argument in needed {
            line.push(roman(" "));
            line.extend(call(argument));
        }
        for argument in others {
            line.push(roman(" ["));
            line.extend(call(argument));
            line.push(roman("]"));
        }
        for argument in self.command.get_positionals() {
            let name = value_names(argument);
            let dots = if is_repeated(argument) { "..." } else { "" };
            line.push(roman(" "));
            if argument.is_required_set() {
                line.extend([italic(name), roman(dots)]);
            } else {
                line.extend([roman("["), italic(name), roman(format!("{dots}]"))]);
            }
        }
        if with_pages(self.command).next().is_some() {
            line.extend([roman(" "), italic("COMMAND")]);
        }
        page.text(line);
    }

    fn description(&self, page: &mut Roff, about: &str) {
        page.control("SH", ["DESCRIPTION"]);
        let long = self.command.get_long_about().map(ToString::to_string);
        let text = long.unwrap_or_else(|| about.to_owned());
        let end = if text.ends_with('.') { "" } else { "." };
        page.text([roman(text + end)]);
        let described: Vec<_> = self
            .command
            .get_positionals()
            .filter_map(|argument| Some((value_names(argument), help(argument)?)))
            .collect();
        for (name, text) in described {
            page.control("TP", []);
            page.text([italic(name)]);
            page.text([roman(text)]);
        }
        if self.path.len() == 1 {
            for (heading, names) in GROUPS {
                let found: Vec<_> = names
                    .iter()
                    .filter(|name| **name != "help")
                    .filter_map(|name| self.command.find_subcommand(name))
                    .collect();
                if !found.is_empty() {
                    page.control("SS", [heading]);
                    self.list(page, &found);
                }
            }
        } else {
            let inner: Vec<_> = with_pages(self.command).collect();
            if !inner.is_empty() {
                page.control("SS", ["Commands"]);
                self.list(page, &inner);
            }
        }
    }

    /// Commands below this one, each with its page.
    fn list(&self, page: &mut Roff, commands: &[&Command]) {
        for command in commands {
            let about = command.get_about().map(ToString::to_string);
            page.control("TP", []);
            page.text([
                bold(format!("{}-{}", self.name(), command.get_name())),
                roman("(1)"),
            ]);
            page.text([roman(about.unwrap_or_default())]);
        }
    }

    fn options(&self, page: &mut Roff) {
        page.control("SH", ["OPTIONS"]);
        let options = self.arguments();
        let mut options: Vec<_> = options.filter(|own| !own.is_positional()).collect();
        options.sort_by_key(|argument| argument.get_help_heading());
        let mut heading = None;
        for argument in options {
            let own = argument.get_help_heading();
            if own != heading && own.is_some() {
                page.control("SS", [own.unwrap_or_default()]);
            }
            heading = own;
            page.control("TP", []);
            page.text(call(argument));
            let mut text = help(argument).unwrap_or_default();
            let defaults = argument.get_default_values();
            if !defaults.is_empty() && argument.get_action().takes_values() {
                let words: Vec<_> = defaults.iter().map(|word| word.to_string_lossy()).collect();
                text = format!("{text} The default is {}.", words.join(", "));
            }
            page.text([roman(text)]);
            let values = argument.get_possible_values();
            let values = values.iter().filter(|value| !value.is_hide_set());
            let told: Vec<_> = values
                .filter_map(|value| Some((value.get_name(), value.get_help()?.to_string())))
                .collect();
            if argument.get_action().takes_values() {
                for (name, text) in told {
                    page.control("RS", []);
                    page.control("TP", []);
                    page.text([bold(name)]);
                    page.text([roman(text)]);
                    page.control("RE", []);
                }
            }
        }
    }

    fn examples(&self, page: &mut Roff) {
        let own = examples::of(&self.below());
        if own.is_empty() {
            return;
        }
        page.control("SH", ["EXAMPLES"]);
        for (line, what) in own {
            page.control("TP", []);
            page.text([roman(format!("{what}:"))]);
            page.text([bold(format!("ia64save {line}"))]);
        }
    }

    fn status(&self, page: &mut Roff) {
        page.control("SH", ["EXIT STATUS"]);
        let below = self.below();
        let own = OWN_STATUS.iter().find(|(name, _)| *name == below);
        for (code, what) in own.map_or(&STATUS[..], |(_, own)| own) {
            page.control("TP", []);
            page.text([bold(*code)]);
            page.text([roman(*what)]);
        }
    }

    fn files(&self, page: &mut Roff) {
        let names: Vec<String> = self
            .arguments()
            .filter(|argument| argument.get_action().takes_values())
            .map(value_names)
            .collect();
        let known = |name: &str| match name {
            "IN" | "A" | "B" => "IMAGE".to_owned(),
            other => other.to_owned(),
        };
        let named = FILES.iter().filter(|(name, _)| {
            self.path.len() == 1 || names.iter().any(|own| known(own) == *name)
        });
        let named: Vec<_> = named.collect();
        if named.is_empty() {
            return;
        }
        page.control("SH", ["FILES"]);
        for (name, text) in named {
            page.control("TP", []);
            page.text([italic(*name)]);
            page.text([roman(*text)]);
        }
    }

    fn see_also(&self, page: &mut Roff) {
        page.control("SH", ["SEE ALSO"]);
        let mut names: Vec<String> = Vec::new();
        for end in (1..self.path.len()).rev() {
            names.push(self.path[..end].join("-"));
        }
        names.extend(
            with_pages(self.command).map(|inner| format!("{}-{}", self.name(), inner.get_name())),
        );
        let group = GROUPS
            .iter()
            .find(|(_, names)| names.contains(&self.command.get_name()));
        let near: &[&str] = match (self.path.len(), group) {
            (2, Some((_, names))) => names,
            (3.., _) => &self.siblings,
            _ => &[],
        };
        let parent = self.path[..self.path.len().saturating_sub(1)].join("-");
        let near = near
            .iter()
            .filter(|name| **name != self.command.get_name() && self.siblings.contains(name));
        names.extend(near.map(|name| format!("{parent}-{name}")));
        let mut line = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            let gap = if index > 0 { ", " } else { "" };
            line.extend([roman(gap), bold(name), roman("(1)")]);
        }
        page.text(line);
    }
}

/// What every command has: it stands among the options, not in the synopsis.
fn is_common(argument: &Arg) -> bool {
    let action = argument.get_action();
    matches!(
        action,
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
    ) || argument.get_id() == "color"
}

fn is_repeated(argument: &Arg) -> bool {
    argument
        .get_num_args()
        .is_some_and(|range| range.max_values() > 1)
        || matches!(argument.get_action(), ArgAction::Append)
}

fn value_names(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    if names.is_empty() {
        return argument.get_id().as_str().to_uppercase();
    }
    names
        .iter()
        .map(clap::builder::Str::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn help(argument: &Arg) -> Option<String> {
    let text = argument
        .get_long_help()
        .or(argument.get_help())?
        .to_string();
    let end = if text.ends_with(['.', ')']) { "" } else { "." };
    Some(text + end)
}

/// `-o, --out OUT`, or with the values that there are.
fn call(argument: &Arg) -> Vec<Inline> {
    let mut line = Vec::new();
    if let Some(short) = argument.get_short() {
        line.push(bold(format!("-{short}")));
    }
    if let Some(long) = argument.get_long() {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.push(bold(format!("--{long}")));
    }
    if !argument.get_action().takes_values() {
        return line;
    }
    line.push(roman(" "));
    let values = argument.get_possible_values();
    let values: Vec<_> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| value.get_name().to_owned())
        .collect();
    if values.is_empty() {
        line.push(italic(value_names(argument)));
    }
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            line.push(roman("|"));
        }
        line.push(bold(value));
    }
    line
}

fn environment(page: &mut Roff) {
    let all = [
        (
            "COLUMNS",
            "How wide lines may be where the output is no terminal.",
        ),
        (
            "LC_ALL, LC_CTYPE, LANG",
            "Where none names UTF-8, what is drawn is drawn in ASCII.",
        ),
        ("NO_COLOR", "Nothing is coloured, as with --color never."),
        (
            "TMPDIR",
            "Where a packed image is unpacked that has to be read out of order.",
        ),
    ];
    page.control("SH", ["ENVIRONMENT"]);
    for (name, text) in all {
        page.control("TP", []);
        page.text([bold(name)]);
        page.text([roman(text)]);
    }
}
