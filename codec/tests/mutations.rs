//! Nothing that can be put into a reader or a writer makes it panic, and readers agree on all of it.

use bytes::Bytes;
use ia64save_codec::decode::{Decoder, Step};
use ia64save_codec::encode::Encoder;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Dialect, Error, Guest, Limits};
use ia64save_corpus::{GeneratedImage, read, strategy};
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing done to an image.
#[derive(Clone, Debug)]
enum Mutation {
    /// A byte replaced.
    Byte(Index, u8),
    /// A word at the start of a part replaced: a count, a size, a pfn, a version.
    Number(Index, u64),
    /// Some bytes taken out.
    Cut(Index, usize),
    /// Some bytes said twice.
    Repeat(Index, usize),
    /// The end taken off.
    End(Index),
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        proptest::sample::select(
            &[0, 1, 2, 3, 8, 63, 64, 65, 4096, 1 << 32, 1 << 63, u64::MAX][..]
        ),
        any::<u64>(),
        0..100u64,
    ]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        4 => (any::<Index>(), number()).prop_map(|(at, number)| Mutation::Number(at, number)),
        1 => (any::<Index>(), 1..40usize).prop_map(|(at, size)| Mutation::Cut(at, size)),
        1 => (any::<Index>(), 1..4000usize).prop_map(|(at, size)| Mutation::Repeat(at, size)),
        1 => any::<Index>().prop_map(Mutation::End),
    ]
}

