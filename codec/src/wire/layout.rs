//! What a structure looks like in memory, as data, and the macro that declares it.
//!
//! `layout!` turns one declaration into a typed struct and into a [`Layout`]. The struct serves
//! code that knows which field it wants; the [`Layout`] serves code that is given a path by a user
//! (`regs.tr.itrs[3].pte`) or that shows every field of raw bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::value::Entry;

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

/// A structure of the stream that is read and written whole.
///
/// ```
/// use ia64save_codec::wire::Wire;
/// use ia64save_codec::wire::memmap::EfiMemoryDesc;
///
/// let mut bytes = [0; EfiMemoryDesc::SIZE];
/// bytes[0] = 7;
/// let desc = EfiMemoryDesc::parse(&bytes).unwrap();
/// assert_eq!(desc.r#type, 7);
/// assert_eq!(desc.to_bytes(), bytes);
/// ```
pub trait Wire: Sized {
    /// Bytes on the wire.
    const SIZE: usize;

    /// The fields, as data.
    fn layout() -> &'static Layout;

    /// Reads the first [`Self::SIZE`] bytes; `None` if there are fewer.
    fn parse(bytes: &[u8]) -> Option<Self>;

    /// Appends exactly [`Self::SIZE`] bytes.
    fn write_to(&self, out: &mut Vec<u8>);

    /// The bytes that [`parse`](Self::parse) would read this from.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::SIZE);
        self.write_to(&mut out);
        out
    }
}

impl<T: Wire> Wire for Box<T> {
    const SIZE: usize = T::SIZE;

    fn layout() -> &'static Layout {
        T::layout()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        T::parse(bytes).map(Box::new)
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        T::write_to(self, out);
    }
}

/// A type that can stand as a field of a [`Layout`].
pub trait Shape {
    /// Type of one element.
    const KIND: Kind;
    /// Elements.
    const COUNT: usize = 1;
}

macro_rules! scalars {
    ($($ty:ty => $kind:ident),*) => {
        $(impl Shape for $ty { const KIND: Kind = Kind::$kind; })*
    };
}

scalars!(u8 => U8, i8 => I8, u16 => U16, u32 => U32, i32 => I32, u64 => U64);

impl<T: Shape, const N: usize> Shape for [T; N] {
    const KIND: Kind = T::KIND;
    const COUNT: usize = N;
}

/// Declares a structure of the stream.
///
/// Each field names its offset first; the compiler checks that it is the sum of the sizes before
/// it, so that an offset in the source can be trusted when reading a hex dump. `as "…"` gives the
/// name in `spec/layout` where that is no Rust identifier. `aliases` are second names for bytes.
///
/// Drivers declare the structures of their hypercalls with it too; such a crate depends on `binrw` and
/// has `alloc` in its root.
#[macro_export]
macro_rules! layout {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $size:literal {
            $( @$offset:literal $field:ident $(as $path:literal)?: $ty:ty, $style:ident, $meaning:literal; )*
        }
        $( aliases {
            $( @$alias_offset:literal $alias:literal: $alias_ty:ty, $alias_style:ident, $alias_meaning:literal; )*
        } )?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, binrw::BinRead, binrw::BinWrite)]
        #[brw(little)]
        pub struct $name {
            $( #[doc = $meaning] pub $field: $ty, )*
        }

        impl $name {
            /// The fields, as data.
            pub const LAYOUT: &'static $crate::wire::Layout = {
                static LAYOUT: $crate::wire::Layout = $crate::wire::Layout {
                    name: stringify!($name),
                    size: $size,
                    fields: &[ $( $crate::wire::Field {
                        name: $crate::layout!(@name $field $($path)?),
                        offset: $offset,
                        kind: <$ty as $crate::wire::Shape>::KIND,
                        count: <$ty as $crate::wire::Shape>::COUNT,
                        meaning: $meaning,
                        style: $crate::wire::Style::$style,
                    }, )* ],
                    aliases: &[ $($( $crate::wire::Field {
                        name: $alias,
                        offset: $alias_offset,
                        kind: <$alias_ty as $crate::wire::Shape>::KIND,
                        count: <$alias_ty as $crate::wire::Shape>::COUNT,
                        meaning: $alias_meaning,
                        style: $crate::wire::Style::$alias_style,
                    }, )*)? ],
                };
                &LAYOUT
            };
        }

        const _: () = assert!(
            $name::LAYOUT.is_sound(),
            concat!("the fields of ", stringify!($name), " do not add up"),
        );

        impl $crate::wire::Shape for $name {
            const KIND: $crate::wire::Kind = $crate::wire::Kind::Struct($name::LAYOUT);
        }

        impl $crate::wire::Wire for $name {
            const SIZE: usize = $size;

            fn layout() -> &'static $crate::wire::Layout {
                $name::LAYOUT
            }

            fn parse(bytes: &[u8]) -> Option<Self> {
                let bytes = bytes.get(..$size)?;
                binrw::BinRead::read(&mut binrw::io::Cursor::new(bytes)).ok()
            }

            fn write_to(&self, out: &mut alloc::vec::Vec<u8>) {
                binrw::BinWrite::write(self, &mut binrw::io::NoSeek::new(out))
                    .expect("a Vec takes every byte");
            }
        }
    };
}

