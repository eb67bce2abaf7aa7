//! Notes of a core: a name, a type, bytes.

use alloc::format;
use alloc::vec::Vec;

use super::gregset::{fpregset, gregset};
use super::kernel;
use crate::dialect::Guest;
use crate::era::Era;
use crate::translate::View;
use crate::wire::vcpu_context::Context;

/// The name of our own notes. Their types are far from those of others: the BFD library looks at the
/// type alone.
pub const NOTE_OWNER: &str = "ia64save";
/// Our note with a vcpu's context: `u32` vcpu, the letters of its layout in a
/// `u32`, the context as it is in the
/// stream.
pub const NOTE_CONTEXT: u32 = 0x1a64_0001;
/// Our note with a vcpu's privregs page (PV): `u32` vcpu, `u32` 0, the page.
pub const NOTE_PRIVREGS: u32 = 0x1a64_0002;
/// Our note with the shared_info page.
pub const NOTE_SHARED_INFO: u32 = 0x1a64_0003;
/// Our note that says what the core was made of, as text.
pub const NOTE_ORIGIN: u32 = 0x1a64_0004;

/// Linux: general registers and what belongs to a thread.
const NT_PRSTATUS: u32 = 1;
/// Linux: floating-point registers.
const NT_FPREGSET: u32 = 2;
/// Linux: the auxiliary vector.
const NT_AUXV: u32 = 6;
/// Linux: facts about the kernel, as text.
const VMCOREINFO: &str = "VMCOREINFO";
/// NetBSD, most machines: general registers.
const NT_NETBSD_REGISTERS: u32 = 33;
/// NetBSD, most machines: floating-point registers.
const NT_NETBSD_FLOATS: u32 = 35;
/// Bytes in front of the registers of `NT_PRSTATUS`: signals, ids and times.
const PRSTATUS_HEAD: usize = 112;
/// Where the thread id is in it.
const PRSTATUS_PID: usize = 32;

/// Appends a note; names and bytes are padded to 4.
pub(super) fn note(out: &mut Vec<u8>, owner: &str, kind: u32, bytes: &[u8]) {
    let sizes = [owner.len() as u32 + 1, bytes.len() as u32, kind];
    for word in sizes {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(owner.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Appends the notes that Linux gave each thread: here each vcpu, whose thread id is one more than its
/// number.
pub(super) fn registers(out: &mut Vec<u8>, vcpu: u32, context: &Context, by: (Era, Guest)) {
    let mut status = Vec::from([0; PRSTATUS_HEAD]);
    status[PRSTATUS_PID..PRSTATUS_PID + 4].copy_from_slice(&(vcpu + 1).to_le_bytes());
    for word in gregset(context, by.0, by.1) {
        status.extend_from_slice(&word.to_le_bytes());
    }
    // Floating-point registers are there.
    status.extend_from_slice(&1u64.to_le_bytes());
    note(out, "CORE", NT_PRSTATUS, &status);
    note(out, "CORE", NT_FPREGSET, &fpregset(context, by.0, by.1));
}

/// Appends the registers once more, in notes of NetBSD's form, which is bare registers: a gdb that runs
/// on another machine than the core's knows Linux's `NT_PRSTATUS` of its own machine only.
pub(super) fn bare_registers(out: &mut Vec<u8>, vcpu: u32, context: &Context, by: (Era, Guest)) {
    let owner = format!("NetBSD-CORE@{}", vcpu + 1);
    let words = gregset(context, by.0, by.1);
    let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    note(out, &owner, NT_NETBSD_REGISTERS, &words);
    note(
        out,
        &owner,
        NT_NETBSD_FLOATS,
        &fpregset(context, by.0, by.1),
    );
}

/// Appends what debuggers of Linux ask for before they open a core.
pub(super) fn of_kernel(out: &mut Vec<u8>, view: &View<'_>) {
    note(
        out,
        "CORE",
        NT_AUXV,
        &kernel::auxiliary(view.geometry().page_size()),
    );
    if let Some(text) = kernel::vmcoreinfo(view) {
        note(out, VMCOREINFO, 0, text.as_bytes());
    }
}

/// Appends a note of ours.
pub(super) fn own(out: &mut Vec<u8>, kind: u32, head: [u32; 2], bytes: &[u8]) {
    let mut all = Vec::with_capacity(8 + bytes.len());
    all.extend(head.iter().flat_map(|word| word.to_le_bytes()));
    all.extend_from_slice(bytes);
    note(out, NOTE_OWNER, kind, &all);
}
