//! Images of every dialect read back as what they were made from.

use ia64save_codec::image::{Image, Options};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{GeneratedImage, Params, Trailing, generate, kinds, strategy};
use proptest::prelude::*;

fn options(image: &GeneratedImage) -> Options {
    Options::default()
        .page_size(image.page_size)
        .dialect(Some(image.dialect))
}

fn reads_back(made: &GeneratedImage) {
    let plan = &made.plan;
    let what = format!("{:?}", made.params);
    let image = Image::parse(&made.bytes, &options(made));
    assert_eq!(image.error, None, "{what}");
    assert_eq!(image.end, made.bytes.len() as u64, "{what}");
    assert_eq!(image.guest(), Some(made.guest), "{what}");
    let prologue = image.prologue.unwrap();
    assert_eq!(prologue.p2m_size, plan.p2m_size, "{what}");
    let trailing = image.trailing.as_ref().map_or(0, |t| t.size);
    assert_eq!(trailing, plan.trailing, "{what}");
    let head = image.head.as_ref().unwrap();
    if plan.memmap_fits {
        let ram: Vec<_> = plan.ram.iter().cloned().filter_map(Pfns::of).collect();
        assert_eq!(head.ram.runs(), ram, "{what}");
    }

    assert_eq!(image.checkpoints.len(), plan.rounds.len(), "{what}");
    for (index, (checkpoint, round)) in image.checkpoints.iter().zip(&plan.rounds).enumerate() {
        assert!(checkpoint.complete, "{what}");
        assert_eq!(checkpoint.pages.pfns(), round.pages, "{what}");
        let list = checkpoint.unallocated.as_ref().unwrap();
        assert!(list.pfns().eq(round.unallocated.iter().copied()), "{what}");
        assert_eq!(u64::from(list.count), list.len(), "{what}");
        let vcpus: Vec<u32> = checkpoint.vcpus.iter().map(|vcpu| vcpu.id).collect();
        assert_eq!(vcpus, plan.vcpus, "{what}");
        if plan.memmap_fits && index == 0 {
            let passes = checkpoint.pages.passes(&head.ram);
            let starts: Vec<usize> = passes.iter().map(|pass| pass.first).collect();
            assert_eq!(starts, round.passes, "{what}");
        }
        if let Some(context) = &checkpoint.hvm_context {
            let last = context.records().last().unwrap();
            assert_eq!(last.1.typecode, 0, "{what}");
            assert_eq!(last.0 + 8, context.blob.end(), "{what}");
        }
    }
    if let (Some(pfn), true) = (plan.start_info, made.page_size >= 4384) {
        assert_eq!(image.first().unwrap().start_info_pfn(), Some(pfn), "{what}");
        let (_, page) = image.start_info(0).unwrap();
        assert!(page.starts_with(b"xen-3.0-ia64"), "{what}");
    }
}

#[test]
fn every_dialect_and_guest_reads_back_as_planned() {
    let mut seen = 0;
    for (dialect, guest) in kinds() {
        for seed in 0..4 {
            reads_back(&generate(&Params::rich(dialect, guest, seed)));
        }
        seen += 1;
    }
    assert_eq!(seen, 19, "14 dialects, 5 of them with HVM");
}

#[test]
fn the_sections_of_a_plan_cover_the_stream_without_gap() {
    for (dialect, guest) in kinds() {
        let mut params = Params::rich(dialect, guest, 9);
        params.trailing = Trailing::DeviceModel(33);
        let made = generate(&params);
        let mut at = 0;
        for section in &made.plan.sections {
            assert_eq!(section.offset, at, "{section:?} of {params:?}");
            at = section.end();
        }
        assert_eq!(at, made.plan.end);
        assert_eq!(at + made.plan.trailing, made.bytes.len() as u64);
    }
}

#[test]
fn the_same_parameters_make_the_same_image_and_another_seed_another() {
    let params = Params::rich(Dialect::D11, Guest::Hvm, 5);
    assert_eq!(generate(&params).bytes, generate(&params).bytes);
    let other = Params {
        seed: 6,
        ..params.clone()
    };
    assert_ne!(generate(&params).bytes, generate(&other).bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_parameters_make_an_image_that_reads_back(
        made in strategy::image(strategy::page_size())
    ) {
        reads_back(&made);
    }
}