pub(crate) use layout;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::value::Value;
    use alloc::string::ToString;

    layout! {
        /// Two of everything that nests.
        pub struct Inner: 12 {
            @0 word: u64, Hex, "a word";
            @8 bits as "u.bits": [u8; 4], Dec, "the only view of a union";
        }
        aliases {
            @0 "half": [u32; 2], Hex, "the word in halves";
        }
    }

    layout! {
        /// A structure of structures.
        pub struct Outer: 44 {
            @0 text: [u8; 6], Text, "text";
            @6 sign: i8, Dec, "a sign";
            @7 pad: u8, Pad, "padding";
            @8 one: Inner, Hex, "one";
            @20 two: [Inner; 2], Hex, "two";
        }
    }

    #[test]
    fn a_path_leads_to_its_field() {
        let at = |path: &str| {
            Outer::LAYOUT
                .find(path)
                .map(|found| (found.offset, found.size()))
        };
        assert_eq!(at("text"), Some((0, 6)));
        assert_eq!(at("text[5]"), Some((5, 1)));
        assert_eq!(at("one"), Some((8, 12)));
        assert_eq!(at("one.word"), Some((8, 8)));
        assert_eq!(at("one.half[1]"), Some((12, 4)));
        assert_eq!(at("two"), Some((20, 24)));
        assert_eq!(at("two[1]"), Some((32, 12)));
        assert_eq!(at("two[1].u.bits[3]"), Some((43, 1)));
    }

    #[test]
    fn a_path_that_names_nothing_leads_nowhere() {
        for path in [
            "",
            ".",
            "tex",
            "texts",
            "text.",
            "text[6]",
            "text[",
            "text[]",
            "text[+1]",
            "text[01]",
            "text[0]x",
            "text[0][0]",
            "sign[1]",
            "one.u",
            "two.word",
            "two[2].word",
            "one..word",
            "text[99999999999999999999]",
        ] {
            assert_eq!(Outer::LAYOUT.find(path), None, "{path}");
        }
    }

    #[test]
    fn a_walk_visits_every_byte_once_and_in_order() {
        let bytes: Vec<u8> = (0..44).collect();
        let mut end = 0;
        let mut paths = Vec::new();
        Outer::LAYOUT.walk(&bytes, &mut |entry| {
            assert_eq!(entry.offset, end);
            assert_eq!(entry.bytes, &bytes[end..end + entry.size]);
            assert_eq!(Outer::LAYOUT.find(entry.path).map(|l| l.offset), Some(end));
            end += entry.size;
            paths.push(entry.path.to_string());
        });
        assert_eq!(end, 44);
        assert_eq!(
            paths,
            [
                "text",
                "sign",
                "pad",
                "one.word",
                "one.u.bits",
                "two[0].word",
                "two[0].u.bits",
                "two[1].word",
                "two[1].u.bits"
            ]
        );
    }

    #[test]
    fn a_walk_stops_where_the_bytes_do() {
        let mut seen = 0;
        Outer::LAYOUT.walk(&[0; 30], &mut |_| seen += 1);
        assert_eq!(seen, 6);
    }

    #[test]
    fn values_are_what_the_style_says() {
        let mut bytes = [0; 44];
        bytes[..6].copy_from_slice(b"xen\0-3");
        bytes[6] = 0xff;
        bytes[8..12].copy_from_slice(&[1, 2, 3, 4]);
        bytes[16..20].copy_from_slice(&[1, 2, 3, 4]);
        let mut values = Vec::new();
        Outer::LAYOUT.walk(&bytes, &mut |entry| {
            values.push(match entry.value() {
                Value::Unsigned(n) => alloc::format!("{n:#x}"),
                Value::Signed(n) => alloc::format!("{n}"),
                Value::List(list) => alloc::format!("{list:?}"),
                Value::Text(text) => alloc::format!("{text:?}"),
                Value::Bytes(bytes) => alloc::format!("{} bytes", bytes.len()),
            });
        });
        assert_eq!(
            values[..5],
            ["\"xen\"", "-1", "1 bytes", "0x4030201", "[1, 2, 3, 4]"]
        );
    }

    #[test]
    fn too_few_bytes_are_refused_and_too_many_ignored() {
        assert_eq!(Outer::parse(&[0; 43]), None);
        assert_eq!(Outer::parse(&[7; 45]), Outer::parse(&[7; 44]));
        assert_eq!(Outer::parse(&[7; 45]).unwrap().to_bytes(), [7; 44]);
    }
}
