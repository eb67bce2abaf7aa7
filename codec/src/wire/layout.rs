//! What a structure looks like in memory, as data: fields, and the way to one by its path.
//!
//! [`layout!`](crate::layout) declares a [`Layout`] together with the typed struct. The struct serves code
//! that knows which field it wants; the [`Layout`] serves code that is given a path by a user
//! (`regs.tr.itrs[3].pte`) or that shows every field of raw bytes.

/// A structure of fixed size: its fields in order, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Name of the Rust type.
    pub name: &'static str,
    /// Bytes.
    pub size: usize,
    /// The fields in ascending order; together they cover every byte once.
    pub fields: &'static [Field],
    /// Other names for bytes that `fields` already cover: the second views of unions.
    pub aliases: &'static [Field],
}

/// One field of a [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name as in `spec/layout`. A member of a union that has one typed view has dots in it:
    /// `u.bits`.
    pub name: &'static str,
    /// Bytes from the start of the structure.
    pub offset: usize,
    /// Type of one element.
    pub kind: Kind,
    /// Elements; 1 where the field is no array.
    pub count: usize,
    /// What it is for, in plain words.
    pub meaning: &'static str,
    /// How a person reads it.
    pub style: Style,
}

impl Field {
    /// Bytes of all elements.
    pub const fn size(&self) -> usize {
        self.kind.size() * self.count
    }
}

/// Type of a field, or of one element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned byte.
    U8,
    /// Signed byte.
    I8,
    /// Unsigned, 2 bytes, little-endian.
    U16,
    /// Unsigned, 4 bytes, little-endian.
    U32,
    /// Signed, 4 bytes, little-endian.
    I32,
    /// Unsigned, 8 bytes, little-endian.
    U64,
    /// A structure of its own.
    Struct(&'static Layout),
}

impl Kind {
    /// Bytes of one element.
    pub const fn size(&self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 => 2,
            Kind::U32 | Kind::I32 => 4,
            Kind::U64 => 8,
            Kind::Struct(layout) => layout.size,
        }
    }
}

/// How a person reads a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// A count or an ordinal.
    Dec,
    /// A register, an address or a set of bits.
    Hex,
    /// Characters up to the first NUL.
    Text,
    /// Bytes without an inner form.
    Bytes,
    /// Reserved, padding or garbage: nobody reads it, yet re-encoding must keep it.
    Pad,
}

/// Where a path led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Bytes from the start of the outermost structure.
    pub offset: usize,
    /// Type of one element.
    pub kind: Kind,
    /// Elements; 1 where the path names one element of an array.
    pub count: usize,
    /// The declaration that the path ends on.
    pub field: &'static Field,
}

impl Located {
    /// Bytes of all elements.
    pub const fn size(&self) -> usize {
        self.kind.size() * self.count
    }
}

impl Layout {
    /// Finds a field by its path: `regs.cfm`, `regs.r[5]`, `regs.tr.itrs[3].pte`, or by an alias
    /// such as `regs.cr.cr[20]`.
    pub fn find(&self, path: &str) -> Option<Located> {
        self.find_from(path, 0)
    }

    fn find_from(&self, path: &str, base: usize) -> Option<Located> {
        self.fields.iter().chain(self.aliases).find_map(|field| {
            let rest = path.strip_prefix(field.name)?;
            let whole = Located {
                offset: base + field.offset,
                kind: field.kind,
                count: field.count,
                field,
            };
            let (located, rest) = match rest.strip_prefix('[') {
                None => (whole, rest),
                Some(rest) => {
                    let (digits, rest) = rest.split_once(']')?;
                    let index = index(digits).filter(|&index| index < field.count)?;
                    let offset = whole.offset + index * field.kind.size();
                    (
                        Located {
                            offset,
                            count: 1,
                            ..whole
                        },
                        rest,
                    )
                }
            };
            match (rest.strip_prefix('.'), located.kind, located.count) {
                (None, ..) => rest.is_empty().then_some(located),
                (Some(rest), Kind::Struct(inner), 1) => inner.find_from(rest, located.offset),
                _ => None,
            }
        })
    }

    /// Whether the fields follow each other without gap or overlap up to `size`, and whether no
    /// alias reaches beyond it. `layout!` asserts this when it is compiled.
    pub const fn is_sound(&self) -> bool {
        let mut end = 0;
        let mut i = 0;
        while i < self.fields.len() {
            if self.fields[i].offset != end {
                return false;
            }
            end += self.fields[i].size();
            i += 1;
        }
        let mut i = 0;
        while i < self.aliases.len() {
            if self.aliases[i].offset + self.aliases[i].size() > self.size {
                return false;
            }
            i += 1;
        }
        end == self.size
    }
}

/// An index as people write it: digits only, so that every element has one name.
fn index(digits: &str) -> Option<usize> {
    let canonical = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| canonical)
}
