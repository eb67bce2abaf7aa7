//! A whole image: sections borrowed from a mapping (or kept from a stream), and an index of pages.
//!
//! | file | what lives there |
//! |---|---|
//! | `section` | [`Section`]: bytes with their offset in the file |
//! | `index` | [`PageIndex`]: which record holds which pfn; last copies, earlier copies, passes |
//! | `map` | [`Extent`]: what every pfn is, as ranges |
//! | `checkpoint` | [`Checkpoint`] and what it is made of |
//! | `given_back` | [`GivenBack`]: which pages of earlier checkpoints are gone |
//! | `build` | [`Builder`]: an image out of a decoder's events |
//! | `replay` | the way back: an image's events, for an encoder |
//!
//! ```
//! use bytes::Bytes;
//! use ia64save_codec::image::{Image, Options};
//! let image = Image::parse(&Bytes::from_static(b"not an image"), &Options::default());
//! assert_eq!(image.error.unwrap().code.name(), "truncated");
//! ```
//!
//! A broken stream gives an image all the same: what could be read, and the error that ended it.

mod build;
mod checkpoint;
mod given_back;
mod index;
mod map;
mod replay;
mod section;

use bytes::Bytes;

pub use build::is_zero;
pub use build::{Builder, Options};
pub use checkpoint::{
    Checkpoint, DeviceModelRecord, HvmContext, MagicPfns, Trailing, Unallocated, Vcpu, Vcpumap,
};
pub use given_back::GivenBack;
pub use index::{PageIndex, Pass};
pub use map::{Extent, State};
pub use section::Section;

use crate::detect::{Detection, Head};
use crate::dialect::{ArchSetupLayout, Dialect, Guest, Version};
use crate::envelope::ByteOrder;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::Prologue;
use crate::ram::RamMap;

/// An image, or as much of one as could be read.
///
/// Sections are values: replacing one's bytes edits the image, and [`Image::events`] gives the
/// stream that results.
#[derive(Clone, Debug)]
pub struct Image {
    /// Bytes of a page.
    pub page_size: usize,
    /// Where the stream begins in the file.
    pub stream_offset: u64,
    /// Where reading ended: the end of the stream and what trails it, or the error.
    pub end: u64,
    /// `p2m_size` and `version`.
    pub prologue: Option<Prologue>,
    /// What the head says, digested.
    pub head: Option<Head>,
    /// The domain setup record.
    pub arch_setup: Option<Section>,
    /// The pages of the memory map, without the count in front of them (version 2 and 3).
    pub memmap: Option<Section>,
    /// Which dialect, and why.
    pub detection: Option<Detection>,
    /// The stream proper, then Remus rounds. Never empty once the head has been read.
    pub checkpoints: Vec<Checkpoint>,
    /// Bytes behind the last checkpoint.
    pub trailing: Option<Trailing>,
    /// The order of the length of a device-model record.
    pub byte_order: ByteOrder,
    /// What ended the reading early.
    pub error: Option<Error>,
    /// It ended because of how much there was to be kept of a stream
    /// ([`Limits::retained_bytes`](crate::Limits::retained_bytes)), which a file in memory has no need of.
    pub retained_too_much: bool,
    /// The whole file, where it is in memory or mapped.
    pub data: Option<Bytes>,
}

use alloc::vec::Vec;

impl Image {
    /// Reads a bare stream that is in memory or mapped. Nothing is copied.
    pub fn parse(data: &Bytes, options: &Options) -> Image {
        Builder::parse(data, 0, options)
    }

    /// The version, where the word is one.
    pub fn version(&self) -> Option<Version> {
        Version::from_word(self.prologue?.version)
    }

    /// The kind of guest.
    pub fn guest(&self) -> Option<Guest> {
        match (&self.head, &self.detection) {
            (Some(head), _) => Some(head.guest),
            (None, detection) => Some(detection.as_ref()?.guest),
        }
    }

    /// The dialect; `None` where it is ambiguous or was never settled.
    pub fn dialect(&self) -> Option<Dialect> {
        self.detection.as_ref()?.dialect
    }

    /// The dialect that the tail was read by: the one found, or the newest of several.
    pub fn read_as(&self) -> Option<Dialect> {
        self.detection.as_ref().map(Detection::best)
    }

    /// The era to understand the image by ([`Detection::best_era`]).
    pub fn era(&self) -> Option<Era> {
        self.detection.as_ref().map(Detection::best_era)
    }

    /// The eras that remain; empty before a dialect is settled.
    pub fn eras(&self) -> &[Era] {
        self.detection
            .as_ref()
            .map_or(&[], |detection| &detection.eras)
    }

