//! `xen recover`: mends what was left of a domain by a process that was killed.

use std::io::Write as _;
use std::time::Duration;

use ia64save::migration::{Target, said, secret};
use ia64save::document::name::XenRecoverName;
use ia64save::document::xen::{XenMended, XenUnfinishedList};
use ia64save_codec::transfer::Cause;
use ia64save_codec::transfer::migration::{Outcome as Became, SourceFate};
use ia64save_codec::transfer::ports::{Domain as _, Errno, NoWayBack, SourceDomain as _};
use ia64save_xen::XenDomain;
use ia64save_xen::abi::domctl;
use ia64save_xen::hypervisor::Hypervisor as _;
use ia64save_xen::machine::Ia64;
use ia64save_xen::toolstack::xenstore::Xenstore;
use ia64save_xen::toolstack::{ByXenstore, Nobody, Toolstack};
use ia64save_xen::transport::DomainId;

use super::args::Recover;
use super::host::{self, Hyper};
use super::migrate::address;
use super::unfinished::{Left, Unfinished};
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style;

/// Runs the command.
pub fn run(args: &Recover) -> Result<Outcome, Failure> {
    let unfinished = Unfinished::of(&args.host);
    let Some(domain) = args.domain else {
        return list(args, &unfinished);
    };
    let xen = host::open(&args.host)?;
    let done = recover(args, domain, xen, toolstack(args), &unfinished)?;
    match args.format {
        Format::Text => writeln!(style::stdout(), "{}", done.text())?,
        format => print_json(&done.document(), format)?,
    }
    Ok(Outcome::Fine)
}

/// What was left, of all domains.
fn list(args: &Recover, unfinished: &Unfinished) -> Result<Outcome, Failure> {
    let found = unfinished.found();
    match args.format {
        Format::Text if found.is_empty() => {
            writeln!(style::stdout(), "nothing was left unfinished here")?;
        }
        Format::Text => {
            for left in &found {
                writeln!(style::stdout(), "{left}")?;
            }
        }
        format => {
            let list = XenUnfinishedList {
                schema: XenRecoverName,
                unfinished: found.iter().map(Left::known).collect(),
            };
            print_json(&list, format)?;
        }
    }
    Ok(Outcome::Fine)
}

/// Who tells a device model that it goes on: this machine's xenstore, where there is one.
fn toolstack(args: &Recover) -> Box<dyn Toolstack> {
    match Xenstore::connect() {
        Ok(store) if args.host.agent.is_none() => Box::new(ByXenstore::new(store)),
        _ => Box::new(Nobody),
    }
}

/// What mending came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Done {
    domain: DomainId,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// There is no such domain any more.
    Gone,
    /// It was destroyed, and why.
    Destroyed(&'static str),
    /// It had suspended itself, and goes on.
    Resumed,
    /// It ran all the while.
    Runs,
    /// It is paused, by a toolstack.
    Paused,
    /// It has shut down for a reason of its own.
    ShutDown,
}

impl Done {
    fn text(&self) -> String {
        let fate = match self.fate {
            Fate::Gone => "there is none any more",
            Fate::Destroyed(why) => return format!("domain {}: destroyed: {why}", self.domain),
            Fate::Resumed => "log-dirty is off, and it goes on",
            Fate::Runs => "log-dirty is off; it was not suspended",
            Fate::Paused => "log-dirty is off; it is paused, as a toolstack leaves a domain",
            Fate::ShutDown => "log-dirty is off; it has shut down by itself",
        };
        format!("domain {}: {fate}", self.domain)
    }

    pub(super) fn document(&self) -> XenMended {
        let fate = match self.fate {
            Fate::Gone => "gone",
            Fate::Destroyed(_) => "destroyed",
            Fate::Resumed => "resumed",
            Fate::Runs => "runs",
            Fate::Paused => "paused",
            Fate::ShutDown => "shut_down",
        };
        XenMended {
            schema: XenRecoverName,
            domain: self.domain,
            fate,
        }
    }
}

