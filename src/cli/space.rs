//! Whose addresses are meant.

use ia64save::Loaded;
use ia64save_codec::translate::View;

use super::args::number;
use super::exit::Failure;

/// Which address space a vcpu's view is of, where it is not the one that the vcpu was in.
#[derive(clap::Args, Debug)]
pub struct Space {
    /// The process with the page directory at this guest physical address, not the last one that ran
    #[arg(long, value_name = "PHYSICAL", value_parser = number)]
    pub pgd: Option<u64>,

    /// The kernel's page directory, swapper_pg_dir, where its miss handler does not name it
    #[arg(long, value_name = "PHYSICAL", value_parser = number)]
    pub kernel_pgd: Option<u64>,
}

impl Space {
    /// Whether a process was named.
    pub fn is_given(&self) -> bool {
        self.pgd.is_some()
    }

    /// Refuses what means nothing without `--virtual`.
    pub fn wants_virtual(&self, is_virtual: bool) -> Result<(), Failure> {
        if is_virtual || self.pgd.is_none() && self.kernel_pgd.is_none() {
            return Ok(());
        }
        let text =
            "--pgd and --kernel-pgd say whose virtual addresses are meant: give --virtual too";
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
        if let Some(directory) = self.pgd {
            view = view.with_directory(directory);
            view.process_directory()
                .map_err(|why| refused("--pgd", why.to_string()))?;
        }
        Ok(view)
    }
}