fn mutate(made: &GeneratedImage, mutations: &[Mutation]) -> Bytes {
    let mut bytes = made.bytes.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        match mutation {
            Mutation::Byte(at, byte) => *at.get_mut(&mut bytes) = *byte,
            Mutation::Number(at, number) => {
                let offset = at.get(&made.plan.sections).offset as usize;
                for (index, byte) in number.to_le_bytes().into_iter().enumerate() {
                    if let Some(place) = bytes.get_mut(offset + index) {
                        *place = byte;
                    }
                }
            }
            Mutation::Cut(at, size) => {
                let from = at.index(bytes.len());
                bytes.drain(from..bytes.len().min(from + size));
            }
            Mutation::Repeat(at, size) => {
                let from = at.index(bytes.len());
                let again = bytes[from..bytes.len().min(from + size)].to_vec();
                bytes.splice(from..from, again);
            }
            Mutation::End(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes.into()
}

/// Puts bytes through everything that takes them.
fn everything(bytes: &Bytes, page_size: usize, seed: u64) {
    let decoder = Decoder::new().page_size(page_size);
    let whole = read::whole(decoder.clone(), bytes);
    assert_eq!(read::random_pieces(decoder, bytes, seed), whole);
    if let Err(error) = &whole.outcome {
        assert!(error.offset <= bytes.len() as u64, "{error}");
    }

    let options = Options::default().page_size(page_size).zero(true);
    let image = Image::parse(bytes, &options);
    assert_eq!(image.error.as_ref(), whole.outcome.as_ref().err());
    let mut out = Vec::new();
    let written = image.write(|piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    });
    // What could be read to its end is written again as it was.
    match (&image.error, written) {
        (None, written) => assert_eq!((written, &out[..]), (Ok(out.len() as u64), &bytes[..])),
        // Cut before the first record of a Remus round was whole: what came before is an image.
        (Some(_), Ok(_)) => {
            assert!(image.checkpoints.iter().all(|c| c.complete));
            assert!(bytes.starts_with(&out));
        }
        (Some(_), Err(_)) => assert!(bytes.starts_with(&out)),
    }
    for (index, checkpoint) in image.checkpoints.iter().enumerate() {
        for (pfn, last, _) in checkpoint.pages.last_copies() {
            assert_eq!(checkpoint.pages.last(pfn), Some(last));
        }
        if let Some(context) = &checkpoint.hvm_context {
            assert!(context.records().count() <= context.blob.bytes.len() / 8);
        }
        image.start_info(index);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn random_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        version in 0..4u64,
        page_size in 1..40usize,
    ) {
        let mut bytes = bytes;
        if let Some(word) = bytes.get_mut(8..16) {
            word.copy_from_slice(&version.to_le_bytes());
        }
        everything(&bytes.into(), page_size, version);
    }

    #[test]
    fn mutated_images(
        made in strategy::image(proptest::sample::select(&[16, 64, 512, 4096][..])),
        mutations in proptest::collection::vec(mutation(), 1..5),
    ) {
        everything(&mutate(&made, &mutations), made.page_size, made.params.seed);
    }

    #[test]
    fn mutated_images_read_as_something_else(
        made in strategy::image(proptest::sample::select(&[16, 64][..])),
        mutations in proptest::collection::vec(mutation(), 0..3),
        dialect in strategy::dialect(),
        guest in strategy::guest(),
    ) {
        let bytes = mutate(&made, &mutations);
        let decoder = Decoder::new().page_size(made.page_size);
        let decoder = decoder.dialect(Some(dialect)).guest(Some(guest));
        let whole = read::whole(decoder.clone(), &bytes);
        prop_assert_eq!(read::random_pieces(decoder, &bytes, 1), whole);
    }

    #[test]
    fn events_in_the_wrong_encoder(
        made in strategy::image(proptest::sample::select(&[16, 64][..])),
        dialect in strategy::dialect(),
        guest in strategy::guest(),
        skipped in proptest::collection::vec(any::<bool>(), 24),
    ) {
        let mut encoder = Encoder::new(dialect, guest).page_size(made.page_size);
        let (mut decoder, _) = read::pair(made.dialect, made.guest, made.page_size);
        let same = (dialect, guest) == (made.dialect, made.guest);
        let mut out = Vec::new();
        let mut rest = &made.bytes[..];
        let mut skipped = skipped.into_iter();
        while let Ok(Step::Event { consumed, event, .. }) = decoder.decode(rest, true) {
            rest = &rest[consumed..];
            // Even in the right one, parts that are left out make the next ones wrong.
            if skipped.next() == Some(true) && !same {
                continue;
            }
            let before = (encoder.offset(), encoder.part());
            match encoder.encode(&event) {
                Ok(piece) => piece.write_to(&mut out),
                Err(error) => {
                    prop_assert!(!same, "{error}");
                    prop_assert_eq!(error.offset, before.0);
                    prop_assert_eq!((encoder.offset(), encoder.part()), before);
                }
            }
        }
        prop_assert_eq!(encoder.offset(), out.len() as u64);
        if same {
            prop_assert_eq!(encoder.finish(), Ok(made.bytes.len() as u64));
        }
    }

    #[test]
    fn tight_limits(
        made in strategy::image(proptest::sample::select(&[16, 64][..])),
        numbers in proptest::array::uniform6(0..20u64),
    ) {
        let [pages, vcpus, bytes, records, ranges, checkpoints] = numbers;
        let limits = Limits::default().memmap_pages(pages as u32).max_virt_cpus(vcpus * 16).hvm_context_bytes(bytes * 16_384).page_records(records).unallocated_ranges(ranges as usize).checkpoints(checkpoints as usize);
        let decoder = Decoder::new().page_size(made.page_size).limits(limits);
        let whole = read::whole(decoder.clone(), &made.bytes);
        let pieces = read::random_pieces(decoder, &made.bytes, made.params.seed);
        prop_assert_eq!(pieces, whole);
    }
}

#[test]
fn an_encoder_of_a_guest_that_the_dialect_has_not_writes_nothing() {
    for dialect in Dialect::ALL {
        let encoder = Encoder::new(dialect, Guest::Hvm);
        let prologue = ia64save_codec::decode::Event::Prologue(ia64save_codec::grammar::Prologue {
            p2m_size: 1,
            version: dialect.spec().version as u64,
        });
        let written = encoder.clone().encode(&prologue).is_ok();
        assert_eq!(written, dialect.supports(Guest::Hvm), "{dialect:?}");
        assert!(encoder.finish().is_err(), "{dialect:?}");
    }
}
