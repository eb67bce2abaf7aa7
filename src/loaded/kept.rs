//! Bytes of a file that are still at hand.

use std::ops::Range;

use ia64save_codec::image::Section;

use super::Loaded;

impl Loaded {
    /// Bytes of the file, where they are at hand: those of a stream have passed, but for the
    /// sections that were kept. `None` where not even the first is there.
    pub fn bytes_at(&self, range: Range<u64>) -> Option<(u64, Vec<u8>)> {
        let cut = |start: u64, bytes: &[u8]| {
            let from = range.start.max(start);
            let to = range.end.min(start + bytes.len() as u64);
            let place = (from - start) as usize..(to.checked_sub(start)?) as usize;
            Some((from, bytes.get(place)?.to_vec())).filter(|(_, bytes)| !bytes.is_empty())
        };
        if let Some(mapped) = &self.mapped {
            return cut(0, mapped);
        }
        let mut pieces: Vec<_> = self
            .sections()
            .filter_map(|(offset, bytes)| cut(offset, &bytes))
            .collect();
        pieces.sort_by_key(|(offset, _)| *offset);
        // Neighbours belong to one line.
        let runs = pieces.chunk_by(|a, b| a.0 + a.1.len() as u64 == b.0);
        let run = runs.max_by_key(|run| run.iter().map(|(_, bytes)| bytes.len()).sum::<usize>())?;
        let bytes = run
            .iter()
            .flat_map(|(_, bytes)| bytes.iter().copied())
            .collect();
        Some((run[0].0, bytes))
    }

    /// What may be shown of a range around `offset`; `None` where that is nothing. Guest memory holds secrets: among
    /// page records, nothing but the header at hand is shown.
    pub fn without_pages(&self, range: Range<u64>, offset: u64) -> Option<Range<u64>> {
        let mut shown = range;
        for checkpoint in &self.image().checkpoints {
            let pages = &checkpoint.pages;
            let end = pages.terminator().unwrap_or(self.file.size);
            if shown.end <= pages.offset() || shown.start >= end {
                continue;
            }
            if offset >= end {
                shown.start = shown.start.max(end);
            } else if offset < pages.offset() {
                shown.end = shown.end.min(pages.offset());
            } else {
                let record = (offset - pages.offset()) / pages.stride();
                let header = pages.record_offset(record as usize);
                shown = shown.start.max(header)..shown.end.min(header + 8);
            }
        }
        (shown.start < shown.end).then_some(shown)
    }

    /// What an image keeps of a stream: the sections, each with the words in front of it.
    fn sections(&self) -> impl Iterator<Item = (u64, Vec<u8>)> + '_ {
        let image = self.image();
        let head = image.prologue.map(|prologue| {
            let words = [
                prologue.p2m_size.to_le_bytes(),
                prologue.version.to_le_bytes(),
            ];
            (image.stream_offset, words.concat())
        });
        let plain = |section: &Section| (section.offset, section.bytes.to_vec());
        let after = |word: &[u8], section: &Section| {
            (
                section.offset - word.len() as u64,
                [word, &section.bytes].concat(),
            )
        };
        let memmap = image.memmap.as_ref().map(|section| {
            let num_pages = (section.bytes.len() / image.page_size) as u32;
            after(&num_pages.to_le_bytes(), section)
        });
        let own = image
            .arch_setup
            .as_ref()
            .map(plain)
            .into_iter()
            .chain(memmap);
        let tails = image.checkpoints.iter().flat_map(move |checkpoint| {
            let list = checkpoint.unallocated.as_ref().map(|list| {
                let first = list.pfns().take(4).flat_map(u64::to_le_bytes);
                let count = list.count.to_le_bytes();
                (list.count_offset, count.into_iter().chain(first).collect())
            });
            let map = checkpoint.vcpumap.as_ref();
            let map = map.map(|map| after(&map.max_virt_cpus.to_le_bytes(), &map.bitmap));
            let context = checkpoint.hvm_context.as_ref().map(|context| {
                let size = context.blob.bytes.len() as u64;
                after(&size.to_le_bytes(), &context.blob)
            });
            let magic = checkpoint
                .magic_pfns
                .as_ref()
                .map(|magic| plain(&magic.section));
            let shared_info = checkpoint.shared_info.as_ref().map(plain);
            let vcpus = checkpoint.vcpus.iter();
            let vcpus = vcpus.flat_map(|vcpu| [Some(&vcpu.context), vcpu.privregs.as_ref()]);
            let vcpus = vcpus.flatten().map(plain);
            vcpus.chain(
                [list, map, context, magic, shared_info]
                    .into_iter()
                    .flatten(),
            )
        });
        let trailing = image.trailing.iter().map(|t| (t.offset, t.first.to_vec()));
        head.into_iter().chain(own).chain(tails).chain(trailing)
    }
}
