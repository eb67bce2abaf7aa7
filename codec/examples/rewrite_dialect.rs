//! Rewrites a bare image in another dialect, and says what is lost:
//! `cargo run -p ia64save-codec --example rewrite_dialect -- IMAGE xen-3.2 OUT`.

use std::error::Error;

use ia64save_codec::Era;
use ia64save_codec::convert::{self, ConvertOptions};
use ia64save_codec::image::{Image, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, dialect, out] = &args[..] else {
        return Err("IMAGE, DIALECT and OUT".into());
    };
    let image = Image::parse(&std::fs::read(path)?.into(), &Options::default());
    let options = ConvertOptions::to(dialect.parse::<Era>()?);
    let conversion = convert::plan(&image, &options)?;
    for loss in conversion.losses() {
        println!("lost {}: {}", loss.path, loss.what);
    }
    let mut bytes = Vec::new();
    conversion.write(|piece| -> Result<(), ia64save_codec::Error> {
        piece.write_to(&mut bytes);
        Ok(())
    })?;
    Ok(std::fs::write(out, bytes)?)
}
