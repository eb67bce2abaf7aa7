//! Both ends against each other, over a connection that is cut at any byte.

use alloc::vec::Vec;

use super::*;
use crate::dialect::Dialect;

const FILE: &[u8] = b"LinuxGuestRecord and what follows it";
const TOKEN: Token = Token(7);

/// What became of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Runs,
    Suspended,
    Paused,
    Gone,
}

/// One connection between a source and a target; each direction carries so many bytes, then it is cut.
struct Wire {
    room: [usize; 2],
    cut: bool,
}

impl Wire {
    fn carry(&mut self, direction: usize, bytes: &[u8], to: &mut Vec<u8>) {
        let count = bytes.len().min(self.room[direction]);
        to.extend_from_slice(&bytes[..count]);
        self.room[direction] -= count;
        self.cut |= count < bytes.len();
    }
}

struct Target {
    outcomes: Outcomes,
    domain: Domain,
    token: Token,
    file: Vec<u8>,
    restores: bool,
    runs: bool,
    thanked: bool,
}

impl Target {
    fn new() -> Self {
        Target {
            outcomes: Outcomes::default(),
            domain: Domain::Gone,
            token: TOKEN,
            file: Vec::new(),
            restores: true,
            runs: true,
            thanked: false,
        }
    }

    /// Goes on until it waits or is done; what it said.
    fn go_on(&mut self, end: &mut TargetEnd, heard: &mut Vec<u8>, input: Input) -> (Vec<u8>, bool) {
        let mut said = Vec::new();
        loop {
            let bytes = core::mem::take(heard);
            let (used, step) = end.step(&bytes, input);
            *heard = bytes[used..].to_vec();
            match step {
                TargetStep::Wait => return (said, false),
                TargetStep::Done => return (said, true),
                TargetStep::Send(words) => said.extend(words.into_bytes()),
                TargetStep::Begin(_) => self.domain = Domain::Paused,
                TargetStep::Payload(bytes) => self.file.extend_from_slice(bytes),
                TargetStep::PayloadEnd => {
                    let whole = self.restores && self.file == FILE;
                    end.restored(whole.then_some(()).ok_or("a broken stream"));
                }
                TargetStep::Run => {
                    if self.runs {
                        self.domain = Domain::Runs;
                        self.outcomes.remember(self.token, Outcome::Running);
                    }
                    end.ran(self.runs.then_some(()).ok_or("it cannot run"));
                }
                TargetStep::Abandon(_) => {
                    self.domain = Domain::Gone;
                    self.outcomes.remember(self.token, Outcome::Destroyed);
                }
                TargetStep::Query(token) => {
                    if self.domain == Domain::Paused {
                        self.domain = Domain::Gone;
                        self.outcomes.remember(self.token, Outcome::Destroyed);
                    }
                    end.answer(self.outcomes.of(token));
                }
            }
        }
    }
}

/// A whole migration; returns the fate and how the source's domain is left.
fn migrate(source: SourceEnd, target: &mut Target, wire: &mut Wire) -> SourceFate {
    migrate_to(source, TargetEnd::new(), target, wire)
}

fn migrate_to(
    mut source: SourceEnd,
    mut end: TargetEnd,
    target: &mut Target,
    wire: &mut Wire,
) -> SourceFate {
    let (mut to_target, mut to_source) = (Vec::new(), Vec::new());
    let mut target_done = false;
    let mut source_closed = false;
    let framed = source.protocol() == Protocol::Acknowledged;
    loop {
        match source.step() {
            SourceStep::Send(bytes) => wire.carry(0, &bytes, &mut to_target),
            SourceStep::Stream => {
                for piece in FILE.chunks(10) {
                    if framed {
                        wire.carry(0, &frame_header(piece.len()), &mut to_target);
                    }
                    wire.carry(0, piece, &mut to_target);
                }
                source.streamed(Ok(()));
            }
            SourceStep::CloseWriting => source_closed = true,
            SourceStep::Done(fate) => {
                // The connection goes away with the source.
                if !target_done {
                    target.go_on(&mut end, &mut to_target, Input::Closed);
                }
                target.thanked = end.is_thanked();
                return fate;
            }
            SourceStep::Wait => {
                let input = if wire.cut {
                    Input::Broken
                } else if source_closed {
                    Input::Closed
                } else {
                    Input::Open
                };
                if target_done {
                    source.closed();
                } else {
                    let (said, done) = target.go_on(&mut end, &mut to_target, input);
                    target_done = done;
                    wire.carry(1, &said, &mut to_source);
                    source.received(&core::mem::take(&mut to_source));
                    if wire.cut {
                        source.broken();
                    }
                }
            }
        }
    }
}

