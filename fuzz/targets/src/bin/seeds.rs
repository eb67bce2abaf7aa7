//! Writes the seeds of every target, or of one, that a fuzzer is to begin with: `seeds FOLDER [TARGET]`
//! makes `FOLDER/TARGET/NAME`. Large streams are left out: `cargo test` replays them.

use std::path::PathBuf;
use std::{env, fs, io};

use ia64save_fuzz_targets::seeds::{is_quick, seeds};
use ia64save_fuzz_targets::{Kind, TARGETS, Target, target};

fn main() -> io::Result<()> {
    let mut args = env::args_os().skip(1);
    let folder = args.next().map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("which folder?"))?;
    let all: Vec<&Target> = match args.next() {
        None => TARGETS.iter().collect(),
        Some(name) => {
            let name = name.to_string_lossy();
            vec![target(&name).ok_or_else(|| io::Error::other(format!("no target {name}")))?]
        }
    };
    for target in all {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        let mut seeds = seeds(target);
        if target.kind == Kind::Stream {
            seeds.retain(|name, bytes| is_quick(name, bytes));
        }
        let size: usize = seeds.values().map(Vec::len).sum();
        println!("{}: {} seeds, {} KiB", target.name, seeds.len(), size >> 10);
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
