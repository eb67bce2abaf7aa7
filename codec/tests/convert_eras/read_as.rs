//! What the result is taken for.

use bytes::Bytes;
use ia64save_codec::Era;
use ia64save_codec::image::{Image, Options};
use ia64save_corpus::goldens;

use super::{eras, golden, is_possible, planned, small};

/// What a conversion says of its result is what a reader of the result finds.
#[test]
fn what_is_foretold_is_what_a_reader_finds() {
    for golden in goldens() {
        let source = small(&golden);
        for to in eras(golden.guest()).filter(|to| is_possible(&source, *to)) {
            let conversion = planned(&source, to);
            let mut bytes = Vec::new();
            conversion
                .write(|piece| -> Result<(), ia64save_codec::Error> {
                    piece.write_to(&mut bytes);
                    Ok(())
                })
                .unwrap();
            let image = Image::parse(&Bytes::from(bytes), &Options::default());
            assert_eq!(
                conversion.read_as(),
                image.detection,
                "{} as {to}",
                golden.name
            );
        }
    }
}

#[test]
fn the_eras_of_both_ends_are_told() {
    let source = golden("realD8a-pv");
    let to = "xen-3.2".parse().unwrap();
    let conversion = planned(&source, to);
    assert_eq!(conversion.eras().map(Era::id), ["D8a", "D10c"]);
}
