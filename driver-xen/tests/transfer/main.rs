//! The transfer engine by hypercalls: the suite of `driver-sim/tests/transfer` over the driver and a
//! simulated kernel.

#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/direct.rs"]
mod way;

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
#[path = "../../../driver-sim/tests/transfer/migrate.rs"]
mod migrate;
mod same;
#[path = "../../../driver-sim/tests/transfer/stack.rs"]
mod stack;
#[path = "../../../driver-sim/tests/transfer/way_back.rs"]
mod way_back;
