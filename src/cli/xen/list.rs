//! `xen list`: the domains of a host.

use std::io::{self, Write as _};

use ia64save::document::name::XenListName;
use ia64save::document::xen::{XenDomain, XenList};
use ia64save_xen::abi::domctl;
use ia64save_xen::hypervisor::{Hypervisor, Info};

use super::args::List;
use super::host::{self, Hyper};
use super::unfinished::Unfinished;
use crate::cli::args::Format;
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::size::human;
use crate::cli::render::style;
use crate::cli::render::table::{Align, Table};

/// Runs the command.
pub fn run(args: &List) -> Result<Outcome, Failure> {
    Unfinished::of(&args.host).offer();
    let mut xen = host::open(&args.host)?;
    let domains = listed(&mut xen)?;
    let page_size = xen.page_size() as u64;
    let release = xen.release();
    match args.format {
        Format::Text => {
            let mut table = Table::new(
                0,
                [
                    ("domain", Align::Right),
                    ("guest", Align::Left),
                    ("memory", Align::Right),
                    ("vcpus", Align::Right),
                    ("state", Align::Left),
                ],
            );
            for (info, half) in &domains {
                table.row([
                    info.domain.to_string().into(),
                    guest(info).into(),
                    human(info.tot_pages.saturating_mul(page_size)).into(),
                    info.online_vcpus.to_string().into(),
                    state(info, *half).into(),
                ]);
            }
            write!(style::stdout(), "{table}")?;
        }
        format => {
            let list = XenList {
                schema: XenListName,
                release: release.name.to_string(),
                dialect: release.dialect.name(),
                page_size,
                domains: domains.iter().map(domain).collect(),
            };
            print_json(&list, format)?;
        }
    }
    Ok(Outcome::Fine)
}

/// Every domain of the host.
pub(super) fn domains(xen: &mut Hyper) -> Result<Vec<Info>, Failure> {
    xen.domains()
        .map_err(|errno| io::Error::other(format!("the domains of this host: {errno}")).into())
}

/// Every domain, and whether it is half destroyed.
pub(super) fn listed(xen: &mut Hyper) -> Result<Vec<(Info, bool)>, Failure> {
    let domains = domains(xen)?.into_iter();
    Ok(domains
        .map(|info| (info, is_half_destroyed(xen, &info)))
        .collect())
}

/// Whether somebody began to destroy it and did not end that. Whom nobody can ask is listed as he says he is.
fn is_half_destroyed(xen: &mut Hyper, info: &Info) -> bool {
    let known = info.domain == 0 || info.flags & domctl::DYING != 0;
    !known && xen.is_half_destroyed(info.domain) == Ok(true)
}

fn domain((info, half): &(Info, bool)) -> XenDomain {
    XenDomain {
        domain: info.domain,
        guest: guest(info),
        state: state(info, *half).to_string(),
        paused: info.flags & domctl::PAUSED != 0,
        tot_pages: info.tot_pages.into(),
        max_pages: info.max_pages.into(),
        online_vcpus: info.online_vcpus,
        max_vcpu_id: info.max_vcpu_id,
    }
}

fn guest(info: &Info) -> &'static str {
    if info.flags & domctl::HVM != 0 {
        "hvm"
    } else {
        "pv"
    }
}

/// What matters most of what it is. The hypervisor does not say itself that a domain is half destroyed: it
/// follows from something else, so with a question mark.
pub(super) fn state(info: &Info, half: bool) -> &'static str {
    let has = |flag| info.flags & flag != 0;
    if has(domctl::DYING) {
        "dying"
    } else if half {
        "dying?"
    } else if has(domctl::SHUTDOWN) {
        match info.flags >> domctl::REASON_SHIFT & 0xff {
            0 => "off",
            1 => "rebooting",
            2 => "suspended",
            3 => "crashed",
            _ => "shut down",
        }
    } else if has(domctl::PAUSED) {
        "paused"
    } else if has(domctl::BLOCKED) {
        "waiting"
    } else {
        "running"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_what_matters_most() {
        let of = |flags| {
            let info = Info {
                flags,
                ..Info::default()
            };
            assert_eq!(state(&info, true).trim_end_matches('?'), "dying");
            state(&info, false)
        };
        assert_eq!(of(0x2_0004), "suspended");
        assert_eq!(of(0x3_0004 | domctl::PAUSED), "crashed");
        assert_eq!(of(0x2_0004 | domctl::DYING), "dying");
        assert_eq!(of(domctl::PAUSED | domctl::HVM), "paused");
        assert_eq!(of(domctl::BLOCKED), "waiting");
        assert_eq!(of(domctl::RUNNING), "running");
    }
}
