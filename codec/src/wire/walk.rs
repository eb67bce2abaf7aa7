//! Every field of raw bytes, in the order of a layout.

use alloc::string::String;
use core::fmt::Write as _;

use super::layout::{Kind, Layout};
use super::value::Entry;

impl Layout {
    /// Shows every leaf field of `bytes` in order. An array of scalars is one entry; an array of
    /// structures is walked element by element. Stops at the first field that `bytes` cuts off.
    pub fn walk(&self, bytes: &[u8], visit: &mut dyn FnMut(Entry<'_>)) {
        self.walk_from(bytes, 0, &mut String::new(), visit);
    }

    /// Returns whether every field was there.
    fn walk_from(
        &self,
        bytes: &[u8],
        base: usize,
        path: &mut String,
        visit: &mut dyn FnMut(Entry<'_>),
    ) -> bool {
        let outer = path.len();
        let whole = self.fields.iter().all(|field| {
            path.truncate(outer);
            if outer > 0 {
                path.push('.');
            }
            path.push_str(field.name);
            let offset = base + field.offset;
            if let Kind::Struct(inner) = field.kind {
                let name = path.len();
                return (0..field.count).all(|index| {
                    path.truncate(name);
                    if field.count > 1 {
                        // Writing into a String cannot fail.
                        let _ = write!(path, "[{index}]");
                    }
                    inner.walk_from(bytes, offset + index * inner.size, path, visit)
                });
            }
            let Some(content) = bytes.get(offset..offset + field.size()) else {
                return false;
            };
            visit(Entry {
                path,
                offset,
                size: field.size(),
                kind: field.kind,
                count: field.count,
                style: field.style,
                meaning: field.meaning,
                bytes: content,
            });
            true
        });
        path.truncate(outer);
        whole
    }
}
