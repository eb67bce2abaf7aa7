//! Pages of two files, compared side by side on all cores.

use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::{io, thread};

use ia64save::Loaded;
use ia64save::input::Source;
use ia64save::progress::Task;
use ia64save_codec::compare::PagePairs;
use ia64save_codec::compare::restored::{self, Rule};
use ia64save_codec::memory::Run;

use crate::cli::progress::Progress;

/// Bytes read at once of each file: two of these fit into the second-level cache.
const STEP: u64 = 256 << 10;

/// A page that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageDiffers {
    pub pfn: u64,
    /// The first byte that differs, within the page.
    pub in_page: usize,
    /// File offsets of that byte.
    pub offsets: [u64; 2],
}

/// What comparing pages gave.
#[derive(Clone, Debug, Default)]
pub struct PageReport {
    /// Pages that both have.
    pub compared: u64,
    /// Those that differ.
    pub differ: u64,
    /// The first of those.
    pub first: Vec<PageDiffers>,
}

/// Some neighbouring pages of both.
struct Job {
    pfn: u64,
    count: u64,
    places: [(u64, u64); 2],
}

impl PageReport {
    /// Compares pages; keeps at most `limit` of those that differ.
    pub fn of(pairs: &PagePairs, a: &Loaded, b: &Loaded, limit: usize) -> io::Result<Self> {
        let page_size = a.image().page_size;
        let compared = pairs.both.iter().map(|(run, _)| run.pages()).sum();
        let mut report = PageReport {
            compared,
            ..PageReport::default()
        };
        let (Some(source_a), Some(source_b)) = (a.source(), b.source()) else {
            return Ok(report);
        };
        let progress = Progress::new("compare", Some(compared * page_size as u64));
        let queue = Mutex::new(jobs(&pairs.both, page_size as u64));
        let work = || -> io::Result<(u64, Vec<PageDiffers>)> {
            let mut buffers = [Vec::new(), Vec::new()];
            let mut differ = 0;
            let mut first = Vec::new();
            loop {
                let next = queue
                    .lock()
                    .expect("no thread panics with the queue")
                    .next();
                let Some(job) = next else {
                    return Ok((differ, first));
                };
                let [buffer_a, buffer_b] = &mut buffers;
                let bytes_a = read(source_a, job.places[0], job.count, page_size, buffer_a)?;
                let bytes_b = read(source_b, job.places[1], job.count, page_size, buffer_b)?;
                job.compare([bytes_a, bytes_b], page_size, |found| {
                    differ += 1;
                    if first.len() < limit {
                        first.push(found);
                    }
                });
                count(&progress, job.count * page_size as u64);
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let results = threads.into_iter();
            results
                .map(|thread| thread.join().expect("comparing does not panic"))
                .collect()
        });
        for result in results {
            let (differ, first) = result?;
            report.differ += differ;
            report.first.extend(first);
        }
        // Each thread kept the first of its own.
        report.first.sort_unstable_by_key(|found| found.pfn);
        report.first.truncate(limit);
        Ok(report)
    }
}

impl PageReport {
    /// Takes out the pages that a restore changes by design; which, and by which rule. The report must have
    /// kept every page.
    pub fn take_out(
        &mut self,
        a: &Loaded,
        b: &Loaded,
        checkpoint: usize,
    ) -> io::Result<Vec<(u64, &'static Rule)>> {
        let page_size = a.image().page_size;
        let images = [a.image(), b.image()];
        let (Some(source_a), Some(source_b)) = (a.source(), b.source()) else {
            return Ok(Vec::new());
        };
        let mut buffers = [Vec::new(), Vec::new()];
        let (mut taken, mut kept) = (Vec::new(), Vec::new());
        for page in std::mem::take(&mut self.first) {
            // Of two images that have nothing to do with each other every page may differ.
            let places = page.offsets.map(|offset| (offset - page.in_page as u64, 0));
            let rule = if restored::may_differ(images, checkpoint, page.pfn) {
                let [buffer_a, buffer_b] = &mut buffers;
                let one = read(source_a, places[0], 1, page_size, buffer_a)?;
                let other = read(source_b, places[1], 1, page_size, buffer_b)?;
                restored::page(images, checkpoint, page.pfn, [one, other])
            } else {
                None
            };
            match rule {
                Some(rule) => taken.push((page.pfn, rule)),
                None => kept.push(page),
            }
        }
        self.differ -= taken.len() as u64;
        self.first = kept;
        Ok(taken)
    }
}

fn count(counter: &dyn Task, bytes: u64) {
    counter.add(bytes);
}

fn jobs(both: &[(Run, Run)], page_size: u64) -> impl Iterator<Item = Job> + '_ {
    let most = (STEP / page_size).max(1);
    both.iter().flat_map(move |(a, b)| {
        let pages = a.pages();
        (0..pages.div_ceil(most)).map(move |step| {
            let skip = step * most;
            Job {
                pfn: a.pfns.first() + skip,
                count: most.min(pages - skip),
                places: [a, b].map(|run| (run.offset + skip * run.stride, run.stride)),
            }
        })
    })
}

/// The bytes of neighbouring pages, with what stands between them.
fn read<'b>(
    source: Source<'b>,
    (offset, stride): (u64, u64),
    count: u64,
    page_size: usize,
    buffer: &'b mut Vec<u8>,
) -> io::Result<&'b [u8]> {
    let len = ((count - 1) * stride) as usize + page_size;
    match source {
        Source::Bytes(bytes) => {
            let found = bytes.get(offset as usize..offset as usize + len);
            Ok(found.ok_or(io::ErrorKind::UnexpectedEof)?)
        }
        Source::File { file, .. } => {
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            file.read_exact_at(&mut buffer[..len], offset)?;
            Ok(&buffer[..len])
        }
    }
}

impl Job {
    fn compare(&self, [a, b]: [&[u8]; 2], page_size: usize, mut tell: impl FnMut(PageDiffers)) {
        // What stands between pages are their pfns, which are equal here.
        if self.places[0].1 == self.places[1].1 && a == b {
            return;
        }
        let pages = a
            .chunks(self.places[0].1 as usize)
            .zip(b.chunks(self.places[1].1 as usize));
        for (number, (a, b)) in pages.enumerate() {
            let (a, b) = (&a[..page_size], &b[..page_size]);
            if a == b {
                continue;
            }
            let in_page = a.iter().zip(b).position(|(x, y)| x != y).unwrap_or(0);
            let number = number as u64;
            tell(PageDiffers {
                pfn: self.pfn + number,
                in_page,
                offsets: self
                    .places
                    .map(|(offset, stride)| offset + number * stride + in_page as u64),
            });
        }
    }
}
