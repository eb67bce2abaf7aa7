//! Reads windows of page records, in whichever way is cheapest just now.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use ia64save_codec::image::is_zero;

use super::chooser::{Chooser, Method};
use super::{Span, TERMINATOR, shorter};
use crate::input::Source;
use crate::progress::Task;

/// A part of the run: what one thread works on between two visits to the shared queue.
pub(super) struct Window<'a> {
    /// Number of the first record, counted from the start of the run.
    pub first: usize,
    /// One slot for each record.
    pub gmfns: &'a mut [u64],
    /// Where to note zero pages, one bit for each record; empty if nobody asks. `first` is a
    /// multiple of 64 then, so that no two windows share a word.
    pub zero: &'a mut [u64],
}

/// What one thread keeps from window to window.
pub(super) struct Reader<'a> {
    source: Source<'a>,
    /// The file, opened once more for this thread alone.
    own: Option<File>,
    span: Span,
    counter: Option<&'a dyn Task>,
    /// Most records that one bulk read takes.
    bulk: usize,
    buffer: Vec<u8>,
    chooser: Chooser,
}

impl<'a> Reader<'a> {
    pub fn new(
        source: Source<'a>,
        span: Span,
        counter: Option<&'a dyn Task>,
        pages: bool,
        bulk: usize,
    ) -> Self {
        let methods: &[Method] = match (source, pages) {
            (Source::Bytes(_), _) => &[Method::Map],
            (Source::File { map: Some(_), .. }, false) => {
                &[Method::Map, Method::Header, Method::Bulk]
            }
            (Source::File { map: Some(_), .. }, true) => &[Method::Map, Method::Bulk],
            (Source::File { map: None, .. }, false) => &[Method::Header, Method::Bulk],
            (Source::File { map: None, .. }, true) => &[Method::Bulk],
        };
        Reader {
            source,
            own: None,
            span,
            counter,
            bulk,
            buffer: Vec::new(),
            chooser: Chooser::new(methods),
        }
    }

    /// Makes this the reader of one of several threads. Two threads that share an open file pass its
    /// reference count and read-ahead state to and fro with each call. Where the file cannot be
    /// opened again they share it.
    pub fn apart(mut self) -> Self {
        if let Source::File { file, .. } = self.source {
            self.own = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok();
        }
        self
    }

    /// Fills the window; gives the number of its record that is the terminator, if there is one.
    pub fn read(&mut self, window: &mut Window<'_>) -> io::Result<Option<usize>> {
        let records = window.gmfns.len();
        let method = self.chooser.pick(records);
        let began = Instant::now();
        let stop = match (method, self.source) {
            (Method::Map, Source::Bytes(bytes)) => self.by_map(bytes, window),
            (Method::Map, Source::File { map: Some(map), .. }) => {
                let stop = self.by_map(map, window);
                let end = stop.map_or(records, |stop| stop + 1);
                map.release(
                    self.span.at(window.first) as usize..self.span.at(window.first + end) as usize,
                );
                stop
            }
            (Method::Header, Source::File { file, .. }) => self.by_header(file, window)?,
            (_, Source::File { file, .. }) => self.by_bulk(file, window)?,
            (_, Source::Bytes(_)) => unreachable!("bytes in memory are only ever looked at"),
        };
        let done = stop.unwrap_or(records);
        if done > 0 {
            self.chooser.note(method, done, began.elapsed());
        }
        if let Some(counter) = self.counter {
            counter.add(done as u64 * self.span.stride());
        }
        Ok(stop)
    }

    /// Looks at the records where they are.
    fn by_map(&self, bytes: &[u8], window: &mut Window<'_>) -> Option<usize> {
        let stride = self.span.stride() as usize;
        let from = self.span.at(window.first) as usize;
        window.take(0, window.gmfns.len(), &bytes[from..], stride)
    }

    /// Reads 8 bytes of each record.
    fn by_header(&self, file: &File, window: &mut Window<'_>) -> io::Result<Option<usize>> {
        let file = self.own.as_ref().unwrap_or(file);
        for (i, slot) in window.gmfns.iter_mut().enumerate() {
            let mut gmfn = [0; 8];
            file.read_exact_at(&mut gmfn, self.span.at(window.first + i))
                .map_err(shorter)?;
            *slot = u64::from_le_bytes(gmfn);
            if *slot == TERMINATOR {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    /// Reads the records whole.
    fn by_bulk(&mut self, file: &File, window: &mut Window<'_>) -> io::Result<Option<usize>> {
        let stride = self.span.stride() as usize;
        let records = window.gmfns.len();
        let file = self.own.as_ref().unwrap_or(file);
        let mut done = 0;
        while done < records {
            // Never more at once than the run already has, or many tiny runs would read the same
            // bytes over and over.
            let first = window.first + done;
            let step = first.clamp(1, self.bulk).min(records - done);
            if self.buffer.len() < step * stride {
                self.buffer.resize(step * stride, 0);
            }
            let buffer = &mut self.buffer[..step * stride];
            file.read_exact_at(buffer, self.span.at(first))
                .map_err(shorter)?;
            if let Some(stop) = window.take(done, step, buffer, stride) {
                return Ok(Some(stop));
            }
            done += step;
        }
        Ok(None)
    }
}

impl Window<'_> {
    /// Takes over `count` records from `bytes`, the first of which is the window's record `from`.
    fn take(&mut self, from: usize, count: usize, bytes: &[u8], stride: usize) -> Option<usize> {
        for (i, slot) in self.gmfns[from..from + count].iter_mut().enumerate() {
            let record = &bytes[i * stride..][..stride];
            let (gmfn, page) = record.split_first_chunk().expect("a record has a header");
            *slot = u64::from_le_bytes(*gmfn);
            if *slot == TERMINATOR {
                return Some(from + i);
            }
            if !self.zero.is_empty() && is_zero(page) {
                self.zero[(from + i) / 64] |= 1 << ((from + i) % 64);
            }
        }
        None
    }
}
