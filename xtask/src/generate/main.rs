//! `cargo xtask generate`: what other programs know of the structures, written from the tables of
//! the codec, so that there is one declaration of each.
//!
//! | file | what lives there |
//! |---|---|
//! | `structures` | which structures and tables |
//! | `lua` | them for `spec/ia64_save.lua` |
//! | `hexpat` | them for `spec/ia64_save.hexpat` |
//! | `splice` | the part of a file between two markers |
//!
//! With `--check` nothing is written, and a file that differs is a failure.

mod hexpat;
mod lua;
mod splice;
mod structures;

use std::process::ExitCode;

use splice::Splice;

/// A path, what begins a comment there, and what makes the generated part.
type File = (&'static str, &'static str, fn() -> String);

/// The files.
const FILES: [File; 2] = [
    ("spec/ia64_save.lua", "--", lua::generated),
    ("spec/ia64_save.hexpat", "//", hexpat::generated),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let check = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => {
            eprintln!("generate: only --check is known");
            return ExitCode::from(2);
        }
    };
    let mut failed = false;
    for (path, comment, generated) in FILES {
        let splice = Splice { path, comment };
        let said = if check {
            splice.check(&generated())
        } else {
            splice.write(&generated())
        };
        match said {
            Ok(said) => println!("{path}: {said}"),
            Err(error) => {
                println!("{path}: {error}");
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
