//! What is wrong with images, a line each: `cargo run --example check -- IMAGE ...`.
//!
//! Ends with 1 where one of them is invalid or none at all.

use std::process::ExitCode;

use ia64save::codec::check::{self, CheckOptions, Verdict};
use ia64save::{Error, Options};

fn main() -> ExitCode {
    // A check wants to know which pages are all zero.
    let options = Options::new().zero(true);
    let mut code = ExitCode::SUCCESS;
    for path in std::env::args_os().skip(1) {
        let name = path.display().to_string();
        match look_at(path.as_ref(), &options) {
            Ok(Verdict::Invalid) => code = ExitCode::FAILURE,
            Ok(_) => {}
            Err(error) => {
                println!("{error}");
                code = ExitCode::FAILURE;
                // Whoever has a list of files wants to know which are something else.
                if let Error::Foreign { format, .. } = &error {
                    println!("{name}: {format:?}");
                }
            }
        }
    }
    code
}

fn look_at(path: &std::path::Path, options: &Options) -> Result<Verdict, Error> {
    let loaded = ia64save::open(path, options)?;
    let report = check::run_file(&loaded.file, &CheckOptions::default());
    println!("{}: {}", loaded.name, report.verdict.name());
    for finding in &report.findings {
        println!("  {finding}");
    }
    // Had the file changed meanwhile, all of this would be worth nothing.
    loaded.verify()?;
    Ok(report.verdict)
}
