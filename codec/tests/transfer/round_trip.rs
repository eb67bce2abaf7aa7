//! Images of every dialect, restored and saved again.

use ia64save_codec::Era;
use ia64save_codec::dialect::Tools;
use ia64save_codec::image::Options as ReadOptions;
use ia64save_codec::transfer::ports::HvmParam;
use ia64save_codec::transfer::restore::Options;
use ia64save_codec::transfer::{Restore, Restored, Save, Xen, save};
use ia64save_codec::{Guest, SaveFile};
use ia64save_corpus::{GeneratedImage, Params, generate, kinds};

use crate::fake::{Fake, Kept};

/// Restores an image, shown in pieces of `piece` bytes.
pub fn restore(image: &GeneratedImage, piece: usize) -> (Fake, Restored) {
    let mut fake = Fake::new(
        image.dialect,
        image.guest,
        image.page_size,
        &image.params.vcpus,
    )
    .with_p2m_size(image.plan.p2m_size);
    let options = Options::default().store_evtchn(21).console_evtchn(22);
    let mut restore = Restore::new(&mut fake, options);
    let (mut at, mut shown) = (0, 0);
    loop {
        let end = shown == image.bytes.len();
        let fed = restore.feed(&image.bytes[at..shown], end);
        let fed = fed.unwrap_or_else(|error| panic!("{image:?}: {error}"));
        at += fed.consumed;
        if fed.done {
            break;
        }
        assert!(!end && fed.wanted > shown - at);
        shown = image.bytes.len().min(shown.max(at + fed.wanted.min(piece)));
        if fed.wanted > piece {
            shown = image.bytes.len().min(at + fed.wanted);
        }
    }
    let done = restore.finish().unwrap();
    (fake, done)
}

/// Saves without a log of what is dirty.
pub fn save(fake: &mut Fake) -> Vec<u8> {
    let mut kept = Kept::default();
    let options = save::Options::default().live(false);
    let saved = Save::new(fake, &mut kept)
        .options(options)
        .policy(&mut Xen::default())
        .run()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(saved.bytes, kept.bytes.len() as u64);
    assert_eq!(kept.flushed, kept.bytes.len());
    kept.bytes
}

#[test]
fn a_restored_domain_has_what_the_image_has() {
    for (dialect, guest) in kinds() {
        for seed in 0..4 {
            let image = generate(&Params::rich(dialect, guest, seed));
            let (fake, done) = restore(&image, 1 << 20);
            let read = SaveFile::parse(&image.bytes, &ReadOptions::default()).unwrap();
            assert!(!fake.exposed && !fake.destroyed);
            assert_eq!(done.guest, Some(guest), "{image:?}");
            assert!(done.leftovers.is_empty());

            // The last copy of each page, but for what a restore changes.
            let checkpoint = &read.image.checkpoints[0];
            let changed = |pfn: u64| {
                done.cleared.contains(&pfn) || guest == Guest::Pv && pfn == done.start_info_pfn
            };
            for pfn in 0..image.plan.p2m_size {
                let number = checkpoint
                    .pages
                    .pfns()
                    .iter()
                    .rposition(|sent| *sent == pfn);
                let unallocated = checkpoint
                    .unallocated
                    .as_ref()
                    .is_some_and(|list| list.pfns().any(|listed| listed == pfn));
                let page = number
                    .filter(|_| !unallocated)
                    .and_then(|number| read.image.page(checkpoint, number));
                match page {
                    Some(_) if changed(pfn) => assert!(fake.state.pages.contains_key(&pfn)),
                    Some(page) => assert_eq!(fake.state.pages.get(&pfn).unwrap(), page),
                    None => {
                        let empty = fake.state.pages.get(&pfn).is_none_or(|page| {
                            guest == Guest::Hvm && page.iter().all(|byte| *byte == 0)
                        });
                        // Version 1 has memory where the image says nothing.
                        assert!(empty || Tools::of(dialect).populates_all, "{image:?} {pfn}");
                    }
                }
            }
            assert_eq!(
                done.vcpus_set.len(),
                checkpoint.vcpus.len() * (1 + usize::from(Era::usual(dialect).spec().set_twice))
            );
            if guest == Guest::Hvm {
                assert_eq!(done.hvm_params.last(), Some(&(HvmParam::StoreEvtchn, 21)));
                let blob = &checkpoint.hvm_context.as_ref().unwrap().blob.bytes;
                assert_eq!(&fake.state.hvm_context, blob);
            } else {
                let set = done.start_info.unwrap();
                assert_eq!((set.store_evtchn, set.console_evtchn), (21, 22));
                assert_eq!(set.nr_pages, image.plan.p2m_size);
            }
        }
    }
}

#[test]
fn what_was_restored_saves_as_it_was_restored() {
    for (dialect, guest) in kinds() {
        for seed in 0..4 {
            let image = generate(&Params::rich(dialect, guest, seed));
            let (mut first, _) = restore(&image, 1 << 20);
            // The query bit is set by whoever answers a query.
            first.state.setup.flags |= 2;
            let once = save(&mut first);
            let params = Params::rich(dialect, guest, seed);
            let again = GeneratedImage {
                bytes: once.clone().into(),
                params,
                ..image.clone()
            };
            let (mut second, _) = restore(&again, 4096);
            second.state.setup.flags |= 2;
            let twice = save(&mut second);
            assert!(once == twice, "{image:?}");
        }
    }
}

#[test]
fn it_does_not_matter_how_the_input_is_cut() {
    for (dialect, guest) in kinds() {
        let image = generate(&Params::rich(dialect, guest, 9));
        let (whole, done) = restore(&image, usize::MAX);
        for piece in [1, 4096, 100_000] {
            let (fake, again) = restore(&image, piece);
            assert_eq!(again, done);
            assert_eq!(fake.state.pages, whole.state.pages);
        }
    }
}
