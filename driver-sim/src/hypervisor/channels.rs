//! Event channels of a domain, as far as a kernel needs them that goes on after a suspension.

use std::collections::BTreeMap;

use ia64save_codec::transfer::ports::{Errno, Introduction};

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// Another domain may bind it, or has.
    Remote,
    /// The guest's timer.
    Timer,
}

/// The event channels of a domain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Channels {
    ports: BTreeMap<u32, Channel>,
    /// What the daemons of store and console were told of the domain.
    pub(crate) introduced: Option<Introduction>,
}

impl Channels {
    fn add(&mut self, channel: Channel) -> u32 {
        let free = (1..=u32::MAX).find(|port| !self.ports.contains_key(port));
        let port = free.expect("a port");
        self.ports.insert(port, channel);
        port
    }

    /// A port that another domain may bind.
    pub(crate) fn alloc_unbound(&mut self) -> u32 {
        self.add(Channel::Remote)
    }

    /// Closes all. Who was connected to one hears nothing any more.
    pub(crate) fn reset(&mut self) {
        *self = Channels::default();
    }

    /// The guest binds its timer: `EEXIST` where it has.
    pub(crate) fn bind_timer(&mut self) -> Result<u32, Errno> {
        if self.has_timer() {
            return Err(Errno::EEXIST);
        }
        Ok(self.add(Channel::Timer))
    }

    pub(crate) fn has_timer(&self) -> bool {
        self.ports
            .values()
            .any(|channel| *channel == Channel::Timer)
    }

    /// Whether store and console are at the other end of these ports.
    pub(crate) fn reaches(&self, store: u32, console: u32) -> bool {
        let open = |port: u32| self.ports.get(&port) == Some(&Channel::Remote);
        let told = |introduced: &Introduction| {
            (introduced.store_port, introduced.console_port) == (store, console)
        };
        open(store) && open(console) && self.introduced.as_ref().is_some_and(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_bound_once() {
        let mut channels = Channels::default();
        assert_eq!((channels.alloc_unbound(), channels.alloc_unbound()), (1, 2));
        assert_eq!(channels.bind_timer(), Ok(3));
        assert_eq!(channels.bind_timer(), Err(Errno::EEXIST));
        assert!(!channels.reaches(1, 2), "nobody was told");
        channels.introduced = Some(Introduction {
            store_mfn: 5,
            store_port: 1,
            console_mfn: 6,
            console_port: 2,
        });
        assert!(channels.reaches(1, 2) && !channels.reaches(2, 1));
        channels.reset();
        assert!(!channels.reaches(1, 2) && !channels.has_timer());
        assert_eq!(channels.bind_timer(), Ok(1));
    }
}
