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

/// At every level, since optimisers like to make calls to memset and memcpy of loops; and, where the
/// compiler can, for a processor of 32 bits, where a division is a call to libgcc as it is on ia64.
#[test]
fn the_protocol_needs_nothing_from_outside() {
    for (level, word) in [
        ("-O0", ""),
        ("-O1", ""),
        ("-O2", ""),
        ("-O3", ""),
        ("-Os", ""),
        ("-O0", "-m32"),
        ("-Os", "-m32"),
    ] {
        let object = folder().join(format!("protocol{level}{word}.{}.o", std::process::id()));
        let name = object.to_str().unwrap();
        let mut args = STRICT.to_vec();
        args.extend(["-ffreestanding", "-nostdlib", "-fno-stack-protector", level]);
        args.extend(["-r", "protocol.c", "undo.c", "-o", name]);
        if !word.is_empty() {
            args.push(word);
        }
        match compile(&compiler(), &args) {
            Err(_) if !word.is_empty() => continue, // it knows no other processor
            compiled => compiled.unwrap(),
        }
        let output = Command::new("nm").args(["-u", name]).output().expect("nm");
        assert!(output.status.success());
        let symbols = String::from_utf8_lossy(&output.stdout);
        // The linker makes this one.
        let missing = symbols.replace("U _GLOBAL_OFFSET_TABLE_", "");
        assert_eq!(missing.trim(), "", "{level} {word}");
        std::fs::remove_file(&object).unwrap();
    }
}

#[test]
fn the_agent_for_linux_compiles_as_the_manual_says() {
    let program = folder().join(format!("agent.{}", std::process::id()));
    let mut args = STRICT.to_vec();
    args.extend(["-O2", "protocol.c", "undo.c", "linux_privcmd.c", "-o"]);
    args.push(program.to_str().unwrap());
    compile(&compiler(), &args).unwrap();
    std::fs::remove_file(&program).unwrap();
}
