//! A conversion that has been planned.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::Route;
use super::loss::{Loss, Note};
use super::pages::Pages;
use super::tail::Tail;
use super::unallocated::Runs;
use crate::decode::Event;
use crate::encode::{Encoder, Piece};
use crate::envelope::{ByteOrder, device_model_header};
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{Memmap, PfnRun, Prologue};
use crate::image::DeviceModelRecord;

/// Entries of the unallocated list in one piece, as many as a saver wrote at once.
const PFNS: usize = 1024;

/// What an image will be in another dialect. See [`plan`](super::plan()).
#[derive(Debug)]
pub struct Conversion<'a> {
    pub(super) route: Route,
    pub(super) page_size: usize,
    pub(super) prologue: Prologue,
    pub(super) arch_setup: Cow<'a, [u8]>,
    pub(super) memmap: Option<Cow<'a, [u8]>>,
    pub(super) rounds: Vec<Round<'a>>,
    pub(super) trailing: &'a [u8],
    pub(super) byte_order: ByteOrder,
    pub(super) losses: Vec<Loss>,
    pub(super) notes: Vec<Note>,
}

/// One checkpoint of the result.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) pages: Pages<'a>,
    pub(super) unallocated: Runs<'a>,
    pub(super) unallocated_count: u32,
    pub(super) tail: Tail<'a>,
    /// What stands behind it, where the source has another checkpoint there.
    pub(super) device_model: Option<&'a DeviceModelRecord>,
}

impl Conversion<'_> {
    /// The order of the lengths of device-model records: that of the envelope that the result is put into.
    /// As in the source, unless said otherwise.
    #[must_use]
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.byte_order = order;
        self
    }

    /// What the result does not carry and what was made up for it, part by part.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// What is written otherwise and means the same, and what was taken where the source does not
    /// tell.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The era that the source was understood by, and that of the result.
    pub fn eras(&self) -> [Era; 2] {
        self.route.eras
    }

    /// Bytes of the result.
    pub fn size(&self) -> u64 {
        let rounds: u64 = self.rounds.iter().map(|r| r.size(self.page_size)).sum();
        let memmap = self.memmap.as_ref().map_or(0, |bytes| 4 + bytes.len());
        let fixed = 16 + self.arch_setup.len() + memmap + self.trailing.len();
        rounds + fixed as u64
    }

    /// Writes the result, piece by piece in stream order. It can be written more than once.
    ///
    /// # Errors
    /// Those of `sink`; and those of the encoder, where an edit of the image does not fit its place.
    pub fn write<E: From<Error>>(
        &self,
        mut sink: impl FnMut(&Piece<'_>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let Route { to, guest, .. } = self.route;
        let mut encoder = Encoder::new(to, guest).page_size(self.page_size);
        self.events(|event| sink(&encoder.encode(&event)?))?;
        Ok(encoder.finish()?)
    }

    fn events<E>(&self, mut sink: impl FnMut(Event<'_>) -> Result<(), E>) -> Result<(), E> {
        self.head(&mut sink)?;
        for (number, round) in self.rounds.iter().enumerate() {
            round.pages.write(&mut sink)?;
            sink(Event::PagesEnd)?;
            sink(Event::UnallocatedCount(round.unallocated_count))?;
            let mut bytes = Vec::with_capacity(8 * PFNS);
            let mut pfns = round
                .unallocated
                .iter()
                .flat_map(|run| run.iter())
                .peekable();
            while pfns.peek().is_some() {
                bytes.clear();
                bytes.extend(pfns.by_ref().take(PFNS).flat_map(u64::to_le_bytes));
                sink(Event::Unallocated(PfnRun::new(&bytes)))?;
            }
            round.tail.write(self.route, &mut sink)?;
            let Some(record) = round.device_model else {
                continue;
            };
            let (kind, order, data) = (record.kind, self.byte_order, &record.data.bytes[..]);
            if number + 1 < self.rounds.len() {
                sink(Event::DeviceModel { kind, order, data })?;
            } else if let Ok(header) = device_model_header(kind, record.size, order) {
                // Its length came out of a word of the same size.
                sink(Event::Trailing(&header))?;
                sink(Event::Trailing(data))?;
            }
        }
        if !self.trailing.is_empty() {
            sink(Event::Trailing(self.trailing))?;
        }
        Ok(())
    }

    /// What stands before the pages.
    pub(super) fn head<E>(
        &self,
        sink: &mut impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        sink(Event::Prologue(self.prologue))?;
        sink(Event::ArchSetup {
            layout: self.route.to.spec().arch_setup,
            bytes: &self.arch_setup,
        })?;
        if let Some(bytes) = &self.memmap {
            let num_pages = (bytes.len() / self.page_size) as u32;
            sink(Event::Memmap(Memmap { num_pages, bytes }))?;
        }
        Ok(())
    }
}

impl Round<'_> {
    /// Bytes on the wire.
    fn size(&self, page_size: usize) -> u64 {
        let pages = self.pages.records() * (8 + page_size as u64);
        let record = self.device_model;
        let record = record.map_or(0, |r| r.kind.header_size() as u64 + r.size);
        pages + 8 + 4 + 8 * u64::from(self.unallocated_count) + self.tail.size() + record
    }
}
