//! What surrounds the stream.