/// Mends a domain.
pub(super) fn recover(
    args: &Recover,
    domain: DomainId,
    mut xen: Hyper,
    mut toolstack: Box<dyn Toolstack>,
    unfinished: &Unfinished,
) -> Result<Done, Failure> {
    let mut left = unfinished.found();
    left.retain(|left| left.domain() == Some(domain));
    let info = match xen.domain_info(domain) {
        Ok(_) if domain == 0 => {
            let text = "domain 0 is the control domain itself";
            return Err(Failure::Usage(text.into()));
        }
        Ok(info) => info,
        Err(Errno::ESRCH) => {
            forget(left)?;
            let fate = Fate::Gone;
            return Ok(Done { domain, fate });
        }
        Err(errno) => return Err(host::refused(domain, &errno)),
    };
    let half = xen
        .is_half_destroyed(domain)
        .map_err(|errno| host::refused(domain, &errno))?;
    let mode = args.way_back.mode(domain, toolstack.as_mut())?;
    let machine = Ia64::new(xen.release().era());
    let mut source = XenDomain::new(xen, machine, domain).with_boxed_toolstack(toolstack);
    let stands = half || info.flags & (domctl::PAUSED | domctl::SHUTDOWN | domctl::DYING) != 0;
    let destroyed = if args.destroy {
        Some("as it was asked for")
    } else if half {
        Some("somebody had begun to")
    } else if left.iter().any(Left::is_half_built) && !args.resume {
        Some("a restore had not completed it")
    } else if !args.resume && given_away(args, domain, &left)? {
        Some("it runs elsewhere")
    } else {
        None
    };
    let fate = match destroyed {
        Some(_) if !stands => {
            let text = format!("domain {domain} runs: it is neither half-built nor given away");
            return Err(Failure::Usage(text));
        }
        Some(why) => {
            if let Err(error) = source.destroy() {
                return Err(host::undestroyed(source.hypervisor(), domain, &error));
            }
            Fate::Destroyed(why)
        }
        None => {
            let done = source.recover(mode).map_err(|cause| match cause {
                Cause::NoWayBack(why) => stays(domain, why),
                cause => host::refused(domain, &cause),
            })?;
            match done.shutdown {
                Some(_) => Fate::ShutDown,
                None if done.resumed => Fate::Resumed,
                None if done.paused => Fate::Paused,
                None => {
                    // A device model may have been told to stop before its guest was.
                    source.resume().map_err(host::failed(domain))?;
                    Fate::Runs
                }
            }
        }
    };
    forget(left)?;
    Ok(Done { domain, fate })
}

/// A domain that cannot be let go on, and what to do about it.
fn stays(domain: DomainId, why: NoWayBack) -> Failure {
    let remedy = match why {
        NoWayBack::UnknownKernel => "--kernel or --resume-mode says it",
        _ => "`ia64save xen save --suspended` saves it",
    };
    let text = format!("domain {domain} stays suspended: {why}; {remedy}");
    std::io::Error::other(text).into()
}

fn forget(left: Vec<Left>) -> Result<(), Failure> {
    Ok(left.into_iter().try_for_each(Left::forget)?)
}

/// Whether the domain runs elsewhere. Where only others know, they are asked.
fn given_away(args: &Recover, domain: DomainId, left: &[Left]) -> Result<bool, Failure> {
    let Some(given) = left.iter().find(|left| left.is_given()) else {
        return Ok(false);
    };
    let decide = "--resume lets it go on here, --destroy ends it here";
    let Some((to, token)) = given.question() else {
        let text = format!(
            "domain {domain} was sent by xend's protocol, and nobody can be asked whether it runs: {decide}"
        );
        return Err(std::io::Error::other(text).into());
    };
    let address = address(to)?;
    let target = Target {
        address: &address,
        patience: Duration::from_secs(args.wait),
        secret: args.secret_file.as_deref().map(secret).transpose()?,
    };
    let answer = target
        .ask(token)
        .unwrap_or_else(|error| SourceFate::InDoubt(error.to_string()));
    match (said(&answer), answer) {
        (Became::Running, _) => Ok(true),
        (Became::Unknown, SourceFate::InDoubt(why)) => {
            let text = format!(
                "nobody knows whether domain {domain} runs at {to}: {why}; migration {token}: {decide}"
            );
            Err(std::io::Error::other(text).into())
        }
        (Became::Destroyed | Became::Unknown, _) => Ok(false),
    }
}
