//! Scans a run of page records side by side.
//!
//! A run is `gmfn u64, page` over and over (spec 5) until the gmfn is all ones. Nothing says how
//! long it is, so the only way to find its end is to look at each header; in a file of many GiB
//! that is what opening an image costs. Threads take windows of records from a shared queue, in the
//! order of the file, so that little is scanned in vain behind the terminator. What comes out is
//! what a plain loop from the first record to the terminator would give.
//!
//! Threads are those of [`std::thread::scope`], no pool and none of rayon's: windows are taken in order, each thread
//! has its own open file, and more than a few only wait for memory.

mod chooser;
mod digest;
mod reader;
mod zero;

use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{io, thread};

pub use digest::digest;
pub use zero::ZeroPages;

use crate::input::Source;
use crate::progress::Task;
use reader::{Reader, Window};

/// The gmfn that ends a run.
const TERMINATOR: u64 = u64::MAX;
/// Bytes of a gmfn.
const HEADER: u64 = 8;

/// Where a run starts, where the input ends, and how large its pages are.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Offset of the first record.
    pub start: u64,
    /// Nothing at or behind this offset is looked at.
    pub end: u64,
    /// Bytes of a page.
    pub page_size: usize,
}

impl Span {
    fn stride(self) -> u64 {
        HEADER + self.page_size as u64
    }

    fn bytes(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// How many records could lie in the span.
    fn capacity(self) -> usize {
        usize::try_from(self.bytes() / self.stride()).unwrap_or(usize::MAX)
    }

    /// Offset of a record.
    fn at(self, record: usize) -> u64 {
        self.start + record as u64 * self.stride()
    }
}

/// The headers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The gmfn of each record before the terminator, in stream order.
    pub gmfns: Vec<u64>,
    /// Offset of the terminator; `None` if the input ends without one.
    pub terminator: Option<u64>,
    /// Without a terminator: bytes behind the last whole record, too few for another.
    pub leftover: u64,
}

/// The headers of a run, and which of its pages are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// The headers.
    pub headers: Headers,
    /// The pages that are all zero.
    pub zero: ZeroPages,
}

/// The sizes of the steps; tests use tiny ones.
#[derive(Clone, Copy, Debug)]
struct Tuning {
    /// Records of the first phase. Each further one takes as many as all before it together, so
    /// that a short run costs little even when a long one could follow.
    first_phase: usize,
    /// From so many records on, a phase is worth more than one thread.
    parallel: usize,
    /// Most records of a phase.
    last_phase: usize,
    /// Most bytes of a window, of two threads; more of them have smaller ones. What a window has touched of the mapping counts as resident until it
    /// is released, in each thread.
    window: u64,
    /// Bytes that are read at once: less than the second-level cache.
    bulk: u64,
}

impl Tuning {
    const USUAL: Tuning = Tuning {
        first_phase: 64,
        parallel: 1024,
        last_phase: 1 << 16,
        window: 4 << 20,
        bulk: 256 << 10,
    };

    /// Records of a window: whole words of the set of zero pages, and several for each thread.
    fn window(&self, span: Span, phase: usize, threads: usize) -> usize {
        // What all threads have touched together does not grow with their number.
        let own = self.window * 2 / threads.max(2) as u64;
        let most = (own / span.stride()) as usize;
        most.min(phase / (4 * threads)).max(1).next_multiple_of(64)
    }
}

/// More threads than this only wait for memory.
const MAX_THREADS: usize = 8;

/// Scans runs of page records.
#[derive(Clone, Copy)]
pub struct Scanner<'a> {
    source: Source<'a>,
    threads: usize,
    counter: Option<&'a dyn Task>,
    tuning: Tuning,
}

impl<'a> Scanner<'a> {
    /// A scanner with as many threads as the machine has to offer.
    pub fn new(source: Source<'a>) -> Self {
        let threads = match source {
            Source::Bytes(_) => 1,
            Source::File { .. } => thread::available_parallelism().map_or(1, NonZero::get),
        };
        Scanner {
            source,
            threads: threads.min(MAX_THREADS),
            counter: None,
            tuning: Tuning::USUAL,
        }
    }

