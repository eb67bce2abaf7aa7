//! What the hypervisor itself checks, keeps and hands back: vcpus and device state.
