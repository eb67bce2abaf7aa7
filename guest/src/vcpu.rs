//! A vcpu of an image: its registers as a frame, its view as memory.

use ia64save_codec::Era;
use ia64save_codec::dialect::Guest;
use ia64save_codec::elf::gregset;
use ia64save_codec::image::{Image, Vcpu};
use ia64save_codec::translate::{NoBytes, View};
use ia64save_codec::wire::vcpu_context::Context;

use crate::backtrace::{Registers, StackEnd, Word};
use crate::memory::{Memory, Unreadable};
use crate::rse;

/// The frame marker is that of the frame below `bsp`: an interruption stopped the vcpu.
const INTERRUPTED: u64 = 1 << 63;

impl Memory for View<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        View::read(self, address, into).map_err(|unread| Unreadable {
            address: unread.address,
            why: match unread.why {
                NoBytes::Fault(fault) => fault.to_string(),
                NoBytes::NoPage(physical) => {
                    format!("the image has no page for guest physical {physical:#x}")
                }
                NoBytes::Wrapped => "addresses end there".into(),
            },
        })
    }

    fn physical(&self, address: u64) -> Option<u64> {
        self.translate(address).ok()?.physical
    }
}

/// The registers of the frame that a vcpu stopped in, whose view it is. `None` where its context cannot be
/// read, or its register stack has no bounds.
pub fn registers(image: &Image, vcpu: &Vcpu, view: &View<'_>) -> Option<Registers> {
    let context = Context::parse(vcpu.layout, &vcpu.context.bytes)?;
    let guest = image.guest().unwrap_or(Guest::Pv);
    let era = image.era().unwrap_or(Era::D11B);
    let stack = view.stack()?;
    let set = gregset(&context, era, guest);
    let given = |path: &str| !era.leaves_to_heap(guest, path);
    let mut registers = Registers {
        ip: set[42] & !0xf | (context.psr() >> 41 & 3).min(2),
        returned: false,
        cfm: set[43],
        pr: Some(set[33]),
        pfs: Some(set[52]),
        unat: Some(set[50]),
        lc: given("regs.ar.lc").then_some(set[53]),
        fpsr: Some(set[51]),
        // What lies above the dirty words no one has saved.
        stack: StackEnd {
            end: stack.bspstore.checked_add(stack.words.len() as u64 * 8)?,
            rnat: stack.rnat,
        },
        ..Registers::default()
    };
    registers.bsp = match context.cfm() & INTERRUPTED {
        0 => stack.bsp,
        _ => rse::skip(stack.bsp, -(registers.size_of_frame() as i64)),
    };
    for (number, register) in registers.general.iter_mut().enumerate() {
        *register = Some(Word {
            value: set[number],
            nat: set[32] >> number & 1 != 0,
        });
    }
    registers.general[0] = Some(Word::default());
    for (number, register) in registers.branch.iter_mut().enumerate() {
        let known = given(&format!("regs.b[{number}]"));
        *register = known.then_some(set[34 + number]);
    }
    Some(registers)
}
