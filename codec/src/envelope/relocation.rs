//! What xend says around an image that it sends to another host (spec 13.5).
//!
//! The client sends a request, reads one line, then sends the bytes of an xend file and closes.
//! Nothing acknowledges them.

/// The TCP port of relocation.
pub const PORT: u16 = 8002;

/// The TCP port of relocation over SSL, from Xen 3.3.
pub const SSL_PORT: u16 = 8003;

/// What the client sends first.
pub const REQUEST: &[u8] = b"receive\n";

/// What the client sends first over SSL.
pub const SSL_REQUEST: &[u8] = b"sslreceive\n";

/// What is recorded in front of an image: the server reads an S-expression, so a list of one word does as
/// well as the word.
pub const REQUESTS: [&[u8]; 4] = [REQUEST, SSL_REQUEST, b"(receive)\n", b"(sslreceive)\n"];

/// What the server answers before the image may follow.
pub const READY: &[u8] = b"(ready receive)\n";
