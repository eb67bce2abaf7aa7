//! A live save of a small domain: the real engine over the simulated host, with all that a guest, its device
//! model, a policy and a hypervisor may do between any two of its calls, in every order.
//!
//! The engine is a loop that calls; it is run anew for every order, by a list of what is chosen at each point
//! where there is a choice. What happens within a call is what happens before or after it: pages are looked at
//! and copied one by one, and events at different pages do not know of each other.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ia64save_codec::transfer::policy::{Plan, Policy, View};
use ia64save_codec::transfer::ports::{Errno, PortCall};
use ia64save_codec::transfer::restore::{Options as RestoreOptions, Restore};
use ia64save_codec::transfer::save::Options;
use ia64save_codec::transfer::{Restored, ResumeMode, Save};
use ia64save_codec::{Dialect, Guest};
use ia64save_sim::hypervisor::Fault;
use ia64save_sim::link::Link;
use ia64save_sim::{Contents, DomId, Era, GuestSpec, Host, Machine, SimSource, SimTarget};

/// Pages that a guest cannot do without: the first, and these at the end.
const OWN: u64 = 4;
/// The first that it can do without; page 0 it cannot.
const FIRST: u64 = 1;
/// Bytes of a page.
const PAGE: usize = 1024;

/// How much is looked at.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Its name in tables.
    pub name: &'static str,
    /// The kind of guest.
    pub guest: Guest,
    /// Pages at which something happens.
    pub pages: u64,
    /// How much of it.
    pub events: u32,
    /// Passes or stretches while the domain runs.
    pub passes: u32,
    /// Whether the policy does whatever it may, and not passes alone.
    pub plans: bool,
    /// Calls or pages that fail.
    pub faults: u32,
    /// Writes that nobody records may happen: planted, to see whether it is found.
    pub unseen: bool,
    /// Pages may come between the beginning of log-dirty and the first look at the p2m. One that does, is sent
    /// in the first pass, and is written to before the clean behind it, is lost: not promised.
    pub early: bool,
}

/// What was looked at.
#[derive(Debug)]
pub struct Looked {
    /// Orders.
    pub runs: u64,
    /// Those in which the save failed, as it should.
    pub failed: u64,
    /// How long it took.
    pub time: Duration,
    /// The first order that ended wrongly.
    pub wrong: Option<String>,
}

/// Which of these are looked at.
pub fn bounds(deep: bool) -> Vec<Bounds> {
    let more = u32::from(deep);
    let plain = Bounds {
        name: "writes and ballooning",
        guest: Guest::Pv,
        pages: 4,
        events: 2 + more,
        passes: 3,
        plans: false,
        faults: 0,
        unseen: false,
        early: false,
    };
    vec![
        plain.clone(),
        Bounds {
            name: "one page, much happens",
            pages: 1,
            events: 4 + more,
            passes: 2 + more,
            ..plain.clone()
        },
        Bounds {
            name: "whatever a policy may do",
            pages: 2 + 2 * u64::from(deep),
            events: 1 + more,
            plans: true,
            ..plain.clone()
        },
        Bounds {
            name: "calls and pages that fail",
            pages: 2,
            events: 1 + more,
            faults: 1,
            ..plain.clone()
        },
        Bounds {
            name: "a device model",
            guest: Guest::Hvm,
            pages: 2,
            events: 1 + more,
            ..plain
        },
    ]
}

/// A world in which a write is lost, and the engine is to blame.
pub fn hole() -> Bounds {
    Bounds {
        name: "not promised: pages that come before the first look",
        pages: 1,
        events: 3,
        passes: 1,
        early: true,
        ..bounds(false).swap_remove(0)
    }
}

/// A world in which writes are lost.
pub fn planted() -> Bounds {
    Bounds {
        name: "planted: a write that nobody records",
        pages: 1,
        events: 1,
        unseen: true,
        ..bounds(false).swap_remove(0)
    }
}

/// What is chosen at each point, in order.
#[derive(Debug, Default)]
struct Choices {
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, of));
        }
        self.at += 1;
        self.taken[self.at - 1].0
    }

    /// The next order; `false` after the last.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.taken.pop() {
            if chosen + 1 < of {
                self.taken.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Writes(u64),
    GivesBack(u64),
    Takes(u64),
    DeviceModelWrites(u64),
    SomebodyWrites(u64),
}

