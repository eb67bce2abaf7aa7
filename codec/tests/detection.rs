//! Every dialect is found out, or the doubt is said.

use ia64save_codec::decode::Decoder;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Guest, Severity, Version};
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, goldens, kinds, read, strategy};
use proptest::prelude::*;

fn options(made: &GeneratedImage) -> Options {
    Options {
        page_size: made.page_size,
        ..Options::default()
    }
}

/// D7 and D8 lay out a PV image alike. D7's hypervisor did not clear a context before filling it and
/// D7's saver left its stack in byte 36 of the setup record, so an image of D7 shows itself by what
/// nobody filled; where that happens to be zero, and the stack's byte looks like a `vhpt_size_log2`,
/// it is an image of D8 as well.
fn is_that_of_d8_as_well(made: &GeneratedImage) -> bool {
    if made.dialect != Dialect::D7 {
        return false;
    }
    let context = made.plan.section("vcpu0_context").unwrap().offset as usize;
    let unfilled = [8, 2552, 4736 + 56].map(|at| context + at);
    let cleared = |at: &usize| made.bytes[*at..at + 8] == [0; 8];
    let looks_like_vhpt = matches!(made.bytes[16 + 36], 0 | 0xff | 15..=25);
    looks_like_vhpt && unfilled.iter().all(cleared)
}

fn is_found(made: &GeneratedImage) {
    let what = format!("{:?}", made.params);
    let image = Image::parse(&made.bytes, &options(made));
    assert_eq!(image.error, None, "{what}");
    assert_eq!(image.checkpoints.len(), made.plan.rounds.len(), "{what}");
    let found = image.detection.as_ref().unwrap();
    assert_eq!(found.guest, made.guest, "{what}");
    assert!(!found.evidence.is_empty(), "{what}");
    if is_that_of_d8_as_well(made) {
        let d7_or_d8 = [Dialect::D7, Dialect::D8].contains(&found.best());
        assert!(d7_or_d8, "{found:?} of {what}");
    } else {
        assert_eq!(found.dialect, Some(made.dialect), "{found:?} of {what}");
        assert_eq!(found.candidates, [made.dialect], "{what}");
    }
}

#[test]
fn every_dialect_is_found() {
    for (dialect, guest) in kinds() {
        for seed in 0..16 {
            let trailing = [
                Trailing::Nothing,
                Trailing::DeviceModel(9),
                Trailing::Zeros(50),
            ];
            let params = Params {
                trailing: trailing[seed as usize % 3],
                ..Params::rich(dialect, guest, seed)
            };
            is_found(&generate(&params));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // Smaller pages hold none of the signs that privregs and shared_info give.
    #[test]
    fn any_image_is_found(
        made in strategy::image(proptest::sample::select(&[4096, 16384][..]))
    ) {
        is_found(&made);
    }
}

#[test]
fn goldens_read_as_found_and_as_told_alike() {
    for golden in goldens() {
        let bytes = golden.bytes();
        let found = read::whole(Decoder::new(), &bytes);
        let told = Decoder::new()
            .dialect(Some(golden.dialect()))
            .guest(Some(golden.guest()));
        let told = read::whole(told, &bytes);
        assert_eq!(told.outcome, found.outcome, "{}", golden.name);
        let differ = found.parts.iter().zip(&told.parts);
        let differ: Vec<_> = differ.filter(|(a, b)| a != b).collect();
        // The event that says what was found; the rest is the same.
        assert_eq!(differ.len(), 1, "{}: {differ:?}", golden.name);
    }
}

#[test]
fn a_wrong_version_is_said_at_the_version_word() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::new(dialect, guest));
        let version = dialect.spec().version;
        for told in Dialect::ALL {
            if told.spec().version == version {
                continue;
            }
            let decoder = Decoder::new().dialect(Some(told));
            let outcome = read::whole(decoder, &made.bytes).outcome;
            // A record of 48 bytes is asked for first, so only D0 can be told by its end.
            let error = outcome.unwrap_err();
            assert_eq!(error.code, Code::DialectMismatch, "{dialect:?} as {told:?}");
            assert_eq!(error.severity, Severity::Error, "{dialect:?} as {told:?}");
            assert_eq!(error.path, "version", "{dialect:?} as {told:?}");
            assert_eq!(error.offset, 8, "{dialect:?} as {told:?}");
        }
    }
}

#[test]
fn a_guest_that_a_dialect_cannot_have_is_refused() {
    for dialect in Dialect::ALL {
        let made = generate(&Params::new(dialect, Guest::Pv));
        let hvm = Decoder::new().guest(Some(Guest::Hvm));
        let told = read::whole(hvm.clone().dialect(Some(dialect)), &made.bytes);
        let found = read::whole(hvm, &made.bytes);
        if !dialect.supports(Guest::Hvm) {
            let error = told.outcome.unwrap_err();
            assert_eq!(error.code, Code::GuestUnsupported, "{dialect:?}");
            let flags = if dialect == Dialect::D0 { 24 } else { 16 };
            assert_eq!((error.offset, &*error.path), (flags, "arch_setup.flags"));
        }
        if dialect.spec().version == Version::V1 {
            let error = found.outcome.unwrap_err();
            assert_eq!(error.code, Code::GuestUnsupported, "{dialect:?}");
            let flags = if dialect == Dialect::D0 { 24 } else { 16 };
            assert_eq!((error.offset, &*error.path), (flags, "arch_setup.flags"));
        }
    }
}

#[test]
fn a_wrong_guest_is_never_taken_for_a_whole_image() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 6));
        let other = match guest {
            Guest::Pv => Guest::Hvm,
            Guest::Hvm => Guest::Pv,
        };
        let reading = read::whole(Decoder::new().guest(Some(other)), &made.bytes);
        let trails = reading.parts.iter().any(|part| part.what == "trailing");
        let refused = reading.outcome.is_err() || trails;
        assert!(refused, "{:?}", made.params);
    }
}

#[test]
fn any_dialect_and_guest_may_be_named_for_any_image() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 5));
        for told in Dialect::ALL {
            for guest in [None, Some(Guest::Pv), Some(Guest::Hvm)] {
                let decoder = Decoder::new().dialect(Some(told)).guest(guest);
                let reading = read::whole(decoder, &made.bytes);
                if let Err(error) = &reading.outcome {
                    let within = error.offset <= made.bytes.len() as u64;
                    assert!(within, "{error} for {:?} as {told:?}", made.params);
                }
                let right = told == dialect && guest.is_none_or(|guest| guest == made.guest);
                if right {
                    let end = made.bytes.len() as u64;
                    assert_eq!(reading.outcome, Ok(end), "{:?}", made.params);
                }
            }
        }
    }
}
