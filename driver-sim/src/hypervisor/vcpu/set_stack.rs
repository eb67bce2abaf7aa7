//! set-context: the register stack.

use ia64save_codec::era::StackSet;
use ia64save_codec::transfer::ports::Errno;

use super::Vcpu;
use super::given::{Given, INVALID, Refusal};
use super::stack::{self, Stack};

/// Bytes of the hypervisor's memory of a vcpu, its backing store among them.
const VCPU_BYTES: u64 = 32768;

impl Vcpu {
    /// The register stack.
    pub(super) fn load_stack(&mut self, given: &Given<'_>, fresh: bool) -> Result<(), Refusal> {
        let bspstore = given.reg("ar.bspstore");
        let bytes = given.reg("ar.bsp").wrapping_sub(bspstore);
        // The hypervisor of these eras counted in 32 bits, and kept 16.
        let loadrs = u64::from(bytes as u32) << 16 & 0xffff_ffff;
        match given.spec.stack_set {
            StackSet::Loadrs => {}
            StackSet::Size => self.kept.loadrs = loadrs,
            StackSet::Copied => {
                if fresh {
                    self.kept.loadrs = loadrs;
                }
                let bytes = u64::from(bytes as u32);
                let words = given.words();
                let known = words.len().min((bytes / 8) as usize);
                self.kept.stack = words[..known].to_vec();
                // From 4 GiB less a few bytes on the copy would not have come to an end; it was seen to
                // do nothing there.
                if (VCPU_BYTES..1 << 31).contains(&bytes) {
                    self.kept.trample();
                }
            }
            StackSet::Relaid => return self.relaid(given, fresh, bspstore, bytes),
        }
        Ok(())
    }

    fn relaid(
        &mut self,
        given: &Given<'_>,
        fresh: bool,
        bspstore: u64,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let most = stack::WORDS as u64 * 8;
        let machine = given.frame.machine;
        let host = machine.rbs_voff;
        // Sizes have 32 bits.
        let registers = stack::registers_in(bspstore >> 3 & 63, bytes >> 3);
        let size = u64::from(stack::slots(host, registers).wrapping_mul(8) as u32);
        if size > most {
            return Err(INVALID);
        }
        if fresh {
            self.kept.loadrs = size << 16;
        }
        // A marker of a stack that no processor has stays behind.
        let held = stack::registers_in(host, self.kept.dirty_bytes() / 8);
        self.wedged = held > machine.stacked_registers;
        let voff = given.reg("rbs_voff");
        if voff * 8 + size >= most {
            return Err(INVALID);
        }
        let (count, _) = stack::counted(voff % 64, size / 8);
        if count > machine.stacked_registers {
            return Err(Refusal::Fails(Errno::ENOSYS));
        }
        let stack = Stack::laid_out(
            &given.words(),
            given.reg("rbs_rnat"),
            voff % 64,
            size / 8,
            host,
        );
        if fresh {
            self.kept.loadrs = (8 * stack.words.len() as u64) << 16;
            self.wedged = false;
        }
        self.kept.stack = stack.words;
        self.kept.stack_rnat = stack.rnat;
        Ok(())
    }
}
