//! Whose bytes an image's are: never certain and wrong.
//!
//! `IA64SAVE_DEEP=100 cargo test -p ia64save-codec --test era_detection -- --nocapture` tries a hundred times as
//! many images and prints the counts.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use ia64save_codec::detect::Detection;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::wire::{layout_of_context, layout_of_mapped_regs};
use ia64save_codec::{Dialect, Era, Guest};
use ia64save_corpus::generate::{Heap, Random, eras};
use ia64save_corpus::{GeneratedImage, Params, generate, goldens};
use proptest::prelude::*;

fn detection(bytes: &Bytes) -> Detection {
    let image = Image::parse(bytes, &Options::default());
    assert_eq!(image.error, None);
    image.detection.expect("the tail was reached")
}

fn ids(eras: &[Era]) -> Vec<&'static str> {
    eras.iter().map(|era| era.id()).collect()
}

/// How detections went.
#[derive(Debug, Default)]
struct Counts {
    cases: u32,
    certain: u32,
    ambiguous: u32,
    wrong: u32,
    era_missing: u32,
    one_era: u32,
    likeliest_is_true: u32,
}

impl Counts {
    /// Counts one, and complains where it is wrong.
    fn count(&mut self, found: &Detection, truth: Era, what: &str) {
        self.cases += 1;
        match found.dialect {
            Some(dialect) if dialect == truth.dialect() => self.certain += 1,
            Some(_) => self.wrong += 1,
            None => self.ambiguous += 1,
        }
        self.era_missing += u32::from(!found.eras.contains(&truth));
        self.one_era += u32::from(found.eras.len() == 1);
        self.likeliest_is_true += u32::from(found.best_era() == truth);
        let (candidates, left) = (&found.candidates, ids(&found.eras));
        assert!(
            candidates.contains(&truth.dialect()) && found.eras.contains(&truth),
            "{what} is of {truth}: found {candidates:?}, {left:?}, because {:#?}",
            found.evidence
        );
        assert_eq!(found.dialect.is_some(), candidates.len() == 1, "{what}");
        assert!(found.eras.contains(&found.best_era()), "{what}");
        assert_eq!(found.best_era().dialect(), found.best(), "{what}");
    }
}

/// How many times as much is tried.
fn depth() -> u64 {
    let deep = std::env::var("IA64SAVE_DEEP").ok();
    deep.and_then(|deep| deep.parse().ok()).unwrap_or(1)
}