/// One order, as it goes.
#[derive(Debug)]
struct Course {
    choices: Choices,
    events: u32,
    faults: u32,
    /// What is written next.
    value: u8,
    told: Vec<String>,
    /// A record was asked for that was not kept.
    blind: bool,
    /// The p2m was looked at.
    looked: bool,
}

type Shared = Arc<Mutex<Course>>;

fn with<T>(course: &Shared, look: impl FnOnce(&mut Course) -> T) -> T {
    look(&mut course.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Course {
    /// A call is about to be made.
    fn before(
        &mut self,
        bounds: &Bounds,
        host: &Host,
        domid: DomId,
        call: PortCall,
    ) -> Option<Fault> {
        let records = matches!(call, PortCall::PeekDirty | PortCall::CleanDirty);
        self.blind |= records && host.leftovers().log_dirty == 0;
        let looks = matches!(
            call,
            PortCall::EnableLogDirty
                | PortCall::ReadP2m
                | PortCall::ReadPages
                | PortCall::DeviceModelDirty
                | PortCall::Suspend
        );
        let mut first = FIRST;
        while (looks || records) && self.events > 0 && host.runs(domid) {
            let possible: Vec<Event> = (first..=bounds.pages)
                .flat_map(|pfn| possible(bounds, host, domid, pfn))
                .filter(|event| bounds.early || self.looked || !matches!(event, Event::Takes(_)))
                .collect();
            let Some(at) = self.choices.choose(possible.len() + 1).checked_sub(1) else {
                break;
            };
            self.events -= 1;
            // Events at other pages could as well come in the other order.
            first = self.happen(host, domid, possible[at]);
        }
        self.looked |= call == PortCall::ReadP2m;
        self.told.push(call.name().to_owned());
        if self.faults == 0 {
            return None;
        }
        let fault = match self
            .choices
            .choose(if call == PortCall::ReadPages { 3 } else { 2 })
        {
            0 => return None,
            1 => Fault::at(call, 0, Errno::EIO),
            _ => Fault::after(call, 0, 0, Errno::EINVAL),
        };
        self.faults -= 1;
        self.told.push("    which fails".into());
        Some(fault)
    }

    fn happen(&mut self, host: &Host, domid: DomId, event: Event) -> u64 {
        self.value += 1;
        let bytes = [self.value];
        self.told.push(format!("    {event:?}"));
        let (pfn, done) = match event {
            Event::Writes(pfn) => (pfn, host.guest_write(domid, pfn, 0, &bytes).is_ok()),
            Event::GivesBack(pfn) => (pfn, host.balloon_out(domid, pfn) == Ok(true)),
            Event::Takes(pfn) => (pfn, host.balloon_in(domid, pfn) == Ok(true)),
            Event::DeviceModelWrites(pfn) => {
                (pfn, host.device_model_write(domid, pfn, 0, &bytes).is_ok())
            }
            Event::SomebodyWrites(pfn) => (pfn, host.write_mapped(domid, pfn, 0, &bytes).is_ok()),
        };
        if !done {
            self.told.push("    which does nothing".into());
        }
        pfn
    }
}

fn possible(bounds: &Bounds, host: &Host, domid: DomId, pfn: u64) -> Vec<Event> {
    if host.guest_page(domid, pfn).is_none() {
        return vec![Event::Takes(pfn)];
    }
    let mut events = vec![Event::Writes(pfn), Event::GivesBack(pfn)];
    if bounds.guest == Guest::Hvm {
        events.push(Event::DeviceModelWrites(pfn));
    }
    if bounds.unseen {
        events.push(Event::SomebodyWrites(pfn));
    }
    events
}

/// Sends as the course has it.
struct Plans<'a> {
    course: &'a Shared,
    bounds: &'a Bounds,
    made: u32,
}

impl Policy for Plans<'_> {
    fn next<'a>(&'a mut self, _: &View<'_>) -> Plan<'a> {
        if self.made == self.bounds.passes {
            return Plan::Suspend;
        }
        self.made += 1;
        let stretch = |most| Plan::Stretch { most, among: None };
        let of = if self.bounds.plans { 4 } else { 1 };
        match with(self.course, |course| course.choices.choose(of)) {
            0 => Plan::Pass,
            1 => stretch(1),
            2 => stretch(u64::MAX),
            _ => Plan::Suspend,
        }
    }
}

