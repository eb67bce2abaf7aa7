//! Whatever fails, nothing half-done stays.

use ia64save_codec::transfer::ports::{Errno, PortCall, ShutdownReason};
use ia64save_codec::transfer::restore::Options;
use ia64save_codec::transfer::{Adaptive, Cause, Fate, Observer, Restore, ResumeMode, Save, save};
use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{Params, generate, kinds};

use crate::fake::{Fake, Kept};
use crate::live::{busy, guest};

fn save_options(live: bool) -> save::Options {
    save::Options::default()
        .live(live)
        .resume_mode(Some(ResumeMode::Cancel))
        .needs_way_back(true)
}

#[test]
fn a_source_runs_on_whichever_call_fails() {
    for live in [false, true] {
        for number in 0.. {
            let mut fake = guest(Dialect::D11);
            fake.script = Some(busy(1, 20, true));
            fake.fault = Some((number, Errno::EIO));
            let done = Save::new(&mut fake, &mut Kept::default())
                .options(save_options(live))
                .run();
            let failed = fake.calls.get(number).copied();
            assert!(!fake.exposed && fake.state.dirty.is_none(), "{failed:?}");
            match done {
                Ok(saved) => {
                    assert!(saved.leftovers.is_empty());
                    assert!(fake.state.shutdown.is_some());
                    if failed.is_none() {
                        break;
                    }
                    // A second try did it.
                    let after = [
                        PortCall::WaysBack,
                        PortCall::DisableLogDirty,
                        PortCall::UnexposeP2m,
                    ];
                    assert!(after.contains(&failed.unwrap()), "{failed:?}");
                }
                Err(error) => {
                    assert!(fake.state.shutdown.is_none(), "{error}");
                    assert!(error.cleanup.is_empty(), "{error}");
                    let told = fake.calls.contains(&PortCall::Suspend);
                    let fate = if told { Fate::Resumed } else { Fate::Untouched };
                    assert_eq!(error.fate, fate, "{error}");
                    assert!(matches!(error.cause, Cause::Port(at) if Some(at.call) == failed));
                }
            }
        }
    }
}

#[test]
fn a_source_runs_on_wherever_the_stream_ends() {
    let mut whole = Kept::default();
    Save::new(&mut guest(Dialect::D11), &mut whole)
        .run()
        .unwrap();
    for room in (0..whole.bytes.len())
        .step_by(100_003)
        .chain([whole.bytes.len() - 1])
    {
        let mut fake = guest(Dialect::D11);
        let mut kept = Kept {
            room: Some(room),
            ..Kept::default()
        };
        let error = Save::new(&mut fake, &mut kept)
            .options(save_options(true))
            .run()
            .unwrap_err();
        assert!(matches!(error.cause, Cause::Sink(_)), "{error}");
        assert!(fake.state.shutdown.is_none() && !fake.exposed && fake.state.dirty.is_none());
    }
}

#[test]
fn a_domain_that_stopped_otherwise_is_no_image() {
    for answer in [
        None,
        Some(ShutdownReason::Crash),
        Some(ShutdownReason::Poweroff),
    ] {
        let mut fake = guest(Dialect::D11);
        fake.state.answer = answer;
        let error = Save::new(&mut fake, &mut Kept::default())
            .run()
            .unwrap_err();
        assert_eq!(error.cause, Cause::NotSuspended(answer));
        assert_eq!(
            fake.state.shutdown, answer,
            "a crashed domain is left as it is"
        );
        let fate = answer.map_or(Fate::Resumed, |_| Fate::ShutDown);
        assert_eq!(error.fate, fate);
    }
}

#[test]
fn a_page_that_cannot_be_read_is_an_error_unless_told_otherwise() {
    let mut fake = guest(Dialect::D11);
    fake.state.unmappable = vec![8];
    let error = Save::new(&mut fake, &mut Kept::default())
        .run()
        .unwrap_err();
    assert!(matches!(error.cause, Cause::Page { pfn: 8, .. }), "{error}");
    let options = save::Options::default().skip_unreadable(true);
    let saved = Save::new(&mut fake, &mut Kept::default())
        .options(options)
        .run()
        .unwrap();
    assert_eq!(saved.unreadable, 1);
}

#[test]
fn log_dirty_that_somebody_left_on_is_begun_anew() {
    let mut fake = guest(Dialect::D11);
    fake.state.dirty = Some(ia64save_codec::transfer::bitmap::PfnBitmap::new(3000));
    Save::new(&mut fake, &mut Kept::default()).run().unwrap();
    assert_eq!(fake.count(PortCall::EnableLogDirty), 2);
}

#[test]
fn a_domain_too_large_is_refused_before_anything_is_allocated() {
    let mut fake = guest(Dialect::D11).with_p2m_size(1 << 50);
    let error = Save::new(&mut fake, &mut Kept::default())
        .run()
        .unwrap_err();
    assert!(matches!(error.cause, Cause::TooLarge { .. }), "{error}");
    assert_eq!(error.fate, Fate::Untouched);
}