/// An image in which a guest has other values, as far as it decides them: registers that get-context of
/// the era gave, and its own page.
fn changed(made: &GeneratedImage, random: &mut Random) -> Bytes {
    let mut bytes = made.bytes.to_vec();
    let spec = made.dialect.spec();
    let era = made.params.era;
    let context = layout_of_context(spec.context);
    for vcpu in &made.plan.vcpus {
        let section = made.plan.section(&format!("vcpu{vcpu}_context"));
        let base = section.expect("a context").offset as usize;
        let mut set = |path: &str, value: u64| {
            let Some(field) = context.find(path) else {
                return;
            };
            // Of the trap frame everything was given.
            if era.assigns(made.guest, path) || path.starts_with("user_regs.") {
                let at = base + field.offset;
                let size = field.size().min(8);
                bytes[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
            }
        };
        let mut word = || match random.below(4) {
            0 => 0,
            1 => u64::MAX,
            2 => random.below(1 << 20),
            _ => random.word(),
        };
        for register in 1..32 {
            set(&format!("regs.r[{register}]"), word());
            set(&format!("user_regs.r{register}"), word());
        }
        for register in 2..128 {
            set(&format!("regs.f[{register}].u.bits[0]"), word());
        }
        for name in [
            "b[0]", "b[6]", "ar.lc", "ar.unat", "ar.ccv", "ar.rnat", "pr",
        ] {
            set(&format!("regs.{name}"), word());
        }
        set("regs.ar.ec", word() & 63);
        set("regs.ip", word() & !15);
        set("user_regs.cr_iip", word() & !15);
        set("event_callback_ip", word());
        if let Some(section) = made.plan.section(&format!("vcpu{vcpu}_privregs")) {
            let page = layout_of_mapped_regs(era.spec().privregs);
            for index in 0..16 {
                let field = page.find(&format!("vgr[{index}]")).expect("vgr");
                let at = section.offset as usize + field.offset;
                bytes[at..at + 8].copy_from_slice(&word().to_le_bytes());
            }
        }
    }
    // A guest may see shared_info wherever it likes.
    if made.guest == Guest::Pv && random.once_in(2) {
        let setup = made.plan.section("arch_setup").expect("a setup record");
        let at = (setup.end() - 16) as usize;
        let moved = 0xffff_ffff_fff0_0000_u64;
        bytes[at..at + 8].copy_from_slice(&moved.to_le_bytes());
        for vcpu in &made.plan.vcpus {
            let page = made.plan.section(&format!("vcpu{vcpu}_privregs"));
            let at = page.expect("a page").offset as usize + 3096;
            let mask = moved + 48 * u64::from(*vcpu) + 1;
            bytes[at..at + 8].copy_from_slice(&mask.to_le_bytes());
        }
    }
    bytes.into()
}

#[test]
fn images_of_every_era_are_never_certainly_anothers() {
    let (mut counts, mut mutated) = (Counts::default(), Counts::default());
    for (era, guest) in eras() {
        for heap in [Heap::Zeros, Heap::Words, Heap::Filled] {
            for seed in 0..3 * depth() {
                let params = Params {
                    heap: Some(heap),
                    vcpus: vec![0, 3],
                    ..Params::of(era, guest, seed)
                };
                let made = generate(&params);
                let what = format!("{:?}", made.params);
                counts.count(&detection(&made.bytes), era, &what);
                let other = changed(&made, &mut Random::new(seed, &[9, era as u64]));
                mutated.count(&detection(&other), era, &format!("a change of {what}"));
            }
        }
    }
    println!("as written: {counts:?}");
    println!("other values of the guest: {mutated:?}");
    for counts in [counts, mutated] {
        assert_eq!((counts.wrong, counts.era_missing), (0, 0));
        // Doubt is the exception: D7 and D8 for PV, and D9 and D10 where nothing is NaT.
        assert!(counts.certain > counts.ambiguous * 3, "{counts:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128 * depth() as u32))]

    #[test]
    fn any_image_of_any_era_may_be_its_own(
        index in 0..eras().count(),
        heap in proptest::option::of(proptest::sample::select(&[Heap::Zeros, Heap::Words, Heap::Filled][..])),
        vcpus in proptest::collection::vec(0..64u32, 1..4),
        seed in any::<u64>(),
    ) {
        let (era, guest) = eras().nth(index).unwrap();
        let made = generate(&Params { heap, vcpus, ..Params::of(era, guest, seed) });
        let what = format!("{:?}", made.params);
        let mut counts = Counts::default();
        counts.count(&detection(&made.bytes), era, &what);
        let other = changed(&made, &mut Random::new(seed, &[9]));
        counts.count(&detection(&other), era, &format!("a change of {what}"));
    }
}

#[test]
fn context_f_before_three_magic_pfns_is_read_and_written() {
    for dialect in [None, Some(Dialect::D10)] {
        for era in [None, Some(Era::D10A)] {
            let made = generate(&Params {
                vcpus: vec![0, 2],
                ..Params::of(Era::D10A, Guest::Hvm, 4)
            });
            let options = Options::default().dialect(dialect).era(era);
            let image = Image::parse(&made.bytes, &options);
            assert_eq!(image.error, None, "{dialect:?} {era:?}");
            assert!(image.eras().contains(&Era::D10A), "{:?}", image.eras());
            let order = image.checkpoints[0].magic_pfns.as_ref().unwrap().order;
            assert_eq!(order, Era::D10A.magic_pfns(), "{dialect:?} {era:?}");
            let mut written = Vec::new();
            let size = image.write(|piece| {
                piece.write_to(&mut written);
                Ok::<(), ia64save_codec::Error>(())
            });
            assert_eq!(size, Ok(made.bytes.len() as u64));
            assert!(written == made.bytes, "{dialect:?} {era:?}");
        }
    }
}

#[test]
fn eras_of_a_named_dialect_are_those_of_its_bytes() {
    for (name, left) in [
        ("realD7a-pv", "D7a"),
        ("realD4b-pv-int", "D4b"),
        ("realD41-pv", "D11b"),
    ] {
        let golden = ia64save_corpus::golden(name);
        let options = Options::default().dialect(Some(golden.dialect()));
        let image = Image::parse(&golden.bytes(), &options);
        assert_eq!(ids(image.eras()), [left], "{name}");
        // What the user says of the era is not argued with.
        let era = Some(Era::usual(golden.dialect()));
        let options = options.era(era);
        let image = Image::parse(&golden.bytes(), &options);
        assert_eq!((image.era(), image.eras().len()), (era, 1), "{name}");
    }
}

/// Dialects that the bytes of real images do not tell apart, and why.
///
/// - D7 and D8 for PV: the hypervisor changed 79 minutes before libxc did, so D7d wrote what D8 wrote;
///   and a heap of zeros leaves no trace of D7a to D7c.
/// - D9 and D10 where the word that both have at 22176 is 0: `rbs_rnat` without a NaT, or a
///   `num_phys_stacked` that is not said.
const DOUBTS: [[Dialect; 2]; 2] = [[Dialect::D7, Dialect::D8], [Dialect::D9, Dialect::D10]];

#[test]
fn goldens_are_what_they_are_or_the_doubt_is_said() {
    let mut counts = Counts::default();
    for golden in goldens() {
        let found = detection(&golden.bytes());
        counts.count(&found, golden.era(), &golden.name);
        if found.dialect.is_none() {
            let mut candidates = found.candidates.clone();
            candidates.sort_unstable();
            println!("{}: {candidates:?}, {:?}", golden.name, ids(&found.eras));
            assert!(
                DOUBTS.iter().any(|pair| pair[..] == candidates),
                "{}",
                golden.name
            );
        }
    }
    println!("goldens: {counts:?}");
}

/// Images that were once taken for another's for certain, or nearly: their pages are left out.
#[test]
fn what_was_once_taken_for_anothers_is_not() {
    for (name, truth, certain, what) in [
        (
            "d3linux",
            Era::D3,
            true,
            "a Linux guest has moved shared_info, so xsi_va tells nothing",
        ),
        (
            "d10-stacked0",
            Era::D10C,
            true,
            "num_phys_stacked is 0, and rbs_rnat is where layout E had zeros",
        ),
        (
            "trueD8",
            Era::D8A,
            false,
            "bsp is in the guest's slots, which a heap of zeros before it looks like",
        ),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert/cases");
        let packed = fs::read(folder.join(format!("{name}.sav.zst"))).unwrap();
        let found = detection(&zstd::decode_all(&packed[..]).unwrap().into());
        Counts::default().count(&found, truth, name);
        assert_eq!(found.dialect.is_some(), certain, "{name}: {what}");
        assert_eq!(found.best(), truth.dialect(), "{name}: {what}");
    }
}
