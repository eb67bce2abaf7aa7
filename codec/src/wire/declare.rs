//! The macro that declares a structure of the stream, and what it gives it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::layout::{Kind, Layout};

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
