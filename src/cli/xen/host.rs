//! The hypervisor.

use std::io::{self, Write as _};
use std::process::Command;
use std::time::Duration;

use ia64save::signals;
use ia64save_codec::transfer::policy::{Adaptive, Policy, Xen};
use ia64save_codec::transfer::ports::{Domain as _, Errno, PortError};
use ia64save_codec::transfer::resume::{ResumeMode, possible};
use ia64save_codec::transfer::{Cause, Fate, TransferError};
use ia64save_xen::XenDomain;
use ia64save_xen::abi::domctl;
use ia64save_xen::agent::{self, Agent};
use ia64save_xen::hypervisor::{Direct, Hypervisor, Info, probe};
use ia64save_xen::machine::Ia64;
use ia64save_xen::privcmd::Privcmd;
use ia64save_xen::toolstack::xenstore::Xenstore;
use ia64save_xen::toolstack::{ByCommand, ByDialogue, ByXenstore, Nobody, Toolstack};
use ia64save_xen::transport::{DomainId, Transport};

use super::args::{Host, PolicyName, Suspending, Transfer};
use super::way_back;
use crate::cli::exit::Failure;
use crate::cli::render::size::counted;

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
        Box::new(ByCommand::new(command).with_introduce(suspending.introduce_command.clone()))
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

/// That a domain could go on here after its suspension, before anything is begun.
pub fn needs_way_back(
    domain: DomainId,
    source: &mut Domain,
    mode: Option<ResumeMode>,
) -> Result<(), Failure> {
    let info = source.info().map_err(|error| refused(domain, &error))?;
    possible(source, info.guest, mode).map_err(|cause| match cause {
        Cause::NoWayBack(why) => way_back::refused(domain, why),
        cause => refused(domain, &cause),
    })
}

/// Names a domain that was made to ask the host something, and is still there.
pub fn name_leftover(target: &Domain) {
    if let Some(scratch) = target.leftover() {
        let text = format!(
            "domain {scratch}, which was made to learn how this host lays register stacks out, could not be \
             destroyed: `ia64save xen recover {scratch} --destroy` does it"
        );
        // Whoever reads nothing there cannot be told.
        let _ = writeln!(io::stderr(), "{text}");
    }
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
pub fn require(xen: &mut Hyper, domain: DomainId) -> Result<Info, Failure> {
    match xen.domain_info(domain) {
        Ok(_) if domain == 0 => Err(Failure::Usage(
            "domain 0 is the control domain itself".into(),
        )),
        Ok(info) => Ok(info),
        Err(Errno::ESRCH) => Err(Failure::Usage(format!("there is no domain {domain}"))),
        Err(errno) => Err(refused(domain, &errno)),
    }
}

/// That a domain can be saved: it is there, nobody has begun to destroy it, and where it is said to be
/// suspended already it is.
pub fn savable(xen: &mut Hyper, domain: DomainId, suspending: &Suspending) -> Result<(), Failure> {
    let info = require(xen, domain)?;
    let half = xen
        .is_half_destroyed(domain)
        .map_err(|errno| refused(domain, &errno))?;
    if half || info.flags & domctl::DYING != 0 {
        let text = format!(
            "domain {domain} is being destroyed, {} are left of it: there is nothing to save; \
             `ia64save xen recover {domain}` ends it",
            counted(info.tot_pages, "page")
        );
        return Err(Failure::Usage(text));
    }
    if suspending.suspended && info.flags & domctl::SHUTDOWN == 0 {
        let is = if info.flags & domctl::PAUSED == 0 {
            "runs: it has not suspended itself, and with --suspended nobody asks it to; \
             --suspend-command or xenstore does"
        } else {
            "is paused, not suspended: its guest suspends itself when it is asked to (--suspend-command, or \
             xenstore), and has to be unpaused for that"
        };
        return Err(Failure::Usage(format!("domain {domain} {is}")));
    }
    Ok(())
}

/// A domain that could not be destroyed: how far it came, and how to go on.
pub fn undestroyed(xen: &mut Hyper, domain: DomainId, error: &dyn std::fmt::Display) -> Failure {
    let left = match xen.domain_info(domain) {
        Ok(info) => format!("{} are left of it", counted(info.tot_pages, "page")),
        Err(_) => match xen.transport().failure() {
            Some(why) => format!("nobody knows how far it is ({why})"),
            None => "nobody knows how far it is".into(),
        },
    };
    let text = format!(
        "domain {domain} is half destroyed: {error}; {left}; `ia64save xen recover {domain} --destroy` goes on"
    );
    io::Error::other(text).into()
}

/// An engine's failure. Where the way to the hypervisor is broken, why it is: the numbers that calls fail
/// with do not say. Where a signal ended it, that one did.
pub fn transfer(domain: DomainId, source: &mut Domain, error: TransferError) -> Failure {
    let name = format!("domain {domain}");
    if let Some(why) = source.hypervisor().transport().failure() {
        let left = format!("what is left, `ia64save xen recover {domain}` mends");
        return io::Error::other(format!("{name}: {error}: {why}; {left}")).into();
    }
    if let (Cause::NoWayBack(why), Fate::Untouched) = (&error.cause, error.fate) {
        return way_back::refused(domain, *why);
    }
    if error.cause == Cause::NotSuspended(None)
        && let Ok(info) = source.hypervisor().domain_info(domain)
        && info.flags & domctl::PAUSED != 0
    {
        let why = "it is paused: its guest cannot suspend itself until it is unpaused";
        return io::Error::other(format!("{name}: {error}; {why}")).into();
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
