//! The images that Xen's own code wrote, against what it did with them, by hypercalls: the suite of
//! `driver-sim/tests/goldens` over the driver and a simulated kernel.

#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/direct.rs"]
mod way;

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
