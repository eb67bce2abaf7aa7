//! What the user can say to `xen`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum, ValueHint};
use ia64save_codec::Dialect;
use ia64save_codec::transfer::migration::Token;
use ia64save_xen::transport::DomainId;

use super::way_back::WayBack;
use crate::cli::args::{Format, Packing, Reading, dialect, token};

#[derive(Args, Debug)]
pub struct Xen {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// List the domains of this host
    List(List),
    /// Save a domain
    Save(Box<Save>),
    /// Restore an image into a new domain, which is left paused
    Restore(Box<Restore>),
    /// Move a domain to another host
    Migrate(Box<Migrate>),
    /// Mend what a save, restore or migration left that was killed
    Recover(Box<Recover>),
}

/// Which hypervisor, and how to reach it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Host")]
#[allow(clippy::struct_field_names)] // they are called as the options are
pub struct Host {
    /// The dialect that this host's Xen speaks, where it is a tree between two releases
    #[arg(long, value_name = "DIALECT", value_parser = dialect)]
    pub host_dialect: Option<Dialect>,

    /// Drive another host, through this command: it starts the agent there and connects to it
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub agent: Option<String>,

    /// Seconds to wait for the agent: tearing down a large domain takes minutes
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub agent_wait: u64,
}

/// How the guest is asked to suspend itself. Without any of these, through xenstore.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Suspending", group = ArgGroup::new("suspending"))]
pub struct Suspending {
    /// Run this command, with DOMID in its environment
    #[arg(long, value_name = "COMMAND", group = "suspending", value_hint = ValueHint::CommandString)]
    pub suspend_command: Option<String>,

    /// Run this command where store and console have to be introduced again, with DOMID, STORE_MFN,
    /// STORE_PORT, CONSOLE_MFN and CONSOLE_PORT in its environment
    #[arg(long, value_name = "COMMAND", requires = "suspend_command", value_hint = ValueHint::CommandString)]
    pub introduce_command: Option<String>,

    /// Say "suspend" on standard output and wait for "done" on standard input, as xc_save did
    #[arg(long, group = "suspending")]
    pub suspend_dialogue: bool,

    /// Do not ask: the domain is suspended already
    #[arg(long, group = "suspending")]
    pub suspended: bool,

    /// Seconds to wait for the guest to suspend itself
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub suspend_wait: u64,
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

impl PolicyName {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            PolicyName::Xen => "xen",
            PolicyName::Adaptive => "adaptive",
        }
    }
}

/// Who decides what to send when.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Transfer")]
pub struct Transfer {
    /// Who decides what to send when
    #[arg(long, value_name = "POLICY", default_value = "adaptive")]
    pub policy: PolicyName,

    /// Passes of the original's policy
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_iters: u32,

    /// Bound on traffic, in multiples of the domain's memory
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_factor: u64,

    /// Leave out pages that cannot be read, as the original did up to 3.4
    #[arg(long)]
    pub skip_unreadable: bool,
}

#[derive(Args, Debug)]
pub struct List {
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
    pub host: Host,
}

/// What becomes of a domain that was saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Afterwards {
    /// It stays suspended
    #[default]
    Suspended,
    /// It goes on
    Resume,
    /// It is destroyed, once the image is on the disk
    Destroy,
}

#[derive(Args, Debug)]
pub struct Save {
    /// The domain's number
    #[arg(value_name = "DOMID")]
    pub domain: DomainId,

    /// Where to write; - is standard output
    #[arg(short, long = "out", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,

    /// Save while the domain runs
    #[arg(long)]
    pub live: bool,

    /// What becomes of the domain afterwards
    #[arg(long, value_name = "FATE", default_value = "suspended")]
    pub then: Afterwards,

    /// Write an xend file with this configuration in front, instead of the bare stream
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Put the device model's state behind it, which lies in this file once the domain is suspended
    #[arg(long, value_name = "FILE", requires = "config", value_hint = ValueHint::FilePath)]
    pub device_model: Option<PathBuf>,

