//! The frame of a task that waits.

use super::call;
use super::{Registers, StackEnd, Symbols, Word};
use crate::memory::{self, Memory};
use crate::rse;
use crate::unwind::{Psp, Rules};

/// Bytes between a task's saved stack pointer and its `struct switch_stack`: the scratch area that every
/// frame has.
const SCRATCH: u64 = 16;
/// Slots of the switching function that are looked at for its frame.
const SLOTS: u64 = 3 * 256;

/// A task that was switched away from.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// The frame that called for the switch.
    pub caller: Registers,
    /// Where its registers are saved.
    pub saved_at: u64,
    /// The function that switches tasks, and in which it waits. `None` where the task never ran.
    pub switched_in: Option<u64>,
    /// The stack pointer in there.
    pub sp: u64,
    /// The register stack's pointer in there.
    pub bsp: u64,
}

/// The frame of a blocked task, from its saved stack pointer (`thread.ksp`).
///
/// # Errors
/// Why it cannot be read, or what the kernel's DWARF lacks.
pub fn blocked(sp: u64, memory: &dyn Memory, symbols: &dyn Symbols) -> Result<Blocked, String> {
    let saved_at = sp.wrapping_add(SCRATCH);
    let size = symbols
        .size_of("switch_stack")
        .map_err(|missing| missing.to_string())?;
    let address = |path: &str| {
        let field = symbols.field("switch_stack", path);
        field
            .map(|field| saved_at.wrapping_add(field.offset))
            .map_err(|missing| missing.to_string())
    };
    let read = |path: &str| {
        let word = memory::word(memory, address(path)?);
        word.map_err(|error| format!("switch_stack.{path}: {error}"))
    };
    let ip = read("b0")?;
    if ip & 0xf != 0 {
        return Err(format!(
            "switch_stack.b0 at {saved_at:#x} is {ip:#x}, which is no bundle's address"
        ));
    }
    let bspstore = read("ar_bspstore")?;
    let pfs = read("ar_pfs")?;
    let unat = read("ar_unat")?;
    // A task that never ran begins at a function, and nobody called.
    let begins = symbols.symbol(ip).is_some_and(|(_, start)| start == ip);
    let switched_in = (!begins).then(|| called(ip, memory)).flatten();
    let mut caller = Registers {
        ip,
        returned: !begins,
        cfm: pfs & super::step::MARKER,
        stack: StackEnd {
            end: bspstore,
            rnat: read("ar_rnat")?,
        },
        pr: Some(read("pr")?),
        lc: Some(read("ar_lc")?),
        fpsr: Some(read("ar_fpsr")?),
        unat: Some(read("caller_unat")?),
        ..Registers::default()
    };
    caller.bsp = rse::skip(bspstore, -(caller.size_of_locals() as i64));
    caller.general[0] = Some(Word::default());
    for number in 4..8 {
        let at = address(&format!("r{number}"))?;
        let value = read(&format!("r{number}"))?;
        let nat = unat >> rse::nat_bit(at) & 1 != 0;
        caller.general[number] = Some(Word { value, nat });
    }
    for number in 1..6 {
        caller.branch[number] = Some(read(&format!("b{number}"))?);
    }
    if begins {
        caller.pfs = Some(pfs);
        caller.branch[0] = Some(0);
    }
    let frame = switched_in.and_then(|function| frame_of(function, symbols));
    let above = frame.unwrap_or(size);
    caller.general[12] = Some(sp.wrapping_add(above).into());
    Ok(Blocked {
        caller,
        saved_at,
        switched_in,
        sp,
        bsp: bspstore,
    })
}

/// The function that the call before a return address calls.
fn called(return_address: u64, memory: &dyn Memory) -> Option<u64> {
    let at = return_address.checked_sub(16)?;
    let mut bundle = [0; 16];
    memory.read(at, &mut bundle).ok()?;
    call::target(bundle, at)
}

/// Bytes of the frame that a function makes, by its unwind table.
fn frame_of(function: u64, symbols: &dyn Symbols) -> Option<u64> {
    let unwind = symbols.unwind(function).ok()??;
    let slots = (unwind.entry.end - unwind.entry.start) / 16 * 3;
    (0..slots.min(SLOTS)).find_map(
        |slot| match Rules::at(unwind.descriptors, slot, 0).ok()?.psp {
            Psp::Above(bytes) if bytes > 0 => Some(bytes),
            _ => None,
        },
    )
}
