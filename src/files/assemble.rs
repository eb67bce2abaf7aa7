//! Writes a file that is made of pages: sparse and side by side where it can be written anywhere, in
//! order where not.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::thread;

use ia64save_codec::image::is_zero;
use ia64save_codec::memory::{Assembly, Content, Piece};

use super::file::OutputFile;
use crate::input::Source;
use crate::progress::Task;

/// Bytes read at once: what is then written is still in the second-level cache.
const STEP: u64 = 256 << 10;
/// More threads than this only wait for each other at the output's lock.
const MAX_THREADS: usize = 4;
/// Zeros that are written at once where nothing can be skipped.
const ZEROS: u64 = 256 << 10;

/// Writes `assembly`, whose pages are those of `source`, which errors call `name`.
pub fn assemble(
    assembly: &Assembly,
    (name, source): (&str, Source<'_>),
    page_size: usize,
    out: &mut OutputFile,
    counter: &dyn Task,
) -> io::Result<()> {
    let copier = Copier {
        name,
        source,
        page_size,
        counter,
    };
    match out.anywhere() {
        Some(file) => copier.anywhere(assembly, file, &|error| out.named(&error)),
        None => copier.in_order(assembly, out),
    }
}

/// Some neighbouring pages, or bytes.
enum Job<'a> {
    Bytes {
        at: u64,
        bytes: &'a [u8],
    },
    Pages {
        at: u64,
        offset: u64,
        stride: u64,
        count: u64,
    },
}

struct Copier<'a> {
    name: &'a str,
    source: Source<'a>,
    page_size: usize,
    counter: &'a dyn Task,
}

