//! Suspending by a command of the user's.

use std::process::{Command, Stdio};

use ia64save_codec::transfer::ports::{Errno, Introduction};

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
    introduce: Option<String>,
}

impl ByCommand {
    /// With the command that suspends.
    pub fn new(suspend: impl Into<String>) -> Self {
        ByCommand {
            suspend: suspend.into(),
            resume: None,
            introduce: None,
        }
    }

    /// With another one for when the domain goes on.
    #[must_use]
    pub fn with_resume(mut self, resume: impl Into<String>) -> Self {
        self.resume = Some(resume.into());
        self
    }

    /// With another one that tells the daemons of store and console of a guest whose event channels are new:
    /// `STORE_MFN`, `STORE_PORT`, `CONSOLE_MFN` and `CONSOLE_PORT` are in its environment.
    #[must_use]
    pub fn with_introduce(mut self, introduce: Option<String>) -> Self {
        self.introduce = introduce;
        self
    }
}

fn run(command: &str, domain: DomainId, more: &[(&str, u64)]) -> Result<(), Errno> {
    let status = Command::new("sh")
        .arg("-c")
        .arg(command)
        .env("DOMID", domain.to_string())
        .envs(more.iter().map(|(name, value)| (name, value.to_string())))
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
        run(&self.suspend, domain, &[])
    }

    fn resumed(&mut self, domain: DomainId, _hvm: bool) -> Result<(), Errno> {
        match &self.resume {
            Some(command) => run(command, domain, &[]),
            None => Ok(()),
        }
    }

    fn introduces(&self, _domain: DomainId) -> bool {
        self.introduce.is_some()
    }

    fn introduce(&mut self, domain: DomainId, introduction: &Introduction) -> Result<(), Errno> {
        let command = self.introduce.as_deref().ok_or(Errno::ENOSYS)?;
        let environment = [
            ("STORE_MFN", introduction.store_mfn),
            ("STORE_PORT", introduction.store_port.into()),
            ("CONSOLE_MFN", introduction.console_mfn),
            ("CONSOLE_PORT", introduction.console_port.into()),
        ];
        run(command, domain, &environment)
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
        let told = Introduction {
            store_mfn: 5,
            store_port: 1,
            console_mfn: 6,
            console_port: 2,
        };
        assert!(!other.introduces(8));
        assert_eq!(other.introduce(8, &told), Err(Errno::ENOSYS));
        let check =
            r#"test "$DOMID $STORE_MFN $STORE_PORT $CONSOLE_MFN $CONSOLE_PORT" = "8 5 1 6 2""#;
        let mut told_by = other.with_introduce(Some(check.into()));
        assert!(told_by.introduces(8));
        assert_eq!(told_by.introduce(8, &told), Ok(()));
        assert_eq!(told_by.introduce(9, &told), Err(Errno::EIO));
    }
}
