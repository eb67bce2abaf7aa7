//! Fixed layouts.
