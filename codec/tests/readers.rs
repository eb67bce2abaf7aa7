//! One grammar, three readers: a slice, chunks of random sizes, single bytes. Events, errors and
//! offsets are the same for all of them.

use ia64save_codec::Limits;
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::grammar::Part;
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, goldens, hostile, kinds};
use ia64save_corpus::{read, strategy};
use proptest::prelude::*;

/// Bytes that are still quick to read one by one.
const SMALL: usize = 1 << 20;

fn agree(name: &str, decoder: &Decoder, input: &[u8], seed: u64) {
    let whole = read::whole(decoder.clone(), input);
    let pieces = read::random_pieces(decoder.clone(), input, seed);
    assert_eq!(pieces, whole, "{name} in pieces");
    if input.len() <= SMALL {
        let bytewise = read::bytewise(decoder.clone(), input);
        assert_eq!(bytewise, whole, "{name} byte by byte");
    }
}

fn agree_on(made: &GeneratedImage, input: &[u8]) {
    let name = format!("{} bytes of {:?}", input.len(), made.params);
    let decoder = Decoder::new().page_size(made.page_size);
    agree(&name, &decoder, input, made.params.seed);
    let given = decoder.dialect(Some(made.dialect));
    agree(&name, &given, input, made.params.seed);
}

#[test]
fn on_goldens() {
    for golden in goldens() {
        agree(&golden.name, &Decoder::new(), &golden.bytes(), 1);
    }
}

#[test]
fn on_bad_images() {
    for bad in hostile() {
        agree(&bad.name, &Decoder::new(), &bad.bytes(), 2);
    }
}

#[test]
fn on_every_dialect() {
    for (dialect, guest) in kinds() {
        for trailing in [
            Trailing::Nothing,
            Trailing::DeviceModel(70),
            Trailing::Zeros(70),
        ] {
            let params = Params {
                page_size: 512,
                trailing,
                ..Params::rich(dialect, guest, 3)
            };
            let made = generate(&params);
            agree_on(&made, &made.bytes);
        }
    }
}

#[test]
fn where_an_offset_is_not_the_start_of_a_file() {
    let made = generate(&Params::new(
        ia64save_codec::Dialect::D3,
        ia64save_codec::Guest::Pv,
    ));
    let decoder = Decoder::new().starting_at(1000);
    agree("moved", &decoder, &made.bytes, 4);
    let reading = read::whole(decoder, &made.bytes);
    assert_eq!(reading.outcome, Ok(1000 + made.bytes.len() as u64));
    assert_eq!(reading.parts[1].offset, 1016);
}

/// A caller who has found the records of a pass by itself tells the decoder, which goes on behind them.
#[test]
fn who_knows_the_page_records_may_skip_them() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 5));
        let mut decoder = Decoder::new().page_size(made.page_size);
        let error = decoder.skip_page_records(1).unwrap_err();
        assert_eq!((error.code.name(), error.offset), ("out-of-order", 0));
        let mut rest = &made.bytes[..];
        while decoder.part() != Part::Pages {
            let step = decoder.decode(rest, true).unwrap();
            let Step::Event { consumed, .. } = step else {
                panic!("{dialect:?} {guest:?}: {step:?}")
            };
            rest = &rest[consumed..];
        }
        let mut skipping = decoder.clone().limits(Limits::default().page_records(0));
        let error = skipping.skip_page_records(1).unwrap_err();
        assert_eq!(error.code.name(), "limit-exceeded");

        let mut skipping = decoder.clone();
        let Ok(Step::Event {
            event: Event::Pages(run),
            consumed,
            ..
        }) = decoder.decode(rest, true)
        else {
            panic!("{dialect:?} {guest:?}: no pages");
        };
        let records = run.len() as u64;
        let mut limits = Limits::default().page_records(records - 1);
        let error = skipping.clone().limits(limits).skip_page_records(records);
        assert_eq!(
            error.unwrap_err().offset,
            skipping.offset() + (records - 1) * (8 + made.page_size as u64)
        );
        limits.page_records = records;
        let all = skipping.clone().limits(limits).skip_page_records(records);
        assert!(all.is_ok(), "{all:?}");
        skipping.skip_page_records(records).unwrap();
        assert_eq!(skipping.offset(), decoder.offset());
        let rest = &rest[consumed..];
        let after = read::whole(decoder, rest);
        assert!(after.outcome.is_ok(), "{after:?}");
        assert_eq!(read::whole(skipping, rest), after);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn on_any_image_cut_anywhere(
        made in strategy::image(proptest::sample::select(&[16, 64, 4096][..])),
        cut in any::<proptest::sample::Index>(),
    ) {
        agree_on(&made, &made.bytes);
        agree_on(&made, &made.bytes[..cut.index(made.bytes.len())]);
    }
}
