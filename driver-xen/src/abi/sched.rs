//! `sched_op`.

use ia64save_codec::layout;

layout! {
    /// `remote_shutdown`: what a toolstack says of a domain that cannot say it itself.
    pub struct RemoteShutdown: 8 {
        @0 domain_id: u16, Dec, "domain";
        @2 pad2: u16, Pad, "padding";
        @4 reason: u32, Dec, "SHUTDOWN_*";
    }
}
