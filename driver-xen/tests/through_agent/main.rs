//! The transfer engine through an agent process: the suites of `driver-sim/tests/transfer` and
//! `driver-sim/tests/goldens` over the driver, its transport to an agent, the C program, and a
//! simulated kernel behind it. Same images, same results, as many calls.
#![cfg(unix)]

#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/through_agent.rs"]
mod way;

#[allow(dead_code)] // not all of it is for suites
#[path = "../agent/bridge.rs"]
mod bridge;
#[allow(dead_code)]
#[path = "../agent/programs.rs"]
mod programs;

#[path = "../../../driver-sim/tests/transfer/cancel.rs"]
mod cancel;
#[path = "../../../driver-sim/tests/transfer/common.rs"]
mod common;
#[path = "../../../driver-sim/tests/transfer/edges.rs"]
mod edges;
#[path = "../../../driver-sim/tests/transfer/faults.rs"]
mod faults;
#[path = "../../../driver-sim/tests/transfer/images.rs"]
mod images;
mod lost;
#[path = "../../../driver-sim/tests/transfer/migrate.rs"]
mod migrate;
#[path = "../transfer/same.rs"]
mod same;

#[path = "../../../driver-sim/tests/goldens/built.rs"]
mod built;
#[path = "../../../driver-sim/tests/goldens/compare.rs"]
mod compare;
#[path = "../../../driver-sim/tests/goldens/replay.rs"]
mod replay;
#[path = "../../../driver-sim/tests/goldens/resave.rs"]
mod resave;
#[path = "../../../driver-sim/tests/goldens/restore.rs"]
mod restore;
#[path = "../../../driver-sim/tests/goldens/setting.rs"]
mod setting;
