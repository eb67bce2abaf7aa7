//! What a driver needs from a kernel: hypercalls, and pages of other domains.
//!
//! Everything above this trait is bytes and numbers, so that three things can stand below it:
//!
//! | | hypercalls | pages of a domain | regions |
//! |---|---|---|---|
//! | Linux's privcmd, here | buffers are copied into locked memory, pointers are written, `ioctl` | mapped a batch at a time, copied, unmapped | mappings of this process |
//! | privcmd with a fake kernel (tests) | the same bytes, answered by a simulated host | the same | simulated |
//! | the agent on another machine | one message with its buffers; the agent writes the pointers | one message with the frames, the pages come back or go along with it | mappings of the agent, by number |
//!
//! A hypercall that points to memory says so ([`Buffer`], [`Link`]): no address ever appears in the
//! bytes that callers see, neither before the call nor after it.
//!
//! # What every implementation keeps to
//!
//! - `Err` of a whole operation means that nothing of it may be relied upon; a failed page of a batch is
//!   an `Err` in `results` and the others go on. Success of a batch says nothing about its pages.
//! - Batches of any length are accepted, and cut to what the kernel takes ([`Geometry::batch`]).
//! - Buffers above [`Geometry::buffer`] are refused with `E2BIG`, before anything is done.
//! - Mappings live as long as one call, or as long as their [`Region`]. Dropping the transport
//!   releases every region.
//! - The order of calls is the order of their effects. An implementation may keep several messages
//!   of one call on the way (a read of many pages), never those of different calls.
//! - A broken connection (the agent) is `EPIPE`, `ECONNRESET`, `ETIMEDOUT` or `EPROTO`, now and on every later call.

use ia64save_codec::transfer::ports::{Errno, PageResult};

/// Number of a domain.
pub type DomainId = u16;

/// What the kernel at the other end works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of a page, as foreign mappings take them: 16384 on ia64, 4096 on x86.
    pub page_size: usize,
    /// Bytes of the longest buffer of a hypercall: 2047 pages on ia64, where one descriptor page
    /// lists a buffer's pages.
    pub buffer: usize,
    /// Most pages that are mapped at once. Longer batches are cut to this.
    pub batch: usize,
}

/// Which way a buffer's bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The hypervisor reads them.
    In,
    /// The hypervisor writes them; what stood there before is not passed on: it finds zeros.
    Out,
    /// It reads and writes them.
    InOut,
}

/// Memory that a hypercall points to.
#[derive(Debug)]
pub struct Buffer<'a> {
    /// The bytes. Fields that a [`Link`] names are zero before and after the call.
    pub bytes: &'a mut [u8],
    /// Which way they go.
    pub direction: Direction,
}

impl<'a> Buffer<'a> {
    /// Bytes that the hypervisor reads and writes: most structures.
    pub fn in_out(bytes: &'a mut [u8]) -> Self {
        Buffer {
            bytes,
            direction: Direction::InOut,
        }
    }

    /// Bytes that the hypervisor reads alone.
    pub fn input(bytes: &'a mut [u8]) -> Self {
        Buffer {
            bytes,
            direction: Direction::In,
        }
    }

    /// Bytes that the hypervisor writes alone.
    pub fn output(bytes: &'a mut [u8]) -> Self {
        Buffer {
            bytes,
            direction: Direction::Out,
        }
    }
}

/// An argument of a hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number.
    Value(u64),
    /// The address of the call's buffer with this index.
    Buffer(usize),
    /// The address of a region.
    Region(Region),
}

/// A pointer inside of a buffer: the 8 bytes at `offset` of buffer `holder` are the address of
/// buffer `target`, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Index of the buffer that holds the pointer.
    pub holder: usize,
    /// Where in it, bytes.
    pub offset: usize,
    /// Index of the buffer it points to.
    pub target: usize,
}

/// A hypercall with all the memory it reaches.
///
/// ```
/// use ia64save_xen::transport::{Argument, Buffer, Hypercall, Link};
/// // domctl: a structure of 144 bytes that points, at offset 24, to a vcpu's context.
/// let (mut domctl, mut context) = ([0; 144], vec![0; 22208]);
/// let call = Hypercall {
///     number: 36,
///     arguments: [Argument::Buffer(0), Argument::Value(0), Argument::Value(0),
///                 Argument::Value(0), Argument::Value(0)],
///     buffers: &mut [Buffer::in_out(&mut domctl), Buffer::output(&mut context)],
///     links: &[Link { holder: 0, offset: 24, target: 1 }],
/// };
/// assert!(call.is_sound());
/// ```
#[derive(Debug)]
pub struct Hypercall<'a, 'b> {
    /// Its number: 36 for domctl.
    pub number: u64,
    /// Its arguments; those it does not have are `Value(0)`.
    pub arguments: [Argument; 5],
    /// The memory it reaches.
    pub buffers: &'a mut [Buffer<'b>],
    /// The pointers in that memory. Not more than one of them in the same 8 bytes.
    pub links: &'a [Link],
}

