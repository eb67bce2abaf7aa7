//! What decodes encodes to the same bytes.

use ia64save_codec::Error;
use ia64save_codec::decode::Step;
use ia64save_codec::encode::Encoder;
use ia64save_codec::image::Image;

use crate::Input;

/// As far as a stream could be read it is written again as it was, event by event and as an image.
pub fn roundtrip(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let bytes = input.bytes();
    let image = Image::parse(&bytes, &input.options());
    let written = events(&input, &image);
    assert!(input.stream.starts_with(&written), "event by event");
    if image.error.is_none() {
        assert_eq!(written.len(), input.stream.len());
    }

    let mut out = Vec::new();
    let outcome = image.write(|piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    });
    assert!(input.stream.starts_with(&out), "as an image");
    match (&image.error, outcome) {
        (None, outcome) => {
            assert_eq!(outcome, Ok(input.stream.len() as u64));
            assert_eq!(out.len(), input.stream.len());
        }
        // Cut before the first record of a Remus round was whole: what came before is an image.
        (Some(_), Ok(_)) => assert!(image.checkpoints.iter().all(|c| c.complete)),
        (Some(_), Err(_)) => {}
    }
}

/// Encodes every event that the decoder gives.
fn events(input: &Input<'_>, image: &Image) -> Vec<u8> {
    let mut out = Vec::new();
    let (Some(detection), Some(guest)) = (&image.detection, image.guest()) else {
        return out;
    };
    let mut encoder = Encoder::new(detection.best(), guest).page_size(input.page_size);
    let mut decoder = input.decoder();
    let mut rest = input.stream;
    while let Ok(Step::Event {
        consumed, event, ..
    }) = decoder.decode(rest, true)
    {
        let piece = encoder.encode(&event);
        let piece = piece.unwrap_or_else(|error| panic!("{event:?}: {error}"));
        assert_eq!(piece.len(), consumed, "{event:?}");
        piece.write_to(&mut out);
        rest = &rest[consumed..];
    }
    assert_eq!(encoder.offset(), out.len() as u64);
    if image.error.is_none() {
        assert_eq!(encoder.finish(), Ok(out.len() as u64));
    }
    out
}
