use std::io::{Cursor, Read, Write};

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use liblzma::write::XzEncoder;
use tempfile::NamedTempFile;

use super::*;

fn image(len: usize) -> Vec<u8> {
    (0..len as u32)
        .map(|i| (i.wrapping_mul(i) >> 5) as u8)
        .collect()
}

fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn open(path: &Path) -> Input {
    Input::open(path, &Options::default()).unwrap()
}

fn stream(input: Input) -> io::Result<Vec<u8>> {
    let Kind::Stream(mut stream) = input.kind else {
        panic!("no stream")
    };
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

#[test]
fn plain_files_are_in_memory_or_mapped() {
    for len in [0, 1, 15, SMALL as usize, SMALL as usize + 1, 3 << 20] {
        let bytes = image(len);
        let file = file(&bytes);
        let input = open(file.path());
        assert_eq!(input.size, Some(len as u64));
        assert_eq!(input.compression, None);
        let Kind::Mapped(mapped) = input.kind else {
            panic!("{len} bytes are a stream")
        };
        assert_eq!(*mapped, bytes);
        let mapping = matches!(mapped.source(), Source::File { .. });
        assert_eq!(mapping, len as u64 > SMALL);
        mapped.release(0..usize::MAX);
        mapped.verify().unwrap();
        assert_eq!(*mapped, bytes);
    }
}

#[test]
fn large_files_can_be_read_instead() {
    let bytes = image(3 << 20);
    let file = file(&bytes);
    let options = Options {
        mmap: false,
        ..Options::default()
    };
    let open = || Input::open(file.path(), &options).unwrap();
    assert_eq!(open().size, Some(3 << 20));
    assert_eq!(stream(open()).unwrap(), bytes);
    assert_eq!(*open().spool().unwrap().0, bytes);
}

#[test]
fn a_size_that_changed_is_an_error_afterwards() {
    let file = file(&image(3 << 20));
    let Kind::Mapped(mapped) = open(file.path()).kind else {
        panic!("not mapped")
    };
    file.as_file().set_len(2 << 20).unwrap();
    assert!(mapped.verify().is_err());
    file.as_file().set_len(3 << 20).unwrap();
    mapped.verify().unwrap();
}

#[test]
fn every_compression_in_one_piece_or_several() {
    let (one, two) = (image(2_000_000), image(70_000));
    let both = [&one[..], &two].concat();
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (compression, stored) in [
        (Compression::Gzip, [gzip(&one), gzip(&two)].concat()),
        (Compression::Xz, [xz(&one), vec![0; 8], xz(&two)].concat()),
        (
            Compression::Zstd,
            [zstd(&one), skippable.clone(), zstd(&two)].concat(),
        ),
        (
            Compression::Zstd,
            [skippable, zstd(&one), zstd(&two)].concat(),
        ),
    ] {
        let whole = file(&stored);
        let input = open(whole.path());
        assert_eq!((input.compression, input.size), (Some(compression), None));
        assert!(stream(input).unwrap() == both, "{compression}");
        assert!(
            *open(whole.path()).spool().unwrap().0 == both[..],
            "{compression}"
        );

        let path = whole.path().display().to_string();
        for cut in [1, 5, stored.len() / 3, stored.len() - HEAD] {
            whole
                .as_file()
                .set_len((stored.len() - cut) as u64)
                .unwrap();
            let error = stream(open(whole.path())).unwrap_err();
            assert!(error.to_string().contains(&path), "{compression}: {error}");
        }
    }
}

#[test]
fn xz_stays_within_its_memory() {
    let file = file(&xz(&image(100)));
    let options = Options {
        xz_memory: 4096,
        ..Options::default()
    };
    let error = stream(Input::open(file.path(), &options).unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    assert!(
        error.to_string().contains("more memory than allowed"),
        "{error}"
    );
}

#[test]
fn an_image_that_looks_like_gzip_is_an_image() {
    let mut head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Compression::of(&head), None);
    // Nothing that starts like that can be decompressed.
    let mut decoder = flate2::read::GzDecoder::new(Cursor::new(head));
    assert_eq!(
        decoder.read(&mut [0]).unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
    head[9] = 3;
    assert_eq!(Compression::of(&head), Some(Compression::Gzip));
    assert_eq!(Compression::of(&head[..3]), Some(Compression::Gzip));
    assert_eq!(Compression::of(&[]), None);
}

#[test]
fn errors_name_the_file() {
    let error = Input::open(Path::new("/no/such"), &Options::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("/no/such: "), "{error}");
    let error = Input::open(Path::new("/"), &Options::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
}

#[test]
fn special_files_are_streams() {
    assert!(stream(open(Path::new("/dev/null"))).unwrap().is_empty());
}

#[test]
fn pipes_are_streams_and_their_compression_is_recognised() {
    let bytes = image(300_000);
    for (stored, compression) in [
        (bytes.clone(), None),
        (zstd(&bytes), Some(Compression::Zstd)),
    ] {
        let (reader, mut writer) = io::pipe().unwrap();
        let feeder = std::thread::spawn(move || {
            // The head arrives in pieces.
            for piece in stored.chunks(3).take(20) {
                writer.write_all(piece).unwrap();
            }
            writer.write_all(&stored[60..]).unwrap();
        });
        let file = File::from(std::os::fd::OwnedFd::from(reader));
        let input = Input::from_file("pipe", file, &Options::default()).unwrap();
        assert_eq!((input.size, input.compression), (None, compression));
        assert_eq!(stream(input).unwrap(), bytes);
        feeder.join().unwrap();
    }
}

#[test]
fn a_redirected_file_counts_from_where_it_stands() {
    let bytes = image(3 << 20);
    let mut file = file(&bytes).into_file();
    io::Seek::seek(&mut file, io::SeekFrom::Start(100)).unwrap();
    let input = Input::from_file("stdin", file, &Options::default()).unwrap();
    assert_eq!(stream(input).unwrap(), bytes[100..]);
}

#[test]
fn zeros_behind_gzip_are_padding_and_anything_else_is_not() {
    let bytes = image(300_000);
    let padded = |behind: &[u8]| file(&[&gzip(&bytes)[..], behind].concat());
    for zeros in [1, 511, 600_000] {
        let padded = padded(&vec![0; zeros]);
        assert!(stream(open(padded.path())).unwrap() == bytes, "{zeros}");
    }
    // Members go on behind padding, as gzip reads them.
    let more = padded(&[vec![0; 512], gzip(b"more")].concat());
    assert!(stream(open(more.path())).unwrap() == [&bytes[..], b"more"].concat());
    for behind in [&b"garbage"[..], b"\0\0garbage", &gzip(b"cut")[..12]] {
        let error = stream(open(padded(behind).path())).unwrap_err();
        assert!(Damage::of(&error).is_some(), "{error}");
    }
}

#[test]
fn what_came_out_before_the_damage_is_kept() {
    let mut word = 1u32;
    let noise = std::iter::repeat_with(|| {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (word >> 24) as u8
    });
    let bytes: Vec<u8> = noise.take(2_000_000).collect();
    for stored in [zstd(&bytes), gzip(&bytes), xz(&bytes)] {
        let cut = file(&stored[..stored.len() * 2 / 3]);
        let (mapped, damage) = open(cut.path()).spool().unwrap();
        assert!(damage.is_some());
        assert!(mapped.len() > 100_000, "{}", mapped.len());
        assert!(*mapped == bytes[..mapped.len()]);
    }
}
