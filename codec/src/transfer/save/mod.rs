//! A domain becomes a stream.
//!
//! ```text
//!        live                                            not live
//!   enable log-dirty                                 suspend, look why
//!          |                                                 |
//!          +------------------> expose the p2m <-------------+
//!                                      |
//!                prologue, arch_setup, memmap (version 2, 3)
//!                                      |
//!          +---------------------------+
//!          v                                                 |
//!   +-> policy: what next? ---- suspend, or enough           |
//!   |      | pass, stretch             |                     |
//!   |      v                           v                     |
//!   |   peek, send              suspend, look why            |
//!   |      |                           |                     |
//!   +--- clean, device model    clean, device model          |
//!                                      |                     |
//!                                      v                     |
//!          +------> snapshot of the p2m: present, unallocated <---+
//!          |                           |
//!          |      the last pass, terminator, unallocated list, tail, flush
//!          |                           |
//!          |    observer: a further checkpoint?  (Remus, from 4.0)
//!          |              yes |        | no
//!          +-- clean <- suspend <- resume   |
//!                                      v
//!                  log-dirty off, p2m unexposed: Saved, the domain stays suspended
//!
//!   any failure: log-dirty off, p2m unexposed, the domain resumed where it was suspended and can be:
//!   TransferError. Where it has to be, that is asked before anything else is done
//! ```
//!
//! What the original left open is closed here: the unallocated list and the last pass come from one
//! look at the p2m, so no page can fall between them; a page that cannot be read is an error unless
//! the caller says otherwise; a page that was given back and got anew is sent again even if log-dirty
//! missed it.
//!
//! | file | what |
//! |---|---|
//! | `saving` | a save under way: the boxes above, one behind the other |
//! | `memory` | which pages are to be sent, and the trips through RAM that send them |
//! | `tail` | what follows the pages |
//! | `output` | events through the encoder into the sink |

mod memory;
mod output;
mod saving;
mod tail;

use alloc::vec::Vec;
use core::time::Duration;

use self::output::Output;
use self::saving::Saving;
use super::cancel::Cancel;
use super::error::TransferError;
use super::observer::Observer;
use super::policy::Policy;
use super::ports::{DomainInfo, PortError, Sink, SourceDomain};
use super::resume::ResumeMode;
use crate::dialect::{Dialect, Guest};

/// How to save.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Send pages while the domain runs. Otherwise it is suspended first.
    pub live: bool,
    /// Leave out pages that cannot be read even while the domain is suspended, as the original did
    /// up to 3.4. Otherwise the save fails, as in 4.1.
    pub skip_unreadable: bool,
    /// The most pages that the p2m may have: what bitmaps are allocated for.
    pub most_pfns: u64,
    /// How the guest goes on after its suspension, of a PV guest; `None` where nobody knows.
    pub resume_mode: Option<ResumeMode>,
    /// The domain has to go on after a failure, or afterwards: without a way back
    /// ([`possible`](super::resume::possible)) it is not suspended at all. Otherwise one that cannot go on stays
    /// suspended, and can be saved again.
    pub needs_way_back: bool,
}

impl Options {
    /// Whether pages are sent while the domain runs.
    #[must_use]
    pub fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Whether pages that cannot be read are left out.
    #[must_use]
    pub fn skip_unreadable(mut self, skip_unreadable: bool) -> Self {
        self.skip_unreadable = skip_unreadable;
        self
    }

    /// The most pages that the p2m may have.
    #[must_use]
    pub fn most_pfns(mut self, most_pfns: u64) -> Self {
        self.most_pfns = most_pfns;
        self
    }

    /// How the guest goes on after its suspension.
    #[must_use]
    pub fn resume_mode(mut self, resume_mode: Option<ResumeMode>) -> Self {
        self.resume_mode = resume_mode;
        self
    }

    /// Whether the domain has to go on afterwards.
    #[must_use]
    pub fn needs_way_back(mut self, needs_way_back: bool) -> Self {
        self.needs_way_back = needs_way_back;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            live: true,
            skip_unreadable: false,
            most_pfns: 1 << 30,
            resume_mode: None,
            needs_way_back: false,
        }
    }
}

