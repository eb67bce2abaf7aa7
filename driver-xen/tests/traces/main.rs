//! What this driver sends and reads against what was recorded on real hypervisors.
//!
//! | file | recordings |
//! |---|---|
//! | `tools` | 10, between each release's own tools and its hypervisor: call by call |
//! | `agent` | 24, between this driver's agent and the hypervisors of 3.0.3 to 4.0: whole saves and restores |

mod agent;
mod tools;
