//! Writes generated images of every dialect and kind of guest into a folder, for other readers of the
//! format: `D7-pv.sav` is a small one, `D7-pv-rich.sav` has what the dialect can have.
//!
//! ```text
//! cargo run --package ia64save-corpus --example generate -- FOLDER
//! ```

use std::path::PathBuf;
use std::{env, fs, io};

use ia64save_corpus::{Params, generate, kinds};

/// A seed with which rich images of D11 and D12 have Remus rounds.
const SEED: u64 = 2;

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("which folder?"))?;
    fs::create_dir_all(&folder)?;
    for (dialect, guest) in kinds() {
        let name = format!("{}-{guest}", dialect.id());
        let rich = Params {
            rounds: 2,
            ..Params::rich(dialect, guest, SEED)
        };
        for (name, params) in [
            (format!("{name}.sav"), Params::new(dialect, guest)),
            (format!("{name}-rich.sav"), rich),
        ] {
            fs::write(folder.join(&name), &generate(&params).bytes)?;
            println!("{name}");
        }
    }
    Ok(())
}