#[test]
fn an_observer_can_cancel() {
    struct Impatient;
    impl Observer for Impatient {
        fn sending(&mut self, sent: u64) -> bool {
            sent < 1000
        }
    }
    let mut fake = guest(Dialect::D11);
    let error = Save::new(&mut fake, &mut Kept::default())
        .policy(&mut Adaptive::default())
        .observer(&mut Impatient)
        .run()
        .unwrap_err();
    assert_eq!(error.cause, Cause::Cancelled);
    assert_eq!((error.fate, fake.state.shutdown), (Fate::Untouched, None));
}

#[test]
fn no_half_built_target_stays_whichever_call_fails() {
    for (dialect, guest) in kinds() {
        let image = generate(&Params::rich(dialect, guest, 3));
        let target = || {
            Fake::new(dialect, guest, image.page_size, &image.params.vcpus)
                .with_p2m_size(image.plan.p2m_size)
        };
        for number in 0.. {
            let mut fake = target();
            fake.fault = Some((number, Errno::ENOMEM));
            let mut restore = Restore::new(&mut fake, Options::default());
            let fed = restore.feed(&image.bytes, true);
            let again = restore.feed(&image.bytes, true);
            let done = restore.finish();
            assert_eq!(done.is_ok(), fed.is_ok());
            let failed = fake.calls.get(number).copied();
            assert!(!fake.exposed, "{failed:?}");
            match fed {
                Ok(_) if failed.is_none() => break,
                Ok(_) => assert_eq!(failed, Some(PortCall::UnexposeP2m)),
                Err(error) => {
                    assert!(fake.destroyed, "{error}");
                    assert_eq!(error.fate, Fate::Destroyed);
                    assert_eq!(again, Err(error));
                }
            }
        }
    }
}

#[test]
fn no_half_built_target_stays_wherever_the_input_ends() {
    for (dialect, guest) in kinds() {
        let image = generate(&Params::new(dialect, guest));
        for section in &image.plan.sections {
            for cut in [section.offset, section.offset + 1] {
                let mut fake = Fake::new(dialect, guest, image.page_size, &[0])
                    .with_p2m_size(image.plan.p2m_size);
                let mut restore = Restore::new(&mut fake, Options::default());
                let error = restore
                    .feed(&image.bytes[..cut as usize], true)
                    .unwrap_err();
                assert!(matches!(error.cause, Cause::Stream(_)), "{error}");
                drop(restore);
                assert!(fake.destroyed && !fake.exposed);
            }
        }
    }
}

#[test]
fn a_restore_that_is_dropped_destroys_the_target() {
    let image = generate(&Params::new(Dialect::D11, Guest::Pv));
    let mut fake = Fake::new(Dialect::D11, Guest::Pv, image.page_size, &[0]).with_p2m_size(99);
    let mut restore = Restore::new(&mut fake, Options::default());
    assert!(!restore.feed(&image.bytes[..20_000], false).unwrap().done);
    drop(restore);
    assert!(fake.destroyed && !fake.exposed);
}

#[test]
fn a_target_that_does_not_fit_is_refused() {
    let image = generate(&Params {
        vcpus: vec![0, 5],
        ..Params::new(Dialect::D11, Guest::Pv)
    });
    let feed = |mut fake: Fake| {
        let mut restore = Restore::new(&mut fake, Options::default());
        let error = restore.feed(&image.bytes, true).unwrap_err();
        drop(restore);
        assert!(fake.destroyed);
        error.cause
    };
    let size = image.page_size;
    let small = Fake::new(Dialect::D11, Guest::Pv, size, &[0]);
    let cause = feed(small);
    assert_eq!(
        cause,
        Cause::TooFewVcpus {
            vcpu: 5,
            highest: 0
        }
    );
    let other = Fake::new(Dialect::D11, Guest::Hvm, size, &[0, 5]);
    assert!(matches!(feed(other), Cause::OtherGuest { .. }));
    for dialect in [Dialect::D10, Dialect::D8, Dialect::D1b] {
        let old = Fake::new(dialect, Guest::Pv, size, &[0, 5]);
        assert!(matches!(feed(old), Cause::OtherDialect { .. }), "{dialect}");
    }
}

#[test]
fn an_error_says_where_in_the_file_it_is() {
    let image = generate(&Params::new(Dialect::D11, Guest::Pv));
    let cut = &image.bytes[..image.bytes.len() - 10];
    let fail = |begin: Option<u64>| {
        let mut fake = Fake::new(Dialect::D11, Guest::Pv, image.page_size, &[0]);
        let mut restore = Restore::new(&mut fake, Options::default());
        if let Some(begin) = begin {
            restore = restore.starting_at(begin);
        }
        let error = restore.feed(cut, true).unwrap_err();
        let consumed = restore.restored().consumed;
        let Cause::Stream(cause) = error.cause else {
            panic!("{error}")
        };
        (error.offset, cause.offset, consumed)
    };
    let (part, end, consumed) = fail(None);
    assert_eq!(end, cut.len() as u64);
    assert_eq!(fail(Some(4711)), (part + 4711, end + 4711, consumed));
}
