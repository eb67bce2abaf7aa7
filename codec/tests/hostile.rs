//! What the decoder itself says about each bad image. The rest is a checker's business: an image may
//! be laid out soundly and still hold nonsense.

use ia64save_codec::decode::Decoder;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect};
use ia64save_corpus::{Verdict, hostile, read};

/// Bad images that cannot be read to their end for another reason than that they were cut.
const REFUSED: [(&str, Code, u64); 17] = [
    ("ver-0", Code::VersionUnknown, 8),
    ("ver-3-high-bit", Code::VersionUnknown, 8),
    // Without its memory map the rest falls out of step, and the pages go on to the end.
    ("ver-1-on-v3-body", Code::Truncated, 241_193),
    ("ver-2-on-v3-body", Code::DialectNone, 147_608),
    ("memmap-pages-0", Code::Truncated, 241_193),
    ("memmap-pages-2", Code::Truncated, 241_193),
    ("memmap-pages-2pow18", Code::LimitExceeded, 56),
    ("memmap-pages-0x18000", Code::LimitExceeded, 56),
    ("no-terminator", Code::Truncated, 241_185),
    ("unalloc-count-max", Code::Truncated, 241_193),
    ("v1-count-max", Code::Truncated, 165_044),
    ("max_virt_cpus-max", Code::LimitExceeded, 147_608),
    ("max_virt_cpus-2pow40", Code::LimitExceeded, 147_608),
    ("hvm-recsize-max", Code::LimitExceeded, 380_529),
    ("hvm-recsize-2pow40", Code::LimitExceeded, 380_529),
    ("hvm-recsize-plus2pow32", Code::LimitExceeded, 380_529),
    ("seed-hvm-recsize-max", Code::LimitExceeded, 379_977),
];

/// A map of one byte makes contexts start eight bytes early: no dialect has them there.
const OUT_OF_STEP: [&str; 2] = ["max_virt_cpus-1", "max_virt_cpus-small"];

/// No vcpu, so no context that would show the dialect.
const UNTOLD: &str = "max_virt_cpus-0";

#[test]
fn each_is_refused_where_it_cannot_be_read_and_read_where_it_can() {
    let mut refused = 0;
    for bad in hostile() {
        let name = &bad.name;
        let bytes = bad.bytes();
        let outcome = read::whole(Decoder::new(), &bytes).outcome;
        let known = REFUSED.iter().find(|(refused, ..)| refused == name);
        let expected = match known {
            _ if bad.is_truncated() => Err((Code::Truncated, bytes.len() as u64)),
            Some((_, code, offset)) => Err((*code, *offset)),
            None if OUT_OF_STEP.contains(&name.as_str()) => {
                Err((Code::DialectNone, bad.offset.unwrap()))
            }
            None => Ok(bytes.len() as u64),
        };
        refused += usize::from(expected.is_err());
        let found = outcome.as_ref().copied();
        let found = found.map_err(|error| (error.code, error.offset));
        assert_eq!(found, expected, "{name}: {outcome:?}");
        if bad.verdict == Verdict::Valid {
            assert!(found.is_ok(), "{name}");
        }
    }
    assert_eq!(refused, REFUSED.len() + OUT_OF_STEP.len() + 25);
}

#[test]
fn those_that_can_be_read_show_their_dialect() {
    for bad in hostile() {
        let image = Image::parse(&bad.bytes(), &Options::default());
        if image.error.is_some() || bad.name == UNTOLD {
            continue;
        }
        let found = image.detection.as_ref().unwrap();
        assert!(found.candidates.contains(&bad.dialect()), "{}", bad.name);
        // For PV, D7 and D8 may be the same bytes.
        let doubt = bad.dialect() == Dialect::D8 && found.dialect.is_none();
        assert!(
            doubt || found.dialect == Some(bad.dialect()),
            "{}",
            bad.name
        );
        assert_eq!(image.checkpoints.len(), 1, "{}", bad.name);
    }
}

#[test]
fn what_was_read_before_an_error_is_kept() {
    for bad in hostile() {
        let bytes = bad.bytes();
        let image = Image::parse(&bytes, &Options::default());
        let Some(error) = &image.error else {
            continue;
        };
        let name = &bad.name;
        assert!(error.offset <= bytes.len() as u64, "{name}: {error}");
        assert!(image.end <= error.offset, "{name}: {error}");
        assert_eq!(image.prologue.is_some(), image.end >= 16, "{name}");
        assert_eq!(image.arch_setup.is_some(), image.end >= 56, "{name}");
        assert!(
            !error.path.is_empty() && !error.expected.is_empty(),
            "{name}"
        );
    }
}