/// What a save came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The dialect of the stream: that of the source's hypervisor.
    pub dialect: Dialect,
    /// The kind of guest.
    pub guest: Guest,
    /// `p2m_size` of the stream.
    pub p2m_size: u64,
    /// Pages that are RAM by the memory map.
    pub ram_pages: u64,
    /// Trips through RAM, as a reader of the image counts them: a new one begins where the order of the
    /// memory map starts over ([`PageIndex::passes`](crate::image::PageIndex::passes)).
    pub passes: u32,
    /// Steps in which the policy had pages sent, the last one of each checkpoint included. Several
    /// stretches can make one pass.
    pub stretches: u32,
    /// Page records.
    pub sent: u64,
    /// Pages left out of the image since they could not be read.
    pub unreadable: u64,
    /// Entries of the last unallocated list.
    pub unallocated: u32,
    /// The vcpus of the stream.
    pub vcpus: Vec<u32>,
    /// Checkpoints: 1, and one more for each round of Remus.
    pub checkpoints: u32,
    /// Bytes of the stream.
    pub bytes: u64,
    /// When the save began, by the sink's clock.
    pub began: Duration,
    /// When the domain was suspended last.
    pub suspended: Duration,
    /// When everything was flushed.
    pub finished: Duration,
    /// What could not be given back, although the stream is whole.
    pub leftovers: Vec<PortError>,
}

impl Saved {
    /// How long the domain was suspended for, up to the last byte.
    pub fn downtime(&self) -> Duration {
        self.finished.saturating_sub(self.suspended)
    }

    /// How long all of it took.
    pub fn total(&self) -> Duration {
        self.finished.saturating_sub(self.began)
    }
}

/// A save, about to be made.
///
/// ```no_run
/// use ia64save_codec::transfer::ports::{Sink, SourceDomain};
/// use ia64save_codec::transfer::{Adaptive, Save, TransferError};
///
/// fn save(domain: &mut impl SourceDomain, sink: &mut impl Sink) -> Result<(), TransferError> {
///     let mut policy = Adaptive::default();
///     let saved = Save::new(domain, sink).policy(&mut policy).run()?;
///     assert!(saved.sent <= 3 * saved.p2m_size);
///     domain.destroy().ok(); // or resume: it is suspended
///     Ok(())
/// }
/// ```
#[allow(missing_debug_implementations)] // it holds whoever decides and looks on
pub struct Save<'a, 'p, D, S> {
    domain: &'a mut D,
    sink: &'a mut S,
    policy: Option<&'p mut dyn Policy>,
    observer: Option<&'p mut dyn Observer>,
    cancel: Cancel<'p>,
    options: Options,
}

impl<'a, 'p, D: SourceDomain, S: Sink> Save<'a, 'p, D, S> {
    /// A live save by the default policy.
    pub fn new(domain: &'a mut D, sink: &'a mut S) -> Self {
        Save {
            domain,
            sink,
            policy: None,
            observer: None,
            cancel: Cancel::default(),
            options: Options::default(),
        }
    }

    /// How to save.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Who decides.
    #[must_use]
    pub fn policy(mut self, policy: &'p mut dyn Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Who looks on.
    #[must_use]
    pub fn observer(mut self, observer: &'p mut dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What ends it before its time.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel<'p>) -> Self {
        self.cancel = cancel;
        self
    }

    /// Saves. Afterwards the domain is suspended: the caller destroys it, or has it
    /// [resume](super::resume::resume).
    ///
    /// # Errors
    /// Whatever failed; the domain then runs on where it ran before, as far as there is a way back
    /// ([`SourceDomain`]): [`Fate`](super::Fate) says. Bytes may have been written,
    /// but no stream that a restore takes for whole, with one exception: where the last
    /// [`Sink::flush`] failed, how much has arrived is for the caller to find out.
    pub fn run(self) -> Result<Saved, TransferError> {
        let mut adaptive = super::policy::Adaptive::default();
        let mut nobody = ();
        let policy = self.policy.unwrap_or(&mut adaptive);
        let observer = self.observer.unwrap_or(&mut nobody);
        let began = self.sink.now();
        let dialect = self.domain.dialect();
        let mut saving = Saving {
            domain: self.domain,
            out: Output::new(self.sink, self.cancel),
            policy,
            observer,
            options: self.options,
            info: DomainInfo::UNKNOWN,
            logging: false,
            exposed: false,
            told_to_suspend: false,
            saved: Saved {
                dialect,
                guest: Guest::Pv,
                p2m_size: 0,
                ram_pages: 0,
                passes: 0,
                stretches: 0,
                sent: 0,
                unreadable: 0,
                unallocated: 0,
                vcpus: Vec::new(),
                checkpoints: 0,
                bytes: 0,
                began,
                suspended: began,
                finished: began,
                leftovers: Vec::new(),
            },
        };
        match saving.all() {
            Ok(()) => {
                saving.saved.leftovers = saving.give_back();
                Ok(saving.saved)
            }
            Err(cause) => Err(saving.fail(cause)),
        }
    }
}