    /// Refuse where OUT exists
    #[arg(long)]
    pub no_clobber: bool,

    /// With --then destroy, take OUT for safe although it is a pipe, a terminal or a device that keeps
    /// nothing: somebody else sees to it that the image is on a disk
    #[arg(long)]
    pub trust_output: bool,

    /// Seconds to wait for whoever reads OUT, where it is a pipe that nobody takes anything from
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u64,

    /// Go ahead with --then resume although the domain could not go on here: it stays suspended then, and
    /// can be saved again
    #[arg(long)]
    pub accept_loss: bool,

    #[command(flatten)]
    pub way_back: WayBack,

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
    pub suspending: Suspending,

    #[command(flatten)]
    pub transfer: Transfer,

    #[command(flatten)]
    pub host: Host,
}

#[derive(Args, Debug)]
pub struct Restore {
    /// The image; - is standard input
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub image: PathBuf,

    /// Vcpus of the new domain, if not as many as the image names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub vcpus: Option<u32>,

    /// Restore into this domain, which a toolstack has made: paused, without memory
    #[arg(long, value_name = "DOMID", requires_all = ["store_evtchn", "console_evtchn"], conflicts_with = "vcpus")]
    pub into: Option<DomainId>,

    /// The new domain's event channel to xenstore, if it is not to be made
    #[arg(long, value_name = "PORT")]
    pub store_evtchn: Option<u32>,

    /// The new domain's event channel to its console, if it is not to be made
    #[arg(long, value_name = "PORT")]
    pub console_evtchn: Option<u32>,

    /// Let it run
    #[arg(long)]
    pub start: bool,

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

    #[command(flatten)]
    pub host: Host,
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
    /// The domain's number
    #[arg(value_name = "DOMID")]
    pub domain: DomainId,

    /// Where to: HOST, or HOST:PORT. xend listens at port 8002
    #[arg(value_name = "HOST", value_hint = ValueHint::Hostname)]
    pub to: String,

    /// The domain's configuration as xend has it: the other end makes the domain by it
    #[arg(long, value_name = "FILE", required_unless_present = "ask", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Move nothing: ask the other end what became of an earlier migration, which ended in doubt
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    pub ask: Option<Token>,

    /// A secret that the other end has to know too; nothing is encrypted, which takes ssh or a VPN
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secret_file: Option<PathBuf>,

    /// With --protocol xend, destroy the domain here although nobody acknowledges that it runs there
    #[arg(long)]
    pub trust_output: bool,

    /// The device model's state, which lies in this file once the domain is suspended
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub device_model: Option<PathBuf>,

    /// Suspend the domain first
    #[arg(long)]
    pub suspend_first: bool,

    /// Go ahead although the domain could not go on here after a failure: it stays suspended then
    #[arg(long)]
    pub accept_loss: bool,

    #[command(flatten)]
    pub way_back: WayBack,

    /// How to speak
    #[arg(long, value_name = "PROTOCOL", default_value = "acknowledged")]
    pub protocol: ProtocolName,

    /// Seconds to wait for the other end; --suspend-wait is for the guest
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,

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
    pub suspending: Suspending,

    #[command(flatten)]
    pub transfer: Transfer,

    #[command(flatten)]
    pub host: Host,
}

#[derive(Args, Debug)]
pub struct Recover {
    /// The domain's number. Without it, what was killed is listed
    #[arg(value_name = "DOMID")]
    pub domain: Option<DomainId>,

    /// It does not run elsewhere: let it go on here
    #[arg(long, requires = "domain")]
    pub resume: bool,

    /// It runs elsewhere, or is half-built: destroy it here
    #[arg(long, requires = "domain", conflicts_with = "resume")]
    pub destroy: bool,

    #[command(flatten)]
    pub way_back: WayBack,

    /// The secret of a migration that is asked about
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub secret_file: Option<PathBuf>,

    /// Seconds to wait for the other end of a migration that is asked about
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub wait: u64,

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
    pub host: Host,
}
