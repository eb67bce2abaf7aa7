//! The command line from outside: what a user sees, and what a script relies on.
//!
//! | file | what it holds the program to |
//! |---|---|
//! | `info` | JSON compared field by field with what is known of every golden image |
//! | `check` | every golden and every hostile image against its verdict, time and memory bounded |
//! | `input` | files, pipes and packed images say the same; what is no image is called by name |
//! | `listener` | strangers at the end of a migration that listens |
//! | `documents` | every JSON document against its schema; files that are none have their entry |
//! | `dump`, `map` | paths, values, extents |
//! | `extract` | cores, memory and parts against what is known of every golden image |
//! | `files` | nothing is lost or left over; what is read is judged first |
//! | `find` | hits against memory as it is |
//! | `guest` | backtraces, processes, log against what a guest says of itself |
//! | `compare` | what differs by meaning, dialects, cores, garbage |
//! | `convert` | bytes, losses, envelopes, and files that are there whole or not at all |
//! | `batch` | a line for every file; going on where one was interrupted; the same as a table |
//! | `corpus` | streams for other parsers, and the manifest that says what is wrong with them |
//! | `simulate` | domains saved, restored, moved between processes |
//! | `readme` | the sessions in the README are true |
//! | `repair` | bad images: repaired, or refused with a reason |
//! | `report` | the page is written, bounded, and silent about pages of the guest |
//! | `screens` | what a person sees, as snapshots |
//! | `shell` | completions and manual pages |
//! | `signals` | what a signal ends, and what is left where the process is killed |
//! | `translate` | virtual addresses against what a guest says of its own |
//! | `terminal` | lines that fit, ASCII, nothing binary; packed files, standard output by any name |
//! | `xen` | what is said where there is no Xen |
//! | `words` | refusals that say what to do |
//! | `tree` | decode, encode, edit: bytes that come back, and edits that change no others |

mod batch;
mod check;
mod compare;
mod convert;
mod corpus;
mod documents;
mod dump;
mod extract;
mod files;
mod find;
mod guest;
mod info;
mod input;
mod listener;
mod map;
mod program;
mod readme;
mod repair;
mod report;
mod screens;
mod shell;
mod signals;
mod simulate;
mod terminal;
mod translate;
mod tree;
mod words;
#[cfg(feature = "xen")]
mod xen;

// The simulated kernel behind an agent's process, as the driver's own tests have it.
#[cfg(feature = "xen")]
#[allow(dead_code)]
#[path = "../../driver-xen/tests/agent/bridge.rs"]
mod bridge;
#[cfg(feature = "xen")]
#[allow(dead_code)]
#[path = "../../driver-xen/tests/support/process.rs"]
mod process;
#[cfg(feature = "xen")]
mod programs;
