use std::io::Write;

use tempfile::NamedTempFile;

use std::fs::File;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::input::{Input, Kind, Mapping, Options};
use proptest::prelude::*;

/// Bytes that a scan says it passed.
#[derive(Default)]
struct Counted(AtomicU64);

impl Task for Counted {
    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Steps so small that a few hundred records cross all of their edges.
const TINY: Tuning = Tuning {
    first_phase: 64,
    parallel: 128,
    last_phase: 256,
    window: 1,
    bulk: 100,
};

/// What a scan is supposed to say.
fn naive(bytes: &[u8], span: Span) -> Pages {
    let mut pages = Pages::default();
    let mut bits = Vec::new();
    let mut at = span.start as usize;
    let end = span.end as usize;
    while at + 8 <= end {
        let gmfn = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        if gmfn == u64::MAX {
            pages.headers.terminator = Some(at as u64);
            break;
        }
        if at + 8 + span.page_size > end {
            break;
        }
        pages.headers.gmfns.push(gmfn);
        bits.push(
            bytes[at + 8..][..span.page_size]
                .iter()
                .all(|byte| *byte == 0),
        );
        at += 8 + span.page_size;
    }
    if pages.headers.terminator.is_none() {
        pages.headers.leftover = end.saturating_sub(at) as u64;
    }
    let mut words = vec![0; bits.len().div_ceil(64)];
    for (i, _) in bits.iter().enumerate().filter(|(_, zero)| **zero) {
        words[i / 64] |= 1 << (i % 64);
    }
    pages.zero = ZeroPages::new(words, bits.len());
    pages
}

/// A file with its mapping, whatever its size.
struct Held {
    file: File,
    map: Option<Mapping>,
    bytes: Vec<u8>,
}

impl Held {
    fn new(bytes: Vec<u8>) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let file = file.into_file();
        let map = (!bytes.is_empty()).then(|| Mapping::new(&file, "a file").unwrap());
        Held { file, map, bytes }
    }

    /// Scans in every way there is, and compares with the plain loop.
    fn check(&self, span: Span, tuning: Tuning) {
        let expected = naive(&self.bytes, span);
        let mapped = Source::File {
            file: &self.file,
            map: self.map.as_ref(),
        };
        let unmapped = Source::File {
            file: &self.file,
            map: None,
        };
        for source in [Source::Bytes(&self.bytes), mapped, unmapped] {
            for threads in [1, 2, 3] {
                let counter = Counted::default();
                let scanner = Scanner {
                    tuning,
                    ..Scanner::new(source)
                }
                .threads(NonZero::new(threads).unwrap())
                .counting(&counter);
                assert_eq!(scanner.headers(span).unwrap(), expected.headers);
                assert!(
                    counter.0.load(Ordering::Relaxed)
                        >= expected.headers.gmfns.len() as u64 * span.stride()
                );
                assert_eq!(scanner.pages(span).unwrap(), expected);
            }
        }
    }
}

/// Records with gmfns that count up from 1; every third page is zero, every fifth almost.
fn records(count: usize, page_size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..count {
        bytes.extend(((i + 1) as u64).to_le_bytes());
        let end = bytes.len() + page_size;
        bytes.resize(end, if i % 3 == 0 || i % 5 == 0 { 0 } else { 0xff });
        if i % 5 == 0 {
            bytes[end - 1] = 1;
        }
    }
    bytes
}

fn span(start: u64, bytes: &[u8], page_size: usize) -> Span {
    Span {
        start,
        end: bytes.len() as u64,
        page_size,
    }
}

#[test]
fn the_terminator_is_found_wherever_it_stands() {
    let page_size = 8;
    let bytes = records(330, page_size);
    for at in (0..330).filter(|at| (at % 64) < 3 || (at % 64) > 61 || at % 17 == 0) {
        let mut bytes = bytes.clone();
        bytes[at * 16..][..8].fill(0xff);
        if at > 200 {
            // A second one, which must not be found first.
            bytes[325 * 16..][..8].fill(0xff);
        }
        let held = Held::new(bytes);
        held.check(span(0, &held.bytes, page_size), TINY);
    }
}

#[test]
fn every_length_ends_where_it_should() {
    for page_size in [8, 24, 4096] {
        let stride = page_size + 8;
        for count in [0, 1, 63, 64, 65, 128, 129] {
            let mut bytes = vec![7; 60];
            bytes.extend(records(count, page_size));
            for tail in [0, 1, 7, 8, 9, stride - 1] {
                for fill in [0, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes.resize(bytes.len() + tail, fill);
                    let held = Held::new(bytes);
                    held.check(span(60, &held.bytes, page_size), TINY);
                }
            }
        }
    }
}

