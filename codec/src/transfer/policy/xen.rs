//! The original's decisions, one by one (spec 15.1; Xen 2ac4721161, c5df471dc7).

use super::{Plan, Policy, View};
use crate::dialect::{Dialect, Tools};
use crate::transfer::observer::Pass;

/// Fewer pages than this, sent or skipped, are not worth a further pass.
const FEW: u64 = 50;

/// The reference policy. Passes over all of RAM; a pass leaves pages that are dirty when it begins.
/// It suspends the domain after [`Xen::max_iters`] passes, after a pass that had fewer than 50 pages
/// to send, or when more than [`Xen::max_factor`] times `p2m_size` have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Xen {
    /// Passes while the domain runs; the original's default is 3.
    pub max_iters: u32,
    /// Bound on traffic, in multiples of `p2m_size`; the original's default is 3.
    pub max_factor: u64,
}

impl Default for Xen {
    fn default() -> Self {
        Xen {
            max_iters: 3,
            max_factor: 3,
        }
    }
}

impl Xen {
    /// Whether the original stops after a pass, its `number`-th, that had `pages` pages to send,
    /// sent or skipped.
    pub(super) fn stops(self, number: u32, pages: u64, sent: u64, p2m_size: u64) -> bool {
        number >= self.max_iters || pages < FEW || sent > p2m_size.saturating_mul(self.max_factor)
    }
}

impl Policy for Xen {
    fn next<'a>(&'a mut self, _: &View<'_>) -> Plan<'a> {
        Plan::Pass
    }

    fn enough(&mut self, pass: &Pass, view: &View<'_>) -> bool {
        self.stops(
            pass.number,
            pass.sent + pass.skipped,
            view.sent,
            view.p2m_size,
        )
    }

    fn resends_all(&self, dialect: Dialect) -> bool {
        Tools::of(dialect).resends_all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_where_the_original_stopped() {
        let stops = |number, pages, sent| Xen::default().stops(number, pages, sent, 1000);
        assert!(!stops(1, 1000, 1000) && !stops(2, 50, 1050));
        assert!(stops(2, 49, 1049), "few pages");
        assert!(stops(3, 500, 2500), "the third pass");
        assert!(
            !stops(2, 1000, 3000) && stops(2, 1000, 3001),
            "the bound on traffic"
        );
    }

    #[test]
    fn the_last_pass_sends_all_up_to_3_2() {
        for dialect in Dialect::ALL {
            assert_eq!(Xen::default().resends_all(dialect), dialect < Dialect::D11);
        }
    }
}
