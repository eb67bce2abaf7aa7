//! `cargo xtask dissector`: Wireshark's dissector against images whose content is known.
//!
//! Golden images go through a socket on 127.0.0.1 as xend sent them; `dumpcap` records it, `tshark`
//! dissects the capture, and what it shows is compared with what the corpus says. A second capture
//! is written frame by frame and has what a real one cannot be made to have: streams that are cut
//! short, unknown versions, segments of any length.
//!
//! | file | what lives there |
//! |---|---|
//! | `golden` | an image and the truth about it |
//! | `relocation` | the two ends of a relocation |
//! | `capture` | `dumpcap` |
//! | `pcap` | a capture that is written |
//! | `tshark` | `tshark`, and what it showed of each stream |
//! | `compare` | the comparison |
//! | `every` | made-up images of every dialect |
//! | `pattern` | `--pattern`: the same goldens by ImHex's pattern, where its evaluator is installed |

mod capture;
mod compare;
mod every;
mod golden;
mod pattern;
mod pcap;
mod relocation;
mod tshark;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use capture::Capture;
use golden::Golden;
use pcap::Pcap;
use tshark::Stream;

/// Bytes of a segment where the capture is written: an Ethernet's, a short one that divides nothing
/// and a long one.
const SEGMENTS: [usize; 3] = [1460, 61, 40_000];

/// How often a recording is tried.
const RECORDINGS: usize = 4;

