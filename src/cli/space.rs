//! Whose addresses are meant.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save::Loaded;
use ia64save_codec::translate::View;

use super::args::number;
use super::exit::Failure;
use super::guest::source::{unknown, with_kernel};

/// Which address space a vcpu's view is of, where it is not the one that the vcpu was in.
#[derive(clap::Args, Debug)]
pub struct Space {
    /// The process with this number, not the last one that ran; with --kernel, where it is looked up
    #[arg(long, value_name = "PID", conflicts_with = "pgd")]
    pub pid: Option<u64>,

    /// With --pid: the kernel's file with symbols and DWARF, as the kernel's build leaves it (vmlinux)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "pid")]
    pub kernel: Option<PathBuf>,

    /// Take the kernel's file although its banner is not the one in memory
    #[arg(long, requires = "kernel")]
    pub force: bool,

    /// The process with the page directory at this guest physical address
    #[arg(long, value_name = "PHYSICAL", value_parser = number)]
    pub pgd: Option<u64>,

    /// The kernel's page directory, swapper_pg_dir, where its miss handler does not name it
    #[arg(long, value_name = "PHYSICAL", value_parser = number)]
    pub kernel_pgd: Option<u64>,
}

impl Space {
    /// Whether a process was named.
    pub fn is_given(&self) -> bool {
        self.pid.is_some() || self.pgd.is_some()
    }

    /// Refuses what means nothing without `--virtual`.
    pub fn wants_virtual(&self, is_virtual: bool) -> Result<(), Failure> {
        if is_virtual || !self.is_given() && self.kernel_pgd.is_none() {
            return Ok(());
        }
        let text = "--pid, --pgd and --kernel-pgd say whose virtual addresses are meant: give \
                    --virtual too";
        Err(Failure::Usage(text.into()))
    }

    /// The view of that space.
    pub fn of<'a>(&self, loaded: &Loaded, view: View<'a>) -> Result<View<'a>, Failure> {
        let refused =
            |option: &str, why: String| Failure::Usage(format!("{}: {option}: {why}", loaded.name));
        let mut view = view;
        if let Some(directory) = self.kernel_pgd {
            view = view.with_kernel_directory(directory);
            view.kernel_directory()
                .map_err(|why| refused("--kernel-pgd", why.to_string()))?;
        }
        let named = match self.pid {
            Some(pid) => Some((self.directory_of(pid, loaded, &view)?, "--pid")),
            None => self.pgd.map(|directory| (directory, "--pgd")),
        };
        if let Some((directory, option)) = named {
            view = view.with_directory(directory);
            view.process_directory()
                .map_err(|why| refused(option, why.to_string()))?;
        }
        Ok(view)
    }

    /// The page directory of a process, which only the kernel's file leads to.
    fn directory_of(&self, pid: u64, loaded: &Loaded, view: &View<'_>) -> Result<u64, Failure> {
        let path = self.kernel_file(pid)?;
        with_kernel(path, self.force, view, |kernel, _| {
            let found = kernel.directory_of(pid);
            found.map_err(|error| unknown(loaded, &error))
        })
    }

    fn kernel_file(&self, pid: u64) -> Result<&Path, Failure> {
        let none = || {
            Failure::Usage(format!(
                "--pid {pid}: which process that is only the kernel's file says: give --kernel FILE \
                 (vmlinux with symbols and DWARF), or instead of both --pgd with its page directory"
            ))
        };
        self.kernel.as_deref().ok_or_else(none)
    }
}
