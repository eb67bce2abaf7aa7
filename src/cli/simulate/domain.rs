//! The domain that is saved, as the user described it.

use std::fmt::Write as _;
use std::time::Duration;

use ia64save_codec::Guest;
use ia64save_codec::envelope::{ByteOrder, DeviceModelKind, device_model_header};
use ia64save_codec::transfer::policy::{Adaptive, Policy, Xen};
use ia64save_sim::builder::{Contents, GuestSpec};
use ia64save_sim::link::{Link, Receiver};
use ia64save_sim::{DomId, Host};

use super::args::{Domain, PolicyName, Transfer};
use crate::cli::exit::Failure;
use crate::cli::render::size::{counted, human};

/// Bytes of memory from which on pages are marked rather than filled.
const LARGE: u64 = 1 << 30;
/// Bytes of memory from which on they are left empty, which takes no memory here.
const HUGE: u64 = 8 << 30;
/// Pages that a paravirtual domain with a memory map cannot do without: that, start_info, two rings.
const FEWEST: u64 = 4;

/// A domain that runs on a host of its own.
pub struct Made {
    /// The host.
    pub host: Host,
    /// The domain.
    pub domid: DomId,
    guest: Guest,
    config: String,
}

impl Made {
    /// Makes the domain and gives it something to do.
    pub fn new(domain: &Domain, transfer: &Transfer) -> Result<Made, Failure> {
        let host = Host::of(domain.dialect);
        let page_size = host.machine().page_size as u64;
        if let Some(vcpu) = domain.offline.iter().find(|vcpu| **vcpu >= domain.vcpus) {
            let there = match domain.vcpus - 1 {
                0 => String::from("there is vcpu 0 alone"),
                last => format!("there are vcpus 0 to {last}"),
            };
            let text = format!("--offline {vcpu}: {there}");
            return Err(Failure::Usage(text));
        }
        if domain.offline.contains(&0) {
            return Err(Failure::Usage("--offline 0: vcpu 0 is always up".into()));
        }
        let pages = domain.memory / page_size;
        let has_memmap = domain.dialect.dialect().spec().version.has_memmap();
        if domain.guest == Guest::Pv && has_memmap && pages < FEWEST {
            let least = human(FEWEST * page_size);
            return Err(Failure::Usage(format!(
                "--memory: a paravirtual domain has {least} at least"
            )));
        }
        let most = host.machine().pages;
        if pages > most {
            return Err(Failure::Usage(format!(
                "--memory: the host has {} for domains",
                human(most.saturating_mul(page_size))
            )));
        }
        let mut spec = GuestSpec::new(domain.guest, pages);
        spec.vcpus = domain.vcpus;
        spec.offline.clone_from(&domain.offline);
        spec.ballooned = domain.ballooned;
        spec.seed = domain.seed;
        if domain.memory > HUGE {
            spec.contents = Contents::Empty;
        } else if domain.memory > LARGE {
            spec.contents = Contents::Marked;
        }
        let refused = |errno| {
            let (guest, xen) = (domain.guest, domain.dialect);
            Failure::Usage(format!(
                "no such {guest} domain of {} on {xen}: {errno}",
                counted(pages, "page")
            ))
        };
        let domid = spec.build(&host).map_err(refused)?;
        let workload = spec
            .workload(&host, transfer.workload, transfer.rate)
            .and_then(|workload| host.set_workload(domid, workload));
        workload.map_err(refused)?;
        Ok(Made {
            config: config(domain),
            guest: domain.guest,
            host,
            domid,
        })
    }

    /// Its configuration as xend has it.
    pub fn config(&self) -> &[u8] {
        self.config.as_bytes()
    }

    /// The device model's state as xend has it behind the stream: that of one without devices. `None`
    /// for a paravirtual domain.
    pub fn device_model(&self) -> Option<Vec<u8>> {
        let mut record = device_model_header(DeviceModelKind::Qemu, 0, ByteOrder::Little).ok()?;
        // Magic, version 3, end of file.
        record.extend_from_slice(b"QEVM\0\0\0\x03\0");
        (self.guest == Guest::Hvm).then_some(record)
    }
}

/// A link as the user described it, out of a host.
pub fn link<R: Receiver>(transfer: &Transfer, host: &Host, receiver: R) -> Link<R> {
    let latency = Duration::from_millis(transfer.latency);
    Link::new(host, transfer.bandwidth, latency, receiver)
}

/// Who decides, as the user wants it.
pub fn policy(transfer: &Transfer) -> Box<dyn Policy> {
    match transfer.policy {
        PolicyName::Xen => Box::new(Xen {
            max_iters: transfer.max_iters,
            max_factor: transfer.max_factor,
        }),
        PolicyName::Adaptive => {
            let mut adaptive = Adaptive::default();
            adaptive.max_factor = transfer.max_factor;
            Box::new(adaptive)
        }
    }
}

/// A configuration that xend could have written.
fn config(domain: &Domain) -> String {
    let mebibytes = domain.memory.div_ceil(1 << 20);
    let avail = (0..domain.vcpus)
        .filter(|vcpu| !domain.offline.contains(vcpu))
        .fold(0u64, |mask, vcpu| mask | 1 << vcpu);
    let image = match domain.guest {
        Guest::Pv => "linux",
        Guest::Hvm => "hvm",
    };
    let mut config = format!("(domain (domid 1) (name simulated-{})", domain.seed);
    let _ = write!(
        config,
        " (memory {mebibytes}) (maxmem {mebibytes}) (vcpus {}) (vcpu_avail {avail}) (image ({image})))",
        domain.vcpus
    );
    config
}