/// Looks at every order.
pub fn all(bounds: &Bounds) -> Looked {
    let begun = Instant::now();
    let course = Arc::new(Mutex::new(Course {
        choices: Choices::default(),
        events: 0,
        faults: 0,
        value: 0,
        told: Vec::new(),
        blind: false,
        looked: false,
    }));
    let (mut runs, mut failed, mut wrong) = (0, 0, None);
    loop {
        runs += 1;
        with(&course, |course| {
            (course.events, course.faults, course.value) = (bounds.events, bounds.faults, 0);
            course.told.clear();
            course.looked = false;
        });
        match one(bounds, &course) {
            Ok(saved) => failed += u64::from(!saved),
            Err(why) => {
                let told = with(&course, |course| course.told.join("\n"));
                wrong = Some(format!("{}: {why}\n\n{told}\n", bounds.name));
                break;
            }
        }
        if !with(&course, |course| course.choices.next()) {
            break;
        }
    }
    Looked {
        runs,
        failed,
        time: begun.elapsed(),
        wrong,
    }
}

/// One order: whether the domain was saved.
fn one(bounds: &Bounds, course: &Shared) -> Result<bool, String> {
    let text = |error: &dyn fmt::Debug| format!("{error:?}");
    let host = host();
    let spec = GuestSpec {
        contents: Contents::Marked,
        firmware: 4,
        ..GuestSpec::new(
            bounds.guest,
            (FIRST + bounds.pages).next_multiple_of(4) + OWN,
        )
    };
    let domid = spec.build(&host).map_err(|error| text(&error))?;
    let (own, looks) = (Arc::clone(course), bounds.clone());
    host.look_on(Some(Box::new(move |host, domid, call| {
        with(&own, |course| course.before(&looks, host, domid, call))
    })));
    let mut source = SimSource::new(&host, domid);
    let mut link = Link::new(&host, 1 << 30, Duration::ZERO, Vec::new());
    let options = Options::default().resume_mode(Some(ResumeMode::Cancel));
    let mut plans = Plans {
        course,
        bounds,
        made: 0,
    };
    let save = Save::new(&mut source, &mut link).options(options);
    let saved = save.policy(&mut plans).run();
    host.look_on(None);
    if with(course, |course| course.blind) {
        return Err("a record was asked for that is not kept".into());
    }
    let left = host.leftovers();
    let held = (
        left.mapped_pages,
        left.exposed_p2ms,
        left.log_dirty,
        left.device_model_logs,
    );
    let struck = with(course, |course| course.faults < bounds.faults);
    if held != (0, 0, 0, 0) && !struck {
        return Err(format!("something is left: {left:?}"));
    }
    match saved {
        Ok(_) => {
            let image = link.into_receiver();
            restored(bounds.guest, &host, domid, &image).map(|()| true)
        }
        Err(error) if !struck => Err(error.to_string()),
        Err(_) if held != (0, 0, 0, 0) => Err(format!("something is left: {left:?}")),
        Err(error) if !host.runs(domid) => Err(format!("it does not go on: {error}")),
        Err(_) => Ok(false),
    }
}

fn host() -> Host {
    Host::new(Machine {
        page_size: PAGE,
        ..Machine::new(Era::from(Dialect::D11))
    })
}

/// Restores the image, and compares memory with that of the suspended domain.
fn restored(guest: Guest, host: &Host, domid: DomId, image: &[u8]) -> Result<(), String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    let pages = host.domain_info(domid).map_err(|e| text(&e))?.max_pages;
    let there = self::host();
    let mut target = SimTarget::create(&there, guest, 1, pages).map_err(|e| text(&e))?;
    let twin = target.domid();
    let options = RestoreOptions::default().dialect(Some(Dialect::D11));
    let mut restore = Restore::new(&mut target, options);
    restore.feed(image, true).map_err(|e| text(&e))?;
    let restored: Restored = restore.finish().map_err(|e| text(&e))?;
    let (before, after) = (host.guest_pages(domid), there.guest_pages(twin));
    if before != after {
        return Err(format!("pages {before:?} are restored as {after:?}"));
    }
    for pfn in before {
        // What a restore changes by design.
        let start_info = guest == Guest::Pv && pfn == restored.start_info_pfn;
        if start_info || restored.cleared.contains(&pfn) {
            continue;
        }
        if host.guest_page(domid, pfn) != there.guest_page(twin, pfn) {
            return Err(format!("page {pfn:#x} is restored with other contents"));
        }
    }
    Ok(())
}
