//! The paths in an item: types, expressions, patterns, attributes, and what macros are given.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, Meta, Path, UseTree};

/// What is found in an item.
#[derive(Default)]
pub struct Mentions<'a> {
    /// Paths, each as its segments.
    pub paths: Vec<Vec<String>>,
    /// Macros that are called by a plain name.
    pub macros: Vec<String>,
    /// Imports in functions.
    pub imports: Vec<&'a UseTree>,
}

/// Of an item.
pub fn of(item: &Item) -> Mentions<'_> {
    let mut found = Mentions::default();
    found.visit_item(item);
    found
}

impl<'ast> Visit<'ast> for Mentions<'ast> {
    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter();
            self.paths
                .push(segments.map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.imports.push(&import.tree);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
        if let Some(name) = call.path.get_ident() {
            self.macros.push(name.to_string());
        }
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => self.tokens(list.tokens.clone()),
            Meta::NameValue(pair) => self.visit_expr(&pair.value),
            Meta::Path(_) => {}
        }
    }
}

impl Mentions<'_> {
    /// Whatever looks like a path: names with `::` between them, not behind a dot or another `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        // Colons behind the path so far, and whether what comes next belongs to something before.
        let (mut colons, mut bound) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Ident(name) => {
                    self.end(&mut path);
                    if !bound && colons < 2 {
                        path.push(name.to_string());
                    }
                    (colons, bound) = (0, false);
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                other => {
                    if let ([name], TokenTree::Punct(mark)) = (path.as_slice(), &other)
                        && mark.as_char() == '!'
                    {
                        self.macros.push(name.clone());
                    }
                    self.end(&mut path);
                    colons = 0;
                    bound = matches!(&other, TokenTree::Punct(mark) if mark.as_char() == '.');
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.paths.push(std::mem::take(path));
        }
    }
}
