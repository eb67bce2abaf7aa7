//! However a stream comes, it is the same stream.

use ia64save_codec::decode::{Decoder, Step};
use ia64save_corpus::read;

use crate::Input;
use crate::usage::Budget;

/// A reading keeps the parts, in pieces that grow.
const PIECES: Budget = Budget {
    bytes: (256 << 10, 16),
    calls: (4000, 32),
    time: (100_000_000, 20_000),
};

/// The longest input that is read byte by byte.
const BYTEWISE: usize = 8 << 10;

/// The events, their places and the error do not depend on how the input is cut.
pub fn decode_split(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let whole = read::whole(input.decoder(), input.stream);
    let size = input.stream.len();
    let seed = u64::from(input.choice);
    let pieces = PIECES.spend(size, || {
        read::random_pieces(input.decoder(), input.stream, seed)
    });
    assert_eq!(pieces, whole, "random pieces");
    // Byte by byte costs a call for each, so long inputs are left to the random pieces.
    if size <= BYTEWISE {
        let bytewise = PIECES.spend(size, || read::bytewise(input.decoder(), input.stream));
        assert_eq!(bytewise, whole, "single bytes");
    }
    assert_eq!(as_wanted(input.decoder(), input.stream), whole.outcome);
}

/// Shows the decoder just as much as it asks for.
fn as_wanted(mut decoder: Decoder, stream: &[u8]) -> Result<u64, ia64save_codec::Error> {
    let (mut at, mut shown) = (0, 0);
    loop {
        let end = shown == stream.len();
        match decoder.decode(&stream[at..shown], end)? {
            Step::NeedMore(wanted) => {
                assert!(!end, "more wanted behind the end");
                assert!(wanted > shown - at, "{wanted} wanted, {} shown", shown - at);
                shown = at.saturating_add(wanted).min(stream.len());
            }
            Step::Event { consumed, .. } => at += consumed,
            Step::Done => return Ok(decoder.offset()),
        }
    }
}
