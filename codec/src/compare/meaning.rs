//! Which fields mean the same in two dialects.
//!
//! Fields of one name do, but for these (spec 8.3, 8.5, 8.7, 8.9, 8.10, 12.1).

use crate::dialect::{ContextLayout, Dialect, Guest};

/// Why a field of a context cannot be compared between two dialects; `None` where it can.
pub(super) fn of_context(
    path: &str,
    guest: Option<Guest>,
    a: Dialect,
    b: Dialect,
) -> Option<&'static str> {
    let differs = |meaning: fn(Dialect) -> u8| meaning(a) != meaning(b);
    match path {
        "flags" if a != b => Some("a restore overwrites it, and what it held changed"),
        "regs.psr" if differs(psr) => Some("up to 2007-06-12 it was that of the machine"),
        "regs.ar.bsp" if differs(stack) => {
            Some("it counted the words of the hypervisor's stack, then those of the guest's")
        }
        "regs.nats"
            if differs(if guest == Some(Guest::Hvm) {
                nats_hvm
            } else {
                nats
            }) =>
        {
            Some("its bits were in the order of the hypervisor's stack")
        }
        "privregs_pfn" if differs(frame) => Some("it was a machine frame"),
        _ => None,
    }
}

/// The same, for a field of the head.
pub(super) fn of_head(path: &str, a: Dialect, b: Dialect) -> Option<&'static str> {
    let differs = |meaning: fn(Dialect) -> u8| meaning(a) != meaning(b);
    match path {
        "p2m_size" if differs(size) => {
            Some("it was the memory that was allowed, then the memory there is")
        }
        "arch_setup.maxmem" if differs(size) => Some("it was not filled"),
        _ => None,
    }
}

fn psr(dialect: Dialect) -> u8 {
    match dialect.spec().context {
        ContextLayout::A | ContextLayout::B | ContextLayout::B2 => 0,
        _ => 1,
    }
}

fn stack(dialect: Dialect) -> u8 {
    match dialect.spec().context {
        ContextLayout::A => 0,
        ContextLayout::E | ContextLayout::F => 2,
        _ => 1,
    }
}

fn nats(dialect: Dialect) -> u8 {
    u8::from(matches!(
        dialect.spec().context,
        ContextLayout::E | ContextLayout::F
    ))
}

fn nats_hvm(dialect: Dialect) -> u8 {
    u8::from(dialect >= Dialect::D11)
}

fn frame(dialect: Dialect) -> u8 {
    u8::from(dialect >= Dialect::D1b)
}

fn size(dialect: Dialect) -> u8 {
    u8::from(dialect >= Dialect::D3)
}

/// Whether a field is uninitialised memory, or the hypervisor's own address.
pub(super) fn is_garbage(path: &str, dialect: Dialect) -> bool {
    if path == "flags" {
        // Contexts up to B were not cleared first.
        return matches!(dialect.spec().context, ContextLayout::A | ContextLayout::B);
    }
    path.strip_prefix("vpd.").is_some_and(|field| {
        let own = ["vac.value", "vdc.value", "virt_env_vaddr"];
        let low = field.strip_prefix("vpd_low.");
        low.is_some_and(|low| own.contains(&low)) || field.starts_with("vmm_avail")
    })
}
