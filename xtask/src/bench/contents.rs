//! What is inside an image: `extract` against `cp`, `compare` against `cmp`.
//!
//! The pages of this image are full: a page of zeros is a hole in what is extracted, and costs nothing.

use std::fs;
use std::path::Path;

use ia64save_corpus::large::{Fill, Plan};

use super::options::Options;
use super::pipeline::Pipeline;
use super::table::{Goal, Table};

/// Most bytes of guest memory.
const MOST: u64 = 1 << 30;

/// Makes two equal images, and measures.
pub fn measure(table: &mut Table, options: &Options) -> Result<(), String> {
    let io = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let folder = tempfile::Builder::new()
        .prefix("ia64save-bench-")
        .tempdir_in(&options.dir)
        .map_err(|error| io("making the directory", error))?;
    let [a, b, out] = ["a.sav", "b.sav", "out"].map(|name| folder.path().join(name));
    let plan = Plan::of_size(options.size.min(MOST));
    let mut file = fs::File::create(&a).map_err(|error| io("making the image", error))?;
    plan.write(&mut file, Fill::Data)
        .map_err(|error| io("writing the image", error))?;
    fs::copy(&a, &b).map_err(|error| io("copying the image", error))?;
    for path in [&a, &b] {
        fs::File::open(path)
            .and_then(|file| file.sync_all())
            .map_err(|error| io("writing the image", error))?;
        for _ in 0..2 {
            Pipeline::cat(path).run()?;
        }
    }
    println!(
        "for extract and compare: {} bytes, {} page records, full",
        plan.file_size(),
        plan.pages
    );

    let tool = options.tool.to_string_lossy().into_owned();
    let word = |path: &Path| path.to_string_lossy().into_owned();
    let cp = Pipeline::new([vec!["cp".into(), word(&a), word(&out)]]);
    // What is not removed is written to the disk sooner or later, which would be measured too.
    let clear = Pipeline::new([vec!["rm".into(), "-f".into(), word(&out)]]).line();
    for option in ["--raw", "--elf-core"] {
        let words = ["extract", option].map(String::from);
        let mut command = vec![tool.clone()];
        command.extend(words);
        command.extend([word(&a), "-o".into(), word(&out)]);
        let name = format!("extract {option} / cp");
        table.compare_with(
            &name,
            Goal::Faster(0.8),
            &Pipeline::new([command]),
            &cp,
            Some(&clear),
        )?;
    }
    let compare = Pipeline::new([vec![tool, "compare".into(), word(&a), word(&b)]]);
    let cmp = Pipeline::new([vec!["cmp".into(), word(&a), word(&b)]]);
    table.compare_with("compare / cmp", Goal::Faster(0.9), &compare, &cmp, None)
}
