//! The way out: events through the encoder into the sink.

use crate::PAGE_SIZE;
use crate::decode::Event;
use crate::dialect::{Dialect, Guest};
use crate::encode::Encoder;
use crate::grammar::PageRun;
use crate::transfer::cancel::Cancel;
use crate::transfer::error::Cause;
use crate::transfer::ports::{Domain, PageResult, Sink};

/// An encoder and the sink that its bytes go to.
#[derive(Debug)]
pub(super) struct Output<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) encoder: Encoder,
    pub(super) cancel: Cancel<'a>,
    page_size: usize,
}

impl<'a, S: Sink> Output<'a, S> {
    pub(super) fn new(sink: &'a mut S, cancel: Cancel<'a>) -> Self {
        Output {
            sink,
            cancel,
            encoder: Encoder::new(Dialect::D11, Guest::Pv),
            page_size: PAGE_SIZE,
        }
    }

    /// Says what is to be written, before anything is.
    pub(super) fn begin(&mut self, dialect: Dialect, guest: Guest, page_size: usize) {
        self.encoder = Encoder::new(dialect, guest).page_size(page_size);
        self.page_size = page_size;
    }

    /// Writes an event.
    pub(super) fn put(&mut self, event: &Event<'_>) -> Result<(), Cause> {
        self.cancel.check()?;
        let piece = self.encoder.encode(event)?;
        for bytes in [piece.own(), piece.body()] {
            for bytes in bytes.chunks(S::LARGEST) {
                self.sink.space(bytes.len())?[..bytes.len()].copy_from_slice(bytes);
                self.sink.commit(bytes.len())?;
            }
        }
        Ok(())
    }

    /// Writes page records: the pages go from the domain straight into the sink's space. Those that
    /// could not be read leave no trace in the stream. Answers how many records were written.
    pub(super) fn pages<D: Domain>(
        &mut self,
        domain: &mut D,
        pfns: &[u64],
        results: &mut [PageResult],
    ) -> Result<usize, Cause> {
        self.cancel.check()?;
        let stride = 8 + self.page_size;
        let space = self.sink.space(pfns.len() * stride)?;
        for (record, pfn) in space.chunks_exact_mut(stride).zip(pfns) {
            record[..8].copy_from_slice(&pfn.to_le_bytes());
        }
        domain.read_pages(pfns, space, stride, 8, results)?;
        let mut kept = 0;
        for (index, result) in results.iter().enumerate() {
            if result.is_err() {
                continue;
            }
            if kept != index {
                space.copy_within(index * stride..(index + 1) * stride, kept * stride);
            }
            kept += 1;
        }
        let bytes = kept * stride;
        if kept > 0 {
            let run = PageRun::new(&space[..bytes], self.page_size);
            self.encoder.encode(&Event::Pages(run))?;
        }
        self.sink.commit(bytes)?;
        Ok(kept)
    }
}
