//! How commands open an image, and what they ask before they go on with it.

use std::path::Path;
use std::sync::Arc;

use ia64save::{Loaded, Options};
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;

use super::args::Reading;
use super::exit::Failure;
use super::progress::Screen;
use super::render::{screen, style};

/// As the user wants an image read, with whoever waits told of it.
pub fn options(reading: &Reading) -> Options {
    reading.options().progress(Arc::new(Screen))
}

/// Goes on with what was read of a damaged image where the user wants that, and refuses where not.
pub fn accept(loaded: &Loaded, damaged: bool) -> Result<(), Failure> {
    let Some(error) = &loaded.image().error else {
        return Ok(());
    };
    if !damaged {
        let name = format!("{} (--damaged reads it as far as it goes)", loaded.name);
        return Err(Failure::Invalid(name, error.clone()));
    }
    let name = &loaded.name;
    style::warn(&format!(
        "{name}: {error}: only what is before that is there"
    ))?;
    Ok(())
}

/// Refuses to put something else in the place of the image itself.
pub fn spare(loaded: &Loaded, out: &Path) -> Result<(), Failure> {
    if loaded.is_at(out) {
        return Err(Failure::Usage(format!(
            "{}: the image would be replaced by what is made of it: choose another OUT",
            loaded.name
        )));
    }
    Ok(())
}

/// A checkpoint that an image does not have.
pub fn no_checkpoint(name: &str, asked: usize, count: usize) -> Failure {
    let has = match count {
        0 => String::from("there is none"),
        1 => String::from("there is only checkpoint 0"),
        _ => format!("the last is checkpoint {}", count - 1),
    };
    Failure::Usage(format!("{name}: --checkpoint {asked}: {has}"))
}

/// Refuses to write what nobody can read to a terminal.
pub fn spare_terminal(out: &Path) -> Result<(), Failure> {
    if screen::is_terminal(out) {
        let text = "what would be written is binary, which a terminal cannot show: choose a file with -o, or \
                    send it into a pipe";
        return Err(Failure::Usage(text.into()));
    }
    Ok(())
}

/// The view of a vcpu of a checkpoint; of the first where none is named.
pub fn view_of<'a>(
    loaded: &Loaded,
    memory: &'a Memory<'a>,
    checkpoint: usize,
    vcpu: Option<u32>,
) -> Result<View<'a>, Failure> {
    let nothing = |what: &str| Failure::Usage(format!("{}: there is {what} in it", loaded.name));
    let first = || {
        let round = memory.image().checkpoints.get(checkpoint)?;
        Some(round.vcpus.first()?.id)
    };
    let id = vcpu.or_else(first).ok_or_else(|| nothing("no vcpu"))?;
    View::new(memory, checkpoint, id).map_err(|why| nothing(&why.to_string()))
}
