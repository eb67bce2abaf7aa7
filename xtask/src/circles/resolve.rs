//! Where a path leads.

use super::modules::{Crate, Named};

/// Imports that are followed: more is a circle of imports.
const DEEPEST: usize = 24;

#[derive(Clone)]
enum Found {
    Item { module: usize, name: String },
    Module(usize),
}

/// The module that defines what the path names, and its name there; nothing for modules, and for what
/// comes from other crates.
pub fn definition(all: &Crate, module: usize, path: &[String]) -> Option<(usize, String)> {
    match lead(all, module, path, DEEPEST)? {
        Found::Item { module, name } => Some((module, name)),
        Found::Module(_) => None,
    }
}

fn lead(all: &Crate, module: usize, path: &[String], deep: usize) -> Option<Found> {
    let deep = deep.checked_sub(1)?;
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Found::Module(0),
        "self" => Found::Module(module),
        "super" => Found::Module(all.modules[module].parent?),
        name => name_in(all, module, name, rest.is_empty(), deep)?,
    };
    while let (Found::Module(inside), Some((name, behind))) = (&at, rest.split_first()) {
        at = if name == "super" {
            Found::Module(all.modules[*inside].parent?)
        } else {
            name_in(all, *inside, name, behind.is_empty(), deep)?
        };
        rest = behind;
    }
    Some(at)
}

/// A name in a module. Where it stands for several things, the last of a path is rather something
/// defined than a module, and any other rather a module.
fn name_in(all: &Crate, module: usize, name: &str, last: bool, deep: usize) -> Option<Found> {
    let own = &all.modules[module];
    let mut found: Vec<Found> = Vec::new();
    for named in own.names.get(name).into_iter().flatten() {
        found.extend(match named {
            Named::Item => Some(Found::Item {
                module,
                name: name.into(),
            }),
            Named::Module(below) => Some(Found::Module(*below)),
            // `use name;` of another crate leads to itself.
            Named::Import(path) if path.len() == 1 && path[0] == name => None,
            Named::Import(path) => lead(all, module, path, deep),
        });
    }
    let wanted = |one: &&Found| matches!(one, Found::Item { .. }) == last;
    if let Some(one) = found.iter().find(wanted).or(found.first()) {
        return Some(one.clone());
    }
    if own.names.contains_key(name) {
        return None;
    }
    own.globs.iter().find_map(|path| {
        let deep = deep.checked_sub(1)?;
        match lead(all, module, path, deep)? {
            Found::Module(inside) if inside != module => name_in(all, inside, name, last, deep),
            _ => None,
        }
    })
}
