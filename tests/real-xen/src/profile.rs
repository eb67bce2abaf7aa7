//! The driver for a domain of x86: a row for the release, a machine, and how the guest is asked to suspend
//! itself. Everything else is the driver's own.
//!
//! | of ia64 | here |
//! |---|---|
//! | pages of 16384 bytes | 4096 |
//! | vcpu contexts | zeros: all state of an HVM guest of x86 is in its HVM context |
//! | the exposed p2m | which pages can be mapped |
//! | the memory map | two ranges, as the guest was built |
//! | the setup record | that it is an HVM domain |
//! | the device model's record | the page by which the guest is asked, as log-dirty does not see it |

use ia64save_codec::dialect::Dialect;
use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::{Errno, P2mEntry, Setup};
use ia64save_xen::abi::Release;
use ia64save_xen::abi::domctl::CreateV4;
use ia64save_xen::hypervisor::{Direct, Hypervisor, Info};
use ia64save_xen::toolstack::{Devices, Toolstack};
use ia64save_xen::transport::{DomainId, Layout, Transport};
use ia64save_xen::{Machine, XenDomain};

use crate::guest;
use crate::report::Failure;
use crate::x86::{INTERFACE, PAGE, Xen};

ia64save_codec::layout! {
    /// `getdomaininfo` of interface version 0x15 on x86.
    pub struct DomainInfo: 112 {
        @0  domain: u16, Dec, "domid of the answer";
        @2  pad2: u16, Pad, "padding";
        @4  flags: u32, Hex, "XEN_DOMINF_*";
        @8  tot_pages: u64, Dec, "pages owned";
        @16 max_pages: u64, Dec, "limit";
        @24 outstanding_pages: u64, Dec, "pages claimed";
        @32 shr_pages: u64, Dec, "shared pages";
        @40 paged_pages: u64, Dec, "pages paged out";
        @48 shared_info_frame: u64, Hex, "gfn of shared_info";
        @56 cpu_time: u64, Dec, "ns";
        @64 nr_online_vcpus: u32, Dec, "vcpus not down";
        @68 max_vcpu_id: u32, Dec, "highest allocated vcpu";
        @72 ssidref: u32, Hex, "label";
        @76 handle: [u8; 16], Bytes, "UUID";
        @92 cpupool: u32, Dec, "pool of processors";
        @96 gpaddr_bits: u8, Dec, "bits of a guest physical address";
        @97 pad97: [u8; 7], Pad, "padding";
        @104 arch: [u8; 8], Bytes, "emulated devices";
    }
}

/// The dialect that domains of this profile speak: the latest HVM dialect without `bufpioreq_pfn`, whose
/// parameter means something else on x86.
pub const DIALECT: Dialect = Dialect::D9;

/// Xen 4.17 on x86, as far as the generic calls go.
pub fn release() -> Release {
    Release {
        name: "4.17 (x86)",
        versions: &[0x4_0011],
        interface: INTERFACE,
        domain_info: DomainInfo::LAYOUT,
        // Domains are made by `x86`, with more arguments.
        create: CreateV4::LAYOUT,
        maximum_is_highest: true,
        maps_machine_frames: false,
        gives_memmap: false,
        tells_half_destroyed: false,
        dialect: DIALECT,
    }
}

/// What of the machine is made up.
#[derive(Debug, Default)]
pub struct X86 {
    exposed: bool,
}

impl<H: Hypervisor> Machine<H> for X86 {
    fn dialect(&self) -> Dialect {
        DIALECT
    }

    fn maximum_gpfn(&mut self, xen: &mut H, info: &Info) -> Result<u64, Errno> {
        xen.maximum_gpfn(info.domain).map(|highest| highest + 1)
    }

    fn expose_p2m(&mut self, _: &mut H, _: &Info, _: Option<&[u8]>) -> Result<(), Errno> {
        if self.exposed {
            return Err(Errno::EEXIST);
        }
        self.exposed = true;
        Ok(())
    }

