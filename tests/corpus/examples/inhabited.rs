//! Writes an image of any size with the small kernel in it, and its kernel's file beside it as OUT.vmlinux:
//! `cargo run -p ia64save-corpus --example inhabited -- OUT MIB MIB_OF_PROCESS [full]`.

use std::fs::{self, File};
use std::process::ExitCode;

use ia64save_corpus::inhabited::{Inhabited, PID, USER};
use ia64save_corpus::large::Fill;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(out), Some(all), Some(own)) = (args.first(), number(1), number(2)) else {
        eprintln!("inhabited OUT MIB MIB_OF_PROCESS [full]");
        return ExitCode::from(2);
    };
    let full = args.get(3).is_some_and(|word| word == "full");
    let fill = if full { Fill::Data } else { Fill::Holes };
    let Some(plan) = Inhabited::of_size(all << 20, own << 20) else {
        eprintln!("inhabited: there is no image with a kernel in it");
        return ExitCode::FAILURE;
    };
    let written = File::create(out)
        .and_then(|mut file| plan.write(&mut file, fill))
        .and_then(|()| fs::write(format!("{out}.vmlinux"), plan.guestk().kernel()));
    if let Err(error) = written {
        eprintln!("inhabited: {out}: {error}");
        return ExitCode::FAILURE;
    }
    println!("process {PID} has {} bytes at {USER:#x}", plan.mapped());
    ExitCode::SUCCESS
}
