//! Writes the schemas of all JSON documents into `schemas/`; with `--check` it fails where they differ.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use ia64save::document::schemas;

fn main() -> io::Result<ExitCode> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let check = env::args().nth(1).is_some_and(|word| word == "--check");
    let all = schemas::all();
    let mut stale = Vec::new();
    for (name, schema) in &all {
        let path = folder.join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(schema)? + "\n";
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        stale.push(format!("{name}.json"));
        if !check {
            fs::write(&path, text)?;
        }
    }
    // What no document has any more.
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !all.iter().any(|(known, _)| *known == name) {
            stale.push(path.display().to_string());
            if !check {
                fs::remove_file(&path)?;
            }
        }
    }
    let what = if check { "differs" } else { "written" };
    for name in &stale {
        println!("{name}: {what}");
    }
    println!("{} schemas", all.len());
    Ok(if check && !stale.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
