//! `event_channel_op`.

use ia64save_codec::layout;

layout! {
    /// `alloc_unbound`: a channel that another domain may bind.
    pub struct AllocUnbound: 8 {
        @0 dom: u16, Dec, "domain whose channel it is";
        @2 remote_dom: u16, Dec, "domain that may bind it";
        @4 port: u32, Dec, "the channel";
    }
}

layout! {
    /// `reset`: all channels of a domain are closed.
    pub struct Reset: 2 {
        @0 dom: u16, Dec, "domain whose channels they are";
    }
}

layout! {
    /// `status`: what a channel of a domain is bound to.
    pub struct Status: 24 {
        @0 dom: u16, Dec, "domain whose channel it is";
        @2 pad2: u16, Pad, "padding";
        @4 port: u32, Dec, "the channel";
        @8 status: u32, Dec, "EVTCHNSTAT_*";
        @12 vcpu: u32, Dec, "vcpu that it interrupts";
        @16 bound: [u8; 8], Bytes, "what it is bound to";
    }
}
