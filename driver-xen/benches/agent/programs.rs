//! The C programs, as fast as they are in use: without sanitizers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn program(name: &str, args: &[&str]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(compiler)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("agent"))
        .args(["-std=c99", "-O2"])
        .args(args)
        .arg("-o")
        .arg(&path)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{name}");
    path
}

/// An agent whose kernel is at the other end of a socket.
pub fn bridge() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| program("quick-bridge", &["tests/bridge.c", "protocol.c", "undo.c"]))
}

/// The agent for Linux, on a kernel that is not there.
pub fn linux() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let kernel = ["-include", "tests/kernel.h", "tests/kernel.c"];
        let mut args = kernel.to_vec();
        args.extend(["linux_privcmd.c", "protocol.c", "undo.c"]);
        program("quick-linux", &args)
    })
}