fn settle(fate: &SourceFate, target: &mut Target) -> Domain {
    match fate {
        SourceFate::Gone => Domain::Gone,
        SourceFate::Stays(_) => Domain::Runs,
        SourceFate::InDoubt(_) => {
            let mut wire = open();
            match migrate(SourceEnd::ask(TOKEN), target, &mut wire) {
                SourceFate::Gone => Domain::Gone,
                SourceFate::Stays(_) => Domain::Runs,
                SourceFate::InDoubt(_) => Domain::Suspended,
            }
        }
    }
}

fn open() -> Wire {
    Wire {
        room: [usize::MAX; 2],
        cut: false,
    }
}

fn acknowledged() -> SourceEnd {
    SourceEnd::new(TOKEN, Dialect::D11)
}

#[test]
fn a_domain_moves() {
    for source in [acknowledged(), SourceEnd::xend()] {
        let protocol = source.protocol();
        let mut target = Target::new();
        let fate = migrate(source, &mut target, &mut open());
        assert_eq!(fate, SourceFate::Gone);
        assert_eq!(target.domain, Domain::Runs);
        assert_eq!(target.file, FILE);
        assert_eq!(target.thanked, protocol == Protocol::Acknowledged);
    }
}

#[test]
fn wherever_the_connection_is_cut_exactly_one_domain_runs() {
    let mut doubts = 0;
    for direction in 0..2 {
        for room in 0..160 {
            let mut wire = open();
            wire.room[direction] = room;
            let mut target = Target::new();
            let fate = migrate(acknowledged(), &mut target, &mut wire);
            doubts += u32::from(matches!(fate, SourceFate::InDoubt(_)));
            let source = settle(&fate, &mut target);
            let running = [source, target.domain]
                .iter()
                .filter(|domain| **domain == Domain::Runs)
                .count();
            assert_eq!(
                running, 1,
                "cut after {room} bytes of {direction}: {fate:?}"
            );
            assert_ne!(target.domain, Domain::Paused, "cut after {room}");
        }
    }
    // The bytes of `commit\n` and of the answer to it: there is such a moment, and it is short.
    assert_eq!(doubts as usize, "commit\n".len() + "(running)\n".len());
}

#[test]
fn a_target_that_fails_says_so_and_the_source_goes_on() {
    for source in [acknowledged(), SourceEnd::xend()] {
        for (restores, runs) in [(false, true), (true, false)] {
            let mut target = Target::new();
            (target.restores, target.runs) = (restores, runs);
            let fate = migrate(source.clone(), &mut target, &mut open());
            let SourceFate::Stays(why) = fate else {
                panic!("{fate:?}");
            };
            let said = if restores {
                "it cannot run"
            } else {
                "a broken stream"
            };
            assert_eq!(why, alloc::format!("the target says: {said}"));
            assert_eq!(target.domain, Domain::Gone);
        }
    }
}

#[test]
fn a_source_that_gives_up_says_so() {
    let mut source = acknowledged();
    let mut end = TargetEnd::new();
    let mut target = Target::new();
    let SourceStep::Send(request) = source.step() else {
        panic!("a request comes first");
    };
    let mut heard = request;
    let (said, _) = target.go_on(&mut end, &mut heard, Input::Open);
    source.received(&said);
    assert_eq!(source.step(), SourceStep::Stream);
    source.streamed(Err("the guest crashed"));
    let mut heard = source.farewell().unwrap().to_vec();
    let (said, done) = target.go_on(&mut end, &mut heard, Input::Open);
    assert!(done && said.is_empty() && target.domain == Domain::Gone);
    let fate = SourceFate::Stays("the guest crashed".into());
    assert_eq!(source.step(), SourceStep::Done(fate));
}

