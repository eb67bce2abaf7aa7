//! Remus: further checkpoints behind the stream proper, without a mark.

use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::convert::{self, ConvertOptions};
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::envelope::{ByteOrder, DeviceModelKind, device_model_header, xl_header};
use ia64save_codec::image::{Image, Options, Unallocated};
use ia64save_codec::memory::Memory;
use ia64save_codec::pfns::Pfns;
use ia64save_codec::tree::{self, Names};
use ia64save_codec::{Code, Dialect, Error, Guest, Limits, SaveFile};
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, goldens, read};

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
                    let page = offset + 8;
                    (page, &made.bytes[page as usize..][..made.page_size])
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
        let limits = Limits::default().checkpoints(checkpoints);
        let options = Options::default().limits(limits);
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

/// An image with a device-model record behind each checkpoint, as Remus wrote it for HVM domains, the
/// last one included where `last` says so; and where each record begins.
fn with_records(made: &GeneratedImage, order: ByteOrder, last: bool) -> (Bytes, Vec<u64>) {
    let (mut bytes, mut begins) = (Vec::new(), Vec::new());
    let mut at = 0;
    let rounds = &made.plan.rounds;
    for (number, round) in rounds.iter().enumerate() {
        bytes.extend_from_slice(&made.bytes[at..round.end as usize]);
        at = round.end as usize;
        if number + 1 == rounds.len() && !last {
            break;
        }
        begins.push(bytes.len() as u64);
        let state = [b"QEVM", &[number as u8; 60][..number * 20]].concat();
        let size = state.len() as u64;
        let header = device_model_header(DeviceModelKind::Remus, size, order);
        bytes.extend(header.expect("a header"));
        bytes.extend(state);
    }
    (bytes.into(), begins)
}

#[test]
fn device_model_records_stand_between_rounds() {
    for (dialect, guest) in kinds() {
        for (order, last) in [(ByteOrder::Little, true), (ByteOrder::Big, false)] {
            let made = rounds(dialect, guest, 3, Trailing::Nothing);
            let (bytes, begins) = with_records(&made, order, last);
            let options = Options::default().byte_order(order);
            let image = Image::parse(&bytes, &options);
            assert_eq!(image.error, None);
            assert_eq!(image.checkpoints.len(), 4);
            for (index, checkpoint) in image.checkpoints.iter().enumerate() {
                assert_eq!(checkpoint.pages.pfns(), made.plan.rounds[index].pages);
                let Some(record) = &checkpoint.device_model else {
                    assert_eq!(index, 3, "what stands behind the last round trails");
                    continue;
                };
                let length = 4 + index * 20;
                assert_eq!(record.kind, DeviceModelKind::Remus);
                assert_eq!(record.signature_offset, begins[index]);
                assert_eq!(record.data.offset, begins[index] + 25);
                assert_eq!(
                    (record.size, record.data.bytes.len()),
                    (length as u64, length)
                );
            }
            let trailing = image.trailing.as_ref().map(|trailing| trailing.offset);
            assert_eq!(trailing, begins.get(3).copied());
            // Only one that has no qemu image in it is remarked.
            let report = check::run(&image, &CheckOptions::default());
            let codes: Vec<_> = report.findings.iter().map(|found| found.code).collect();
            assert!(codes.contains(&Code::CheckpointsUnread));
            assert!(
                !codes.contains(&Code::TrailingBytes) && !codes.contains(&Code::DeviceModelMagic)
            );

            let mut out = Vec::new();
            let written = image.write(|piece| {
                piece.write_to(&mut out);
                Ok::<_, Error>(())
            });
            assert_eq!(written, Ok(bytes.len() as u64));
            assert!(out == bytes, "written as it was read");

            let decoder = || Decoder::new().dialect(Some(dialect)).byte_order(order);
            let whole = read::whole(decoder(), &bytes);
            assert_eq!(whole.outcome, Ok(bytes.len() as u64));
            for seed in 0..3 {
                let pieces = read::random_pieces(decoder(), &bytes, seed);
                assert_eq!(pieces.parts, whole.parts, "however it is cut");
            }
        }
    }
}

#[test]
fn a_record_is_carried_as_far_as_its_checkpoint() {
    let made = rounds(Dialect::D11, Guest::Hvm, 2, Trailing::Nothing);
    let (bytes, begins) = with_records(&made, ByteOrder::Little, true);
    let to = |image: &Image, to: Dialect, compact, order| {
        let options = ConvertOptions::to(to).compact(compact);
        let conversion = convert::plan(image, &options).unwrap().byte_order(order);
        let mut out = Vec::new();
        let written = conversion.write(|piece| {
            piece.write_to(&mut out);
            Ok::<_, Error>(())
        });
        assert_eq!(written, Ok(conversion.size()));
        Bytes::from(out)
    };
    let image = parse(&bytes);
    assert!(to(&image, Dialect::D11, false, ByteOrder::Little) == bytes);
    let big = to(&image, Dialect::D12, false, ByteOrder::Big);
    let options = Options::default().byte_order(ByteOrder::Big);
    let read = Image::parse(&big, &options);
    let sizes = |image: &Image| -> Vec<_> {
        let records = image.checkpoints.iter().map(|c| c.device_model.as_ref());
        records
            .map(|record| record.map(|record| record.size))
            .collect()
    };
    assert_eq!(sizes(&read), [Some(4), Some(24), None]);
    // Torn behind its second record, the image keeps that record behind what is whole.
    let torn = bytes.slice(..begins[1] as usize + 25 + 24 + 2 * 16392);
    let image = parse(&torn);
    assert_eq!(
        image.error.as_ref().map(|error| error.code),
        Some(Code::Truncated)
    );
    let folded = parse(&to(&image, Dialect::D11, true, ByteOrder::Little));
    assert_eq!((folded.error, folded.checkpoints.len()), (None, 1));
    let trailing = folded.trailing.unwrap();
    assert_eq!(trailing.size, 25 + 24);
    assert!(
        trailing
            .first
            .starts_with(DeviceModelKind::Remus.signature())
    );
}

