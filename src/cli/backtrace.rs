//! `backtrace`: who called whom in the guest when it was saved.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use ia64save::Loaded;
use ia64save::document::guest::{self as document, FrameDocument, Trace};
use ia64save::document::name::BacktraceName;
use ia64save::document::word::Hex;
use ia64save_codec::image::Vcpu;
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;
use ia64save_guest::backtrace::{Backtrace, Frame, Programs, Start, backtrace, blocked, guess};
use ia64save_guest::linux::Kernel;
use ia64save_guest::vcpu::registers;

use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::guest::source::{MOST, Source, refuse, unknown, with_programs};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ADDRESS, DIM, HEADING, LABEL, Painted, safe};

/// The arguments of `backtrace`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    pub source: Source,

    /// Another program that runs in it, with symbols: that of a process in user mode
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "kernel")]
    pub program: Vec<PathBuf>,

    /// That vcpu alone; all without
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "pid"])]
    pub vcpu: Option<u32>,

    /// All vcpus, as is usual
    #[arg(long, conflicts_with = "pid")]
    pub all: bool,

    /// A process: where it waits, or the vcpu that runs it
    #[arg(long, value_name = "PID", requires = "kernel")]
    pub pid: Option<u64>,

    /// Stop after so many frames
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub limit: usize,
}

/// A backtrace and whose it is.
struct Told {
    vcpu: Option<u32>,
    pid: Option<u64>,
    comm: Option<String>,
    trace: Backtrace,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome, Failure> {
    let source = &args.source;
    let loaded = source.open()?;
    let memory = Memory::new(loaded.image(), source.checkpoint);
    let mut paths: Vec<&Path> = source.kernel.iter().map(PathBuf::as_path).collect();
    paths.extend(args.program.iter().map(PathBuf::as_path));
    let told = with_programs(&paths, |programs| match args.pid {
        Some(pid) => process(args, &loaded, &memory, programs, pid).map(|told| vec![told]),
        None => vcpus(args, &loaded, &memory, programs),
    })?;
    loaded.verify()?;
    if source.format == Format::Text {
        let text: Vec<String> = told.iter().map(text).collect();
        style::unless_gone(write!(style::stdout(), "{}", text.join("\n")))?;
    } else {
        let traces: Vec<_> = told.iter().map(trace).collect();
        let (vcpus, processes) = match args.pid {
            Some(_) => (None, Some(traces)),
            None => (Some(traces), None),
        };
        let document = document::Backtrace {
            schema: BacktraceName,
            file: loaded.name.clone(),
            vcpus,
            processes,
        };
        print_json(&document, source.format)?;
    }
    Ok(Outcome::Fine)
}

/// Refuses a kernel's file that is another kernel's; any program will do.
fn fits(args: &Args, view: &View<'_>, programs: &Programs<'_>) -> Result<(), Failure> {
    let Some(path) = &args.source.kernel else {
        return Ok(());
    };
    let fit = Kernel::new(view, programs, MOST).fit();
    refuse(path, &fit, args.source.force, args.pid.is_some())
}

fn vcpus(
    args: &Args,
    loaded: &Loaded,
    memory: &Memory<'_>,
    programs: &Programs<'_>,
) -> Result<Vec<Told>, Failure> {
    let round = loaded.image().checkpoints.get(args.source.checkpoint);
    let all = round.map_or(&[][..], |round| &round.vcpus);
    let mut told = Vec::new();
    for vcpu in all {
        if args.vcpu.is_some_and(|id| id != vcpu.id) {
            continue;
        }
        let view = view(loaded, memory, args.source.checkpoint, vcpu)?;
        if told.is_empty() {
            fits(args, &view, programs)?;
        }
        told.push(Told {
            vcpu: Some(vcpu.id),
            pid: None,
            comm: None,
            trace: of_vcpu(loaded, vcpu, &view, args.known(programs))?,
        });
    }
    if told.is_empty() {
        let which = args
            .vcpu
            .map_or("no vcpu".into(), |id| format!("no vcpu {id}"));
        return Err(Failure::Usage(format!(
            "{}: there is {which} in it",
            loaded.name
        )));
    }
    Ok(told)
}

fn view<'a>(
    loaded: &Loaded,
    memory: &'a Memory<'a>,
    checkpoint: usize,
    vcpu: &'a Vcpu,
) -> Result<View<'a>, Failure> {
    View::of_vcpu(memory, checkpoint, vcpu)
        .map_err(|why| Failure::Usage(format!("{}: there is {why} in it", loaded.name)))
}

impl Args {
    /// What is known of the programs; without a kernel's file nothing.
    fn known<'p, 'a>(&self, programs: &'p Programs<'a>) -> Option<(&'p Programs<'a>, usize)> {
        self.source.kernel.as_ref().map(|_| (programs, self.limit))
    }
}

