//! How a source goes on after its suspension, and when it is refused to suspend it at all.

use ia64save_codec::transfer::ports::{NoWayBack, PortCall, ShutdownReason, WaysBack};
use ia64save_codec::transfer::resume::resume;
use ia64save_codec::transfer::{Cause, Fate, ResumeMode, Save, save};
use ia64save_codec::{Dialect, Guest};

use crate::fake::{Fake, Kept, SHARED_INFO};
use crate::live::guest;

const ALL: WaysBack = WaysBack {
    call: true,
    reset: true,
    introduction: true,
};

/// What is there, how the guest goes on, and why it does not.
fn cases() -> [(WaysBack, Option<ResumeMode>, Option<NoWayBack>); 9] {
    let (cancel, reset) = (Some(ResumeMode::Cancel), Some(ResumeMode::Reset));
    let none = WaysBack { call: false, ..ALL };
    let no_reset = WaysBack {
        reset: false,
        ..ALL
    };
    let nobody = WaysBack {
        introduction: false,
        ..ALL
    };
    [
        (ALL, cancel, None),
        (ALL, reset, None),
        (ALL, None, Some(NoWayBack::UnknownKernel)),
        (none, cancel, Some(NoWayBack::NoCall)),
        (none, None, Some(NoWayBack::NoCall)),
        (no_reset, cancel, None),
        (no_reset, reset, Some(NoWayBack::NoReset)),
        (nobody, cancel, None),
        (nobody, reset, Some(NoWayBack::NoIntroduction)),
    ]
}

fn options(live: bool, resume_mode: Option<ResumeMode>, needs_way_back: bool) -> save::Options {
    save::Options::default()
        .live(live)
        .resume_mode(resume_mode)
        .needs_way_back(needs_way_back)
}

#[test]
fn who_cannot_go_on_is_not_suspended_where_it_has_to() {
    for live in [true, false] {
        for (ways, mode, missing) in cases() {
            let mut fake = guest(Dialect::D11);
            fake.ways_back = ways;
            let save = Save::new(&mut fake, &mut Kept::default())
                .options(options(live, mode, true))
                .run();
            match missing {
                None => assert!(save.is_ok()),
                Some(why) => {
                    let error = save.unwrap_err();
                    assert_eq!(
                        (error.cause, error.fate),
                        (Cause::NoWayBack(why), Fate::Untouched)
                    );
                    assert_eq!(fake.calls, [PortCall::Info, PortCall::WaysBack]);
                }
            }
        }
    }
}

#[test]
fn who_cannot_go_on_stays_suspended_where_it_need_not() {
    for live in [true, false] {
        for (ways, mode, missing) in cases() {
            let mut fake = guest(Dialect::D11);
            fake.ways_back = ways;
            // The tail fails, when the domain is suspended.
            fake.script = Some(Box::new(|call, state| {
                if call == PortCall::VcpuInfo {
                    state.unmappable = vec![SHARED_INFO];
                } else if call == PortCall::WaysBack {
                    state.unmappable.clear();
                }
            }));
            let save = Save::new(&mut fake, &mut Kept::default())
                .options(options(live, mode, false))
                .run();
            let error = save.unwrap_err();
            let fate = missing.map_or(Fate::Resumed, Fate::NoWayBack);
            assert_eq!((error.fate, &error.cleanup[..]), (fate, &[][..]), "{error}");
            assert_eq!(fake.state.shutdown.is_some(), missing.is_some());
            assert!(!fake.exposed && fake.state.dirty.is_none());
        }
    }
}

fn suspended(dialect: Dialect) -> Fake {
    let mut fake = guest(dialect);
    fake.state.shutdown = Some(ShutdownReason::Suspend);
    fake
}

#[test]
fn an_hvm_guest_goes_on_as_it_is() {
    for mode in [None, Some(ResumeMode::Cancel), Some(ResumeMode::Reset)] {
        let mut fake = suspended(Dialect::D11);
        fake.guest = Guest::Hvm;
        resume(&mut fake, mode).unwrap();
        assert_eq!(
            fake.calls,
            [PortCall::Info, PortCall::WaysBack, PortCall::Resume]
        );
    }
}