/// Exit code where something could not be run; `cargo xtask` knows it.
const SKIPPED: u8 = 3;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(),
        ["--pattern"] if pattern::is_there() => run_pattern(),
        ["--pattern"] => {
            println!("plcli, the evaluator of ImHex's patterns, is not installed: NOT evaluated");
            return ExitCode::from(SKIPPED);
        }
        _ => Err("only --pattern is known".into()),
    };
    match outcome {
        Ok((said, complaints)) if complaints.is_empty() => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Ok((_, complaints)) => {
            for complaint in &complaints {
                println!("{complaint}");
            }
            println!("{} complaints", complaints.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("dissector: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(String, Vec<String>), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let goldens = Golden::all()?;
    let mut complaints = kinds(&goldens);

    // What went over the loopback interface.
    let path = directory.path().join("relocation.pcapng");
    let start = Instant::now();
    let (how, streams) = record(&goldens, &path)?;
    let captured = start.elapsed();
    let start = Instant::now();
    complaints.extend(compare::all(&goldens, &streams, 1));
    complaints.extend(compare::all(&goldens, &tshark::streams(&path, 2)?, 2));
    let dissected = start.elapsed();

    // What cannot be had from there.
    let path = directory.path().join("written.pcap");
    let (pcap, expected) = written(&goldens)?;
    pcap.save(&path)?;
    complaints.extend(verdicts(&tshark::streams(&path, 1)?, &expected));

    let path = directory.path().join("every.pcap");
    let (made_up, wrong) = every::check(&path, SEGMENTS[0])?;
    complaints.extend(wrong);

    let said = format!(
        "{} relocations {how} in {:.1} s, dissected in one pass and in two in {:.1} s; \
         {} streams and {made_up} made-up images written and dissected",
        goldens.len(),
        captured.as_secs_f64(),
        dissected.as_secs_f64(),
        expected.len(),
    );
    Ok((said, complaints))
}

fn run_pattern() -> Result<(String, Vec<String>), String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let goldens = Golden::all()?;
    let complaints = pattern::check(&goldens, directory.path());
    let said = format!(
        "{} goldens, bare and in an envelope, and made-up images of every dialect",
        goldens.len()
    );
    Ok((said, complaints))
}

/// Every kind of stream that a golden can have is among them.
fn kinds(goldens: &[Golden]) -> Vec<String> {
    let wanted = [(1, "pv"), (2, "pv"), (3, "pv"), (2, "hvm"), (3, "hvm")];
    wanted
        .iter()
        .filter(|kind| !goldens.iter().any(|golden| golden.kind() == **kind))
        .map(|(version, guest)| format!("there is no golden of version {version}, {guest}"))
        .collect()
}

/// Sends every image and records it. A machine under load loses frames on the way to the recorder,
/// whatever its buffers: that says nothing of the dissector, and is done again. Where no whole
/// recording can be had, the same frames are written instead.
fn record(goldens: &[Golden], path: &Path) -> Result<(&'static str, Vec<Stream>), String> {
    for _ in 0..RECORDINGS {
        let Some(capture) = Capture::start(path)? else {
            println!("dumpcap may not record the loopback interface");
            break;
        };
        for golden in goldens {
            relocation::run(&golden.file()).map_err(|error| format!("{}: {error}", golden.name))?;
        }
        if let Err(why) = capture.stop() {
            println!("{why}: recorded again");
            continue;
        }
        let gaps = tshark::gaps(path)?;
        if gaps == 0 {
            let streams = tshark::streams(path, 1)?;
            return Ok(("captured on the loopback interface", streams));
        }
        println!("the recording has {gaps} gaps: recorded again");
    }
    println!("SKIPPED: a recording of the loopback interface; the frames are WRITTEN instead");
    let mut pcap = Pcap::new();
    for golden in goldens {
        pcap.relocation(&golden.file(), SEGMENTS[0]);
    }
    pcap.save(path)?;
    let streams = tshark::streams(path, 1)?;
    Ok(("written, NOT captured,", streams))
}

/// What the experts have to say of a stream.
struct Expected<'a> {
    what: String,
    golden: Option<&'a Golden>,
    says: Option<&'static str>,
}

/// Streams as they should be, cut into other segments; and some as they should not be.
fn written(goldens: &[Golden]) -> Result<(Pcap, Vec<Expected<'_>>), String> {
    let mut pcap = Pcap::new();
    let mut expected = Vec::new();
    let small = |kind| {
        let of_kind = goldens.iter().filter(|golden| golden.kind() == kind);
        of_kind
            .min_by_key(|golden| golden.image.len())
            .ok_or("a kind of golden is missing")
    };
    for kind in [(1, "pv"), (2, "hvm"), (3, "pv"), (3, "hvm")] {
        let golden = small(kind)?;
        for length in SEGMENTS {
            pcap.relocation(&golden.file(), length);
            expected.push(Expected {
                what: format!("{} in segments of {length}", golden.name),
                golden: Some(golden),
                says: None,
            });
        }
    }
    let mut bad = |what: &str, file: &[u8], says: &'static str| {
        pcap.relocation(file, SEGMENTS[0]);
        expected.push(Expected {
            what: what.into(),
            golden: None,
            says: Some(says),
        });
    };
    let golden = small((3, "hvm"))?;
    let file = golden.file();
    let head = golden.file().len() - golden.image.len();
    let cuts = [
        head - 3,
        head + 30,
        head + 60_000,
        file.len() - 20_000,
        file.len() - 5,
    ];
    for cut in cuts {
        let what = format!("{} cut at {cut}", golden.name);
        bad(&what, &file[..cut], "The stream ends before or in");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    bad("version 4", &with(head + 8, &[4]), "is none of 1, 2, 3");
    let high = with(head + 12, &[1]);
    bad("version 0x100000003", &high, "is none of 1, 2, 3");
    let no_magic = with(0, b"WindowsXenRecord");
    bad("no signature", &no_magic, "No LinuxGuestRecord");
    let negative = with(16, &[0xff]);
    bad(
        "a negative length",
        &negative,
        "The configuration cannot take",
    );
    let many = with(head + 56, &[0, 0, 1]);
    bad("many memory map pages", &many, "The memory map cannot take");
    Ok((pcap, expected))
}

fn verdicts(streams: &[Stream], expected: &[Expected<'_>]) -> Vec<String> {
    let mut complaints = Vec::new();
    if streams.len() != expected.len() {
        let (seen, sent) = (streams.len(), expected.len());
        complaints.push(format!("{seen} streams of {sent} were seen"));
    }
    for (stream, expected) in streams.iter().zip(expected) {
        let what = &expected.what;
        if let Some(golden) = expected.golden {
            let differences = compare::one(golden, stream);
            complaints.extend(differences.iter().map(|text| format!("{what}: {text}")));
        }
        if let Some(says) = expected.says
            && !stream.experts.iter().any(|text| text.contains(says))
        {
            let said = stream.experts.join("; ");
            complaints.push(format!("{what}: no expert says \"{says}\", but: {said}"));
        }
    }
    complaints
}
