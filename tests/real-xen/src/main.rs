//! The test program: what it prints is the result, and its exit code.

fn main() {
    println!("ok booted");
}
