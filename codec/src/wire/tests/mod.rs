//! What no single structure can test alone.

mod layouts;
mod round_trip;
mod tables;
