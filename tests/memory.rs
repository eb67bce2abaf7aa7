//! How much the program holds. Alone in its process: the kernel tells the peak of all children.

#[allow(dead_code)] // shared with tests/cli, which uses all of it
#[path = "cli/program.rs"]
mod program;

use ia64save_corpus::hostile;
use program::{Folder, arg, run, run_with};

/// Peak memory of the program, over the images that make sizes up: 64 MiB and 24 bytes a record.
#[test]
fn no_hostile_image_makes_the_program_large() {
    let folder = Folder::new();
    for case in hostile() {
        let bytes = case.bytes();
        let path = folder.file("image.sav", &bytes);
        for command in ["info", "check", "dump", "map"] {
            assert!(
                run([command, arg(&path)]).code <= 1,
                "{command} {}",
                case.name
            );
            assert!(
                run_with([command, "-"], &bytes).code <= 1,
                "{command} {}",
                case.name
            );
        }
        let peak = peak_of_children();
        assert!(peak <= 64 << 20, "{}: {peak} bytes", case.name);
    }
}

/// Bytes that the largest child so far held at once.
#[allow(unsafe_code)]
fn peak_of_children() -> u64 {
    // SAFETY: rusage is plain data for which zeros are a value, and getrusage fills it in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0);
        usage
    };
    usage.ru_maxrss as u64 * 1024
}
