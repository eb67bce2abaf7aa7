//! Save and restore over a domain that takes everything: what the engine does by itself, with no
//! hypervisor to mend or refuse it. `driver-sim` has the tests with one.

mod failures;
mod fake;
mod live;
mod round_trip;
mod way_back;
