//! The agent and its transport, against each other: the C program, compiled with its sanitizers, at
//! the other end of pipes.
//!
//! | file | what |
//! |---|---|
//! | `programs` | compiles what is in `agent/` |
//! | `bridge` | the kernel behind an agent that `agent/tests/bridge.c` is |
//! | `memory` | a transport over domains in memory |
//! | `same` | through an agent, everything is as it is without |
//! | `linux` | `agent/linux_privcmd.c` on a kernel that is not there |
//! | `peers` | far sides that are silent, slow, rude or gone |
//! | `strict` | the C tests, and the compilers that must take the agent as it is |
#![cfg(unix)]

mod bridge;
mod linux;
mod memory;
mod peers;
mod programs;
mod same;
mod strict;
