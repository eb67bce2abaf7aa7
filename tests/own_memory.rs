//! How much the program holds of its own, where an image is large where nobody expects it.

#[allow(dead_code)] // shared with tests/cli, which uses all of it
#[path = "cli/program.rs"]
mod program;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::Command;

use program::{Folder, arg};

/// Thousands of Remus rounds, and an unallocated list
/// of which no two pfns are neighbours. The limit is on what the program has for itself: how much of a
/// mapped file is resident is the kernel's choice. A pipe may be refused, but not with more.
#[test]
fn rounds_and_lists_do_not_make_the_program_large() {
    let golden = ia64save_corpus::golden("real340-pv-2vcpu");
    let bytes = golden.bytes();
    let at = |place: &str, key: &str| golden.truth[place][key].as_u64().expect("a number") as usize;
    let (list, shared_info) = (
        at("unallocated", "count_offset"),
        at("shared_info", "offset"),
    );
    let folder = Folder::new();
    // Written piece by piece: a child's peak begins with what its parent held when it was made.
    let mut round = u64::MAX.to_le_bytes().to_vec();
    round.extend_from_slice(&0u32.to_le_bytes());
    round.extend_from_slice(&64u64.to_le_bytes());
    round.extend_from_slice(&[0; 9]);
    round.extend_from_slice(&bytes[shared_info..]);
    let rounds = write(folder.path("rounds"), |out| {
        out.write_all(&bytes)?;
        (0..6000).try_for_each(|_| out.write_all(&round))
    });
    let count: u32 = 2_000_000;
    let listed = write(folder.path("listed"), |out| {
        out.write_all(&bytes[..list])?;
        out.write_all(&count.to_le_bytes())?;
        (0..u64::from(count))
            .rev()
            .try_for_each(|pfn| out.write_all(&(pfn * 3).to_le_bytes()))?;
        out.write_all(&bytes[list + 4 + 3 * 8..])
    });
    for path in [rounds, listed] {
        for command in ["info", "check", "map"] {
            for input in [arg(&path), "-"] {
                let limited = "ulimit -d 65536 && cat \"$2\" | \"$0\" \"$1\" \"$3\"";
                let mut shell = Command::new("sh");
                shell.args([
                    "-c",
                    limited,
                    env!("CARGO_BIN_EXE_ia64save"),
                    command,
                    arg(&path),
                    input,
                ]);
                let run: program::Run = shell.output().expect("a shell").into();
                assert!(
                    run.code <= 1,
                    "{command} {input} {}: {run:?}",
                    path.display()
                );
                assert!(
                    !run.out.is_empty(),
                    "{command} {input} {}: {run:?}",
                    path.display()
                );
            }
        }
    }
}

fn write(path: PathBuf, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> PathBuf {
    let mut out = BufWriter::new(File::create(&path).expect("a file"));
    fill(&mut out)
        .and_then(|()| out.flush())
        .expect("room on the disk");
    path
}
