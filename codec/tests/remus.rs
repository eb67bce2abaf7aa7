//! Remus: further checkpoints behind the stream proper, without a mark.

use bytes::Bytes;
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Guest, Limits};
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, goldens};

/// The dialects of Xen 4.0 and later, with both kinds of guest.
fn kinds() -> impl Iterator<Item = (Dialect, Guest)> {
    [Dialect::D11, Dialect::D12]
        .into_iter()
        .flat_map(|dialect| [Guest::Pv, Guest::Hvm].map(|guest| (dialect, guest)))
}

fn rounds(dialect: Dialect, guest: Guest, rounds: usize, trailing: Trailing) -> GeneratedImage {
    generate(&Params {
        rounds,
        trailing,
        pages: 9,
        ..Params::rich(dialect, guest, 21)
    })
}

fn parse(bytes: &Bytes) -> Image {
    Image::parse(bytes, &Options::default())
}

#[test]
fn each_round_is_a_checkpoint() {
    for (dialect, guest) in kinds() {
        let made = rounds(dialect, guest, 3, Trailing::DeviceModel(5));
        let image = parse(&made.bytes);
        assert_eq!(image.error, None);
        assert_eq!(image.checkpoints.len(), 4);
        for (checkpoint, round) in image.checkpoints.iter().zip(&made.plan.rounds) {
            assert!(checkpoint.complete);
            assert_eq!(checkpoint.pages.pfns(), round.pages);
            assert_eq!(checkpoint.vcpus.len(), made.plan.vcpus.len());
        }
        assert_eq!(image.trailing.unwrap().offset, made.plan.end);
    }
}

#[test]
fn the_end_of_each_is_said_with_its_number_and_offset() {
    for (dialect, guest) in kinds() {
        let made = rounds(dialect, guest, 2, Trailing::Nothing);
        let mut decoder = Decoder::new();
        let mut rest = &made.bytes[..];
        let mut ends = Vec::new();
        while let Step::Event {
            offset,
            consumed,
            event,
        } = decoder.decode(rest, true).unwrap()
        {
            rest = &rest[consumed..];
            if let Event::CheckpointEnd { index } = event {
                assert_eq!((index as usize, consumed), (ends.len(), 0));
                ends.push(offset);
            }
        }
        let expected: Vec<u64> = made.plan.rounds.iter().map(|round| round.end).collect();
        assert_eq!(ends, expected);
    }
}

#[test]
fn a_page_is_its_last_copy_up_to_a_checkpoint() {
    for (dialect, guest) in kinds() {
        let made = rounds(dialect, guest, 3, Trailing::Nothing);
        let image = parse(&made.bytes);
        let mut seen_in_a_later_round = 0;
        for pfn in made.plan.ram.iter().cloned().flatten() {
            // Walks all records in stream order, as a restore of every round would.
            let mut last = None;
            for (index, checkpoint) in image.checkpoints.iter().enumerate() {
                for (record, found) in checkpoint.pages.pfns().iter().enumerate() {
                    if *found == pfn {
                        last = Some(checkpoint.pages.record_offset(record));
                        seen_in_a_later_round += usize::from(index > 0);
                    }
                }
                let expected = last.map(|offset| {
                    let page = offset as usize + 8;
                    (offset, &made.bytes[page..page + made.page_size])
                });
                assert!(image.page_of(index, pfn) == expected, "{pfn} at {index}");
            }
        }
        assert!(seen_in_a_later_round > 3, "the rounds have pages");
    }
}

#[test]
fn dialects_before_remus_take_what_follows_for_strangers() {
    let later = rounds(Dialect::D11, Guest::Pv, 1, Trailing::Nothing);
    let made = generate(&Params::rich(Dialect::D10, Guest::Pv, 3));
    let round = &later.bytes[later.plan.rounds[0].end as usize..];
    let both: Bytes = [&made.bytes[..], round].concat().into();
    let image = parse(&both);
    assert_eq!(image.error, None);
    assert_eq!(image.checkpoints.len(), 1);
    assert_eq!(image.trailing.unwrap().size, round.len() as u64);
}

#[test]
fn zeros_or_ones_behind_an_image_are_padding() {
    let mut images: Vec<(String, Bytes)> = kinds()
        .map(|(dialect, guest)| rounds(dialect, guest, 1, Trailing::Nothing))
        .map(|made| (format!("{:?}", made.params), made.bytes))
        .collect();
    let goldens = goldens().into_iter();
    images.extend(goldens.map(|golden| (golden.name.clone(), golden.bytes())));
    for (name, bytes) in images {
        let checkpoints = parse(&bytes).checkpoints.len();
        let sizes = [1, 7, 8, 9, 11, 12, 21, 512, 16391, 16392, 16400, 40_000];
        for (size, fill) in sizes.into_iter().flat_map(|size| [(size, 0), (size, 0xff)]) {
            if (size, fill) == (8, 0xff) {
                continue; // the terminator of a round that was cut short
            }
            let padded: Bytes = [&bytes[..], &vec![fill; size]].concat().into();
            let image = parse(&padded);
            let name = format!("{name} and {size} times {fill:#x}");
            assert_eq!(image.error, None, "{name}");
            assert_eq!(image.checkpoints.len(), checkpoints, "{name}");
            let trailing = image.trailing.map(|t| (t.offset, t.size));
            let expected = (bytes.len() as u64, size as u64);
            assert_eq!(trailing, Some(expected), "{name}");
        }
    }
}

#[test]
fn rounds_are_limited_in_number() {
    let made = rounds(Dialect::D11, Guest::Pv, 3, Trailing::Nothing);
    let read = |checkpoints| {
        let limits = Limits {
            checkpoints,
            ..Limits::default()
        };
        let options = Options {
            limits,
            ..Options::default()
        };
        Image::parse(&made.bytes, &options)
    };
    let image = read(2);
    let error = image.error.unwrap();
    assert_eq!(error.code, Code::LimitExceeded);
    assert_eq!(error.offset, made.plan.rounds[1].end);
    assert_eq!(image.checkpoints.len(), 2, "those before it are kept");
    // The stream proper and three rounds.
    assert_eq!(read(3).checkpoints.len(), 3);
    let image = read(4);
    assert_eq!((image.error, image.checkpoints.len()), (None, 4));
}
