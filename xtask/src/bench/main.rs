//! `cargo xtask bench`: the release against `cat`, `cp` and `cmp`. The decoder against a loop written by
//! hand is `tests/corpus/benches/decode.rs`, and the image that both read is of that crate.
//!
//! Absolute times depend on the machine and on the hour, so everything is a ratio of two
//! measurements that were taken in turns, in one run. A goal that was not measured is not met.
//!
//! | file | what lives there |
//! |---|---|
//! | `options` | the command line |
//! | `pipeline` | commands |
//! | `hyperfine` | their times |
//! | `contents` | what is inside an image, against `cp` and `cmp` |
//! | `guest` | the system inside, against `info` and `extract --elf-core` |
//! | `peak` | peak memory of one command, which the hyperfine of Debian 12 does not tell |
//! | `table` | the result |

mod contents;
mod guest;
mod hyperfine;
mod options;
mod peak;
mod pipeline;
mod table;

use std::path::Path;
use std::process::ExitCode;

use ia64save_corpus::large::{Fill, Plan};
use options::{HELP, Options};
use pipeline::Pipeline;
use table::{Goal, Table};

/// Exit code where something could not be measured; `cargo xtask` knows it.
const SKIPPED: u8 = 3;
/// What a reader may hold whatever it reads, and for each page record.
const PEAK_FIXED: u64 = 64 << 20;
const PEAK_PER_RECORD: u64 = 24;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = args.as_slice()
        && first == peak::HELPER
    {
        return peak::helper(rest);
    }
    if args
        .iter()
        .any(|arg| matches!(arg.as_str(), "help" | "--help" | "-h"))
    {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&args) {
        Ok(options) => options,
        Err(error) => {
            eprint!("bench: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if !hyperfine::is_here() {
        println!(
            "SKIPPED: there is no hyperfine (apt-get install hyperfine, or cargo install hyperfine)"
        );
        return ExitCode::from(if options.check { 1 } else { SKIPPED });
    }
    match bench(&options) {
        Ok(table) => {
            print!("{table}");
            let missed = table.missed();
            if !missed.is_empty() {
                println!("goals MISSED: {}", missed.join("; "));
            }
            if options.check && !missed.is_empty() {
                ExitCode::FAILURE
            } else if table.skipped() {
                println!("SKIPPED rows were not measured: nothing is known about their goals");
                ExitCode::from(if options.check { 1 } else { SKIPPED })
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<Table, String> {
    let io = |what: &str, error: std::io::Error| format!("{what}: {error}");
    std::fs::create_dir_all(&options.dir).map_err(|e| io("making the directory", e))?;
    let mut file = tempfile::Builder::new()
        .prefix("ia64save-bench-")
        .suffix(".sav")
        .tempfile_in(&options.dir)
        .map_err(|e| io("making the image", e))?;
    let plan = Plan::of_size(options.size);
    let fill = if options.dense {
        Fill::Zeros
    } else {
        Fill::Holes
    };
    plan.write(file.as_file_mut(), fill)
        .map_err(|e| io("writing the image", e))?;
    let path = &file.path().to_path_buf();
    let records = plan.pages;
    println!(
        "image: {} bytes, {records} page records, {}",
        plan.file_size(),
        if options.dense { "dense" } else { "sparse" },
    );
    // Twice, since a kernel may not keep what was read only once.
    for _ in 0..2 {
        Pipeline::cat(path).run()?;
    }

    let mut table = Table::new(options.reps);
    files(&mut table, options, path, records)?;
    drop(file);
    contents::measure(&mut table, options)?;
    guest::measure(&mut table, options)?;
    Ok(table)
}

/// Everything that reads the file. Memory comes before anything here grows large.
fn files(table: &mut Table, options: &Options, path: &Path, records: u64) -> Result<(), String> {
    let tool = |args: &[&str]| -> Vec<String> {
        let tool = [options.tool.to_string_lossy().into_owned()];
        tool.into_iter()
            .chain(args.iter().map(ToString::to_string))
            .collect()
    };
    let name = path.to_string_lossy().into_owned();
    let info = tool(&["info", &name]);
    let check = tool(&["check", &name]);
    let piped = tool(&["info", "-"]);
    let limit = PEAK_FIXED + PEAK_PER_RECORD * records;

    let cases = [
        (
            "info IMAGE",
            Pipeline::new([info]),
            Pipeline::cat(path),
            Goal::Faster(3.0),
        ),
        (
            "check IMAGE",
            Pipeline::new([check]),
            Pipeline::cat(path),
            Goal::Faster(1.0),
        ),
        (
            "cat IMAGE | info -",
            Pipeline::cat(path).then(piped),
            Pipeline::cat(path).then(vec!["cat".into()]),
            Goal::Within(1.3),
        ),
    ];
    for (name, own, other, goal) in cases {
        if let Err(why) = own.answers(name.starts_with("check"), records) {
            table.skip(name, goal, &why);
            table.skip(&format!("{name}: peak memory"), Goal::AtMost(limit), &why);
            continue;
        }
        table.compare(name, goal, &own, &other)?;
        let (peak, anonymous) = peak::of(&own)?;
        table.memory(&format!("{name}: peak memory"), peak, anonymous, limit);
    }
    Ok(())
}
