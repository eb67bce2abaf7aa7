//! The command line.

#[allow(dead_code, unused_imports)]
mod input;
#[allow(dead_code, unused_imports)]
mod output;
#[allow(dead_code)]
mod progress;
#[allow(dead_code, unused_imports)]
mod scan;

fn main() {}