#[test]
fn a_guest_that_stands_in_no_call_has_none_returned() {
    let mut fake = suspended(Dialect::D11);
    let (at, before) = (fake.result(), fake.state.contexts[&0].clone());
    // Interrupted: the mark in cfm is set. Its r8 is its own.
    let layout = ia64save_codec::wire::layout_of_context(Dialect::D11.spec().context);
    let cfm = layout.find("regs.cfm").unwrap().offset;
    let context = fake.state.contexts.get_mut(&0).unwrap();
    (context[cfm + 7], context[at]) = (0x80, 1);
    resume(&mut fake, Some(ResumeMode::Cancel)).unwrap();
    assert_eq!(fake.count(PortCall::SetVcpuContext), 0);
    assert_eq!(fake.state.contexts[&0].len(), before.len());
}

/// Every call of a way back fails twice, so that its second try fails too.
#[test]
fn a_failure_on_the_way_leaves_the_call_as_it_was() {
    for mode in ResumeMode::ALL {
        let mut reached = 0;
        for call in PortCall::ALL.iter().copied() {
            let mut fake = suspended(Dialect::D11);
            fake.broken = Some(call);
            let done = resume(&mut fake, Some(mode));
            if fake.count(call) == 0 {
                assert_eq!(done, Ok(()));
                continue;
            }
            reached += 1;
            assert!(
                matches!(done, Err(Cause::Port(error)) if error.call == call),
                "{done:?}"
            );
            assert_eq!(
                fake.state.shutdown,
                Some(ShutdownReason::Suspend),
                "{call:?}"
            );
            let at = fake.result();
            assert_eq!(fake.state.contexts[&0][at], 0, "{call:?}");
            // And once more, when it works again.
            fake.broken = None;
            resume(&mut fake, Some(mode)).unwrap();
            assert_eq!(fake.state.shutdown, None);
        }
        assert_eq!(
            reached,
            if mode == ResumeMode::Cancel { 5 } else { 7 },
            "{mode}"
        );
    }
}

#[test]
fn a_reset_guest_finds_its_new_channels() {
    for dialect in [Dialect::D2, Dialect::D10, Dialect::D11] {
        let mut fake = suspended(dialect);
        // start_info at pfn 4, as shared_info says.
        let spec = dialect.spec();
        let shared = ia64save_codec::wire::layout_of_shared_info(*spec.shared_info.last().unwrap());
        let info = ia64save_codec::wire::layout_of_start_info(*spec.start_info.last().unwrap());
        let pfn = shared.find("arch.start_info_pfn").unwrap().offset;
        let store = info.find("store_mfn").unwrap().offset;
        let evtchn = info.find("store_evtchn").unwrap().offset;
        fake.page_size = 16384;
        for page in fake.state.pages.values_mut() {
            page.resize(16384, 0);
        }
        fake.state.pages.get_mut(&SHARED_INFO).unwrap()[pfn] = 4;
        fake.state.pages.get_mut(&4).unwrap()[store] = 77;
        resume(&mut fake, Some(ResumeMode::Reset)).unwrap();
        let told = fake.introduced.unwrap();
        assert_eq!(
            (told.store_mfn, told.store_port, told.console_port),
            (77, 7, 8)
        );
        assert_eq!(fake.state.pages[&4][evtchn], 7, "{dialect}");
        let order: Vec<PortCall> = fake.calls.iter().copied().skip(2).collect();
        assert_eq!(
            order,
            [
                PortCall::ReadPages,
                PortCall::ReadPages,
                PortCall::ResetChannels,
                PortCall::WritePages,
                PortCall::Introduce,
                PortCall::Resume,
            ],
            "{dialect}"
        );
    }
}

#[test]
fn one_that_shut_down_by_itself_stays_so() {
    let mut fake = guest(Dialect::D11);
    fake.state.shutdown = Some(ShutdownReason::Crash);
    resume(&mut fake, None).unwrap();
    assert_eq!(fake.calls, [PortCall::Info]);
}
