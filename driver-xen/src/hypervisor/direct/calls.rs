//! Calls as the hypervisor takes them: numbers, structures, and the buffers that these point to.

use ia64save_codec::transfer::bitmap::PfnBitmap;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::Wire;

use super::Direct;
use crate::abi::domctl::{ARGUMENTS, Domctl, ShadowOp};
use crate::abi::event::Status;
use crate::abi::hvm::Param;
use crate::abi::memory::Reservation;
use crate::abi::numbers;
use crate::transport::{Argument, Buffer, DomainId, Hypercall, Link, Transport};

/// A buffer that a structure points to.
pub(crate) struct Pointed<'a> {
    /// Where in the structure the pointer lies.
    pub(crate) offset: usize,
    /// The buffer.
    pub(crate) buffer: Buffer<'a>,
}

impl<T: Transport> Direct<T> {
    /// Any hypercall with a number and a structure, which may point to another buffer.
    pub(crate) fn operation(
        &mut self,
        number: u64,
        operation: Option<u64>,
        structure: &mut [u8],
        pointed: Option<Pointed<'_>>,
    ) -> Result<u64, Errno> {
        let mut arguments = [Argument::Value(0); 5];
        match operation {
            Some(operation) => {
                arguments[0] = Argument::Value(operation);
                arguments[1] = Argument::Buffer(0);
            }
            None => arguments[0] = Argument::Buffer(0),
        }
        let structure = Buffer::in_out(structure);
        match pointed {
            None => self.transport.hypercall(&mut Hypercall {
                number,
                arguments,
                buffers: &mut [structure],
                links: &[],
            }),
            Some(Pointed { offset, buffer }) => self.transport.hypercall(&mut Hypercall {
                number,
                arguments,
                buffers: &mut [structure, buffer],
                links: &[Link {
                    holder: 0,
                    offset,
                    target: 1,
                }],
            }),
        }
    }

    /// A domctl. Gives the domain and the arguments that it came back with. The pointer's offset is
    /// within the arguments.
    pub(crate) fn domctl(
        &mut self,
        command: u32,
        domain: DomainId,
        arguments: &[u8],
        pointed: Option<Pointed<'_>>,
    ) -> Result<Domctl, Errno> {
        let mut u = [0; 128];
        u[..arguments.len()].copy_from_slice(arguments);
        let mut bytes = Domctl {
            cmd: command,
            interface_version: self.release.interface,
            domain,
            pad10: [0; 6],
            u,
        }
        .to_bytes();
        let pointed = pointed.map(|pointed| Pointed {
            offset: ARGUMENTS + pointed.offset,
            ..pointed
        });
        self.operation(numbers::DOMCTL, None, &mut bytes, pointed)?;
        Domctl::parse(&bytes).ok_or(Errno::EPROTO)
    }

    pub(super) fn plain(&mut self, command: u32, domain: DomainId) -> Result<(), Errno> {
        self.domctl(command, domain, &[], None).map(drop)
    }

    /// How many of the frames it did, up to the first that it did not; a list too long for one buffer
    /// goes in pieces.
    pub(super) fn reservation(
        &mut self,
        operation: u64,
        domain: DomainId,
        frames: &[u64],
    ) -> (u64, Option<Errno>) {
        let longest = (self.transport.geometry().buffer / 8).max(1);
        let mut done = 0;
        for piece in frames.chunks(longest) {
            let mut list: Vec<u8> = piece.iter().flat_map(|f| f.to_le_bytes()).collect();
            let mut structure = Reservation {
                extent_start: 0,
                nr_extents: piece.len() as u64,
                extent_order: 0,
                mem_flags: 0,
                domid: domain,
                pad26: [0; 6],
            }
            .to_bytes();
            let pointed = Pointed {
                offset: 0,
                buffer: Buffer::in_out(&mut list),
            };
            let result = self.operation(
                numbers::MEMORY_OP,
                Some(operation),
                &mut structure,
                Some(pointed),
            );
            match result {
                // Never more than were asked for, whatever the other end says.
                Ok(count) => {
                    done += count.min(piece.len() as u64);
                    if count < piece.len() as u64 {
                        return (done, None);
                    }
                }
                Err(errno) => return (done, Some(errno)),
            }
        }
        (done, None)
    }

    pub(super) fn shadow(
        &mut self,
        operation: u32,
        domain: DomainId,
        dirty: Option<&mut PfnBitmap>,
    ) -> Result<(), Errno> {
        let pages = dirty.as_ref().map_or(0, |dirty| dirty.pfns());
        let arguments = ShadowOp {
            op: operation,
            mode: 0,
            mb: 0,
            pad12: 0,
            dirty_bitmap: 0,
            pages,
            fault_count: 0,
            dirty_count: 0,
        }
        .to_bytes();
        let Some(dirty) = dirty else {
            return self
                .domctl(numbers::SHADOW_OP, domain, &arguments, None)
                .map(drop);
        };
        let mut bitmap = vec![0; dirty.words().len() * 8];
        let pointed = Pointed {
            offset: 16,
            buffer: Buffer::output(&mut bitmap),
        };
        self.domctl(numbers::SHADOW_OP, domain, &arguments, Some(pointed))?;
        for (word, bytes) in dirty.words_mut().iter_mut().zip(bitmap.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        if let (Some(last), rest @ 1..) = (dirty.words_mut().last_mut(), pages % 64) {
            *last &= (1 << rest) - 1;
        }
        Ok(())
    }

    /// Asks after a channel: `EINVAL` where there is none.
    pub(super) fn channel(&mut self, domain: DomainId, port: u32) -> Result<(), Errno> {
        let mut bytes = Status {
            dom: domain,
            pad2: 0,
            port,
            status: 0,
            vcpu: 0,
            bound: [0; 8],
        }
        .to_bytes();
        let operation = Some(numbers::CHANNEL_STATUS);
        self.operation(numbers::EVENT_CHANNEL_OP, operation, &mut bytes, None)
            .map(drop)
    }

    pub(super) fn param(
        &mut self,
        operation: u64,
        domain: DomainId,
        index: u32,
        value: u64,
    ) -> Result<u64, Errno> {
        let mut bytes = Param {
            domid: domain,
            pad2: 0,
            index,
            value,
        }
        .to_bytes();
        self.operation(numbers::HVM_OP, Some(operation), &mut bytes, None)?;
        Param::parse(&bytes)
            .map(|param| param.value)
            .ok_or(Errno::EPROTO)
    }
}