    fn read_p2m(
        &mut self,
        xen: &mut H,
        domain: DomainId,
        first: u64,
        entries: &mut [P2mEntry],
    ) -> Result<(), Errno> {
        if !self.exposed {
            return Err(Errno::EINVAL);
        }
        let mut pages = Vec::new();
        let mut results = Vec::new();
        for (start, entries) in (first..).step_by(512).zip(entries.chunks_mut(512)) {
            let frames: Vec<u64> = (start..).take(entries.len()).collect();
            pages.resize(frames.len() * PAGE, 0);
            results.resize(frames.len(), Ok(()));
            let layout = Layout::packed(PAGE);
            xen.read_foreign(domain, &frames, &mut pages, layout, &mut results)?;
            for ((frame, entry), result) in frames.iter().zip(entries).zip(&results) {
                *entry = match result {
                    Ok(()) => P2mEntry(P2mEntry::PRESENT | P2mEntry::ALLOCATED | frame << 14),
                    Err(_) => P2mEntry::EMPTY,
                };
            }
        }
        Ok(())
    }

    fn unexpose_p2m(&mut self, _: &mut H) -> Result<(), Errno> {
        self.exposed = false;
        Ok(())
    }

    fn setup(&mut self, _: &mut H, _: DomainId) -> Result<Setup, Errno> {
        Ok(Setup {
            flags: 3,
            maxmem: guest::FRAMES * PAGE as u64,
            vhpt_size_log2: -1,
            ..Setup::default()
        })
    }

    fn set_setup(&mut self, _: &mut H, _: DomainId, setup: &Setup) -> Result<(), Errno> {
        if setup.flags & 1 == 1 {
            Ok(())
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn memmap(&mut self, _: &mut H, _: &Info) -> Result<Vec<u8>, Errno> {
        let ranges = [0..guest::HOLE.start, guest::HOLE.end..guest::FRAMES];
        let mut map = Vec::new();
        for word in [40 * ranges.len() as u64, 40, 1] {
            map.extend_from_slice(&word.to_le_bytes());
        }
        for range in ranges {
            let (conventional, write_back) = (7, 8);
            let pages = range.end - range.start;
            for word in [
                conventional,
                range.start * PAGE as u64,
                0,
                pages,
                write_back,
            ] {
                map.extend_from_slice(&word.to_le_bytes());
            }
        }
        map.resize(PAGE, 0);
        Ok(map)
    }

    fn vcpu_context(&mut self, xen: &mut H, domain: DomainId, vcpu: u32) -> Result<Vec<u8>, Errno> {
        xen.vcpu_info(domain, vcpu)?;
        Ok(vec![0; DIALECT.spec().context.size()])
    }

    fn set_vcpu_context(
        &mut self,
        xen: &mut H,
        domain: DomainId,
        vcpu: u32,
        context: &[u8],
    ) -> Result<(), Errno> {
        if context.len() != DIALECT.spec().context.size() {
            return Err(Errno::EINVAL);
        }
        xen.vcpu_info(domain, vcpu).map(drop)
    }

    fn logs_device_model(&mut self, _: &mut H, _: DomainId) -> Result<bool, Errno> {
        Ok(true)
    }
}

/// Asks the guest by its mail page, and remembers that no log-dirty sees that.
pub struct Mail {
    transport: Box<dyn Transport>,
    written: bool,
}

impl Toolstack for Mail {
    fn suspend(&mut self, domain: DomainId, _: bool) -> Result<(), Errno> {
        self.written = true;
        let mut xen = Xen {
            transport: self.transport.as_mut(),
        };
        guest::ask(&mut xen, domain)
            .map(drop)
            .map_err(|_| Errno::EIO)
    }

    fn log_devices(&mut self, _: DomainId, _: bool) -> Result<Devices, Errno> {
        self.written = false;
        Ok(Devices::Recorded)
    }

    fn dirty_by_devices(&mut self, _: DomainId, dirty: &mut PfnBitmap) -> Result<(), Errno> {
        if std::mem::take(&mut self.written) {
            dirty.insert(guest::MAIL);
        }
        Ok(())
    }
}

/// A way to the hypervisor, opened anew for each part that needs one.
pub type Open<'o> = &'o dyn Fn() -> Result<Box<dyn Transport>, Failure>;

/// A domain as the engine wants it.
pub type X86Domain = XenDomain<Direct<Box<dyn Transport>>, X86>;

/// The driver for a domain.
pub fn domain(open: Open<'_>, id: DomainId) -> Result<X86Domain, Failure> {
    let mail = Mail {
        transport: open()?,
        written: false,
    };
    let direct = Direct::new(open()?, release());
    Ok(XenDomain::new(direct, X86::default(), id).with_toolstack(mail))
}
