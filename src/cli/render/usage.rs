//! What clap has to say.

use std::io::Write as _;
use std::process::ExitCode;

use super::style;

/// Prints help, or what is wrong with the arguments, in lines that fit.
pub fn show(error: &clap::Error) -> ExitCode {
    let text = error.render();
    let text = text.ansi();
    let _ = if error.use_stderr() {
        write!(style::stderr(), "{text}")
    } else {
        write!(style::stdout(), "{text}")
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
