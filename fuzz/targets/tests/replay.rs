//! Seeds and regressions through their targets, without libFuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use ia64save_fuzz_targets::seeds::seeds;
use ia64save_fuzz_targets::{TARGETS, target};

/// Runs an input and says which it was where it fails.
fn replay(name: &str, run: fn(&[u8]), bytes: &[u8]) -> bool {
    let passed = catch_unwind(|| run(bytes)).is_ok();
    if !passed {
        println!("FAILED: {name}");
    }
    passed
}

fn every_seed(name: &str) {
    let target = target(name).expect("a target");
    let seeds = seeds(target);
    assert!(seeds.len() >= 10, "{name}: {}", seeds.len());
    let failed = seeds
        .iter()
        .filter(|(seed, bytes)| !replay(&format!("{name}/{seed}"), target.run, bytes))
        .count();
    assert_eq!(failed, 0, "{name}");
}

macro_rules! seeds_of {
    ($($name:ident)*) => {
        /// One test a target, so that they run side by side.
        mod seeds_of {
            $(#[test] fn $name() { super::every_seed(stringify!($name)); })*

            #[test]
            fn every_target_is_here() {
                let named = [$(stringify!($name)),*];
                let all = super::TARGETS.iter().map(|target| target.name);
                assert!(all.eq(named), "{named:?}");
            }
        }
    };
}

seeds_of! {
    decode decode_split roundtrip encode mutate check convert inspect core translate restore agent_protocol envelope config unwinding guest
}

fn regressions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../regressions")
}

#[test]
fn regressions_stay_mended() {
    let (mut count, mut failed) = (0, 0);
    for folder in fs::read_dir(regressions()).expect("regressions") {
        let folder = folder.expect("a readable directory").path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let target = target(&name).unwrap_or_else(|| panic!("no target {name}"));
        for file in fs::read_dir(&folder).expect("inputs") {
            let path = file.expect("a readable directory").path();
            let bytes = fs::read(&path).expect("an input");
            count += 1;
            failed += usize::from(!replay(&path.display().to_string(), target.run, &bytes));
        }
    }
    println!("{count} regressions");
    assert_eq!(failed, 0);
}

/// What a longer run has left in `fuzz/corpus`, where there is such a thing.
#[test]
fn corpora_replay() {
    let mut failed = 0;
    for target in TARGETS {
        let folder = regressions().join("../corpus").join(target.name);
        let Ok(files) = fs::read_dir(&folder) else {
            continue;
        };
        for file in files {
            let path = file.expect("a readable directory").path();
            // A fuzzer that is at work takes back what it has found something smaller for.
            let Ok(bytes) = fs::read(&path) else { continue };
            failed += usize::from(!replay(&path.display().to_string(), target.run, &bytes));
        }
    }
    assert_eq!(failed, 0);
}
