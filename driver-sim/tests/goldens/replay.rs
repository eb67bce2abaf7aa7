//! The reference policy, fed with what was recorded when a live image was made, sends the pages that
//! the original sent, in its order, pass by pass.

use std::time::Duration;

use ia64save_codec::SaveFile;
use ia64save_codec::image::Options as ReadOptions;
use ia64save_codec::transfer::{Observer, Pass, Save, Xen};
use ia64save_corpus::{Golden, restored_goldens};
use ia64save_sim::link::Link;
use ia64save_sim::workload::{Event, Script};
use ia64save_sim::{DomId, Host};
use serde_json::Value;

use crate::ports::SimSource;
use crate::setting;

/// Plays what is left of the script when the domain is suspended: there is no further peek then.
struct Player {
    host: Host,
    domid: DomId,
    suspended: bool,
    passes: Vec<Pass>,
}

impl Observer for Player {
    fn suspended(&mut self, _: Duration) {
        self.suspended = true;
    }

    fn passed(&mut self, pass: &Pass) {
        if self.suspended && !pass.last {
            self.host.play_until_peek(self.domid);
        }
        self.passes.push(*pass);
    }
}

#[test]
fn the_reference_policy_sends_what_the_original_sent() {
    let mut replayed = 0;
    for golden in restored_goldens() {
        let written = &golden.truth["how_written"];
        let (Some(true), Some(events)) = (written["live"].as_bool(), written["events"].as_array())
        else {
            continue;
        };
        replayed += 1;
        let host = setting::host(setting::era(&golden));
        let domid = before_the_save(&golden, &host);
        host.set_script(domid, Script::new(events.iter().filter_map(event)))
            .unwrap();
        let mut player = Player {
            host: host.clone(),
            domid,
            suspended: false,
            passes: Vec::new(),
        };
        let number = |key: &str| written[key].as_u64().unwrap();
        let mut policy = Xen {
            max_iters: number("max_iters") as u32,
            max_factor: number("max_factor"),
        };
        let mut source = SimSource::new(&host, domid);
        let mut link = Link::new(&host, 0, Duration::ZERO, Vec::new());
        let saved = Save::new(&mut source, &mut link)
            .policy(&mut policy)
            .observer(&mut player)
            .run()
            .unwrap_or_else(|error| panic!("{}: {error}", golden.name));

        let expected: Vec<u64> = list(&golden.truth["pages"]["order"]);
        let bytes = link.into_receiver().into();
        let read = SaveFile::parse(&bytes, &ReadOptions::default()).unwrap();
        let sent = read.image.checkpoints[0].pages.pfns();
        assert!(sent.iter().eq(&expected), "{}: {sent:?}", golden.name);
        assert_eq!(u64::from(saved.passes), number("passes"), "{}", golden.name);
        let counts = player.passes.iter().map(|pass| pass.sent);
        assert_eq!(counts.sum::<u64>(), expected.len() as u64);
        let unallocated: Vec<u64> = list(&golden.truth["unallocated"]["pfns"]);
        let listed = read.image.checkpoints[0].unallocated.as_ref().unwrap();
        assert!(listed.pfns().eq(unallocated), "{}", golden.name);
    }
    assert_eq!(replayed, 7);
}

/// The domain of a live image as it was before it was saved: restored, with the pages that it gave
/// back only later, and those that were not its own.
fn before_the_save(golden: &Golden, host: &Host) -> DomId {
    let (target, _) = setting::restore(golden, host);
    let domid = target.domid();
    let written = &golden.truth["how_written"];
    for pfn in list(&written["ballooned_out_after_send"]) {
        assert!(host.balloon_in(domid, pfn).unwrap());
    }
    for pfn in list(&written["sent_though_not_PGC_allocated"]) {
        host.disown(domid, pfn).unwrap();
    }
    domid
}

fn event(event: &Value) -> Option<Event> {
    Event::from_record(
        event[0].as_u64().unwrap(),
        event[1].as_str().unwrap(),
        event[2].as_u64().unwrap(),
    )
}

fn list(pfns: &Value) -> Vec<u64> {
    let pfns = pfns.as_array().unwrap().iter();
    pfns.map(|pfn| pfn.as_u64().unwrap()).collect()
}
