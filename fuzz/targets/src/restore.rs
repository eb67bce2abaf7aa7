//! A stream into a simulated host, which checks what a hypervisor checks.

use ia64save_codec::decode::{Event, Step};
use ia64save_codec::grammar::Part;
use ia64save_codec::transfer::ports::{Errno, PortCall};
use ia64save_codec::transfer::restore::Options;
use ia64save_codec::transfer::{Cause, Restore, TransferError};
use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::generate::Random;
use ia64save_sim::SimTarget;
use ia64save_sim::hypervisor::{Era, Fault, Host, Leftovers, Machine};

use crate::Input;
use crate::usage::{Budget, Usage, measure};

/// What the host has for domains; few, so that a stream that asks for much is refused soon.
const PAGES: u64 = 1024;
/// Vcpus of the domain; one that a stream would need more for is refused.
const VCPUS: u32 = 8;
/// The simulated host gets the memory of its domains in pieces of 32 MiB, which are on these books.
const RESTORE: Budget = Budget {
    bytes: (130 << 20, 64),
    calls: (20_000, 16),
    time: (200_000_000, 40_000),
};

/// Calls that a restore makes, for one of them to fail.
const CALLS: [PortCall; 7] = [
    PortCall::Populate,
    PortCall::WritePages,
    PortCall::ExposeP2m,
    PortCall::SetVcpuContext,
    PortCall::SetHvmContext,
    PortCall::DecreaseReservation,
    PortCall::Destroy,
];

/// Nothing panics; a restore that fails leaves no domain, no mapping, no exposed table; one that does
/// not leaves a domain and nothing else; and how the bytes arrive changes neither.
///
/// The choice, modulo 32: 1 and up that era of [`Era::all`], otherwise a host of the stream's own
/// dialect; the upper bits name the call that fails once.
pub fn restore(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    if input.page_size < 16 {
        return; // no host has such pages
    }
    let Some((dialect, guest)) = kind(&input) else {
        return;
    };
    let eras: Vec<Era> = Era::all().collect();
    let era = match usize::from(input.choice % 32) {
        number if (1..=eras.len()).contains(&number) => eras[number - 1],
        _ => Era::from(dialect),
    };
    let fault = usize::from(input.choice / 32)
        .checked_sub(1)
        .map(|call| CALLS[call]);
    let fed = |piece| {
        RESTORE.spend_part(input.stream.len(), || {
            once(&input, era, guest, fault, piece)
        })
    };
    let whole = fed(usize::MAX);
    let pieces = fed(700);
    if fault.is_none() {
        // A run of pages is as long as the input allows, so it is told by where it begins; and the
        // second call of its kind is another one then.
        let (whole, pieces) = (cause(&whole), cause(&pieces));
        assert!(
            is_alike(&pieces, &whole),
            "in pieces: {pieces:?}, not {whole:?}"
        );
    }
}

/// What came of a restore: pages, or the part where it failed and why.
type Came<'a> = Result<u64, (Part, Option<&'a Cause>)>;

/// Why it failed, as far as that does not depend on the length of runs.
fn cause(outcome: &Result<u64, TransferError>) -> Came<'_> {
    match outcome {
        Ok(pages) => Ok(*pages),
        // How many pages a call had done.
        Err(error) => match &error.cause {
            Cause::Port(_) => Err((error.part, None)),
            cause => Err((error.part, Some(cause))),
        },
    }
}

/// Whether two came to the same. A page for which there is no room may stand in front of one that is no
/// RAM: of a run with both, the second is found first.
fn is_alike(a: &Came<'_>, b: &Came<'_>) -> bool {
    match (a, b) {
        (Err((Part::Pages, None)), Err((Part::Pages, _)))
        | (Err((Part::Pages, _)), Err((Part::Pages, None))) => true,
        _ => a == b,
    }
}

/// What the stream says of itself, as far as a domain has to be created for it.
fn kind(input: &Input<'_>) -> Option<(Dialect, Guest)> {
    let mut decoder = input.decoder();
    let mut rest = input.stream;
    let mut found = None;
    while let Ok(Step::Event {
        consumed, event, ..
    }) = decoder.decode(rest, true)
    {
        rest = &rest[consumed..];
        if let Some(head) = decoder.head() {
            let first = head.candidates().first().copied();
            found = Some((input.dialect.or(first)?, head.guest));
        }
        if let Event::Detected(detection) = event {
            return Some((detection.best(), detection.guest));
        }
    }
    found
}

/// Restores once, on a host of its own; what came of it, how many pages the domain has, and what the
/// restore took.
fn once(
    input: &Input<'_>,
    era: Era,
    guest: Guest,
    fault: Option<PortCall>,
    piece: usize,
) -> (Result<u64, TransferError>, Usage) {
    let host = Host::new(Machine {
        page_size: input.page_size,
        pages: PAGES,
        ..Machine::new(era)
    });
    let Ok(mut target) = SimTarget::create(&host, guest, VCPUS, PAGES) else {
        return (Ok(0), Usage::default()); // no such guests then
    };
    if let Some(call) = fault {
        host.faults(|faults| faults.add(Fault::at(call, 1, Errno::EINVAL)));
    }
    let options = Options::default().dialect(input.dialect).guest(input.guest);
    let (outcome, used) = measure(|| feed(Restore::new(&mut target, options), input.stream, piece));
    drop(target);
    let left = host.leftovers();
    let expected = Leftovers {
        domains: u64::from(outcome.is_ok()),
        ..left.clone()
    };
    assert_eq!(left, expected, "{outcome:?}");
    assert_eq!(
        (left.zombies, left.mapped_pages, left.exposed_p2ms),
        (0, 0, 0),
        "{outcome:?}"
    );
    (outcome, used)
}

/// Feeds a stream in pieces of up to so many bytes.
fn feed(
    mut restore: Restore<'_, SimTarget>,
    stream: &[u8],
    piece: usize,
) -> Result<u64, TransferError> {
    let mut random = Random::new(piece as u64, &[9]);
    let (mut at, mut shown) = (0, 0);
    loop {
        let end = shown == stream.len();
        let fed = restore.feed(&stream[at..shown], end)?;
        at += fed.consumed;
        assert!(at <= shown);
        if fed.done {
            let restored = restore.finish()?;
            assert_eq!(restored.consumed, at as u64);
            return Ok(restored.populated.len());
        }
        assert!(!end, "the end was said, and more is wanted");
        assert!(fed.wanted > shown - at, "{fed:?}");
        let more = match piece {
            usize::MAX => stream.len(),
            most => 1 + random.below(most as u64) as usize,
        };
        shown = (shown + more).min(stream.len());
    }
}
