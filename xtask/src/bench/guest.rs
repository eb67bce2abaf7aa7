//! The system inside: what it costs beside reading the image, and a process's memory beside all memory.

use std::fs;
use std::path::Path;

use ia64save_corpus::inhabited::{Inhabited, PID};
use ia64save_corpus::large::Fill;

use super::options::Options;
use super::pipeline::Pipeline;
use super::table::{Goal, Table};

/// Most bytes that the process has.
const MOST: u64 = 1 << 30;

/// Makes images with a kernel in them, and measures.
pub fn measure(table: &mut Table, options: &Options) -> Result<(), String> {
    let io = |what: &str, error: std::io::Error| format!("{what}: {error}");
    let folder = tempfile::Builder::new()
        .prefix("ia64save-bench-")
        .tempdir_in(&options.dir)
        .map_err(|error| io("making the directory", error))?;
    let [image, kernel, out] = ["guest.sav", "vmlinux", "out"].map(|name| folder.path().join(name));
    let word = |path: &Path| path.to_string_lossy().into_owned();
    let tool = |args: &[&str]| -> Vec<String> {
        let tool = [options.tool.to_string_lossy().into_owned()];
        let args = args.iter().map(ToString::to_string);
        tool.into_iter().chain(args).collect()
    };
    let make = |size: u64, mapped: u64, fill: Fill| {
        let plan = Inhabited::of_size(size, mapped);
        let plan = plan.ok_or("there is no image with a kernel in it")?;
        let mut file = fs::File::create(&image).map_err(|error| io("making the image", error))?;
        plan.write(&mut file, fill)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::write(&kernel, plan.guestk().kernel()))
            .map_err(|error| io("writing the image", error))?;
        for _ in 0..2 {
            Pipeline::cat(&image).run()?;
        }
        Ok::<_, String>(plan)
    };
    let (at, by) = (word(&image), word(&kernel));

    make(options.size, 1 << 20, Fill::Holes)?;
    println!("for guest: {} bytes of memory, sparse", options.size);
    let ps = Pipeline::new([tool(&["guest", "ps", &at, "--kernel", &by])]);
    ps.run()?;
    let info = Pipeline::new([tool(&["info", &at])]);
    let goal = Goal::Within(1.5);
    table.compare_with("guest ps / info", goal, &ps, &info, None)?;

    let plan = make(0, options.size.min(MOST), Fill::Data)?;
    println!(
        "for extract --pid: a process with {} bytes, full",
        plan.mapped()
    );
    let (pid, out) = (PID.to_string(), word(&out));
    let extract = |what: &[&str]| {
        let words = [&["extract", &at[..], "-o", &out][..], what].concat();
        Pipeline::new([tool(&words)])
    };
    let own = extract(&["--virtual", "--pid", &pid, "--kernel", &by]);
    // The same pages by physical address: what is left is the walk through the tables.
    let other = extract(&["--elf-core"]);
    // What is not removed is written to the disk sooner or later, which would be measured too.
    let clear = Pipeline::new([vec!["rm".into(), "-f".into(), out.clone()]]).line();
    let name = "extract --virtual --pid / --elf-core";
    table.compare_with(name, Goal::Within(1.2), &own, &other, Some(&clear))
}