#[test]
fn real_pages_in_usual_steps() {
    let page_size = 16384;
    let mut bytes = vec![7; 60];
    bytes.extend(records(1500, page_size));
    bytes.extend([0xff; 8]);
    bytes.extend(records(3, page_size));
    let held = Held::new(bytes);
    held.check(span(60, &held.bytes, page_size), Tuning::USUAL);
}

#[test]
fn tiny_pages_in_usual_steps() {
    let mut bytes = records(200_000, 8);
    bytes[150_000 * 16..][..8].fill(0xff);
    let held = Held::new(bytes);
    held.check(span(0, &held.bytes, 8), Tuning::USUAL);
}

#[test]
fn a_span_that_is_empty_or_upside_down_holds_nothing() {
    let held = Held::new(records(3, 8));
    held.check(
        Span {
            start: 48,
            end: 48,
            page_size: 8,
        },
        TINY,
    );
    held.check(
        Span {
            start: 40,
            end: 16,
            page_size: 8,
        },
        TINY,
    );
    held.check(
        Span {
            start: 0,
            end: 0,
            page_size: 8,
        },
        TINY,
    );
    Held::new(Vec::new()).check(
        Span {
            start: 0,
            end: 0,
            page_size: 16384,
        },
        TINY,
    );
}

#[test]
fn a_file_that_is_shorter_than_promised_is_an_error() {
    let held = Held::new(records(100, 8));
    let span = Span {
        start: 0,
        end: 1700,
        page_size: 8,
    };
    let map = held.map.as_ref();
    for source in [
        Source::Bytes(&held.bytes),
        Source::File {
            file: &held.file,
            map,
        },
        Source::File {
            file: &held.file,
            map: None,
        },
    ] {
        assert!(Scanner::new(source).headers(span).is_err());
        assert!(Scanner::new(source).pages(span).is_err());
    }
}

#[test]
fn an_error_behind_the_terminator_is_nobodys() {
    let mut bytes = records(400, 8);
    bytes[300 * 16..][..8].fill(0xff);
    let held = Held::new(bytes);
    let source = Source::File {
        file: &held.file,
        map: None,
    };
    let beyond = Span {
        start: 0,
        end: 1 << 20,
        page_size: 8,
    };
    let expected = naive(&held.bytes, span(0, &held.bytes, 8));
    for threads in [1, 3] {
        let scanner = Scanner {
            tuning: Tuning { window: 1, ..TINY },
            ..Scanner::new(source)
        }
        .threads(NonZero::new(threads).unwrap());
        assert_eq!(scanner.headers(beyond).unwrap(), expected.headers);
    }
}

#[test]
fn opened_files_are_scanned_through_their_mapping() {
    let mut file = NamedTempFile::new().unwrap();
    let mut bytes = records(100, 16384);
    bytes.extend([0xff; 8]);
    file.write_all(&bytes).unwrap();
    let input = Input::open(file.path(), &Options::default()).unwrap();
    let Kind::Mapped(mapped) = input.kind else {
        panic!("not mapped")
    };
    let span = span(0, &bytes, 16384);
    assert_eq!(
        Scanner::new(mapped.source()).pages(span).unwrap(),
        naive(&bytes, span)
    );
}

#[test]
fn many_tiny_runs_cost_no_more_than_their_bytes() {
    // 20 000 runs of one record: scanning ahead by a large window each time would take minutes.
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        bytes.extend(records(1, 1016));
        bytes.extend([0xff; 8]);
    }
    let held = Held::new(bytes);
    let scanner = Scanner::new(Source::File {
        file: &held.file,
        map: held.map.as_ref(),
    });
    let counter = Counted::default();
    let (mut start, end) = (0, held.bytes.len() as u64);
    while start < end {
        let scanner = scanner.counting(&counter);
        let headers = scanner
            .headers(Span {
                start,
                end,
                page_size: 1016,
            })
            .unwrap();
        assert_eq!(headers.gmfns, [1]);
        start = headers.terminator.unwrap() + 8;
    }
    assert_eq!(counter.0.load(Ordering::Relaxed), 20_000 * 1024);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_run_is_read_as_by_a_plain_loop(
        page_size in prop::sample::select(vec![8_usize, 16, 40, 200]),
        count in 0_usize..700,
        terminators in prop::collection::vec(0_usize..700, 0..3),
        start in 0_u64..50,
        cut in 0_u64..300,
    ) {
        let mut bytes = vec![0xff; start as usize];
        bytes.extend(records(count, page_size));
        for at in terminators.into_iter().filter(|at| *at < count) {
            bytes[start as usize + at * (page_size + 8)..][..8].fill(0xff);
        }
        let end = (bytes.len() as u64).saturating_sub(cut);
        Held::new(bytes).check(Span { start, end, page_size }, TINY);
    }
}