#[test]
fn a_target_that_is_asked_before_it_heard_commit_will_not_run() {
    let mut target = Target::new();
    target.domain = Domain::Paused;
    let fate = migrate(SourceEnd::ask(TOKEN), &mut target, &mut open());
    assert!(matches!(fate, SourceFate::Stays(_)), "{fate:?}");
    assert_eq!(target.domain, Domain::Gone);
    // One that never heard of it decides nothing.
    let fate = migrate(SourceEnd::ask(Token(8)), &mut Target::new(), &mut open());
    assert!(matches!(fate, SourceFate::InDoubt(_)), "{fate:?}");
}

#[test]
fn hostile_words_end_in_an_error() {
    let mut source = acknowledged();
    let _ = source.step();
    source.received(&alloc::vec![b'x'; 100_000]);
    assert!(matches!(
        source.step(),
        SourceStep::Done(SourceFate::Stays(_))
    ));

    for words in [&[b'x'; 5000][..], b"sslreceive\n"] {
        let mut end = TargetEnd::new();
        let (said, done) = Target::new().go_on(&mut end, &mut words.to_vec(), Input::Open);
        assert!(done && said.starts_with(b"(err "), "{said:?}");
    }
    let mut words = b"ia64save-migrate 1 0000000000000007 xen-3.3\n".to_vec();
    words.extend(0xffff_fff0u32.to_le_bytes());
    let mut target = Target::new();
    let (said, done) = target.go_on(&mut TargetEnd::new(), &mut words, Input::Open);
    let said = alloc::string::String::from_utf8(said).unwrap();
    assert!(
        done && said.contains("a frame of 4294967280 bytes"),
        "{said}"
    );
    assert_eq!(target.domain, Domain::Gone);
}

/// A source that has sent all there is by xend's protocol, and waits.
fn sent_by_xend() -> SourceEnd {
    let mut source = SourceEnd::xend();
    let _ = source.step();
    source.received(b"(ready receive)\n");
    assert_eq!(source.step(), SourceStep::Stream);
    source.imaged();
    source.streamed(Ok(()));
    assert_eq!(source.step(), SourceStep::CloseWriting);
    assert_eq!(source.step(), SourceStep::Wait);
    source
}

#[test]
fn closing_alone_says_that_a_domain_runs() {
    type Event = fn(&mut SourceEnd);
    let events: [(&str, Event); 5] = [
        ("", SourceEnd::closed),
        ("", SourceEnd::broken),
        ("", SourceEnd::timed_out),
        ("(err (type restore) (value \"no ro", SourceEnd::closed),
        ("(err (type restore) (value \"full\"))\n", SourceEnd::broken),
    ];
    let fates = events.map(|(heard, event)| {
        let mut source = sent_by_xend();
        source.received(heard.as_bytes());
        event(&mut source);
        match source.step() {
            SourceStep::Done(fate) => fate,
            step => panic!("{step:?}"),
        }
    });
    assert_eq!(fates[0], SourceFate::Gone);
    for fate in &fates[1..4] {
        assert!(matches!(fate, SourceFate::InDoubt(_)), "{fate:?}");
    }
    assert_eq!(fates[4], SourceFate::Stays("the target says: full".into()));
}

#[test]
fn what_fails_behind_the_image_is_in_doubt_where_nothing_is_acknowledged() {
    for imaged in [false, true] {
        for protocol in [SourceEnd::xend as fn() -> SourceEnd, acknowledged] {
            type Event = fn(&mut SourceEnd);
            let events: [Event; 3] = [
                |source| source.streamed(Err("no device model's state")),
                SourceEnd::broken,
                SourceEnd::closed,
            ];
            for event in events {
                let mut source = protocol();
                let _ = source.step();
                source.received(match source.protocol() {
                    Protocol::Xend => b"(ready receive)\n",
                    Protocol::Acknowledged => b"(ready migrate)\n",
                });
                assert_eq!(source.step(), SourceStep::Stream);
                if imaged {
                    source.imaged();
                }
                event(&mut source);
                let SourceStep::Done(fate) = source.step() else {
                    panic!("it is over");
                };
                let doubt = imaged && source.protocol() == Protocol::Xend;
                assert_eq!(matches!(fate, SourceFate::InDoubt(_)), doubt, "{fate:?}");
            }
        }
    }
}

