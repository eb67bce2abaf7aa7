//! The bytes of one event.

use bytes::BufMut;

/// What one event is on the wire: up to 32 bytes of the encoder's own, then bytes borrowed from the
/// event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    own: [u8; 32],
    own_length: usize,
    body: &'a [u8],
}

impl<'a> Piece<'a> {
    pub(super) const EMPTY: Piece<'static> = Piece {
        own: [0; 32],
        own_length: 0,
        body: &[],
    };

    pub(super) fn new(own: &[u8], body: &'a [u8]) -> Self {
        let mut piece = Piece {
            body,
            ..Piece::EMPTY
        };
        piece.own[..own.len()].copy_from_slice(own);
        piece.own_length = own.len();
        piece
    }

    /// The first bytes.
    pub fn own(&self) -> &[u8] {
        &self.own[..self.own_length]
    }

    /// The bytes that follow.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// How many bytes it is.
    pub fn len(&self) -> usize {
        self.own_length + self.body.len()
    }

    /// Whether the event takes no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends it to a buffer.
    pub fn write_to(&self, out: &mut impl BufMut) {
        out.put_slice(self.own());
        out.put_slice(self.body);
    }
}
