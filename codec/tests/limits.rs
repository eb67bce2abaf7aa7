//! Sizes in the input are refused before anything is allocated by them, and time grows with the
//! input.
#![allow(unsafe_code)] // a global allocator that counts

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ia64save_codec::decode::{Buffer, Decoder, Step};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Error, Guest, Limits};
use ia64save_corpus::{GeneratedImage, Params, generate, hostile, kinds};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One measurement at a time: tests of one binary run side by side.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The most bytes that `work` held at once beyond those held before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work();
    (done, PEAK.load(Ordering::Relaxed) - before)
}

/// Reads a stream through a buffer and drops what it sees.
fn stream(decoder: Decoder, input: &[u8], chunk: usize) -> Result<u64, Error> {
    let mut buffer = Buffer::new(decoder, chunk);
    let mut rest = input;
    loop {
        match buffer.next()? {
            Step::Event { .. } => {}
            Step::NeedMore(_) => {
                let space = buffer.space();
                let count = chunk.min(space.len()).min(rest.len());
                space[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                buffer.filled(count);
            }
            Step::Done => return Ok(buffer.decoder().offset()),
        }
    }
}

const FEW_MIB: usize = 4 << 20;

#[test]
fn no_bad_image_makes_a_reader_hold_more_than_a_few_mib() {
    let _alone = alone();
    for bad in hostile() {
        let bytes = bad.bytes();
        let (image, held) = peak(|| Image::parse(&bytes, &Options::default()));
        assert!(held < FEW_MIB, "{}: {held} bytes for an image", bad.name);
        drop(image);
        let (_, held) = peak(|| stream(Decoder::new(), &bytes, 65_536));
        assert!(held < FEW_MIB, "{}: {held} bytes for a stream", bad.name);
    }
}

/// An image with one of its numbers replaced.
fn patched(made: &GeneratedImage, section: &str, number: &[u8]) -> (Bytes, u64) {
    let at = made.plan.section(section).unwrap().offset;
    let mut bytes = made.bytes.to_vec();
    bytes[at as usize..at as usize + number.len()].copy_from_slice(number);
    (bytes.into(), at)
}

fn refused(made: &GeneratedImage, section: &str, number: &[u8], path: &str) {
    let (bytes, at) = patched(made, section, number);
    let what = format!("{section} = {number:02x?} in {:?}", made.params);
    let options = Options::default().dialect(Some(made.dialect));
    let (image, held) = peak(|| Image::parse(&bytes, &options));
    let error = image.error.unwrap();
    assert_eq!(
        (error.code, error.offset),
        (Code::LimitExceeded, at),
        "{what}"
    );
    assert_eq!(error.path, path, "{what}");
    assert!(held < FEW_MIB, "{what}: {held} bytes");
    let (error, held) = peak(|| stream(options.decoder(0), &bytes, 4096).unwrap_err());
    assert_eq!(
        (error.code, error.offset),
        (Code::LimitExceeded, at),
        "{what}"
    );
    assert!(held < FEW_MIB, "{what}: {held} bytes for a stream");
}

#[test]
fn sizes_beyond_their_limits_are_refused_where_they_stand() {
    let _alone = alone();
    let limits = Limits::default();
    for (dialect, guest) in kinds() {
        let made = generate(&Params::new(dialect, guest));
        if dialect.spec().version.has_memmap() {
            for pages in [limits.memmap_pages + 1, 0x40000, u32::MAX] {
                let (number, path) = (pages.to_le_bytes(), "memmap.num_pages");
                refused(&made, "memmap_info_num_pages", &number, path);
            }
        }
        if dialect.has_vcpumap(guest) {
            for vcpus in [limits.max_virt_cpus + 1, 1 << 40, u64::MAX] {
                let (number, path) = (vcpus.to_le_bytes(), "vcpumap.max_virt_cpus");
                refused(&made, "max_virt_cpus", &number, path);
            }
        }
        if guest == Guest::Hvm {
            for size in [limits.hvm_context_bytes + 1, 1 << 40, u64::MAX] {
                let (number, path) = (size.to_le_bytes(), "hvm_context.size");
                refused(&made, "hvm_rec_size", &number, path);
            }
        }
    }
}

#[test]
fn a_count_that_is_not_limited_allocates_nothing_either() {
    let _alone = alone();
    for (dialect, guest) in kinds() {
        let made = generate(&Params::new(dialect, guest));
        let (bytes, _) = patched(&made, "unallocated_count", &u32::MAX.to_le_bytes());
        let (image, held) = peak(|| Image::parse(&bytes, &Options::default()));
        let error = image.error.unwrap();
        assert_eq!(error.code, Code::Truncated, "{:?}", made.params);
        assert_eq!(error.offset, bytes.len() as u64, "{:?}", made.params);
        assert!(held < FEW_MIB, "{:?}: {held} bytes", made.params);
    }
}

#[test]
fn limits_of_the_caller_hold() {
    let _alone = alone();
    let made = generate(&Params {
        pages: 300,
        page_size: 64,
        ..Params::new(Dialect::D11, Guest::Pv)
    });
    let with = |limits: Limits| {
        let options = Options::default().page_size(64).limits(limits);
        Image::parse(&made.bytes, &options)
    };
    assert_eq!(with(Limits::default()).error, None);

    let records = made.plan.section("page_records").unwrap().offset;
    let few = Limits::default().page_records(299);
    let error = with(few).error.unwrap();
    let place = (Code::LimitExceeded, records + 299 * 72);
    assert_eq!((error.code, error.offset), place);

    let list = made.plan.section("unallocated_list").unwrap().offset;
    let one = Limits::default().unallocated_ranges(1);
    let pfns = &made.plan.rounds[0].unallocated;
    let second = pfns.windows(2).position(|w| w[0] + 1 != w[1]).unwrap() as u64 + 1;
    let error = with(one).error.unwrap();
    let place = (Code::LimitExceeded, list + second * 8);
    assert_eq!((error.code, error.offset), place);
}

#[test]
fn what_a_stream_makes_a_reader_keep_is_limited() {
    let _alone = alone();
    let made = generate(&Params::rich(Dialect::D11, Guest::Hvm, 3));
    let options = Options::default().limits(Limits::default().retained_bytes(100_000));
    let mut decoder = options.decoder(0);
    let mut builder = ia64save_codec::image::Builder::new(&options, 0, None);
    let mut rest = &made.bytes[..];
    let error = loop {
        let Step::Event {
            offset,
            consumed,
            event,
        } = decoder.decode(rest, true).unwrap()
        else {
            panic!("nothing was refused");
        };
        rest = &rest[consumed..];
        if let Err(error) = builder.push(&decoder, offset, &event) {
            break error;
        }
    };
    assert_eq!(error.code, Code::LimitExceeded);
    // A mapped image borrows instead.
    assert_eq!(Image::parse(&made.bytes, &options).error, None);
}

/// A stream of `count` pages of 16 bytes, each pfn twice and the second time descending, and as many
/// unallocated pfns that have no neighbours.
fn long(count: u64) -> GeneratedImage {
    let mut made = generate(&Params {
        page_size: 16,
        ..Params::new(Dialect::D1b, Guest::Pv)
    });
    let pages = made.plan.section("page_records").unwrap().offset as usize;
    let list = made.plan.section("unallocated_list").unwrap().clone();
    let mut bytes = made.bytes[..pages].to_vec();
    for pfn in (0..count / 2).chain((0..count / 2).rev()) {
        bytes.extend_from_slice(&pfn.to_le_bytes());
        bytes.extend_from_slice(&[pfn as u8; 16]);
    }
    bytes.extend_from_slice(&u64::MAX.to_le_bytes());
    bytes.extend_from_slice(&(count as u32).to_le_bytes());
    bytes.extend((0..count).flat_map(|n| (n * 2).to_le_bytes()));
    bytes.extend_from_slice(&made.bytes[list.end() as usize..]);
    made.bytes = bytes.into();
    made
}

#[test]
fn time_grows_with_the_input() {
    const BOUND: Duration = Duration::from_secs(20);
    let _alone = alone();
    // Large enough that anything quadratic takes hours.
    let made = long(400_000);
    let options = Options::default().page_size(16).dialect(Some(made.dialect));
    let begun = Instant::now();
    let image = Image::parse(&made.bytes, &options);
    assert_eq!(image.error, None);
    assert_eq!(image.checkpoints[0].pages.distinct(), 200_000);
    assert!(begun.elapsed() < BOUND, "whole: {:?}", begun.elapsed());

    let begun = Instant::now();
    let outcome = stream(options.decoder(0), &made.bytes, 1);
    assert_eq!(outcome, Ok(made.bytes.len() as u64));
    assert!(begun.elapsed() < BOUND, "by bytes: {:?}", begun.elapsed());
}

#[test]
fn an_hvm_context_that_comes_byte_by_byte_is_not_read_over_and_over() {
    let _alone = alone();
    let made = generate(&Params {
        vcpus: (0..40).collect(),
        ..Params::new(Dialect::D11, Guest::Hvm)
    });
    let begun = Instant::now();
    let outcome = stream(Decoder::new(), &made.bytes, 1);
    assert_eq!(outcome, Ok(made.bytes.len() as u64));
    let elapsed = begun.elapsed();
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
}

#[test]
fn a_buffer_holds_one_part_and_no_more() {
    let _alone = alone();
    let made = long(400_000);
    let decoder = Decoder::new().page_size(16).dialect(Some(made.dialect));
    let (outcome, held) = peak(|| stream(decoder, &made.bytes, 4096));
    assert!(outcome.is_ok());
    assert!(held < 65_536, "{held} bytes for parts of 1056 at most");
}
