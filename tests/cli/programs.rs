//! The agent whose kernel is at the other end of a socket, compiled once a run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Its program.
pub fn bridge() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("driver-xen/agent");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join("agent-bridge");
        // Several test processes may do so at once.
        let own = folder.join(format!("agent-bridge.{}", std::process::id()));
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let status = Command::new(compiler)
            .current_dir(sources)
            .args([
                "-std=c99",
                "-O1",
                "tests/bridge.c",
                "protocol.c",
                "undo.c",
                "-o",
            ])
            .arg(&own)
            .status()
            .expect("a C compiler");
        assert!(status.success(), "the agent compiles");
        std::fs::rename(&own, &path).expect("the folder is ours");
        path
    })
}
