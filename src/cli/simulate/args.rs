//! What the user can say to `simulate`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use ia64save_codec::Guest;
use ia64save_codec::transfer::migration::Token;
use ia64save_sim::Era;
use ia64save_sim::workload::Pattern;

use crate::cli::args::{EnvelopeKind, Format, Packing, Reading, token};

#[derive(Args, Debug)]
pub struct Simulate {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Make a domain on a simulated host, and save it
    Save(Box<Save>),
    /// Restore an image on a simulated host, and say what is in the domain then
    Restore(Restore),
    /// Move a domain between two simulated hosts in two processes
    Migrate(Box<Migrate>),
}

/// Which policy decides about a live save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PolicyName {
    /// The original's decisions
    Xen,
    /// Ours: shorter downtime within the original's bound on traffic
    #[default]
    Adaptive,
}

/// The domain to make.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Domain")]
pub struct Domain {
    /// pv or hvm
    #[arg(long, value_name = "GUEST", default_value = "pv", value_parser = guest)]
    pub guest: Guest,

    /// Memory, in bytes or with a unit: 64MiB, 4GiB
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub memory: u64,

    /// Vcpus, up to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub vcpus: u32,

    /// Vcpus that are offline, by id: 2,5
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub offline: Vec<u32>,

    /// Pages that the guest has given back
    #[arg(long, value_name = "PAGES", default_value_t = 0)]
    pub ballooned: u64,

    /// The Xen of the host: a release (xen-3.4), a tree (dev-20071021) or an id (D11)
    #[arg(long, value_name = "DIALECT", default_value = "xen-3.3", value_parser = era)]
    pub dialect: Era,

    /// What the domain's contents and its work come from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How to send it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Transfer")]
pub struct Transfer {
    /// What the guest does meanwhile: idle, uniform, hot, sweep, growing, bursts
    #[arg(long, value_name = "PATTERN", default_value = "uniform", value_parser = pattern)]
    pub workload: Pattern,

    /// Pages that the guest writes to in a second
    #[arg(long, value_name = "PAGES", default_value_t = 1000)]
    pub rate: u64,

    /// Who decides what to send when
    #[arg(long, value_name = "POLICY", default_value = "adaptive")]
    pub policy: PolicyName,

    /// Passes of the original's policy
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_iters: u32,

    /// Bound on traffic, in multiples of the domain's memory
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_factor: u64,

    /// Bytes that the simulated link carries in a second
    #[arg(long, value_name = "SIZE", default_value = "112MiB", value_parser = size)]
    pub bandwidth: u64,

    /// Milliseconds that the simulated link takes
    #[arg(long, value_name = "MS", default_value_t = 1)]
    pub latency: u64,
}

#[derive(Args, Debug)]
pub struct Save {
    /// Where to write; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Save while the domain runs
    #[arg(long)]
    pub live: bool,

    /// Go on after the first checkpoint: this many further rounds (Remus, from xen-4.0)
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    pub remus: u32,

    /// Write this envelope around the stream
    #[arg(long, value_name = "KIND", default_value = "bare")]
    pub envelope: EnvelopeKind,

    /// Refuse where OUT exists
    #[arg(long)]
    pub no_clobber: bool,

    #[command(flatten)]
    pub packing: Packing,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub domain: Domain,

    #[command(flatten)]
    pub transfer: Transfer,
}

#[derive(Args, Debug)]
pub struct Restore {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// The Xen of the host, if not that of the image
    #[arg(long, value_name = "DIALECT", value_parser = era)]
    pub host: Option<Era>,

    /// Vcpus of the new domain, if not as many as the image names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub vcpus: Option<u32>,

    /// The new domain's event channel to xenstore
    #[arg(long, value_name = "PORT", default_value_t = 21)]
    pub store_evtchn: u32,

    /// The new domain's event channel to its console
    #[arg(long, value_name = "PORT", default_value_t = 22)]
    pub console_evtchn: u32,

    /// Save the restored domain again, as it is, to this file
    #[arg(long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub resave: Option<PathBuf>,