    /// Uses so many threads instead.
    #[cfg(test)]
    #[must_use]
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads.get();
        self
    }

    /// Counts the bytes that the scan has passed.
    #[must_use]
    pub fn counting(mut self, counter: &'a dyn Task) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Finds the records and the terminator. Looks at the headers alone if that is cheaper.
    pub fn headers(&self, span: Span) -> io::Result<Headers> {
        Ok(self.run(span, false)?.headers)
    }

    /// As [`Self::headers`], and tells which pages are all zero.
    pub fn pages(&self, span: Span) -> io::Result<Pages> {
        self.run(span, true)
    }

    fn run(&self, span: Span, pages: bool) -> io::Result<Pages> {
        let held = match self.source {
            Source::Bytes(bytes) => Some(bytes.len()),
            Source::File { map, .. } => map.map(|map| map.len()),
        };
        if held.is_some_and(|held| span.end > held as u64) {
            return Err(changed_size());
        }
        let reader = || {
            let bulk = (self.tuning.bulk / span.stride()).max(1) as usize;
            Reader::new(self.source, span, self.counter, pages, bulk)
        };
        let capacity = span.capacity();
        let mut readers = vec![reader()];
        let mut gmfns = Vec::new();
        let mut zero = Vec::new();
        let mut stop = None;
        while gmfns.len() < capacity && stop.is_none() {
            let done = gmfns.len();
            let phase = done
                .clamp(self.tuning.first_phase, self.tuning.last_phase)
                .min(capacity - done);
            if phase >= self.tuning.parallel && readers.len() < self.threads {
                readers.resize_with(self.threads, || reader().apart());
                // Untouched memory costs nothing, copying what has grown does. Where this much
                // cannot be had, growing step by step may still do.
                let _ = gmfns.try_reserve_exact(capacity - done);
            }
            grow(&mut gmfns, done + phase)?;
            if pages {
                grow(&mut zero, (done + phase).div_ceil(64))?;
            }
            let words = if pages {
                &mut zero[done / 64..]
            } else {
                &mut []
            };
            stop = self.phase(span, &mut readers, done, &mut gmfns[done..], words)?;
        }
        gmfns.truncate(stop.unwrap_or(capacity));
        gmfns.shrink_to_fit();
        let mut headers = Headers {
            gmfns,
            terminator: None,
            leftover: 0,
        };
        let at = span.at(headers.gmfns.len());
        if stop.is_some() || self.is_terminator(span, at)? {
            headers.terminator = Some(at);
        } else {
            headers.leftover = span.end.saturating_sub(at);
        }
        let zero = ZeroPages::new(zero, if pages { headers.gmfns.len() } else { 0 });
        Ok(Pages { headers, zero })
    }

    /// Scans the records of one phase; gives the number of the first that is the terminator.
    fn phase(
        &self,
        span: Span,
        readers: &mut [Reader<'a>],
        done: usize,
        gmfns: &mut [u64],
        zero: &mut [u64],
    ) -> io::Result<Option<usize>> {
        let size = self.tuning.window(span, gmfns.len(), readers.len());
        let words = zero
            .chunks_mut(size / 64)
            .chain(std::iter::repeat_with(Default::default));
        let windows = gmfns
            .chunks_mut(size)
            .zip(words)
            .zip((done..).step_by(size));
        let queue = Mutex::new(windows.map(|((gmfns, zero), first)| Window { first, gmfns, zero }));
        // Nothing behind this record matters any more.
        let limit = AtomicUsize::new(usize::MAX);
        let work = |reader: &mut Reader<'a>| -> Result<(), (usize, io::Error)> {
            loop {
                let next = queue
                    .lock()
                    .expect("no thread panics with the queue")
                    .next();
                let Some(mut window) = next else {
                    return Ok(());
                };
                if window.first > limit.load(Ordering::Relaxed) {
                    return Ok(());
                }
                match reader.read(&mut window) {
                    Ok(None) => {}
                    Ok(Some(stop)) => {
                        limit.fetch_min(window.first + stop, Ordering::Relaxed);
                        return Ok(());
                    }
                    Err(error) => {
                        limit.fetch_min(window.first, Ordering::Relaxed);
                        return Err((window.first, error));
                    }
                }
            }
        };
        let results: Vec<_> = match readers {
            [reader] => vec![work(reader)],
            readers => thread::scope(|scope| {
                let threads: Vec<_> = readers
                    .iter_mut()
                    .map(|r| scope.spawn(|| work(r)))
                    .collect();
                threads
                    .into_iter()
                    .map(|t| t.join().expect("a scan does not panic"))
                    .collect()
            }),
        };
        let limit = limit.into_inner();
        for result in results {
            match result {
                // A window behind the terminator could not be read: nobody needed it.
                Err((first, error)) if first <= limit => return Err(error),
                _ => {}
            }
        }
        Ok((limit != usize::MAX).then_some(limit))
    }

    /// Whether a terminator stands behind the last record that has room for a page.
    fn is_terminator(&self, span: Span, at: u64) -> io::Result<bool> {
        if span.end.saturating_sub(at) < HEADER {
            return Ok(false);
        }
        let mut gmfn = [0; HEADER as usize];
        match self.source {
            Source::Bytes(bytes) => gmfn.copy_from_slice(&bytes[at as usize..][..HEADER as usize]),
            Source::File { file, .. } => file.read_exact_at(&mut gmfn, at).map_err(shorter)?,
        }
        Ok(u64::from_le_bytes(gmfn) == TERMINATOR)
    }
}

/// Lengthens `list` with zeros, without ending the process where there is no memory.
fn grow(list: &mut Vec<u64>, len: usize) -> io::Result<()> {
    list.try_reserve(len - list.len())
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    list.resize(len, 0);
    Ok(())
}

/// Says what an early end of the file means here.
fn shorter(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => changed_size(),
        _ => error,
    }
}

fn changed_size() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the file became shorter while it was being read",
    )
}

#[cfg(test)]
mod tests;
