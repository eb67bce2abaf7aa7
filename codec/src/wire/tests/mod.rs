//! What no single structure can test alone.

mod round_trip;
mod tables;
