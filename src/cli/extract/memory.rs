//! Cores and raw memory.

use ia64save::Loaded;
use ia64save::files::{OutputFile, assemble};
use ia64save_codec::elf::{Core, Shown, XenCore};
use ia64save_codec::image::Vcpu;
use ia64save_codec::memory::{Assembly, Memory};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::translate::View;

use super::args::Args;
use super::said::{Made, Views};
use super::wanted::{checkpoint, nothing, out};
use crate::cli::exit::Failure;
use crate::cli::opened::spare_terminal;
use crate::cli::progress::Progress;

/// Most zeros for each byte of memory that are written where they cannot be skipped, beside a GiB for
/// every image.
const MOST_ZEROS: u64 = 64;

/// The privilege level of processes.
const USER: u8 = 3;

/// Makes what was asked for.
pub fn run(args: &Args, loaded: &Loaded) -> Result<(), Failure> {
    let target = out(args)?;
    args.space.wants_virtual(args.virtual_)?;
    let memory = Memory::new(loaded.image(), args.checkpoint);
    let mut made = Made::new(&memory);
    let refused = |error| Failure::Invalid(loaded.name.clone(), error);
    let assembly = if args.xen_core {
        made.what = "core as of xm dump-core";
        XenCore::write(&memory, args.checkpoint).map_err(refused)?
    } else if args.elf_core || args.virtual_ {
        let vcpu = args.virtual_.then(|| vcpu(args, loaded)).transpose()?;
        let view = vcpu.map(|vcpu| {
            let view = View::of_vcpu(&memory, args.checkpoint, vcpu);
            let view = view.map_err(|why| nothing(loaded, &why.to_string()))?;
            args.space.of(loaded, view)
        });
        let view = view.transpose()?;
        let shown = view.as_ref().map(|view| Shown {
            view,
            // The stack of a vcpu that runs a process is among the process's addresses.
            processes: args.space.is_given() || view.registers().level == USER,
        });
        let core = Core::new(&memory, args.checkpoint, shown).map_err(refused)?;
        made.what = "ELF core";
        made.segments = Some(core.segments);
        made.unreachable = core.unreachable;
        made.stacked = Some(core.stacked);
        if let (Some(vcpu), Some(view)) = (vcpu, view) {
            made.view = Some(Views::new(&memory, vcpu, view));
        }
        core.assembly
    } else {
        made.what = "memory";
        raw(args, loaded, &memory)?
    };
    let too_large = |size: u64| {
        let name = &loaded.name;
        Failure::Usage(format!(
            "{name}: the file would have {size} bytes, since its pages are far apart; --elf-core or \
             --range writes less"
        ))
    };
    i64::try_from(assembly.size).map_err(|_| too_large(assembly.size))?;
    let zeros = assembly.size - assembly.filled(memory.page_size());
    let most = (loaded.file.size * MOST_ZEROS).max(1 << 30);
    spare_terminal(target)?;
    let file = OutputFile::create_secret(target, !args.no_clobber)?;
    let mut file = file.packed(args.packing.of(target))?;
    if file.anywhere().is_none() && zeros > most {
        return Err(too_large(assembly.size));
    }
    let source = loaded.source();
    let source = source.ok_or_else(|| nothing(loaded, "no memory"))?;
    let progress = Progress::new(&loaded.name, Some(memory.pages() * memory.page_size()));
    let page_size = loaded.image().page_size;
    let source = (&loaded.name[..], source);
    assemble(&assembly, source, page_size, &mut file, &progress)?;
    drop(progress);
    loaded.verify()?;
    file.commit()?;
    made.size = assembly.size;
    made.print(args, loaded, target)
}

/// Memory, or a range of it.
fn raw(args: &Args, loaded: &Loaded, memory: &Memory<'_>) -> Result<Assembly, Failure> {
    let ram = loaded
        .image()
        .ram()
        .map(ia64save_codec::ram::RamMap::joined);
    // RAM that was not sent belongs to the file as well, unless the map is absurd.
    let last = ram.unwrap_or_default().last();
    let ram_end = last.map_or(0, |last| last.saturating_add(1));
    let p2m_size = loaded.image().prologue.map_or(0, |head| head.p2m_size);
    let end = memory.end().max(ram_end.min(p2m_size));
    let (first, end) = args.range.unwrap_or((0, end));
    Assembly::raw(memory, Pfns::of(first..end)).ok_or_else(|| {
        let name = &loaded.name;
        let text =
            format!("{name}: memory reaches up to pfn {end:#x}, beyond the size of any file");
        Failure::Usage(format!("{text}; --elf-core or --range writes less"))
    })
}

/// The vcpu whose view is asked for.
fn vcpu<'a>(args: &Args, loaded: &'a Loaded) -> Result<&'a Vcpu, Failure> {
    let vcpus = &checkpoint(args, loaded)?.vcpus;
    let found = match args.vcpu {
        Some(id) => vcpus.iter().find(|vcpu| vcpu.id == id),
        None => vcpus.first(),
    };
    found.ok_or_else(|| match args.vcpu {
        Some(id) => nothing(loaded, &format!("no vcpu {id}")),
        None => nothing(loaded, "no vcpu"),
    })
}
