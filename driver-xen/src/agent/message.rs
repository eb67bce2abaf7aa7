//! What can be asked of an agent, and why one gives up.

use std::fmt;

macro_rules! messages {
    ($( $variant:ident = $number:literal, $name:literal, $doc:literal; )*) => {
        /// What can be asked of an agent.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Message {
            $( #[doc = $doc] $variant = $number, )*
        }

        impl Message {
            /// Every message.
            pub const ALL: &'static [Message] = &[$(Message::$variant),*];
        }

        impl fmt::Display for Message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Message::$variant => $name),* })
            }
        }
    };
}

messages! {
    Hello = 1, "hello", "What both sides can do; the first message, once.";
    Hypercall = 2, "hypercall", "A hypercall with the memory it reaches.";
    ReadPages = 3, "read pages", "Copies pages of a domain out.";
    WritePages = 4, "write pages", "Copies pages into a domain.";
    ClearPages = 5, "clear pages", "Fills pages of a domain with zeros.";
    Reserve = 6, "reserve", "Address space for a hypercall to put something into.";
    ReadRegion = 7, "read region", "Copies out of that.";
    Release = 8, "release", "Gives it back.";
}

/// Why an agent ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Abort(pub u32);

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            2 => "it found no frame where one should begin",
            3 => "a frame was longer than its limit",
            4 => "a header was not a request's",
            5 => "the first message was no hello, or a later one was",
            6 => "it does not know this version of the protocol",
            7 => "the stream ended within a frame",
            8 => "it could not read",
            other => return write!(f, "reason {other}"),
        })
    }
}
