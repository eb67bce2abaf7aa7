//! A script, played as the save of a domain goes on.

use ia64save_codec::transfer::ports::Errno;

use super::host::{DomId, Host};
use crate::workload::{Event, Moment, Script};

impl Host {
    /// Gives a domain a script to follow.
    pub fn set_script(&self, domid: DomId, script: Script) -> Result<(), Errno> {
        self.state().domain(domid)?.script = Some(script);
        Ok(())
    }

    /// A tool is about to peek at the log-dirty bitmap.
    pub fn play_until_peek(&self, domid: DomId) {
        self.play(domid, Script::peek);
    }

    /// A tool is about to clean the log-dirty bitmap.
    pub fn play_until_clean(&self, domid: DomId) {
        self.play(domid, Script::clean);
    }

    fn play(&self, domid: DomId, next: impl FnOnce(&mut Script) -> Vec<Event>) {
        let mut state = self.state();
        let Ok(domain) = state.domain(domid) else {
            return;
        };
        let Some(mut script) = domain.script.take() else {
            return;
        };
        for event in next(&mut script) {
            let touch = |page: Option<&mut [u8]>| {
                if let Some(byte) = page.and_then(<[u8]>::last_mut) {
                    *byte = byte.wrapping_add(1);
                }
            };
            match event.moment {
                Moment::BeforePeek | Moment::BeforeClean => {
                    touch(domain.memory.guest_page(event.pfn));
                }
                Moment::DeviceModel => {
                    domain.device_model.dirty.insert(event.pfn);
                    touch(domain.memory.page_mut(event.pfn));
                }
                Moment::BalloonedOut => {
                    domain.memory.remove(event.pfn);
                }
            }
        }
        domain.script = Some(script);
    }
}
