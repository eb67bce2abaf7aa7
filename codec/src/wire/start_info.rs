//! The page that a PV kernel finds its resources in (spec 9.3). A restore patches it.

use alloc::boxed::Box;

use super::declare::layout;
use super::eras::eras;
use crate::dialect::StartInfoLayout;

/// How the page begins, whatever the guest's byte order.
pub const START_INFO_MAGIC: &[u8] = b"xen-3.0-ia64";

/// Declares one layout: all three agree but for the console and the end.
macro_rules! start_info {
    (
        $(#[$meta:meta])* $name:ident: $size:literal,
        console { $($console:tt)* }
        tail { $($tail:tt)* }
        aliases { $($alias:tt)* }
    ) => {
        layout! {
            $(#[$meta])*
            pub struct $name: $size {
                @0   magic: [u8; 32], Text, "name of the interface: xen-3.0-ia64, or xen-3.0-ia64be for a big-endian guest";
                @32  nr_pages: u64, Dec, "memory of the domain in pages of 16384 bytes; a restore sets it to p2m_size";
                @40  shared_info: u64, Hex, "machine address of shared_info; a restore sets it";
                @48  flags: u32, Hex, "set of SIF_* bits; a restore sets it to 0";
                @52  pad52: [u8; 4], Pad, "padding";
                @56  store_mfn: u64, Hex, "gpfn of the xenstore ring; a restore reports it";
                @64  store_evtchn: u32, Dec, "event channel port of xenstore; a restore sets it";
                @68  pad68: [u8; 4], Pad, "padding";
                $($console)*
                @84  pad84: [u8; 4], Pad, "padding";
                @88  pt_base: u64, Hex, "only x86 uses it: 0";
                @96  nr_pt_frames: u64, Dec, "only x86 uses it: 0";
                @104 mfn_list: u64, Hex, "only x86 uses it: 0";
                @112 mod_start: u64, Hex, "start of the initial RAM disk";
                @120 mod_len: u64, Dec, "bytes of the initial RAM disk";
                @128 cmd_line: [u8; 1024], Text, "kernel command line";
                $($tail)*
            }
            aliases { $($alias)* }
        }
    };
}

start_info! {
    /// start_info before 3.0.3.
    StartInfoI0: 1152,
    console {
        @72 console_mfn: u64, Hex, "gpfn of the console ring; a restore reports it";
        @80 console_evtchn: u32, Dec, "event channel port of the console; a restore sets it";
    }
    tail {}
    aliases {}
}

start_info! {
    /// start_info of 3.0.3 to 3.3.
    StartInfoI1: 1152,
    console {
        @72 console_mfn as "console.domU.mfn": u64, Hex, "gpfn of the console ring; a restore reports it";
        @80 console_evtchn as "console.domU.evtchn": u32, Dec, "event channel port of the console; a restore sets it";
    }
    tail {}
    aliases {
        @72 "console.dom0.info_off": u32, Dec, "dom0 only: offset of the console description, bytes";
        @76 "console.dom0.info_size": u32, Dec, "dom0 only: size of the console description, bytes";
    }
}

start_info! {
    /// start_info from 3.4 on. The boot parameter block moved with its end.
    StartInfoI2: 1168,
    console {
        @72 console_mfn as "console.domU.mfn": u64, Hex, "gpfn of the console ring; a restore reports it";
        @80 console_evtchn as "console.domU.evtchn": u32, Dec, "event channel port of the console; a restore sets it";
    }
    tail {
        @1152 first_p2m_pfn: u64, Hex, "only x86 uses it: 0";
        @1160 nr_p2m_frames: u64, Dec, "only x86 uses it: 0";
    }
    aliases {
        @72 "console.dom0.info_off": u32, Dec, "dom0 only: offset of the console description, bytes";
        @76 "console.dom0.info_size": u32, Dec, "dom0 only: size of the console description, bytes";
    }
}

eras! {
    /// start_info in any of its layouts.
    pub enum StartInfo by StartInfoLayout {
        I0(Box<StartInfoI0>), "1152 bytes, console fields flat (before 3.0.3).";
        I1(Box<StartInfoI1>), "1152 bytes (3.0.3 to 3.3).";
        I2(Box<StartInfoI2>), "1168 bytes (3.4 to 4.2).";
    }
}

macro_rules! any {
    ($self:ident, $info:ident => $value:expr) => {
        match $self {
            StartInfo::I0($info) => $value,
            StartInfo::I1($info) => $value,
            StartInfo::I2($info) => $value,
        }
    };
}

impl StartInfo {
    /// Name of the interface up to the first NUL, such as `xen-3.0-ia64`; `None` if it is no UTF-8.
    pub fn magic(&self) -> Option<&str> {
        text(any!(self, info => &info.magic))
    }

    /// Memory of the domain in pages of 16384 bytes.
    pub fn nr_pages(&self) -> u64 {
        any!(self, info => info.nr_pages)
    }

    /// Machine address of shared_info.
    pub fn shared_info(&self) -> u64 {
        any!(self, info => info.shared_info)
    }

    /// Set of `SIF_*` bits.
    pub fn flags(&self) -> u32 {
        any!(self, info => info.flags)
    }

    /// Gpfn of the xenstore ring.
    pub fn store_mfn(&self) -> u64 {
        any!(self, info => info.store_mfn)
    }

    /// Event channel port of xenstore.
    pub fn store_evtchn(&self) -> u32 {
        any!(self, info => info.store_evtchn)
    }

    /// Gpfn of the console ring.
    pub fn console_mfn(&self) -> u64 {
        any!(self, info => info.console_mfn)
    }

    /// Event channel port of the console.
    pub fn console_evtchn(&self) -> u32 {
        any!(self, info => info.console_evtchn)
    }

    /// Kernel command line up to the first NUL; `None` if it is no UTF-8.
    pub fn cmd_line(&self) -> Option<&str> {
        text(any!(self, info => &info.cmd_line))
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul_or_with_the_field() {
        let mut bytes = [b'x'; 1168];
        bytes[12] = 0;
        let info = StartInfo::parse(StartInfoLayout::I2, &bytes).unwrap();
        assert_eq!(info.magic(), Some("xxxxxxxxxxxx"));
        assert_eq!(info.cmd_line().map(str::len), Some(1024));
        bytes[0] = 0xff;
        let info = StartInfo::parse(StartInfoLayout::I2, &bytes).unwrap();
        assert_eq!(info.magic(), None);
    }
}