impl Hypercall<'_, '_> {
    /// Whether every index and offset lies within its buffers. Implementations refuse the others
    /// with `EINVAL`.
    pub fn is_sound(&self) -> bool {
        let arguments = self.arguments.iter().all(|argument| match argument {
            Argument::Buffer(index) => *index < self.buffers.len(),
            Argument::Value(_) | Argument::Region(_) => true,
        });
        let links = self.links.iter().all(|link| {
            link.target < self.buffers.len()
                && self.buffers.get(link.holder).is_some_and(|holder| {
                    link.offset
                        .checked_add(8)
                        .is_some_and(|end| end <= holder.bytes.len())
                })
        });
        arguments && links
    }
}

/// Address space at the other end, by a number that means something there alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region(pub u64);

/// Where the pages of a batch lie in a longer stretch of bytes: page `i` at `at + i * stride`.
///
/// So pages go straight into, and come straight out of, the records of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the first page begins.
    pub at: usize,
    /// Bytes from one page to the next; not less than a page.
    pub stride: usize,
}

impl Layout {
    /// Pages one behind the other.
    pub fn packed(page_size: usize) -> Self {
        Layout {
            at: 0,
            stride: page_size,
        }
    }

    /// Where page `index` lies; `None` beyond all addresses.
    pub fn page(self, index: usize, page_size: usize) -> Option<core::ops::Range<usize>> {
        let start = index.checked_mul(self.stride)?.checked_add(self.at)?;
        Some(start..start.checked_add(page_size)?)
    }

    /// Whether `pages` pages lie within `bytes` bytes and apart from each other.
    pub fn fits(self, pages: usize, page_size: usize, bytes: usize) -> bool {
        pages == 0
            || (self.stride >= page_size
                && self
                    .page(pages - 1, page_size)
                    .is_some_and(|last| last.end <= bytes))
    }
}

/// The kernel of a control domain: privcmd, whichever way it is reached.
pub trait Transport {
    /// What the kernel works with. Known from the beginning; costs nothing.
    fn geometry(&self) -> Geometry;

    /// A hypercall. Gives its result where it is not negative; a negative one, and a refusal of the
    /// kernel, is the error.
    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno>;

    /// Copies pages of a domain out. Frames are guest frames, machine frames with Xen 3.0.3. The bytes
    /// of a page that failed are unspecified.
    ///
    /// # Errors
    /// `EINVAL` where `out` or `results` do not fit the frames.
    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// Copies pages into a domain.
    ///
    /// # Errors
    /// As for [`Transport::read_foreign`].
    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// Fills pages of a domain with zeros.
    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno>;

    /// Address space of privcmd that can be read, with nothing in it: `IA64_DOM0VP_expose_foreign_p2m`
    /// is given its address and puts the table there. `bytes` is a multiple of the page size.
    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno>;

    /// Reads what the hypervisor put into a region, `offset` bytes from its beginning. `EFAULT`
    /// beyond its end, and `EINVAL` for a region that is not there. To read where nothing was put is
    /// a caller's error that the kernel answers with a signal.
    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno>;

    /// Gives a region back: unmaps it, upon which the kernel unexposes what was put there.
    fn release(&mut self, region: Region) -> Result<(), Errno>;

    /// Why the way there is broken, where the numbers that calls fail with do not say it; `None` while it is
    /// not.
    fn failure(&self) -> Option<String> {
        None
    }
}

/// A transport that is only known when running.
impl<T: Transport + ?Sized> Transport for Box<T> {
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }

    fn failure(&self) -> Option<String> {
        (**self).failure()
    }

    fn hypercall(&mut self, call: &mut Hypercall<'_, '_>) -> Result<u64, Errno> {
        (**self).hypercall(call)
    }

    fn read_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        out: &mut [u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        (**self).read_foreign(domain, frames, out, layout, results)
    }

    fn write_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        data: &[u8],
        layout: Layout,
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        (**self).write_foreign(domain, frames, data, layout, results)
    }

    fn clear_foreign(
        &mut self,
        domain: DomainId,
        frames: &[u64],
        results: &mut [PageResult],
    ) -> Result<(), Errno> {
        (**self).clear_foreign(domain, frames, results)
    }

    fn reserve(&mut self, bytes: usize) -> Result<Region, Errno> {
        (**self).reserve(bytes)
    }

    fn read_region(&mut self, region: Region, offset: usize, out: &mut [u8]) -> Result<(), Errno> {
        (**self).read_region(region, offset, out)
    }

    fn release(&mut self, region: Region) -> Result<(), Errno> {
        (**self).release(region)
    }
}
