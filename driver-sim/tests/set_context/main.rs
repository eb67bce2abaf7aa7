//! Set-context and get-context against real hypervisors.
//!
//! `../data` has what hypervisors of many eras answered, on a simulated Itanium 2, to contexts that each
//! had one thing changed: the return code, and which fields came back other than they went in. Every row
//! is held against the simulated hypervisor of the era.
//!
//! | file | what is compared |
//! |---|---|
//! | `releases` | about 100 contexts each on 3.2 and 3.4 |
//! | `eras` | about 150 contexts each on D7c, D8a, D8b (HVM), D9a, D9b, D10a, D10b |
//! | `stack` | register stacks of 1 to 96 registers, laid out for another `rbs_voff` |
//! | `restored` | golden images of real hypervisors, restored and got again |
//! | `unset` | what get-context leaves to the heap, in every era |
//! | `hvm` | HVM vcpus on 3.4, by the rules |
//! | `context` | a context that is changed field by field |

mod context;
mod eras;
mod hvm;
mod releases;
mod restored;
mod stack;
mod unset;
