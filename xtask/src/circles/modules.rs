//! A crate: its files, its modules, and what names mean in each.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::{fs, mem};

use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta, UseTree, Visibility};

use super::mentions;

/// What a name stands for in a module.
#[derive(Clone, Debug)]
pub enum Named {
    /// Something that is defined there.
    Item,
    /// A module below.
    Module(usize),
    /// What a path leads to.
    Import(Vec<String>),
}

/// A module, in a file of its own or in its parent's.
#[derive(Debug, Default)]
pub struct Module {
    /// Index of its file.
    pub file: usize,
    /// Index of the module around it.
    pub parent: Option<usize>,
    /// A name may stand for a module and for a function.
    pub names: BTreeMap<String, Vec<Named>>,
    /// Modules and enums all of whose names are imported.
    pub globs: Vec<Vec<String>>,
    /// The paths in it, those of private imports among them.
    pub mentions: Vec<Vec<String>>,
    /// Macros that it calls by a plain name.
    pub calls: Vec<String>,
}

/// A crate.
#[derive(Debug, Default)]
pub struct Crate {
    /// Paths of its files.
    pub files: Vec<String>,
    /// Its modules; the first is the root.
    pub modules: Vec<Module>,
    /// The modules that define macros; most are found by nothing but the order of the text.
    pub macros: BTreeMap<String, usize>,
}

impl Crate {
    /// Reads the crate whose first file this is.
    pub fn read(root: &str) -> Result<Crate, String> {
        let mut all = Crate::default();
        let path = Path::new(root);
        let folder = path.parent().unwrap_or(path).to_path_buf();
        all.file(path, &folder, None)?;
        Ok(all)
    }

    /// Whether one module lies somewhere below another.
    pub fn is_below(&self, module: usize, above: usize) -> bool {
        let mut at = self.modules[module].parent;
        while let Some(parent) = at {
            if parent == above {
                return true;
            }
            at = self.modules[parent].parent;
        }
        false
    }

    /// A module with its own file; the files of those below lie in the folder.
    fn file(&mut self, path: &Path, folder: &Path, parent: Option<usize>) -> Result<usize, String> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{shown}: {error}"))?;
        self.files.push(shown);
        self.module(parsed.items, self.files.len() - 1, folder, parent)
    }

    fn module(
        &mut self,
        items: Vec<Item>,
        file: usize,
        folder: &Path,
        parent: Option<usize>,
    ) -> Result<usize, String> {
        let own = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
        for item in items {
            if is_test(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(below) => self.below(below, own, folder)?,
                Item::Use(import) => {
                    let signpost = !matches!(import.vis, Visibility::Inherited);
                    self.import(own, &import.tree, &mut Vec::new(), signpost);
                }
                item => {
                    if let Some(name) = defined(&item) {
                        if matches!(item, Item::Macro(_)) {
                            self.macros.insert(name.clone(), own);
                        }
                        self.name(own, name, Named::Item);
                    }
                    let found = mentions::of(&item);
                    for import in found.imports {
                        self.import(own, import, &mut Vec::new(), false);
                    }
                    self.modules[own].mentions.extend(found.paths);
                    self.modules[own].calls.extend(found.macros);
                }
            }
        }
        Ok(own)
    }

    fn below(&mut self, mut item: ItemMod, parent: usize, folder: &Path) -> Result<(), String> {
        let name = item.ident.to_string();
        let name = name.trim_start_matches("r#").to_string();
        let inside = folder.join(&name);
        let own = if let Some((_, items)) = mem::take(&mut item.content) {
            let file = self.modules[parent].file;
            self.module(items, file, &inside, Some(parent))?
        } else {
            let (path, inside) = self.place(&item, parent, folder, inside);
            self.file(&path, &inside, Some(parent))?
        };
        self.name(parent, name, Named::Module(own));
        Ok(())
    }

    /// The file of `mod name;`, and the folder for those below it.
    fn place(
        &self,
        item: &ItemMod,
        parent: usize,
        folder: &Path,
        inside: PathBuf,
    ) -> (PathBuf, PathBuf) {
        if let Some(path) = path_attribute(&item.attrs) {
            let around = Path::new(&self.files[self.modules[parent].file]);
            let path = plain(&around.parent().unwrap_or(around).join(path));
            let folder = path.parent().unwrap_or(folder).to_path_buf();
            return (path, folder);
        }
        let flat = inside.with_extension("rs");
        let path = if flat.is_file() {
            flat
        } else {
            inside.join("mod.rs")
        };
        (path, inside)
    }

    /// The leaves of an import.
    fn import(&mut self, own: usize, tree: &UseTree, before: &mut Vec<String>, signpost: bool) {
        let (name, known_as) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(own, &path.tree, before, signpost);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(own, tree, before, signpost);
                }
                return;
            }
            UseTree::Glob(_) => {
                self.modules[own].globs.push(before.clone());
                return;
            }
            UseTree::Name(name) => (&name.ident, &name.ident),
            UseTree::Rename(name) => (&name.ident, &name.rename),
        };
        let mut path = before.clone();
        let mut known_as = known_as.to_string();
        if name != "self" {
            path.push(name.to_string());
        } else if known_as == "self" {
            known_as = path.last().cloned().unwrap_or_default();
        }
        if !signpost {
            self.modules[own].mentions.push(path.clone());
        }
        self.name(own, known_as, Named::Import(path));
    }

    fn name(&mut self, module: usize, name: String, named: Named) {
        self.modules[module]
            .names
            .entry(name)
            .or_default()
            .push(named);
    }
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir || !plain.pop() {
            plain.push(part);
        }
    }
    plain
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, or `#[cfg(all(test, ...))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let text = list.tokens.to_string().replace(' ', "");
            text == "test" || text.starts_with("all(test,")
        }
        _ => false,
    })
}

/// `#[path = "..."]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        })
}
