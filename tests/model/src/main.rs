//! `cargo xtask model`: all models, how much was looked at, and what was found.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ia64save_model::check;
use ia64save_model::migration::{self, ENDS};
use ia64save_model::save;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|given| given == word);
    if has("--holes") {
        print!("{}", migration::shown_holes());
        return ExitCode::SUCCESS;
    }
    let deep = has("--deep");
    if words.iter().any(|word| word != "--deep") {
        eprintln!("model [--deep | --holes]");
        return ExitCode::from(2);
    }
    let good = acknowledged(deep) & faults() & saves(deep);
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn row(name: &str, states: usize, depth: usize, time: Duration, found: &str) {
    let time = time.as_secs_f64();
    println!("{name:<68} {states:>10} {depth:>6} {time:>8.1} s  {found}");
}

fn head(title: &str, number: &str, depth: &str) {
    println!(
        "\n{title:<68} {number:>10} {depth:>6} {:>10}  found",
        "time"
    );
}

/// Everything has to hold.
fn acknowledged(deep: bool) -> bool {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut good = true;
    head("migration, the acknowledged protocol", "states", "depth");
    for bounds in migration::bounds(deep) {
        let checked = check::all(bounds.clone(), threads);
        let begun = Instant::now();
        let circle = check::circle(&bounds, |_| {});
        let time = checked.time + begun.elapsed();
        let circle = circle.map(|steps| (ENDS, steps));
        let found: Vec<_> = checked.violated.into_iter().chain(circle).collect();
        let all = found.is_empty() && checked.unseen.is_empty();
        let said = if all { "all holds" } else { "see below" };
        row(
            &bounds.to_string(),
            checked.states,
            checked.depth,
            time,
            said,
        );
        for (property, steps) in &found {
            println!("\n{}", migration::told(&bounds, property, steps));
        }
        if !checked.unseen.is_empty() {
            println!("never seen: {}", checked.unseen.join(", "));
        }
        good &= all;
    }
    good
}

/// What is not promised, and what was planted: each has to be found.
fn faults() -> bool {
    let mut good = true;
    let holes = migration::holes()
        .into_iter()
        .map(|one| (one, "not promised"));
    let planted = migration::planted().into_iter().map(|one| (one, "planted"));
    head("migration, what has to be found", "", "steps");
    for ((bounds, property), why) in holes.chain(planted) {
        let begun = Instant::now();
        let steps = if property == ENDS {
            check::circle(&bounds, |_| {})
        } else {
            check::first(bounds.clone(), property)
        };
        let name = bounds.planted.map(|planted| format!("{planted:?}"));
        let name = format!("{why}: {}", name.unwrap_or_else(|| bounds.name.into()));
        let depth = steps.as_ref().map_or(0, Vec::len);
        let said = if depth == 0 { "NOTHING" } else { property };
        let time = begun.elapsed().as_secs_f64();
        println!("{name:<79} {depth:>5} {time:>8.1} s  {said}");
        good &= depth > 0;
    }
    good
}

/// Every order of what happens during a save.
fn saves(deep: bool) -> bool {
    let mut good = true;
    head("save, pages / events / passes / faults", "orders", "");
    let to_find = [save::planted(), save::hole()];
    for bounds in save::bounds(deep).into_iter().chain(to_find) {
        let is_found = bounds.unseen || bounds.early;
        let looked = save::all(&bounds);
        let name = format!(
            "{}, {} / {} / {} / {}",
            bounds.name, bounds.pages, bounds.events, bounds.passes, bounds.faults
        );
        let said = match (&looked.wrong, is_found) {
            (None, false) => "all holds",
            (Some(_), true) => "found",
            (None, true) => "NOTHING",
            (Some(_), false) => "see below",
        };
        let time = looked.time.as_secs_f64();
        println!("{name:<68} {:>10} {time:>15.1} s  {said}", looked.runs);
        good &= looked.wrong.is_some() == is_found;
        if let Some(wrong) = looked.wrong.filter(|_| !is_found) {
            println!("\n{wrong}");
        }
    }
    good
}
