//! A file made of own bytes and of pages, as data: what to put where, for a caller who writes.

use alloc::vec::Vec;

use super::{Memory, Run};
use crate::pfns::Pfns;

/// What is at one place of an [`Assembly`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The pages of a run, one after the other.
    Pages(Run),
}

/// A place of an [`Assembly`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Offset in the file that is made.
    pub at: u64,
    /// What is there.
    pub content: Content,
}

/// A file to be made: pieces in ascending order, zeros (holes, where a file system has them)
/// between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembly {
    /// The pieces.
    pub pieces: Vec<Piece>,
    /// Bytes of the file.
    pub size: u64,
}

impl Assembly {
    /// Memory as it is, from the first pfn of `pfns` on: a page that is not there is a hole. Of no pfns,
    /// an empty file.
    /// `None` where the file would be larger than files can be.
    pub fn raw(memory: &Memory<'_>, pfns: Option<Pfns>) -> Option<Assembly> {
        let page_size = memory.page_size();
        let Some(pfns) = pfns else {
            return Some(Assembly::default());
        };
        let size = pfns.pages().checked_mul(page_size)?;
        i64::try_from(size).ok()?;
        let pieces = memory.within(pfns).map(|run| Piece {
            at: (run.pfns.first() - pfns.first()) * page_size,
            content: Content::Pages(run),
        });
        Some(Assembly {
            pieces: pieces.collect(),
            size,
        })
    }

    /// Bytes that are not zeros between pieces.
    pub fn filled(&self, page_size: u64) -> u64 {
        let filled = self.pieces.iter().map(|piece| match &piece.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Pages(run) => run.pages() * page_size,
        });
        filled.sum()
    }

    /// Adds bytes of one's own.
    #[cfg(feature = "elf")]
    pub(crate) fn bytes(&mut self, at: u64, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let content = Content::Bytes(bytes);
            self.pieces.push(Piece { at, content });
        }
    }
}
