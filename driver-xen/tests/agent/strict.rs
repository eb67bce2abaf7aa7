//! The agent's own tests, and that it stays what any C compiler of its time takes.

use std::process::Command;

use crate::programs::{self, STRICT, compile, compiler, folder};

#[test]
fn the_agents_own_tests_pass() {
    let output = Command::new(programs::check()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// At every level, since optimisers like to make calls to memset and memcpy of loops.
#[test]
fn the_protocol_needs_nothing_from_outside() {
    for level in ["-O0", "-O1", "-O2", "-O3", "-Os"] {
        let object = folder().join(format!("protocol{level}.{}.o", std::process::id()));
        let name = object.to_str().unwrap();
        let mut args = STRICT.to_vec();
        args.extend(["-ffreestanding", "-nostdlib", "-fno-stack-protector", level]);
        args.extend(["-c", "protocol.c", "-o", name]);
        compile(&compiler(), &args).unwrap();
        let output = Command::new("nm").args(["-u", name]).output().expect("nm");
        assert!(output.status.success());
        let symbols = String::from_utf8_lossy(&output.stdout);
        assert_eq!(symbols.trim(), "", "{level}");
        std::fs::remove_file(&object).unwrap();
    }
}

#[test]
fn the_agent_for_linux_compiles_as_the_manual_says() {
    let program = folder().join(format!("agent.{}", std::process::id()));
    let mut args = STRICT.to_vec();
    args.extend(["-O2", "protocol.c", "linux_privcmd.c", "-o"]);
    args.push(program.to_str().unwrap());
    compile(&compiler(), &args).unwrap();
    std::fs::remove_file(&program).unwrap();
}
