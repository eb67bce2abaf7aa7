//! The C programs of `agent/`, compiled once a run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What every source has to pass.
pub const STRICT: [&str; 5] = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"];
/// What ends a program that reads or writes where it must not.
pub const SANITIZERS: [&str; 4] = [
    "-g",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
];

/// The folder with the agent's sources.
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("agent")
}

/// A folder for what is built.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The C compiler of this machine.
pub fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".into())
}

/// Runs a compiler in the agent's folder; what it said, where it failed.
pub fn compile(compiler: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(compiler)
        .current_dir(sources())
        .args(args)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{compiler} {}: {}\n{}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Compiles a program with the sanitizers. Several test processes may do so at once.
fn program(name: &str, args: &[&str]) -> PathBuf {
    let path = folder().join(name);
    let own = folder().join(format!("{name}.{}", std::process::id()));
    let mut all: Vec<&str> = STRICT.iter().chain(&SANITIZERS).copied().collect();
    all.extend(args);
    let own_name = own.to_str().expect("a path in UTF-8");
    all.extend(["-o", own_name]);
    compile(&compiler(), &all).expect("the agent compiles");
    std::fs::rename(&own, &path).expect("the folder is ours");
    path
}

/// An agent whose kernel is at the other end of a socket.
pub fn bridge() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| program("agent-bridge", &["tests/bridge.c", "protocol.c", "undo.c"]))
}

/// The agent for Linux, on a kernel that is not there.
pub fn linux() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let kernel = ["-include", "tests/kernel.h", "tests/kernel.c"];
        let mut args = kernel.to_vec();
        args.extend(["linux_privcmd.c", "protocol.c", "undo.c"]);
        program("agent-linux", &args)
    })
}

/// The C tests.
pub fn check() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        program(
            "agent-check",
            &[
                "tests/check.c",
                "tests/stream.c",
                "tests/fake.c",
                "protocol.c",
                "undo.c",
            ],
        )
    })
}
