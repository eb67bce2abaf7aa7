//! Which Xen this is.

use core::fmt;

use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::Wire;

use crate::abi::domctl::Domctl;
use crate::abi::{Release, numbers};
use crate::transport::{Argument, Buffer, Hypercall, Transport};

/// This Xen is not one that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// It answers no interface version that ia64 had.
    UnknownInterface {
        /// What `xen_version` answered: major above minor.
        version: u32,
    },
    /// An interface version that is known, of a release that is not.
    UnknownRelease {
        /// What `xen_version` answered: major above minor.
        version: u32,
        /// The interface version.
        interface: u32,
    },
    /// Asking failed.
    Refused(Errno),
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |version: u32| format!("Xen {}.{}", version >> 16, version & 0xffff);
        match *self {
            ProbeError::UnknownInterface { version } => write!(
                f,
                "{}: its domctl interface is none of versions {} to {}, which Xen had while it ran on Itanium",
                name(version),
                Release::INTERFACES.start(),
                Release::INTERFACES.end(),
            ),
            ProbeError::UnknownRelease { version, interface } => write!(
                f,
                "{} with domctl interface version {interface}: no release for Itanium was like that",
                name(version),
            ),
            ProbeError::Refused(errno) => write!(f, "asking for Xen's version: {errno}"),
        }
    }
}

impl std::error::Error for ProbeError {}

/// What `xen_version` answers: major above minor.
pub fn version(transport: &mut impl Transport) -> Result<u32, Errno> {
    let version = transport.hypercall(&mut Hypercall {
        number: numbers::XEN_VERSION,
        arguments: [Argument::Value(numbers::VERSION), NONE, NONE, NONE, NONE],
        buffers: &mut [],
        links: &[],
    })?;
    u32::try_from(version).map_err(|_| Errno::EPROTO)
}

const NONE: Argument = Argument::Value(0);

/// The first of `versions` that a domctl is answered with. On ia64 the control domain's kernel
/// compares it first, with its own.
pub fn interface_of(
    transport: &mut impl Transport,
    versions: impl IntoIterator<Item = u32>,
) -> Result<Option<u32>, Errno> {
    for interface in versions {
        // Asking for the control domain, which is there, changes nothing.
        let mut bytes = Domctl {
            cmd: numbers::GETDOMAININFO,
            interface_version: interface,
            domain: numbers::CONTROL_DOMAIN,
            pad10: [0; 6],
            u: [0; 128],
        }
        .to_bytes();
        let answer = transport.hypercall(&mut Hypercall {
            number: numbers::DOMCTL,
            arguments: [Argument::Buffer(0), NONE, NONE, NONE, NONE],
            buffers: &mut [Buffer::in_out(&mut bytes)],
            links: &[],
        });
        match answer {
            Ok(_) => return Ok(Some(interface)),
            Err(Errno::EACCES) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}

/// Finds out which release this is. Newest first: a hypervisor answers one version only.
pub fn probe(transport: &mut impl Transport) -> Result<Release, ProbeError> {
    let version = version(transport).map_err(ProbeError::Refused)?;
    let interface = interface_of(transport, Release::INTERFACES.rev())
        .map_err(ProbeError::Refused)?
        .ok_or(ProbeError::UnknownInterface { version })?;
    Release::find(interface, version)
        .copied()
        .ok_or(ProbeError::UnknownRelease { version, interface })
}