    /// Leaves of the eras of a dialect that was named those that could have written this. (Where the dialect
    /// was found out, that has been done.)
    fn narrow(&mut self) {
        let (Some(detection), Some(first)) = (&mut self.detection, self.checkpoints.first()) else {
            return;
        };
        if !detection.given || detection.eras.len() < 2 {
            return;
        }
        if let Some(magic) = &first.magic_pfns {
            let has = |era: &Era| era.magic_pfns() == magic.order;
            if detection.eras.iter().any(has) {
                detection.eras.retain(has);
            }
        }
        detection.narrow(self.head.as_ref(), &first.tail());
    }

    /// The layout of the setup record.
    pub fn arch_setup_layout(&self) -> Option<ArchSetupLayout> {
        match self.read_as() {
            Some(dialect) => Some(dialect.spec().arch_setup),
            None => self.head.as_ref().map(|head| head.setup),
        }
    }

    /// RAM by the memory map, or by `p2m_size` in version 1.
    pub fn ram(&self) -> Option<&RamMap> {
        self.head.as_ref().map(|head| &head.ram)
    }

    /// What the original restore reads: the first checkpoint.
    pub fn first(&self) -> Option<&Checkpoint> {
        self.checkpoints.first()
    }

    /// A page of a checkpoint by record number. `None` where the image's pages are not at hand or
    /// there is no such record.
    pub fn page<'a>(&'a self, checkpoint: &'a Checkpoint, record: usize) -> Option<&'a [u8]> {
        if let Some(page) = checkpoint.replaced.get(&record) {
            return Some(page);
        }
        if record >= checkpoint.pages.len() {
            return None;
        }
        if let Some((_, page)) = checkpoint.kept.iter().find(|(kept, _)| *kept == record) {
            return Some(page);
        }
        let offset = usize::try_from(checkpoint.pages.page_offset(record)).ok()?;
        self.data
            .as_ref()?
            .get(offset..offset.checked_add(self.page_size)?)
    }

    /// A pfn's page as of a checkpoint: file offset of the page, and the page, of the last copy in this
    /// checkpoint or an earlier one. A page that a checkpoint between them has given back is gone (spec
    /// 11.1); one that this checkpoint itself lists is still told.
    pub fn page_of(&self, checkpoint: usize, pfn: u64) -> Option<(u64, &[u8])> {
        let (from, record) = self.copy_of(checkpoint, pfn)?;
        let from = &self.checkpoints[from];
        Some((from.pages.page_offset(record), self.page(from, record)?))
    }

    /// The file offset of the record that [`Image::page_of`] takes: of the gmfn in front of the page, or,
    /// in a core, of the page itself.
    pub fn record_offset_of(&self, checkpoint: usize, pfn: u64) -> Option<u64> {
        let (from, record) = self.copy_of(checkpoint, pfn)?;
        Some(self.checkpoints[from].pages.record_offset(record))
    }

    /// The checkpoint and the number of the record that [`Image::page_of`] takes.
    pub fn copy_of(&self, checkpoint: usize, pfn: u64) -> Option<(usize, usize)> {
        let all = self.checkpoints.get(..=checkpoint)?.iter().enumerate();
        for (index, one) in all.rev() {
            let list = one.unallocated.as_ref().filter(|_| index < checkpoint);
            if list.is_some_and(|list| list.contains(pfn)) {
                return None;
            }
            if let Some(record) = one.pages.last(pfn) {
                return Some((index, record));
            }
        }
        None
    }

    /// The start_info page of a checkpoint (PV): file offset of the page, and the page.
    pub fn start_info(&self, checkpoint: usize) -> Option<(u64, &[u8])> {
        // An HVM domain has none; its pfn is 0, which is a page like any other.
        if self.guest() != Some(Guest::Pv) {
            return None;
        }
        let pfn = self.checkpoints.get(checkpoint)?.start_info_pfn()?;
        self.page_of(checkpoint, pfn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// The second round sent no page; where its start_info is, the first one says.
    #[test]
    fn an_offset_is_that_of_the_page_whichever_round_has_it() {
        let mut image = Image::parse(&Bytes::new(), &Options::default());
        image.page_size = 8;
        image.data = Some(vec![0; 132].into());
        image.detection = Some(Detection::given(Dialect::D11, None, Guest::Pv));
        let mut shared_info = vec![0; 16384];
        shared_info[4112] = 6;
        let mut rounds = [Checkpoint::default(), Checkpoint::default()];
        rounds[0].pages = PageIndex::new(100, 8);
        rounds[0].pages.extend([5, 6].into_iter());
        rounds[0].pages.finish();
        rounds[1].shared_info = Some(Section {
            offset: 0,
            bytes: shared_info.into(),
        });
        image.checkpoints = rounds.into();
        for round in [0, 1] {
            assert_eq!(image.page_of(round, 6), Some((124, &[0; 8][..])));
            assert_eq!(image.record_offset_of(round, 6), Some(116));
        }
        assert_eq!(image.start_info(1), Some((124, &[0; 8][..])));
        assert_eq!(image.record_offset_of(1, 7), None);
    }
}
