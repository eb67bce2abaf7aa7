//! An image cut anywhere is an error that says where and in which part, unless it was cut where a
//! stream may end.

use ia64save_codec::decode::Decoder;
use ia64save_codec::{Code, Dialect, Guest};
use ia64save_corpus::{GeneratedImage, Params, Section, generate, goldens, kinds, read};

/// What is known about a cut before it is made.
enum Cut {
    /// Behind a whole checkpoint.
    End,
    /// So soon behind a whole checkpoint that nothing tells a round from bytes that belong to
    /// nobody: less than a pfn, or less than one record where the pfn is 0, as padding is.
    Stray,
    /// In the middle of things.
    Truncated,
}

fn cut(made: &GeneratedImage, section: &Section, into: u64) -> Cut {
    let at = section.offset + into;
    if made.plan.rounds.iter().any(|round| round.end == at) {
        return Cut::End;
    }
    let number = section.checkpoint as usize;
    let record = 8 + made.page_size as u64;
    // A round is told by its first word, and by the one behind its first record, if it has any.
    let told = match made.plan.rounds[number].pages.first() {
        Some(_) => record + 8,
        None => 8,
    };
    let begins = number
        .checked_sub(1)
        .map(|before| &made.plan.rounds[before]);
    match begins {
        Some(before) if at < before.end + told => Cut::Stray,
        _ => Cut::Truncated,
    }
}

/// Cuts an image `into` bytes into a section, reads it, and compares.
fn try_cut(made: &GeneratedImage, decoder: &Decoder, section: &Section, into: u64) {
    let at = section.offset + into;
    let what = || format!("{}[{into}] of {:?}", section.name, made.params);
    let reading = read::whole(decoder.clone(), &made.bytes[..at as usize]);
    match (cut(made, section, into), reading.outcome) {
        (Cut::End | Cut::Stray, outcome) => assert_eq!(outcome, Ok(at), "{}", what()),
        (Cut::Truncated, Ok(_)) => panic!("taken for a whole image: {}", what()),
        (Cut::Truncated, Err(error)) => {
            assert_eq!(
                (error.code, error.offset),
                (Code::Truncated, at),
                "{}",
                what()
            );
            assert_eq!(error.path, section.path(into, made.page_size), "{}", what());
        }
    }
}

/// Every byte of a small section; of a larger one its ends and some in between.
fn samples(section: &Section) -> Vec<u64> {
    let size = section.size;
    if size <= 80 {
        return (0..size).collect();
    }
    let mut all: Vec<u64> = (0..9).chain(size - 9..size).collect();
    all.extend((1..12).map(|n| size * n / 12 + n));
    all
}

#[test]
fn anywhere_in_every_dialect() {
    for (dialect, guest) in kinds() {
        for page_size in [16, 64] {
            let params = Params {
                page_size,
                ..Params::rich(dialect, guest, 11)
            };
            let made = generate(&params);
            // Given, since the signs that tell dialects apart do not fit into such pages.
            let decoder = Decoder::new().page_size(page_size).dialect(Some(dialect));
            for section in &made.plan.sections {
                for into in samples(section) {
                    try_cut(&made, &decoder, section, into);
                }
            }
        }
    }
}

#[test]
fn between_sections_of_real_pages() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 12));
        let decoder = Decoder::new().dialect(Some(dialect));
        for section in made.plan.sections.iter().filter(|s| s.size > 0) {
            for into in [0, 1, section.size - 1] {
                try_cut(&made, &decoder, section, into);
            }
        }
    }
}

/// Where a cut leaves nothing that tells the dialects apart, the error names the part of another.
///
/// - D12 and D11 differ in one byte, the last of the vcpumap: cut right behind D12's map, the image
///   is D11's in the map.
/// - Contexts B to F have the registers that are looked at in the same places, so an image that
///   ends inside the first one may be taken for that of a dialect with shorter contexts.
fn may_name_another_part(dialect: Dialect, section: &Section) -> bool {
    let first_vcpu = section.name == "vcpu0_context" && section.checkpoint == 0;
    let doubtful = [Dialect::D3, Dialect::D9, Dialect::D10, Dialect::D12];
    first_vcpu && doubtful.contains(&dialect)
}

#[test]
fn where_the_dialect_has_to_be_found() {
    for (dialect, guest) in kinds() {
        for seed in 0..3 {
            let made = generate(&Params::rich(dialect, guest, seed));
            for section in made.plan.sections.iter().filter(|s| s.size > 0) {
                let middle = section.size / 2;
                for into in [
                    0,
                    middle,
                    section.size.saturating_sub(300),
                    section.size - 1,
                ] {
                    let other_part = may_name_another_part(dialect, section);
                    if !other_part {
                        try_cut(&made, &Decoder::new(), section, into);
                        continue;
                    }
                    let at = section.offset + into;
                    let reading = read::whole(Decoder::new(), &made.bytes[..at as usize]);
                    let error = reading.outcome.err().map(|e| (e.code, e.offset));
                    assert_eq!(error, Some((Code::Truncated, at)), "{:?}", made.params);
                }
            }
        }
    }
}

#[test]
fn goldens_between_sections() {
    for golden in goldens() {
        let bytes = golden.bytes();
        for section in golden.sections().iter().filter(|s| s.size > 0) {
            for into in [0, section.size / 2, section.size - 1] {
                let at = section.offset + into;
                let reading = read::whole(Decoder::new(), &bytes[..at as usize]);
                let what = format!("{} in {}[{into}]", golden.name, section.name);
                let error = reading.outcome.expect_err(&what);
                assert_eq!((error.code, error.offset), (Code::Truncated, at), "{what}");
                // The frames of this simulated host are not those of its era: cut behind its first vcpu,
                // nothing tells it from contexts that are a little longer.
                let simulated = golden.name.starts_with("seed-hvm")
                    && section.name == "vcpu1_context"
                    && into == 0;
                if !simulated && !may_name_another_part(golden.dialect(), section) {
                    assert_eq!(error.path, section.path(into, 16384), "{what}");
                }
            }
        }
    }
}

#[test]
fn bad_images_that_are_cut() {
    let mut seen = 0;
    for bad in ia64save_corpus::hostile() {
        if !bad.is_truncated() {
            continue;
        }
        let bytes = bad.bytes();
        let error = read::whole(Decoder::new(), &bytes).outcome.unwrap_err();
        let expected = (Code::Truncated, bad.offset.unwrap());
        assert_eq!((error.code, error.offset), expected, "{}", bad.name);
        seen += 1;
    }
    assert_eq!(seen, 25);
}

#[test]
fn a_cut_at_a_device_model_record_leaves_a_whole_image() {
    for guest in [Guest::Pv, Guest::Hvm] {
        let params = Params {
            trailing: ia64save_corpus::Trailing::DeviceModel(40),
            ..Params::rich(Dialect::D11, guest, 4)
        };
        let made = generate(&params);
        let end = made.plan.end;
        // Up to 7 bytes belong to nobody; from there on it is a record, or the start of one.
        for at in end..=made.bytes.len() as u64 {
            let reading = read::whole(Decoder::new(), &made.bytes[..at as usize]);
            assert_eq!(reading.outcome, Ok(at), "{} bytes of it", at - end);
        }
    }
}