#[test]
fn what_ends_before_its_second_pfn_is_no_round() {
    for (dialect, guest) in kinds() {
        let made = rounds(dialect, guest, 1, Trailing::Nothing);
        let end = made.plan.rounds[0].end as usize;
        for size in [8, 512, 5000, 16392, 16399] {
            let mut padded = made.bytes[..end].to_vec();
            padded.push(1);
            padded.resize(end + size, 0);
            let image = parse(&padded.into());
            assert_eq!(
                (&image.error, image.checkpoints.len()),
                (&None, 1),
                "{size}"
            );
            let trailing = image
                .trailing
                .map(|trailing| (trailing.offset, trailing.size));
            assert_eq!(trailing, Some((end as u64, size as u64)));
        }
    }
}

#[test]
fn a_page_that_was_given_back_between_rounds_is_gone() {
    let mut image = parse(&rounds(Dialect::D11, Guest::Pv, 2, Trailing::Nothing).bytes);
    let first = &image.checkpoints[0];
    let listed: Vec<u64> = first
        .unallocated
        .iter()
        .flat_map(Unallocated::pfns)
        .collect();
    let later = |pfn: &u64| {
        let rounds = image.checkpoints[1..].iter();
        rounds.clone().all(|round| round.pages.last(*pfn).is_none())
    };
    let mut pfns = first.pages.pfns().iter().copied();
    let pfn = pfns
        .find(|pfn| later(pfn) && !listed.contains(pfn))
        .unwrap();
    let given_back = Unallocated {
        count: 1,
        runs: vec![Pfns::one(pfn)],
        ..Unallocated::default()
    };
    image.checkpoints[1].unallocated = Some(given_back);
    image.checkpoints[2].unallocated = Some(Unallocated::default());
    let has = |checkpoint| Memory::new(&image, checkpoint).run_of(pfn).is_some();
    assert_eq!([0, 1, 2].map(has), [true, false, false]);
    assert_eq!(image.page_of(2, pfn), None);
    // Nor does it come back where the rounds are folded into one.
    for (to, compact) in [(Dialect::D10, false), (Dialect::D11, true)] {
        let conversion = convert::plan(&image, &ConvertOptions::to(to).compact(compact)).unwrap();
        let mut out = Vec::new();
        let written = conversion.write(|piece| {
            piece.write_to(&mut out);
            Ok::<_, Error>(())
        });
        assert_eq!(written, Ok(conversion.size()));
        let options = Options::default().dialect(Some(to));
        let folded = Image::parse(&out.into(), &options);
        assert_eq!(folded.error, None);
        assert_eq!(folded.checkpoints[0].pages.last(pfn), None, "{to}");
    }
}

#[test]
fn the_length_of_a_record_is_in_the_order_of_an_xl_header() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let made = rounds(Dialect::D11, Guest::Hvm, 2, Trailing::Nothing);
        let (stream, _) = with_records(&made, order, true);
        let front = xl_header(order, 0, Some(b"vcpus = 4")).unwrap();
        let bytes = Bytes::from([&front[..], &stream].concat());
        let file = SaveFile::parse(&bytes, &Options::default()).unwrap();
        assert_eq!(
            (&file.image.error, file.image.checkpoints.len()),
            (&None, 3)
        );
        let model = file.device_model.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(model.data, bytes.len() as u64 - 44..bytes.len() as u64);
        assert_eq!(file.trailing(), None);

        // A tree has the order from the envelope, and gives the same bytes back.
        let names = Names {
            pages: "pages.bin",
            behind: "behind.bin",
        };
        let trailing = file.image.trailing.as_ref().unwrap().offset as usize;
        let tree = tree::of_file(&file, &bytes, &bytes[trailing..], names).unwrap();
        let parts = tree::read(&tree.node).unwrap();
        assert_eq!(parts.stream.byte_order, order);
        let image = &file.image;
        let pages: Vec<&[u8]> = image
            .checkpoints
            .iter()
            .flat_map(|one| (0..one.pages.len()).map(|record| image.page(one, record).unwrap()))
            .collect();
        let mut out = parts.front.clone();
        let written = parts.stream.write(
            |number| Ok(pages[number as usize]),
            |piece| {
                piece.write_to(&mut out);
                Ok::<(), Error>(())
            },
        );
        written.unwrap();
        assert!(out == bytes[..trailing], "{order}");
        let behind = parts.behind.unwrap();
        assert_eq!(behind.device_model, Some(DeviceModelKind::Remus));
        assert_eq!(tree.behind, Some(model.data.clone()));
    }
}
