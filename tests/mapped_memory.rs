//! How much of a large image is resident while a command walks over it. Alone in its process: the kernel
//! tells the peak of all children.

#[allow(dead_code)] // shared with tests/cli, which uses all of it
#[path = "cli/program.rs"]
mod program;

use std::fs::File;
use std::os::unix::fs::FileExt;

use program::{Folder, arg, run};

/// Passes that the made image has.
const PASSES: u64 = 120;
/// What a command may have resident, of its own and of the mapping.
const MOST: u64 = 48 << 20;

#[test]
fn large_images_are_walked_over_in_little_memory() {
    let golden = ia64save_corpus::golden("real340-pv-2vcpu");
    let bytes = golden.bytes();
    let list = golden.truth["unallocated"]["count_offset"]
        .as_u64()
        .expect("a number");
    let record = 8 + 16384;
    // The terminator stands before the list, and the records before it.
    let end = list - 8;
    let records = golden.truth["pages"]["num_records"]
        .as_u64()
        .expect("a number");
    let begin = end - records * record;
    let folder = Folder::new();
    let path = folder.path("large.sav");
    {
        let file = File::create(&path).expect("a file");
        let put = |bytes: &[u8], at: u64| file.write_all_at(bytes, at).expect("room");
        put(&bytes[..begin as usize], 0);
        let mut at = begin;
        for _ in 0..PASSES {
            for number in 0..records {
                let from = (begin + number * record) as usize;
                // Pages are holes, which are resident all the same once they are looked at.
                put(&bytes[from..from + 8], at);
                at += record;
            }
        }
        put(&bytes[end as usize..], at);
    }
    let size = std::fs::metadata(&path).expect("a file").len();
    assert!(size > 8 * MOST, "{size}");
    let image = arg(&path);
    let out = folder.path("out");
    for args in [
        vec!["info", image],
        vec!["info", "--digest", image],
        vec!["check", image],
        vec!["find", image, "--text", "nothing of the kind"],
        vec!["simulate", "restore", image],
        vec![
            "edit",
            image,
            "-o",
            "/dev/null",
            "--force",
            "vcpu[0].regs.ip=16",
        ],
        vec!["edit", image, "-o", "/dev/null", "vcpu[0].regs.ip=16"],
        vec!["repair", image, "-o", "/dev/null"],
        vec!["convert", image, "--compact", "-o", "/dev/null"],
        vec!["extract", image, "--raw", "-o", arg(&out)],
        vec!["decode", image, "-o", arg(&folder.path("tree"))],
        vec!["encode", arg(&folder.path("tree")), "-o", "/dev/null"],
    ] {
        let done = run(&args);
        // Nothing is found.
        let code = i32::from(args[0] == "find");
        assert_eq!(done.code, code, "{args:?}: {done:?}");
        let peak = peak_of_children();
        assert!(peak <= MOST, "{args:?}: {} MiB", peak >> 20);
        eprintln!("{} {}: {} MiB", args[0], args[1], peak >> 20);
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
