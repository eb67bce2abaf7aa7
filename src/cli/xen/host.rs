//! The hypervisor.

use std::io;
use std::process::Command;
use std::time::Duration;

use ia64save::signals;
use ia64save_codec::transfer::policy::{Adaptive, Policy, Xen};
use ia64save_codec::transfer::ports::{Errno, PortError};
use ia64save_codec::transfer::{Cause, Fate, TransferError};
use ia64save_xen::XenDomain;
use ia64save_xen::agent::{self, Agent};
use ia64save_xen::hypervisor::{Direct, Hypervisor, probe};
use ia64save_xen::machine::Ia64;
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::toolstack::xenstore::Xenstore;
use ia64save_xen::toolstack::{ByCommand, ByDialogue, ByXenstore, Nobody, Toolstack};
use ia64save_xen::transport::{DomainId, Transport};

use super::args::{Host, PolicyName, Suspending, Transfer};
use crate::cli::exit::Failure;

/// However it is reached.
pub type Hyper = Direct<Box<dyn Transport>>;
/// A domain of it.
pub type Domain = XenDomain<Hyper, Ia64>;

/// Finds the hypervisor, and which release it is.
pub fn open(host: &Host) -> Result<Hyper, Failure> {
    let mut transport = transport(host)?;
    let release = probe(&mut transport).map_err(|error| io::Error::other(error.to_string()))?;
    let release = match host.host_dialect {
        None => release,
        Some(dialect) => release.speaking(dialect).ok_or_else(|| {
            let text = format!(
                "this host is Xen {}, whose trees never spoke {dialect}",
                release.name
            );
            Failure::Usage(text)
        })?,
    };
    Ok(Direct::new(transport, release))
}

fn transport(host: &Host) -> Result<Box<dyn Transport>, Failure> {
    match &host.agent {
        None => {
            let privcmd = Privcmd::open().map_err(|error| io::Error::other(error.to_string()))?;
            Ok(Box::new(privcmd))
        }
        Some(command) => agent(command, Duration::from_secs(host.agent_wait)),
    }
}

/// Starts the agent of another host, and connects to it.
fn agent(command: &str, patience: Duration) -> Result<Box<dyn Transport>, Failure> {
    let options = agent::Options {
        patience,
        ..agent::Options::default()
    };
    let mut shell = Command::new("sh");
    // What is typed at a terminal reaches everybody there. The way to the host has to outlive it: it is
    // what a domain is let go on by.
    shell.arg("-c").arg(format!("trap '' INT HUP\n{command}"));
    let agent = Agent::spawn(shell, &options)
        .map_err(|error| io::Error::other(format!("{command}: {error}")))?;
    Ok(Box::new(agent))
}

/// How the guest is asked to suspend itself.
pub fn toolstack(suspending: &Suspending) -> Result<Box<dyn Toolstack>, Failure> {
    Ok(if suspending.suspended {
        Box::new(Nobody)
    } else if suspending.suspend_dialogue {
        Box::new(ByDialogue::new(io::stdin().lock(), io::stdout()))
    } else if let Some(command) = &suspending.suspend_command {
        Box::new(ByCommand::new(command))
    } else {
        let store = Xenstore::connect().map_err(|error| {
            let text = format!("xenstore: {error}; --suspend-command asks the guest another way");
            io::Error::new(error.kind(), text)
        })?;
        Box::new(ByXenstore::new(store))
    })
}

/// A domain of the hypervisor, to be saved.
pub fn source(
    xen: Hyper,
    domain: DomainId,
    toolstack: Box<dyn Toolstack>,
    suspending: &Suspending,
) -> Domain {
    let machine = Ia64::new(xen.release().era());
    XenDomain::new(xen, machine, domain)
        .with_boxed_toolstack(toolstack)
        .with_patience(Duration::from_secs(suspending.suspend_wait))
        .while_wanted(|| !signals::is_asked())
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

/// That a domain is there, before anything is begun.
pub fn require(xen: &mut Hyper, domain: DomainId) -> Result<(), Failure> {
    match xen.domain_info(domain) {
        Ok(_) if domain == 0 => Err(Failure::Usage(
            "domain 0 is the control domain itself".into(),
        )),
        Ok(_) => Ok(()),
        Err(Errno::ESRCH) => Err(Failure::Usage(format!("there is no domain {domain}"))),
        Err(errno) => Err(refused(domain, &errno)),
    }
}

/// An engine's failure. Where the way to the hypervisor is broken, why it is: the numbers that calls fail
/// with do not say. Where a signal ended it, that one did.
pub fn transfer(domain: DomainId, source: &mut Domain, error: TransferError) -> Failure {
    let name = format!("domain {domain}");
    if let Some(why) = source.hypervisor().transport().failure() {
        let left = format!("what is left, `ia64save xen recover {domain}` mends");
        return io::Error::other(format!("{name}: {error}: {why}; {left}")).into();
    }
    if error.cause == Cause::Cancelled && signals::is_asked() {
        let by = signals::name();
        let untouched = match error.fate {
            Fate::Untouched => "; the domain runs on",
            _ => "",
        };
        return io::Error::other(format!("{name}: by {by}: {error}{untouched}")).into();
    }
    Failure::Transfer(name, Box::new(error))
}

/// The hypervisor refused something.
pub fn refused(domain: DomainId, error: &dyn std::fmt::Display) -> Failure {
    io::Error::other(format!("domain {domain}: {error}")).into()
}

/// The same, of a port.
pub fn failed(domain: DomainId) -> impl Fn(PortError) -> Failure {
    move |error| refused(domain, &error)
}
