//! The macro that declares an enum over the layouts which a structure had in its history.

/// Declares the enum over all the layouts that one structure had in its history.
///
/// `by` names the enum of [`crate::dialect`] that tells them apart; variants have its names.
macro_rules! eras {
    (
        $(#[$meta:meta])*
        pub enum $name:ident by $key:ident {
            $( $variant:ident($ty:ty), $doc:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( #[doc = $doc] $variant($ty), )*
        }

        impl $name {
            /// Reads the first bytes of `bytes` by that layout; `None` if there are too few.
            pub fn parse(layout: $key, bytes: &[u8]) -> Option<Self> {
                use $crate::wire::Wire as _;
                match layout {
                    $( $key::$variant => <$ty>::parse(bytes).map($name::$variant), )*
                }
            }

            /// The layout by which this was read and will be written.
            pub fn layout(&self) -> $key {
                match self {
                    $( $name::$variant(_) => $key::$variant, )*
                }
            }

            /// The fields, as data.
            pub fn fields(&self) -> &'static $crate::wire::Layout {
                layout_of(self.layout())
            }

            /// Appends the bytes that this was read from.
            pub fn write_to(&self, out: &mut alloc::vec::Vec<u8>) {
                use $crate::wire::Wire as _;
                match self {
                    $( $name::$variant(inner) => inner.write_to(out), )*
                }
            }

            /// The bytes that this was read from.
            pub fn to_bytes(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::with_capacity(self.fields().size);
                self.write_to(&mut out);
                out
            }
        }

        /// The fields of each layout, as data.
        pub fn layout_of(layout: $key) -> &'static $crate::wire::Layout {
            match layout {
                $( $key::$variant => <$ty as $crate::wire::Wire>::layout(), )*
            }
        }
    };
}

pub(crate) use eras;
