//! What commands ask of an image before they go on with it.

use std::path::Path;

use ia64save::Loaded;

use super::exit::Failure;
use super::render::style;

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
