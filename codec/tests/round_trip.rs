//! What was read is written again byte for byte, and an edit changes what it names and no more.

use bytes::Bytes;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Error, Guest};
use ia64save_corpus::{GeneratedImage, Params, generate, goldens, kinds, read, strategy};
use proptest::prelude::*;
use std::ops::Range;

/// Writes an image and returns its bytes.
fn write(image: &Image) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let written = image.write(|piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    })?;
    assert_eq!(written, out.len() as u64);
    Ok(out)
}

fn parse(made: &GeneratedImage) -> Image {
    let options = Options::default()
        .page_size(made.page_size)
        .dialect(Some(made.dialect));
    Image::parse(&made.bytes, &options)
}

fn survives(made: &GeneratedImage) {
    let (decoder, encoder) = read::pair(made.dialect, made.guest, made.page_size);
    let rewritten = read::rewrite(decoder, encoder, &made.bytes);
    assert!(
        rewritten.expect("an image") == made.bytes,
        "{:?}",
        made.params
    );
    assert!(
        write(&parse(made)).unwrap() == made.bytes,
        "{:?}",
        made.params
    );
}

#[test]
fn goldens_survive_event_by_event() {
    for golden in goldens() {
        let bytes = golden.bytes();
        let (decoder, encoder) = read::pair(golden.dialect(), golden.guest(), 16384);
        let decoder = decoder.dialect(None); // found out, as in daily use
        let rewritten = read::rewrite(decoder, encoder, &bytes).unwrap();
        assert!(rewritten == bytes, "{}", golden.name);
    }
}

#[test]
fn goldens_survive_as_images() {
    for golden in goldens() {
        let bytes = golden.bytes();
        let image = Image::parse(&bytes, &Options::default());
        assert!(write(&image).unwrap() == bytes, "{}", golden.name);
    }
}

#[test]
fn every_dialect_survives() {
    for (dialect, guest) in kinds() {
        for seed in 0..3 {
            survives(&generate(&Params::rich(dialect, guest, seed)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_image_survives(made in strategy::image(strategy::page_size())) {
        survives(&made);
    }
}

/// The range of bytes in which two images differ.
fn difference(a: &[u8], b: &[u8]) -> Range<usize> {
    assert_eq!(a.len(), b.len());
    let differs = |index: &usize| a[*index] != b[*index];
    let first = (0..a.len()).find(differs).expect("a difference");
    let last = (0..a.len()).rfind(differs).expect("a difference");
    first..last + 1
}

fn inverted(bytes: &[u8]) -> Bytes {
    bytes.iter().map(|byte| !byte).collect()
}

#[test]
fn a_replaced_page_changes_its_own_bytes_alone() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 7));
        let mut image = parse(&made);
        for index in 0..image.checkpoints.len() {
            let checkpoint = &image.checkpoints[index];
            let Some(record) = checkpoint.pages.len().checked_sub(1) else {
                continue; // a Remus round without dirty pages
            };
            let at = checkpoint.pages.record_offset(record) as usize + 8;
            let page = inverted(image.page(checkpoint, record).unwrap());
            image.checkpoints[index].replaced.insert(record, page);
            let edited = write(&image).unwrap();
            let place = at..at + made.page_size;
            assert_eq!(difference(&edited, &made.bytes), place, "{:?}", made.params);
            image.checkpoints[index].replaced.clear();
        }
    }
}

#[test]
fn a_replaced_section_changes_its_own_bytes_alone() {
    for (dialect, guest) in kinds() {
        let made = generate(&Params::rich(dialect, guest, 8));
        let original = parse(&made);
        let mut edits = 0;
        let mut check = |name: &str, edit: &dyn Fn(&mut Image) -> Range<u64>| {
            let mut image = original.clone();
            let place = edit(&mut image);
            let edited = write(&image).unwrap();
            let place = place.start as usize..place.end as usize;
            let found = difference(&edited, &made.bytes);
            assert_eq!(found, place, "{name} of {:?}", made.params);
            edits += 1;
        };
        check("arch_setup", &|image| {
            let section = image.arch_setup.as_mut().unwrap();
            section.bytes = inverted(&section.bytes);
            section.offset..section.end()
        });
        check("the last vcpu's context", &|image| {
            let checkpoint = image.checkpoints.last_mut().unwrap();
            let section = &mut checkpoint.vcpus.last_mut().unwrap().context;
            section.bytes = inverted(&section.bytes);
            section.offset..section.end()
        });
        check("shared_info", &|image| {
            let section = image.checkpoints[0].shared_info.as_mut().unwrap();
            section.bytes = inverted(&section.bytes);
            section.offset..section.end()
        });
        if guest == Guest::Pv {
            check("privregs", &|image| {
                let section = image.checkpoints[0].vcpus[0].privregs.as_mut().unwrap();
                section.bytes = inverted(&section.bytes);
                section.offset..section.end()
            });
        } else {
            check("hvm_context", &|image| {
                let context = image.checkpoints[0].hvm_context.as_mut().unwrap();
                context.blob.bytes = inverted(&context.blob.bytes);
                context.blob.offset..context.blob.end()
            });
        }
        assert_eq!(edits, 4);
    }
}

#[test]
fn a_section_of_another_size_is_refused() {
    let made = generate(&Params::rich(Dialect::D11, Guest::Pv, 1));
    let mut image = parse(&made);
    let context = &mut image.checkpoints[0].vcpus[0].context;
    context.bytes = context.bytes.slice(1..);
    let error = write(&image).err().map(|e| (e.code, e.path));
    assert_eq!(error, Some((Code::PartSize, "vcpu".into())));
}

#[test]
fn a_page_of_another_size_is_refused() {
    let made = generate(&Params::rich(Dialect::D11, Guest::Pv, 1));
    for size in [0, made.page_size - 1, made.page_size + 1] {
        let mut image = parse(&made);
        image.checkpoints[0]
            .replaced
            .insert(0, Bytes::from(vec![1; size]));
        let error = write(&image).err().map(|e| e.code);
        assert_eq!(error, Some(Code::PartSize), "{size} bytes");
    }
}

#[test]
fn a_broken_image_is_not_written_as_a_whole_one() {
    let made = generate(&Params::new(Dialect::D10, Guest::Pv));
    for section in &made.plan.sections {
        let cut = made.bytes.slice(..section.offset as usize);
        let options = Options::default().dialect(Some(made.dialect));
        let image = Image::parse(&cut, &options);
        assert!(image.error.is_some(), "{}", section.name);
        assert!(write(&image).is_err(), "{}", section.name);
    }
}
