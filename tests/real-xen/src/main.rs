//! What runs inside a real Xen: a line for each test, and an exit code.
//!
//! | room | what lives there |
//! |---|---|
//! | [`x86`] | the generic hypercalls as Xen 4.17 on x86 has them, over the driver's transport |
//! | [`guest`] | a guest whose memory can be foretold |
//! | [`calls`] | every generic call, as it succeeds and as it fails |
//! | [`behaviours`] | what a real Xen does and a mock would not |
//! | [`ioctls`] | privcmd's ioctls one by one |
//! | [`profile`] | the driver for a domain of x86 |
//! | [`generic`] | the driver's own generic calls, over each of its back ends |
//! | [`transfer`] | the running guest saved, restored, saved live and migrated |
//! | [`numbers`] | what batches are worth |
//! | [`report`] | what a test is, and how it is told |
//!
//! Over privcmd everything runs; through the agent, what says whether it carries all that. Built with the
//! feature `xenctrl` it is another program: the generic calls over libxenctrl.

extern crate alloc;

mod behaviours;
mod calls;
mod generic;
mod guest;
mod ioctls;
mod numbers;
mod profile;
mod report;
mod transfer;
mod x86;

use std::process::{Command, ExitCode};

use ia64save_xen::Transport;
use ia64save_xen::agent::{Agent, Options};
use ia64save_xen::hypervisor::Direct;
use ia64save_xen::privcmd::Privcmd;
use profile::Open;
use report::{Failure, Outcome, Report};
use x86::Xen;

/// Where the agent is.
const AGENT: &str = "/agent";

fn privcmd() -> Result<Box<dyn Transport>, Failure> {
    match Privcmd::open() {
        Ok(privcmd) => Ok(Box::new(privcmd)),
        Err(error) => Err(Failure(error.to_string())),
    }
}

fn agent() -> Result<Box<dyn Transport>, Failure> {
    match Agent::spawn(Command::new(AGENT), &Options::default()) {
        Ok(agent) => Ok(Box::new(agent)),
        Err(error) => Err(Failure(error.to_string())),
    }
}

/// Everything that goes through hypercalls as bytes, over one way to the hypervisor; over a `second` one
/// without what is the hypervisor's and not the way's.
fn hypercalls(report: &mut Report, way: &str, open: Open<'_>, second: bool) -> Outcome {
    let mut transport = open()?;
    let mut xen = Xen {
        transport: transport.as_mut(),
    };
    for (name, test) in calls::TESTS {
        report.run(&format!("{way}/{name}"), || test(&mut xen));
    }
    if !second {
        for (name, test) in behaviours::TESTS {
            report.run(&format!("{way}/{name}"), || test(&mut xen));
        }
    }
    let mut direct = Direct::new(open()?, profile::release());
    for (name, test) in generic::TESTS {
        report.run(&format!("{way}/driver/{name}"), || {
            test(&mut xen, &mut direct)
        });
    }
    let transfers = if second {
        transfer::WAY
    } else {
        transfer::TESTS
    };
    for (name, test) in transfers {
        report.run(&format!("{way}/transfer/{name}"), || test(&mut xen, open));
    }
    report.run(&format!("{way}/numbers"), || {
        numbers::measure(&mut xen, way)
    });
    Ok(())
}

/// Everything that the static program tests.
fn ways(report: &mut Report) -> Outcome {
    hypercalls(report, "privcmd", &privcmd, false)?;
    let mut transport = privcmd()?;
    let mut xen = Xen {
        transport: transport.as_mut(),
    };
    for (name, test) in ioctls::TESTS {
        report.run(name, || test(&mut xen));
    }
    hypercalls(report, "agent", &agent, true)
}

/// The driver over libxenctrl. What makes the domains stays privcmd.
#[cfg(feature = "xenctrl")]
fn libxenctrl(report: &mut Report) -> Outcome {
    let mut transport = privcmd()?;
    let mut xen = Xen {
        transport: transport.as_mut(),
    };
    let mut library = ia64save_xen::hypervisor::Xenctrl::open()
        .map_err(|error| Failure(format!("libxenctrl: {error}")))?;
    for (name, test) in generic::TESTS {
        report.run(&format!("xenctrl/{name}"), || test(&mut xen, &mut library));
    }
    Ok(())
}

#[cfg(not(feature = "xenctrl"))]
fn libxenctrl(_: &mut Report) -> Outcome {
    Err(Failure("built without the feature xenctrl".into()))
}

fn main() -> ExitCode {
    let mut report = Report::new(std::env::args().skip(1).collect());
    let ran = if cfg!(feature = "xenctrl") {
        libxenctrl(&mut report)
    } else {
        ways(&mut report)
    };
    if let Err(failure) = ran {
        report.tell("a way to the hypervisor", Err(failure));
    }
    ExitCode::from(report.end())
}