#[test]
fn what_came_over_a_connection_that_broke_is_not_run() {
    for (input, runs) in [
        (Input::Closed, true),
        (Input::Broken, false),
        (Input::TimedOut, false),
    ] {
        let mut end = TargetEnd::new();
        let mut target = Target::new();
        let mut heard = b"receive\n".to_vec();
        heard.extend_from_slice(FILE);
        let (_, done) = target.go_on(&mut end, &mut heard, Input::Open);
        assert!(!done);
        target.go_on(&mut end, &mut heard, input);
        assert_eq!(target.domain == Domain::Runs, runs, "{input:?}");
    }
}

/// No hash that anybody should use.
fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut out = [7u8; 32];
    for (at, byte) in key.iter().chain(b"|").chain(message).enumerate() {
        let last = out[(at + 31) % 32];
        let cell = &mut out[at % 32];
        *cell = (cell.rotate_left(3) ^ byte)
            .wrapping_add(last)
            .wrapping_mul(167);
    }
    out
}

#[test]
fn a_secret_keeps_strangers_out_at_both_ends() {
    let secret = |key: &[u8]| Secret::new(key.to_vec(), mac);
    let guarded = |key: &[u8]| TargetEnd::new().with_secret(secret(key), [3; 16]);
    let knows = |key: &[u8]| acknowledged().with_secret(Some(secret(key)));
    let mut target = Target::new();
    let fate = migrate_to(knows(b"a"), guarded(b"a"), &mut target, &mut open());
    assert_eq!((fate, target.domain), (SourceFate::Gone, Domain::Runs));
    // Who asks proves it as well.
    let ask = SourceEnd::ask(TOKEN).with_secret(Some(secret(b"a")));
    assert_eq!(
        migrate_to(ask, guarded(b"a"), &mut target, &mut open()),
        SourceFate::Gone
    );
    let strangers = [
        (knows(b"a"), guarded(b"b"), "the secret here is another"),
        (acknowledged(), guarded(b"b"), "none was given here"),
        (knows(b"a"), TargetEnd::new(), "does not ask for the secret"),
        (SourceEnd::xend(), guarded(b"a"), "no place for one"),
    ];
    for (source, end, said) in strangers {
        let mut target = Target::new();
        match migrate_to(source, end, &mut target, &mut open()) {
            SourceFate::Stays(why) => assert!(why.contains(said), "{why}"),
            fate => panic!("{fate:?}"),
        }
        assert!(target.file.is_empty());
    }
    // A target that only pretends learns nothing but a proof that no other nonce takes.
    let mut source = knows(b"a");
    let _ = source.step();
    source.received(b"(challenge 00)\n");
    let SourceStep::Send(proof) = source.step() else {
        panic!("a proof");
    };
    source.received(b"(ready migrate)\n");
    assert!(matches!(
        source.step(),
        SourceStep::Done(SourceFate::Stays(_))
    ));
    let mut heard = b"ia64save-migrate 1 0000000000000007 xen-3.3\n".to_vec();
    heard.extend(proof);
    let (said, done) = Target::new().go_on(&mut guarded(b"a"), &mut heard, Input::Open);
    let said = alloc::string::String::from_utf8(said).unwrap();
    assert!(done && said.contains("another"), "{said}");
    assert_eq!(alloc::format!("{:?}", secret(b"key")), "Secret(..)");
}

#[test]
fn a_secret_changes_nothing_about_cuts() {
    for direction in 0..2 {
        for room in 0..380 {
            let key = || Secret::new(b"key".to_vec(), mac);
            let mut wire = open();
            wire.room[direction] = room;
            let mut target = Target::new();
            let source = acknowledged().with_secret(Some(key()));
            let end = TargetEnd::new().with_secret(key(), [1; 16]);
            let fate = migrate_to(source, end, &mut target, &mut wire);
            let source = settle(&fate, &mut target);
            let running = [source, target.domain];
            let running = running.iter().filter(|domain| **domain == Domain::Runs);
            assert_eq!(running.count(), 1, "{room} of {direction}: {fate:?}");
        }
    }
}
