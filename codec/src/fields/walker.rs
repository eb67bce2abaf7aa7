//! Telling fields: one by one, and those of a structure.

use alloc::format;
use alloc::string::String;

use super::selection::{EVERY, Selection};
use crate::wire::{Entry, Kind, Layout, Style, Value};

/// One field.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Where it is in the structure of the file.
    pub path: &'a str,
    /// Where it is in the file, in bytes.
    pub offset: u64,
    /// Bytes that it takes.
    pub size: u64,
    /// What it holds.
    pub value: Value<'a>,
    /// How a person reads it.
    pub style: Style,
    /// What it means.
    pub meaning: &'static str,
    /// In which form a register is, where that depends on the era (its `explain`).
    pub form: Option<String>,
}

/// What is to be said of the form of a field: by its path in the structure, and its value.
pub(super) type Form<'f> = &'f dyn Fn(&str, &Value<'_>) -> Option<String>;

pub(super) struct Walker<'s, 'v> {
    pub(super) selection: &'s Selection,
    pub(super) visit: &'v mut dyn FnMut(Field<'_>),
}

impl Walker<'_, '_> {
    pub(super) fn leaf(
        &mut self,
        path: &str,
        at: (u64, u64),
        value: Value<'_>,
        style: Style,
        meaning: &'static str,
    ) {
        if self.selection.takes(path) {
            let (offset, size) = at;
            (self.visit)(Field {
                path,
                offset,
                size,
                value,
                style,
                meaning,
                form: None,
            });
        }
    }

    pub(super) fn number(
        &mut self,
        path: &str,
        at: (u64, u64),
        value: u64,
        style: Style,
        meaning: &'static str,
    ) {
        self.leaf(path, at, Value::Unsigned(value), style, meaning);
    }

    /// The fields of a structure. A path with an index that the layout keeps in one piece
    /// (`regs.r[5]`) is looked up in it.
    pub(super) fn structure(
        &mut self,
        prefix: &str,
        offset: u64,
        layout: &'static Layout,
        bytes: &[u8],
    ) {
        self.explained(prefix, offset, layout, bytes, &|_, _| None);
    }

    /// The same, with the form of each field.
    pub(super) fn explained(
        &mut self,
        prefix: &str,
        offset: u64,
        layout: &'static Layout,
        bytes: &[u8],
        form: Form<'_>,
    ) {
        if !self.selection.reaches(prefix) {
            return;
        }
        let mut found = false;
        layout.walk(bytes, &mut |entry| {
            let path = format!("{prefix}.{}", entry.path);
            if self.selection.takes(&path) {
                found = true;
                let field = Field {
                    path: &path,
                    offset: offset + entry.offset as u64,
                    size: entry.size as u64,
                    value: entry.value(),
                    style: entry.style,
                    meaning: entry.meaning,
                    form: form(entry.path, &entry.value()),
                };
                (self.visit)(field);
            }
        });
        let selection = self.selection;
        if let Some(inner) = selection.below(prefix).filter(|_| !found) {
            self.pieces(prefix, inner, offset, layout, bytes, form);
        }
    }

    /// What the layout keeps in one piece, an element or each of them.
    pub(super) fn pieces(
        &mut self,
        prefix: &str,
        inner: &str,
        offset: u64,
        layout: &'static Layout,
        bytes: &[u8],
        form: Form<'_>,
    ) {
        if let Some((before, after)) = inner.split_once(EVERY) {
            let each = |index: usize| format!("{before}[{index}]{after}");
            let first = |index: &usize| {
                let path = each(*index);
                let known = path.split_once(EVERY).map_or(&path[..], |(known, _)| known);
                layout.find(known).is_some()
            };
            for index in (0..).take_while(first) {
                self.pieces(prefix, &each(index), offset, layout, bytes, form);
            }
            return;
        }
        let Some(located) = layout.find(inner) else {
            return;
        };
        let Some(value) = bytes.get(located.offset..located.offset + located.size()) else {
            return;
        };
        if matches!(located.kind, Kind::Struct(_)) {
            return;
        }
        let entry = Entry {
            path: inner,
            offset: located.offset,
            size: value.len(),
            kind: located.kind,
            count: located.count,
            style: located.field.style,
            meaning: located.field.meaning,
            bytes: value,
        };
        let path = format!("{prefix}.{inner}");
        (self.visit)(Field {
            path: &path,
            offset: offset + entry.offset as u64,
            size: entry.size as u64,
            value: entry.value(),
            style: entry.style,
            meaning: entry.meaning,
            form: form(inner, &entry.value()),
        });
    }
}
