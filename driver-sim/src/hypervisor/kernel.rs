//! What a guest's kernel does when its suspend call returns.

use super::channels::Channels;

/// A PV guest's kernel, as far as it goes on after a suspension. One that is not modelled goes on whatever
/// it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Looks at what its suspend call returns: 1 is "cancelled", and all is as it was; after 0 it takes
    /// itself for restored. It has the note `SUSPEND_CANCEL`.
    Cancels,
    /// Takes itself for restored whenever the call returns.
    Restarts,
}

impl Kernel {
    /// Whether it goes on. Taken for restored, it binds its timer, and stops in a BUG where that is bound;
    /// then it connects to store and console, whose ports start_info says, and waits for ever where nobody
    /// is there. Cancelled, it waits for its timer.
    pub(crate) fn goes_on(self, returned: u64, channels: &mut Channels, ports: (u32, u32)) -> bool {
        if self == Kernel::Cancels && returned == 1 {
            return channels.has_timer();
        }
        channels.bind_timer().is_ok() && channels.reaches(ports.0, ports.1)
    }
}
