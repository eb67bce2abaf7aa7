//! When to send which page, and when to suspend the domain: decisions of a live save.
//!
//! A [`Policy`] decides, [`Save`](super::save::Save) acts. A policy has no clock and asks the
//! hypervisor nothing: what it may know comes in a [`View`], time included.
//!
//! ```text
//!   enable log-dirty
//!         |
//!         v             Plan::Pass, Plan::Stretch, Plan::Wait
//!     next(view) ---------------------------------> peek? -> send -> enough(pass)?
//!      ^    |                                                          |      |
//!      |    | Plan::Suspend                                         no |      | yes
//!      |    v                                                          |      |
//!      |   suspend <---------------------------------------------------+------+
//!      |    |                                                          |
//!      |    v                                                          |
//!      |   clean -> the last pass                                      |
//!      +------------------------- clean <------------------------------+
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`xen`] | [`Xen`]: the original's decisions, one by one: the reference |
//! | [`adaptive`] | [`Adaptive`]: the default |
//! | `habits` | what [`Adaptive`] learns of the guest |
//! | `baseline` | what [`Xen`] would have come to by now, from what [`Adaptive`] sees |

pub mod adaptive;
mod baseline;
mod habits;
pub mod xen;

pub use adaptive::Adaptive;
pub use xen::Xen;

use core::time::Duration;

use super::bitmap::PfnBitmap;
use super::observer::Pass;
use crate::dialect::Dialect;

/// What a policy may know. All counts are pages.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// `p2m_size` of the stream: what the original's bound on traffic goes by.
    pub p2m_size: u64,
    /// Pages that were there to be sent at the start.
    pub present: u64,
    /// Page records written so far.
    pub sent: u64,
    /// Pages that still have to be sent as things stand: never sent, or written to since. At the
    /// start these are all pages of RAM, whether they are there or not.
    pub to_send: &'a PfnBitmap,
    /// How many those are; at the start, [`View::present`].
    pub left: u64,
    /// Pages of RAM that became dirty between the last two cleans.
    pub dirty: &'a PfnBitmap,
    /// How many those are.
    pub dirty_pages: u64,
    /// What was sent last; `None` at the start.
    pub pass: Option<&'a Pass>,
    /// The sink's clock.
    pub now: Duration,
}

/// What to do next.
#[derive(Clone, Copy, Debug)]
pub enum Plan<'a> {
    /// Look which pages are dirty now, send all others that are to be sent, in the order of the memory
    /// map, and then clean: what is dirty by then is to be sent next. The original's way.
    Pass,
    /// Go on through RAM where the last stretch ended, round and round, until `most` pages are sent
    /// or all of RAM has been passed once. A page counts as sent from then on; what is dirty at the
    /// clean that follows is to be sent again.
    Stretch {
        /// Pages to send before the next clean, at least 1.
        most: u64,
        /// The pages that may be sent; the others are left for later. `None`: all.
        among: Option<&'a PfnBitmap>,
    },
    /// Send nothing for so long, then clean.
    Wait(Duration),
    /// Suspend the domain and send the rest.
    Suspend,
}

/// Decides.
pub trait Policy {
    /// What to do next. Asked at the start and after each clean.
    fn next<'a>(&'a mut self, view: &View<'_>) -> Plan<'a>;

    /// Whether to suspend now, before the clean that would follow. The pass does not say yet what
    /// became dirty.
    fn enough(&mut self, pass: &Pass, view: &View<'_>) -> bool {
        let _ = (pass, view);
        false
    }

    /// Whether the last pass sends every page again instead of those that are to be sent.
    fn resends_all(&self, dialect: Dialect) -> bool {
        let _ = dialect;
        false
    }
}