    /// Refuse where the file of --resave exists
    #[arg(long, requires = "resave")]
    pub no_clobber: bool,

    #[command(flatten)]
    pub packing: Packing,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub reading: Reading,
}

/// How the two ends of a migration speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// This project's: nothing is given up before the other end says that it has it
    #[default]
    Acknowledged,
    /// xend's relocation protocol, which acknowledges nothing
    Xend,
}

#[derive(Args, Debug)]
pub struct Migrate {
    /// Take domains in at this address: HOST:PORT, or the path of a socket
    #[arg(long, value_name = "ADDRESS", conflicts_with = "to", value_parser = address)]
    pub listen: Option<String>,

    /// End after this many domains
    #[arg(long, value_name = "N", requires = "listen")]
    pub count: Option<u64>,

    /// Connections at a time; of more than these, the one longest without a greeting is ended
    #[arg(long, value_name = "N", requires = "listen", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub max_connections: u32,

    /// Memory that the domains that come may have together; without it, half of what there is
    #[arg(long, value_name = "SIZE", requires = "listen", value_parser = size)]
    pub max_memory: Option<u64>,

    /// Keep in this file what became of migrations, so that who asks after a crash is answered; without it
    /// they are forgotten with the process
    #[arg(long, value_name = "FILE", requires = "listen", value_hint = ValueHint::FilePath)]
    pub outcomes: Option<PathBuf>,

    /// Bytes a second that a domain has to come with on average, beside --wait
    #[arg(long, value_name = "SIZE", requires = "listen", default_value = "64KiB", value_parser = size)]
    pub least_rate: u64,

    /// End with standard input: whoever started this process is gone then
    #[arg(long, requires = "listen", hide = true)]
    pub tied: bool,

    /// Send a domain to this address. Without --to and --listen both ends are started
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub to: Option<String>,

    /// Send nothing: ask there what became of an earlier migration, which ended in doubt
    #[arg(long, value_name = "TOKEN", requires = "to", value_parser = token)]
    pub ask: Option<Token>,

    /// A secret that both ends have to know; nothing is encrypted, which takes ssh or a VPN
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secret_file: Option<PathBuf>,

    /// How to speak; who listens understands both
    #[arg(long, value_name = "PROTOCOL", default_value = "acknowledged")]
    pub protocol: ProtocolName,

    /// Seconds to wait for the other end, as in xen migrate
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,

    /// Suspend the domain first, instead of sending it while it runs
    #[arg(long)]
    pub suspend_first: bool,

    /// How the result is printed
    #[arg(
        short,
        long,
        alias = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub format: Format,

    #[command(flatten)]
    pub domain: Domain,

    #[command(flatten)]
    pub transfer: Transfer,
}

/// Where the other end is.
fn address(text: &str) -> Result<String, String> {
    let port = |text: &str| {
        text.rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    };
    if text.starts_with("unix:") || text.contains('/') || port(text) {
        return Ok(text.to_owned());
    }
    Err("HOST:PORT, such as host.example:8002, or the path of a socket".into())
}

fn guest(name: &str) -> Result<Guest, String> {
    name.parse().map_err(|_| "pv or hvm".into())
}

fn era(name: &str) -> Result<Era, String> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Era::all().map(|era| era.to_string()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn pattern(name: &str) -> Result<Pattern, String> {
    name.parse().map_err(|_| {
        let names: Vec<_> = Pattern::ALL.iter().map(|pattern| pattern.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

/// Bytes, with or without a unit.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u32); 9] = [
        ("KiB", 10),
        ("MiB", 20),
        ("GiB", 30),
        ("TiB", 40),
        ("K", 10),
        ("M", 20),
        ("G", 30),
        ("T", 40),
        ("B", 0),
    ];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(unit));
    let (digits, shift) = unit.map_or((text, 0), |(unit, shift)| {
        (&text[..text.len() - unit.len()], *shift)
    });
    let number: Option<u64> = digits.trim_end().parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "a number of bytes, such as 64MiB".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("16384"), Ok(16384));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("64M"), Ok(64 << 20));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        for bad in ["", "0", "-1", "MiB", "1.5GiB", "99999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
