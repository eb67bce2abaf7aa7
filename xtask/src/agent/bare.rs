//! `driver-xen/agent/bare`: the control domain without an operating system.
//!
//! Its logic runs here, on a machine that is not there (`tests/machine.c`). What is for ia64 alone is
//! assembled and linked by binutils; its C is compiled for ia64 where there is a compiler for that.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use super::{LINKERS, PROTOCOL, SANITIZERS, STRICT, compile, source, there};
use crate::step::{Outcome, read, run};

/// Its C, beside the protocol.
const SOURCES: [&str; 6] = [
    "bare/main.c",
    "bare/options.c",
    "bare/xen.c",
    "bare/console.c",
    "bare/line.c",
    "bare/simulator.c",
];
/// What `start.S` gives.
const MACHINE: [&str; 3] = ["machine_hypercall", "machine_simulator", "machine_ticks"];
/// What a kernel for ia64 is compiled with: r13 is nobody's, as few floating-point registers as can be,
/// one global pointer.
const KERNEL: [&str; 9] = [
    "-O2",
    "-ffreestanding",
    "-fno-builtin",
    "-nostdlib",
    "-mconstant-gp",
    "-ffixed-r13",
    "-mfixed-range=f2-f5,f12-f127,b2-b5",
    "-fno-optimize-sibling-calls",
    "-fno-common",
];
/// Stands in for the C where it cannot be compiled, so that the linker's script is tried.
const NO_C: &str = "\t.explicit\n\t.text\n\t.global bare_main\n\t.proc bare_main\nbare_main:\n\
                    \tbr.ret.sptk.many b0 ;;\n\t.endp bare_main\n";
/// Where the script puts the program.
const ENTRY: &str = "0x4000000";

fn sources() -> Vec<&'static str> {
    SOURCES.into_iter().chain(PROTOCOL).collect()
}

/// All of it, which lacks nothing but what `start.S` gives.
pub fn freestanding(compiler: &str, flags: &[&str], built: &Path) -> Outcome {
    let allowed: Vec<_> = MACHINE.into_iter().chain(LINKERS).collect();
    super::freestanding(compiler, "nm", flags, &sources(), &allowed, built)
}

/// Its tests, with the program for the driver's side at the other end of a pseudo terminal.
pub fn tests(compiler: &str, built: &Path) -> Outcome {
    let console = built.join(format!("agent-console-{compiler}"));
    let check = built.join(format!("check-bare-{compiler}"));
    let mut tests = vec!["tests/bare.c", "tests/machine.c", "tests/stream.c"];
    tests.extend(sources());
    compile(
        compiler,
        &SANITIZERS,
        &["bare/agent_console.c", "bare/line.c"],
        &console,
    )
    .then(|| compile(compiler, &SANITIZERS, &tests, &check))
    .then(|| run(Command::new(&check).arg(&console)))
}

/// The program itself, as far as there are tools for ia64.
pub fn itanium(compiler: Option<&str>, built: &Path, skipped: &mut Vec<String>) -> Outcome {
    if !there("ia64-linux-gnu-as") {
        skipped.push("there is no assembler for ia64: bare/start.S was not assembled".into());
        return Outcome::Passed(String::new());
    }
    let start = built.join("start.o");
    let mut objects = vec![start.clone()];
    let mut outcome = assemble(built, &start);
    if let Some(compiler) = compiler {
        for name in sources() {
            let object = built.join(format!("ia64-{}.o", name.replace(['/', '.'], "-")));
            let mut flags = KERNEL.to_vec();
            flags.push("-c");
            outcome = outcome.then(|| compile(compiler, &flags, &[name], &object));
            objects.push(object);
        }
    } else {
        skipped.push(
            "the C of bare/ was not compiled for ia64, its syntax was checked for this machine"
                .into(),
        );
        let object = built.join("no-c.o");
        outcome = outcome
            .then(syntax)
            .then(|| written(fs::write(built.join("no-c.s"), NO_C)))
            .then(|| {
                run(Command::new("ia64-linux-gnu-as")
                    .args(["-mconstant-gp", "--fatal-warnings", "-o"])
                    .arg(&object)
                    .arg(built.join("no-c.s")))
            });
        objects.push(object);
    }
    let program = built.join("bare");
    outcome
        .then(|| {
            run(Command::new("ia64-linux-gnu-ld")
                .args(["-static", "-T"])
                .arg(source("bare/bare.lds"))
                .arg("-o")
                .arg(&program)
                .args(&objects))
        })
        .then(|| loads(&program))
}

fn written(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(String::new()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// With whichever compiler is here.
fn syntax() -> Outcome {
    let Some(compiler) = super::NATIVE.into_iter().find(|name| there(name)) else {
        return Outcome::Skipped("there is no C compiler".into());
    };
    run(Command::new(compiler)
        .args(STRICT)
        .args(["-ffreestanding", "-fsyntax-only"])
        .args(sources().into_iter().map(source)))
}

/// The preprocessor of any compiler will do.
fn assemble(built: &Path, object: &Path) -> Outcome {
    let Some(compiler) = super::NATIVE.into_iter().find(|name| there(name)) else {
        return Outcome::Skipped("there is no C preprocessor".into());
    };
    let plain = built.join("start.s");
    run(Command::new(compiler)
        .args(["-E", "-P", "-x", "assembler-with-cpp"])
        .arg(source("bare/start.S"))
        .arg("-o")
        .arg(&plain))
    .then(|| {
        run(Command::new("ia64-linux-gnu-as")
            .args(["-mconstant-gp", "--fatal-warnings", "-o"])
            .arg(object)
            .arg(&plain))
    })
}

/// Lacks nothing, begins where Xen enters, and is one segment.
fn loads(program: &Path) -> Outcome {
    let said = |command: &mut Command| {
        read(command.arg(program)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let missing = said(Command::new("ia64-linux-gnu-nm").arg("-u"));
    let header = said(Command::new("ia64-linux-gnu-readelf").args(["-h", "-l", "-W"]));
    let (missing, header) = match (missing, header) {
        (Ok(missing), Ok(header)) => (missing, header),
        (Err(error), _) | (_, Err(error)) => return Outcome::Failed(error),
    };
    let mut complaints = Vec::new();
    if !missing.trim().is_empty() {
        complaints.push(format!("bare lacks {}", missing.trim()));
    }
    let entry = header
        .lines()
        .filter(|line| line.contains("Entry point"))
        .any(|line| line.trim_end().ends_with(ENTRY));
    if !entry {
        complaints.push(format!("bare does not begin at {ENTRY}"));
    }
    let segments = header
        .lines()
        .filter(|line| line.trim_start().starts_with("LOAD "));
    if segments.count() != 1 {
        complaints.push("bare is not one segment".into());
    }
    Outcome::of(&complaints, String::new())
}
