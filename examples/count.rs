//! How many pages of guest memory an image holds: `cargo run --example count -- IMAGE`.

fn main() -> Result<(), ia64save::Error> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "-".into());
    let loaded = ia64save::open(path, &ia64save::Options::new())?;
    let pages = loaded
        .image()
        .first()
        .map_or(0, |first| first.pages.distinct());
    println!("{pages}");
    Ok(())
}
