//! What this driver sends and reads against what was recorded on real hypervisors.
//!
//! | file | recordings |
//! |---|---|
//! | `tools` | 10, between each release's own tools and its hypervisor: call by call |
//! | `session` | what the 24 hold, and what has to be made up |
//! | `agent` | 24, between this driver's agent and the hypervisors of 3.0.3 to 4.0: whole saves and restores |

mod agent;
mod session;
mod tools;

/// The recordings of the agent.
const TRACES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/traces/agent");
