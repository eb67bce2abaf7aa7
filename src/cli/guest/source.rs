//! What the commands about a guest begin with: an image, a vcpu's view of it, and files of programs.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save::input::{self, Input, Kind};
use ia64save::{Loaded, open};
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;
use ia64save_guest::backtrace::Programs;
use ia64save_guest::linux::{Fit, Kernel};
use ia64save_guest::program::{Object, Program};

use crate::cli::args::{Format, Reading};
use crate::cli::exit::Failure;
use crate::cli::opened::{accept, no_checkpoint, view_of};
use crate::cli::render::style;

/// The most entries of a list of the guest that are followed.
pub const MOST: usize = 1 << 20;
/// The largest program that is unpacked.
const LARGEST: u64 = 4 << 30;

/// The image, and which part of it.
#[derive(clap::Args, Debug)]
pub struct Source {
    /// The image, or a core of xm dump-core; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// The kernel's file with symbols and DWARF, as the kernel's build leaves it (vmlinux)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kernel: Option<PathBuf>,

    /// Take the kernel's file although its banner is not the one in memory
    #[arg(long, requires = "kernel")]
    pub force: bool,

    /// The checkpoint to take: 0, or the number of a Remus round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub checkpoint: usize,

    /// Read a damaged image, or a packed one that is cut short, as far as it goes
    #[arg(long)]
    pub damaged: bool,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

impl Source {
    /// Opens the image.
    pub fn open(&self) -> Result<Loaded, Failure> {
        let wanted = self.reading.options();
        let wanted = wanted.random_access(true).cores(true).damaged(self.damaged);
        let loaded = open(&self.image, &wanted)?;
        accept(&loaded, self.damaged)?;
        let count = loaded.image().checkpoints.len();
        if self.checkpoint >= count.max(1) {
            return Err(no_checkpoint(&loaded.name, self.checkpoint, count));
        }
        Ok(loaded)
    }

    /// The kernel's file, which most commands cannot do without.
    pub fn needs_kernel(&self) -> Result<&Path, Failure> {
        let none = || Failure::Usage("without --kernel FILE nobody knows what is where".into());
        self.kernel.as_deref().ok_or_else(none)
    }

    /// Does something with a Linux: its memory as the first vcpu has it, its file, refused where it does
    /// not fit.
    pub fn with_kernel<T>(
        &self,
        loaded: &Loaded,
        work: impl FnOnce(&Kernel<'_>, &View<'_>, &Programs<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let path = self.needs_kernel()?;
        let memory = Memory::new(loaded.image(), self.checkpoint);
        let view = view_of(loaded, &memory, self.checkpoint, None)?;
        with_kernel(path, self.force, &view, |kernel, programs| {
            work(kernel, &view, programs)
        })
    }
}

/// Does something with the Linux of a view and its file, which is refused where it does not fit.
pub fn with_kernel<T>(
    path: &Path,
    force: bool,
    view: &View<'_>,
    work: impl FnOnce(&Kernel<'_>, &Programs<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    with_programs(&[path], |programs| {
        let kernel = Kernel::new(view, programs, MOST);
        refuse(path, &kernel.fit(), force, true)?;
        work(&kernel, programs)
    })
}

/// Refuses a file of another kernel. One without a banner may be any program, where that is enough.
pub fn refuse(path: &Path, fit: &Fit, force: bool, linux: bool) -> Result<(), Failure> {
    if fit.fits() || !linux && *fit == Fit::NoBanner {
        return Ok(());
    }
    let text = format!("{}: {fit}", path.display());
    if force {
        style::warn(&format!("{text}; taken all the same"))?;
        return Ok(());
    }
    Err(Failure::Tree(
        path.display().to_string(),
        format!("{fit} (--force takes it all the same)"),
    ))
}

/// Reads programs, and does something with them.
pub fn with_programs<T>(
    paths: &[&Path],
    work: impl FnOnce(&Programs<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let files = paths.iter().map(|path| read(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    let bad = |path: &Path, text: String| Failure::Tree(path.display().to_string(), text);
    let objects = files.iter().zip(paths).map(|(file, path)| {
        let object = Object::parse(file);
        object.map_err(|error| bad(path, error.to_string()))
    });
    let objects = objects.collect::<Result<Vec<_>, _>>()?;
    let programs = objects.iter().zip(paths).map(|(object, path)| {
        let program = Program::new(object);
        program.map_err(|error| bad(path, format!("its DWARF is broken: {error}")))
    });
    let programs = Programs::new(programs.collect::<Result<_, _>>()?);
    work(&programs)
}

/// A file, unpacked where it is packed (vmlinux.gz).
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let input = Input::open(path, &input::Options::default())?;
    let stream = match input.kind {
        Kind::Mapped(mapped) => return Ok(mapped.to_vec()),
        Kind::Stream(stream) => stream,
    };
    let mut unpacked = Vec::new();
    stream.take(LARGEST + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > LARGEST {
        let text = format!("it has more than {LARGEST} bytes, unpacked, which no kernel has");
        return Err(Failure::Tree(path.display().to_string(), text));
    }
    Ok(unpacked)
}

/// What could not be found out, as a failure.
pub fn unknown(loaded: &Loaded, error: &ia64save_guest::linux::Error) -> Failure {
    Failure::Tree(loaded.name.clone(), error.to_string())
}
