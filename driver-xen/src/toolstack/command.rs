//! Suspending by a command of the user's.

use std::process::{Command, Stdio};

use ia64save_codec::transfer::ports::Errno;

use super::Toolstack;
use crate::transport::DomainId;

/// Runs a command that has the guest suspend itself: over ssh, or by another toolstack.
///
/// The shell gets it with `DOMID` in its environment, without standard input, and with its standard
/// output going where errors go, since a saved stream may be on this program's own. Exit code 0 says
/// that the guest was asked.
#[derive(Clone, Debug)]
pub struct ByCommand {
    suspend: String,
    resume: Option<String>,
}

impl ByCommand {
    /// With the command that suspends.
    pub fn new(suspend: impl Into<String>) -> Self {
        ByCommand {
            suspend: suspend.into(),
            resume: None,
        }
    }

    /// With another one for when the domain goes on.
    #[must_use]
    pub fn with_resume(mut self, resume: impl Into<String>) -> Self {
        self.resume = Some(resume.into());
        self
    }
}

fn run(command: &str, domain: DomainId) -> Result<(), Errno> {
    let status = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("DOMID", domain.to_string())
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno))?;
    if status.success() {
        Ok(())
    } else {
        Err(Errno::EIO)
    }
}

impl Toolstack for ByCommand {
    fn suspend(&mut self, domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        run(&self.suspend, domain)
    }

    fn resumed(&mut self, domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        match &self.resume {
            Some(command) => run(command, domain),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_decides() {
        assert_eq!(ByCommand::new("test $DOMID = 7").suspend(7, false), Ok(()));
        let mut other = ByCommand::new("test $DOMID = 7").with_resume("true");
        assert_eq!(other.suspend(8, false), Err(Errno::EIO));
        assert_eq!(other.resumed(8, false), Ok(()));
    }
}