impl Copier<'_> {
    /// What there is to do, in steps.
    fn jobs<'p>(&self, pieces: &'p [Piece]) -> impl Iterator<Item = Job<'p>> + use<'p> {
        let page_size = self.page_size as u64;
        let most = (STEP / page_size).max(1);
        pieces.iter().flat_map(move |piece| {
            let (bytes, run) = match &piece.content {
                Content::Bytes(bytes) => (Some(bytes), None),
                Content::Pages(run) => (None, Some(run)),
            };
            let bytes = bytes.map(|bytes| Job::Bytes {
                at: piece.at,
                bytes,
            });
            let pages = run.into_iter().flat_map(move |run| {
                let pages = run.pages();
                (0..pages.div_ceil(most)).map(move |step| Job::Pages {
                    at: piece.at + step * most * page_size,
                    offset: run.offset + step * most * run.stride,
                    stride: run.stride,
                    count: most.min(pages - step * most),
                })
            });
            bytes.into_iter().chain(pages)
        })
    }

    /// The bytes of a job's pages, headers between them included.
    fn read<'b>(
        &self,
        (offset, stride, count): (u64, u64, u64),
        buffer: &'b mut Vec<u8>,
    ) -> io::Result<&'b [u8]>
    where
        Self: 'b,
    {
        let len = ((count - 1) * stride) as usize + self.page_size;
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        let place = &mut buffer[..len];
        match self.source {
            Source::Bytes(bytes) => {
                let from = offset as usize;
                let bytes = bytes.get(from..from + len);
                let Some(bytes) = bytes else {
                    return Err(self.named(&io::ErrorKind::UnexpectedEof.into()));
                };
                place.copy_from_slice(bytes);
            }
            Source::File { file, .. } => file
                .read_exact_at(place, offset)
                .map_err(|error| self.named(&error))?,
        }
        Ok(place)
    }

    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }

    /// Side by side; what is all zero stays a hole. `failed` names the file.
    fn anywhere(
        &self,
        assembly: &Assembly,
        file: &File,
        failed: &(dyn Fn(io::Error) -> io::Error + Sync),
    ) -> io::Result<()> {
        file.set_len(assembly.size).map_err(failed)?;
        let queue = Mutex::new(self.jobs(&assembly.pieces));
        let work = || -> io::Result<()> {
            let mut buffer = Vec::new();
            loop {
                let next = queue
                    .lock()
                    .expect("no thread panics with the queue")
                    .next();
                match next {
                    None => return Ok(()),
                    Some(Job::Bytes { at, bytes }) => {
                        file.write_all_at(bytes, at).map_err(failed)?;
                    }
                    Some(Job::Pages {
                        at,
                        offset,
                        stride,
                        count,
                    }) => {
                        let bytes = self.read((offset, stride, count), &mut buffer)?;
                        let written = self.pages(file, at, bytes, stride as usize);
                        written.map_err(failed)?;
                        self.counter.add(count * stride);
                    }
                }
            }
        };
        let threads = match self.source {
            Source::Bytes(_) => 1,
            Source::File { .. } => thread::available_parallelism().map_or(1, NonZero::get),
        };
        if threads == 1 {
            return work();
        }
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads.min(MAX_THREADS))
                .map(|_| scope.spawn(work))
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("a copy does not panic"))
        })
    }

    /// Writes the pages that are not all zero, neighbours together.
    fn pages(&self, file: &File, at: u64, bytes: &[u8], stride: usize) -> io::Result<()> {
        let pages: Vec<&[u8]> = bytes
            .chunks(stride)
            .map(|record| &record[..self.page_size])
            .collect();
        let zero: Vec<bool> = pages.iter().map(|page| is_zero(page)).collect();
        let mut first = 0;
        for run in zero.chunk_by(|a, b| a == b) {
            let next = first + run.len();
            if !run[0] {
                let at = at + (first * self.page_size) as u64;
                write_all_at(file, &pages[first..next], at)?;
            }
            first = next;
        }
        Ok(())
    }

    /// From the first byte to the last.
    fn in_order(&self, assembly: &Assembly, out: &mut OutputFile) -> io::Result<()> {
        let mut written = 0;
        let mut buffer = Vec::new();
        for job in self.jobs(&assembly.pieces) {
            let (Job::Bytes { at, .. } | Job::Pages { at, .. }) = job;
            zeros(out, at - written)?;
            written = at;
            match job {
                Job::Bytes { bytes, .. } => {
                    out.write_all(bytes)?;
                    written += bytes.len() as u64;
                }
                Job::Pages {
                    offset,
                    stride,
                    count,
                    ..
                } => {
                    let bytes = self.read((offset, stride, count), &mut buffer)?;
                    for record in bytes.chunks(stride as usize) {
                        out.write_all(&record[..self.page_size])?;
                        written += self.page_size as u64;
                    }
                    self.counter.add(count * stride);
                }
            }
        }
        zeros(out, assembly.size - written)
    }
}

fn zeros(out: &mut OutputFile, mut count: u64) -> io::Result<()> {
    let zeros = vec![0; count.min(ZEROS) as usize];
    while count > 0 {
        let step = count.min(ZEROS);
        out.write_all(&zeros[..step as usize])?;
        count -= step;
    }
    Ok(())
}

/// Writes slices one after the other, in one call where the system can.
#[cfg(target_os = "linux")]
fn write_all_at(file: &File, slices: &[&[u8]], at: u64) -> io::Result<()> {
    let whole: usize = slices.iter().map(|slice| slice.len()).sum();
    let list: Vec<_> = slices.iter().map(|slice| io::IoSlice::new(slice)).collect();
    let done = rustix::io::retry_on_intr(|| rustix::io::pwritev(file, &list, at))?;
    if done == whole {
        return Ok(());
    }
    // A disk that is full says so at the next byte.
    let mut skip = done;
    let mut at = at;
    for slice in slices {
        let from = skip.min(slice.len());
        file.write_all_at(&slice[from..], at + from as u64)?;
        skip -= from;
        at += slice.len() as u64;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn write_all_at(file: &File, slices: &[&[u8]], mut at: u64) -> io::Result<()> {
    for slice in slices {
        file.write_all_at(slice, at)?;
        at += slice.len() as u64;
    }
    Ok(())
}
