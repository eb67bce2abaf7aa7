//! Files, byte by byte.

use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};

use ia64save::Loaded;
use ia64save::input::Source;
use ia64save::progress::Task;
use ia64save_codec::fields::{self, Selection};

use crate::cli::progress::Progress;

/// Bytes read at once of each file.
const STEP: u64 = 256 << 10;

/// The first byte that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstByte {
    pub offset: u64,
    /// What that byte is part of, in the first file.
    pub path: Option<String>,
    /// One file is the beginning of the other.
    pub ends: bool,
}

/// Compares; `None` where the files are equal.
pub fn run(a: &Loaded, b: &Loaded) -> io::Result<Option<FirstByte>> {
    let sizes = [a.file.size, b.file.size];
    let common = sizes[0].min(sizes[1]);
    let (Some(source_a), Some(source_b)) = (a.source(), b.source()) else {
        return Ok(None);
    };
    let progress = Progress::new("compare", Some(common));
    let next = AtomicU64::new(0);
    let found = AtomicU64::new(u64::MAX);
    let work = || -> io::Result<()> {
        let mut buffers = [Vec::new(), Vec::new()];
        loop {
            let at = next.fetch_add(STEP, Ordering::Relaxed);
            // Nothing behind a difference matters.
            if at >= common || at > found.load(Ordering::Relaxed) {
                return Ok(());
            }
            let len = STEP.min(common - at) as usize;
            let [buffer_a, buffer_b] = &mut buffers;
            let one = read(source_a, at, len, buffer_a)?;
            let other = read(source_b, at, len, buffer_b)?;
            if one != other {
                let first = one.iter().zip(other).position(|(x, y)| x != y);
                found.fetch_min(at + first.unwrap_or(0) as u64, Ordering::Relaxed);
            }
            progress.add(len as u64);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut results = threads.into_iter();
        results.try_for_each(|thread| thread.join().expect("comparing does not panic"))
    })?;
    let first = found.into_inner();
    let ends = first == u64::MAX;
    if ends && sizes[0] == sizes[1] {
        return Ok(None);
    }
    let offset = if ends { common } else { first };
    let path = part_at(a, offset);
    Ok(Some(FirstByte { offset, path, ends }))
}

fn read<'b>(
    source: Source<'b>,
    at: u64,
    len: usize,
    buffer: &'b mut Vec<u8>,
) -> io::Result<&'b [u8]> {
    match source {
        Source::Bytes(bytes) => {
            let found = bytes.get(at as usize..at as usize + len);
            Ok(found.ok_or(io::ErrorKind::UnexpectedEof)?)
        }
        Source::File { file, .. } => {
            buffer.resize(len, 0);
            file.read_exact_at(buffer, at)?;
            Ok(&buffer[..len])
        }
    }
}

/// What a byte of a file is part of.
fn part_at(loaded: &Loaded, offset: u64) -> Option<String> {
    for checkpoint in &loaded.image().checkpoints {
        let pages = &checkpoint.pages;
        let end = pages.record_offset(pages.len());
        if !pages.is_empty() && (pages.offset()..end).contains(&offset) {
            let record = ((offset - pages.offset()) / pages.stride()) as usize;
            let pfn = pages.pfns()[record];
            let what = if offset < pages.page_offset(record) {
                ".gmfn".into()
            } else {
                format!(" (pfn {pfn:#x})")
            };
            return Some(format!("pages[{record}]{what}"));
        }
    }
    let mut path = None;
    fields::visit(&loaded.file, &Selection::default(), &mut |field| {
        if (field.offset..field.offset + field.size).contains(&offset) {
            path = Some(field.path.to_owned());
        }
    });
    path
}
