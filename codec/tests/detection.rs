//! Every dialect is found out, or the doubt is said.

use ia64save_codec::decode::Decoder;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Guest, Severity, Version};
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, goldens, kinds, read, strategy};
use proptest::prelude::*;

fn options(made: &GeneratedImage) -> Options {
    Options::default().page_size(made.page_size)
}

/// Dialects whose PV images may be the same bytes: D3 and D5 where a guest in user mode was saved, D7 and D8
/// always (tests/eras.rs), D9 and D10 where no stacked register is NaT; and the latter for HVM.
const DOUBTS: [[Dialect; 2]; 3] = [
    [Dialect::D3, Dialect::D5],
    [Dialect::D7, Dialect::D8],
    [Dialect::D9, Dialect::D10],
];

fn is_found(made: &GeneratedImage) {
    let what = format!("{:?}", made.params);
    let image = Image::parse(&made.bytes, &options(made));
    assert_eq!(image.error, None, "{what}");
    assert_eq!(image.checkpoints.len(), made.plan.rounds.len(), "{what}");
    let found = image.detection.as_ref().unwrap();
    assert_eq!(found.guest, made.guest, "{what}");
    assert!(!found.evidence.is_empty(), "{what}");
    assert!(
        found.candidates.contains(&made.dialect),
        "{found:?} of {what}"
    );
    assert!(found.eras.contains(&made.params.era), "{found:?} of {what}");
    if found.dialect.is_none() {
        let mut candidates = found.candidates.clone();
        candidates.sort_unstable();
        let known = DOUBTS.iter().any(|pair| pair[..] == candidates);
        assert!(known, "{found:?} of {what}");
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
        // What byte 36 of the setup record is called, the dialect says, and the head does not know it.
        let layout_alone = |(a, b): &(&read::Part, &read::Part)| {
            a.what.starts_with("arch_setup") && a.bytes == b.bytes
        };
        let differ = differ.filter(|(a, b)| a != b);
        let differ: Vec<_> = differ.filter(|pair| !layout_alone(pair)).collect();
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
