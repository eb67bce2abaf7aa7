//! Bytes to events, and to an image.

use ia64save_codec::Error;
use ia64save_codec::decode::{Decoder, Step};
use ia64save_codec::image::Image;

use crate::Input;
use crate::usage::Budget;

/// A decoder keeps the head, the ranges of RAM and the evidence for dialects.
const DECODER: Budget = Budget {
    bytes: (128 << 10, 4),
    calls: (2000, 1),
    time: (50_000_000, 4000),
};
/// An image has 24 bytes a page record, of which a page of one byte makes much, and 16 a range.
const IMAGE: Budget = Budget {
    bytes: (256 << 10, 24),
    calls: (4000, 1),
    time: (50_000_000, 8000),
};

/// Whatever the bytes are, a decoder tells their parts one behind the other, in no more steps than
/// there are bytes, and ends with an error or at the end; an image says the same.
pub fn decode(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let stream = input.stream;
    let (end, outcome) = DECODER.spend(stream.len(), || walk(input.decoder(), stream));
    let bytes = input.bytes();
    for zero in [false, true] {
        let options = input.options().zero(zero);
        let image = IMAGE.spend(stream.len(), || Image::parse(&bytes, &options));
        assert_eq!(image.error.as_ref(), outcome.as_ref().err());
        assert_eq!(image.end, end);
        let records: usize = image.checkpoints.iter().map(|c| c.pages.len()).sum();
        assert!(records <= stream.len() / (8 + input.page_size));
    }
}

/// Walks over a stream; where it ended, and why.
fn walk(mut decoder: Decoder, stream: &[u8]) -> (u64, Result<(), Error>) {
    let mut at = 0;
    // A part has a byte at least. Without one are: the dialect, the end of a checkpoint.
    let mut left = 2 * stream.len() + 8;
    loop {
        left = left.checked_sub(1).expect("no more steps than bytes");
        match decoder.decode(&stream[at..], true) {
            Ok(Step::Event {
                offset, consumed, ..
            }) => {
                assert_eq!(offset, at as u64);
                at += consumed;
                assert!(at <= stream.len());
                assert_eq!(decoder.offset(), at as u64);
            }
            Ok(Step::NeedMore(wanted)) => panic!("{wanted} bytes wanted behind the end"),
            Ok(Step::Done) => {
                assert_eq!(at, stream.len(), "all is consumed");
                return (at as u64, Ok(()));
            }
            Err(error) => {
                assert!(error.offset <= stream.len() as u64, "{error}");
                assert!(!error.path.is_empty(), "{error}");
                assert_eq!(decoder.decode(&stream[at..], true), Err(error.clone()));
                return (decoder.offset(), Err(error));
            }
        }
    }
}
