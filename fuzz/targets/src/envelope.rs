//! Files around a stream.

use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::envelope::{
    ByteOrder, Config, Envelope, Probe, Tail, parse_tail, probe, xend_header, xl_header,
};
use ia64save_codec::file::probe_slice;
use ia64save_codec::{Error, Limits, SaveFile};

use crate::Input;
use crate::usage::Budget;

/// Looking for the stream holds nothing but an error's text.
const PROBE: Budget = Budget {
    bytes: (64 << 10, 2),
    calls: (2000, 1),
    time: (50_000_000, 2000),
};
/// A file is an envelope, an image, and a configuration of small items.
const FILE: Budget = Budget {
    bytes: (256 << 10, 128),
    calls: (4000, 16),
    time: (100_000_000, 20_000),
};

/// An input is the same thing however much of it is shown at a time; it lies where its envelope says;
/// and what is written around a stream is found again.
pub fn envelope(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let file = input.stream;
    let whole = PROBE.spend(file.len(), || stepwise(file, file.len().max(1)));
    let step = usize::from(input.choice % 32) + 1;
    assert_eq!(stepwise(file, step), whole, "in steps of {step}");
    if let Ok(Probe::Found(found)) = &whole {
        assert!(found.stream_offset <= file.len() as u64);
        if let Some(range) = &found.config {
            assert!(range.start <= range.end && range.end <= found.stream_offset);
        }
    }
    let bytes = input.bytes();
    let parsed = FILE.spend(file.len(), || SaveFile::parse(&bytes, &input.options()));
    assert_eq!(
        parsed.is_ok(),
        probe_slice(file, &Limits::default()).is_ok()
    );
    if let Ok(parsed) = &parsed {
        let report = check::run_file(parsed, &CheckOptions::default());
        for finding in &report.findings {
            assert!(finding.offset <= file.len() as u64, "{finding}");
        }
        if let Some((offset, size)) = parsed.trailing() {
            assert_eq!(offset + size, file.len() as u64);
        }
    }
    tail(file, step);
    around(file, input.choice);
}

/// Probes with prefixes that grow by at least `step`.
fn stepwise(file: &[u8], step: usize) -> Result<Probe, Error> {
    let mut have = 0;
    loop {
        let end = have == file.len();
        match probe(&file[..have], end, &Limits::default())? {
            Probe::NeedMore(wanted) => {
                assert!(!end, "more wanted behind the end");
                assert!(wanted > have, "{wanted} wanted, {have} shown");
                // Not all that was asked for may come at once.
                have = (have + step).min(file.len());
            }
            done => return Ok(done),
        }
    }
}

/// A device-model record is the same in pieces.
fn tail(file: &[u8], step: usize) {
    let order = [ByteOrder::Little, ByteOrder::Big][step % 2];
    let whole = parse_tail(file, true, 7, order);
    let mut have = 0;
    let pieces = loop {
        let end = have == file.len();
        match parse_tail(&file[..have], end, 7, order) {
            Ok(Tail::NeedMore(wanted)) => {
                assert!(!end && wanted > have);
                have = (have + step).min(file.len());
            }
            done => break done,
        }
    };
    assert_eq!(pieces, whole);
    if let Ok(Tail::Record(record)) = &whole {
        let _ = record.finish(file.len() as u64 + 7);
    }
}

/// The bytes as a configuration, in front of a stream.
fn around(config: &[u8], choice: u8) {
    let order = if choice & 1 == 0 {
        ByteOrder::Little
    } else {
        ByteOrder::Big
    };
    let headers = [
        xend_header(config),
        xl_header(order, u32::from(choice), Some(config)),
    ];
    for header in headers.into_iter().flatten() {
        let mut bytes = header.clone();
        bytes.extend_from_slice(&[0; 64]);
        let found: Envelope = match stepwise(&bytes, 4096) {
            Ok(Probe::Found(found)) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(found.stream_offset, header.len() as u64);
        assert_eq!(found.config_bytes(&bytes), Some(config));
        let _ = Config::parse(found.kind, config);
    }
}