/// The backtrace of a vcpu, of at most so many frames; a guess where no programs are known.
pub fn of_vcpu(
    loaded: &Loaded,
    vcpu: &Vcpu,
    view: &View<'_>,
    known: Option<(&Programs<'_>, usize)>,
) -> Result<Backtrace, Failure> {
    let registers = registers(loaded.image(), vcpu, view).ok_or_else(|| {
        let text = format!("the register stack of vcpu {} has no bounds", vcpu.id);
        Failure::Tree(loaded.name.clone(), text)
    })?;
    Ok(match known {
        None => guess(&registers),
        Some((programs, limit)) => backtrace(&Start::Vcpu(registers), view, programs, limit),
    })
}

/// A process: of one that runs the vcpu's registers count, of one that waits those that it saved.
fn process(
    args: &Args,
    loaded: &Loaded,
    memory: &Memory<'_>,
    programs: &Programs<'_>,
    pid: u64,
) -> Result<Told, Failure> {
    let round = loaded.image().checkpoints.get(args.source.checkpoint);
    let vcpus = round.map_or(&[][..], |round| &round.vcpus);
    let first = vcpus
        .first()
        .ok_or_else(|| Failure::Usage(format!("{}: there is no vcpu in it", loaded.name)))?;
    let seen = view(loaded, memory, args.source.checkpoint, first)?;
    fits(args, &seen, programs)?;
    let task = Kernel::new(&seen, programs, MOST)
        .task(pid)
        .map_err(|error| unknown(loaded, &error))?;
    let mut told = Told {
        vcpu: None,
        pid: Some(pid),
        comm: Some(task.comm.clone()),
        trace: Backtrace {
            frames: Vec::new(),
            ended: String::new(),
        },
    };
    let physical = |view: &View<'_>, at| view.translate(at).ok().and_then(|to| to.physical);
    for vcpu in vcpus {
        let own = view(loaded, memory, args.source.checkpoint, vcpu)?;
        let current = own.registers().kr(6);
        // The same task may be known by two addresses.
        let is_here = current.is_some_and(|current| {
            current == task.task
                || physical(&own, current).is_some_and(|at| Some(at) == physical(&own, task.task))
        });
        if is_here {
            told.vcpu = Some(vcpu.id);
            told.trace = of_vcpu(loaded, vcpu, &own, args.known(programs))?;
            return Ok(told);
        }
    }
    let own = match task.pgd {
        Some(directory) => seen.clone().with_directory(directory),
        None => seen,
    };
    let broken = |text: String| Failure::Tree(loaded.name.clone(), text);
    let ksp = task
        .ksp
        .ok_or_else(|| broken("the kernel file has no task_struct.thread.ksp".into()))?;
    let start = blocked(ksp, &own, programs).map_err(broken)?;
    told.trace = backtrace(&Start::Blocked(start), &own, programs, args.limit);
    Ok(told)
}

fn trace(told: &Told) -> Trace {
    Trace {
        pid: told.pid,
        comm: told.pid.and(told.comm.clone()),
        ..document_of(told.vcpu, &told.trace)
    }
}

/// The backtrace of a vcpu, for a document.
pub fn document_of(vcpu: Option<u32>, trace: &Backtrace) -> Trace {
    Trace {
        id: vcpu,
        pid: None,
        comm: None,
        frames: trace.frames.iter().map(frame).collect(),
        ended: trace.ended.clone(),
    }
}

fn frame(frame: &Frame) -> FrameDocument {
    let arguments = frame.arguments.iter().map(|argument| {
        let value = argument.value.as_ref().map(ToString::to_string);
        (argument.name.clone(), value)
    });
    FrameDocument {
        ip: frame.ip.into(),
        function: frame.function.clone(),
        offset: frame.offset.map(Hex),
        file: frame.line.as_ref().map(|line| line.file.clone()),
        line: frame.line.as_ref().map(|line| line.number),
        sp: frame.sp.map(Hex),
        bsp: frame.bsp.into(),
        arguments: arguments.collect(),
        how: frame.how.to_string(),
    }
}

fn text(told: &Told) -> String {
    let mut out = String::new();
    let process = told.pid.map(|pid| {
        let comm = told.comm.as_deref().unwrap_or_default();
        format!("process {pid} ({})", safe(comm))
    });
    let vcpu = told.vcpu.map(|id| format!("vcpu {id}"));
    let whose: Vec<String> = process.into_iter().chain(vcpu).collect();
    let _ = writeln!(out, "{}", Painted(HEADING, whose.join(", on ")));
    for (number, frame) in told.trace.frames.iter().enumerate() {
        let ip = Painted(ADDRESS, format!("{:#018x}", frame.ip));
        let name = frame.function.as_deref().unwrap_or("?");
        let offset = frame.offset.map_or(String::new(), |at| format!("+{at:#x}"));
        let arguments: Vec<String> = frame
            .arguments
            .iter()
            .map(|argument| {
                let value = argument.value.as_ref();
                let value = value.map_or("?".into(), ToString::to_string);
                format!("{}={}", safe(&argument.name), safe(&value))
            })
            .collect();
        let _ = writeln!(
            out,
            "{number:>4}  {ip}  {}{}({})",
            Painted(LABEL, safe(name)),
            Painted(DIM, offset),
            arguments.join(", ")
        );
        let mut place = match &frame.line {
            Some(line) => format!("{}, ", safe(&line.to_string())),
            None => String::new(),
        };
        place.push_str(&frame.how.to_string());
        let _ = writeln!(out, "      {}", Painted(DIM, place));
    }
    let _ = writeln!(out, "      {}", Painted(DIM, safe(&told.trace.ended)));
    out
}
