//! Every dialect into every other, there and back.

#[path = "convert/fields.rs"]
mod fields;
#[path = "convert/synthetic.rs"]
mod synthetic;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fields::{Fields, fields, memory};
use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::convert::{ConvertOptions, Loss, Note, mean_the_same, plan};
use ia64save_codec::encode::Piece;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::ram::RamMap;
use ia64save_codec::{Code, Dialect, Era, Error, Guest, Severity};
use ia64save_corpus::{Params, generate};
use proptest::prelude::*;
use synthetic::{PAGE, Round, Synthetic};

fn parse(bytes: Vec<u8>, dialect: Option<Dialect>) -> Image {
    let options = Options::default().dialect(dialect);
    Image::parse(&Bytes::from(bytes), &options)
}

fn parse_as(bytes: Vec<u8>, era: Era) -> Image {
    let options = Options::default().era(Some(era));
    Image::parse(&Bytes::from(bytes), &options)
}

fn image(synthetic: &Synthetic) -> Image {
    let image = parse_as(synthetic.bytes(), synthetic.era);
    assert_eq!(image.error, None);
    image
}

/// Converts, and holds the size against what was written.
fn converted(
    image: &Image,
    to: impl Into<Era>,
    compact: bool,
) -> Result<(Vec<u8>, Vec<Loss>), Error> {
    let (bytes, losses, _) = converted_with_notes(image, to, compact)?;
    Ok((bytes, losses))
}

/// What was written, what was lost, what was noted.
type Converted = (Vec<u8>, Vec<Loss>, Vec<Note>);

fn converted_with_notes(
    image: &Image,
    to: impl Into<Era>,
    compact: bool,
) -> Result<Converted, Error> {
    let options = ConvertOptions::to(to).compact(compact);
    let conversion = plan(image, &options)?;
    let mut out = Vec::new();
    let written = conversion.write(|piece: &Piece<'_>| -> Result<(), Error> {
        piece.write_to(&mut out);
        Ok(())
    })?;
    assert_eq!(written, out.len() as u64);
    assert_eq!(conversion.size(), written);
    Ok((
        out,
        conversion.losses().to_vec(),
        conversion.notes().to_vec(),
    ))
}

fn pairs() -> impl Iterator<Item = (Dialect, Dialect, Guest)> {
    [Guest::Pv, Guest::Hvm].into_iter().flat_map(|guest| {
        let all = move || Dialect::ALL.into_iter().filter(move |d| d.supports(guest));
        all().flat_map(move |from| all().map(move |to| (from, to, guest)))
    })
}

/// The path by the names of the later layouts, so that both ways speak of one field.
fn unified(path: &str) -> String {
    const TABLE: [(&str, &str); 8] = [
        ("extra_regs.dcr", "regs.cr.dcr"),
        ("extra_regs.iva", "regs.cr.iva"),
        ("user_regs.ar_rsc", "regs.ar.rsc"),
        ("user_regs.ar_pfs", "regs.ar.pfs"),
        ("extra_regs.", "regs.tr."),
        ("user_regs.eml_unat", "regs.nats"),
        ("user_regs.loadrs", "regs.ar.bsp"),
        ("user_regs.cr_ipsr", "regs.psr"),
    ];
    TABLE
        .iter()
        .fold(path.to_string(), |path, (a, other)| path.replace(a, other))
}

/// Whether what is said at a path speaks of a field, both by the names of the later layouts.
fn covers(path: &str, field: &str) -> bool {
    let within = |path: &str| {
        field
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    // A vcpu that is not carried takes its page along.
    let page = path
        .strip_prefix("vcpu")
        .filter(|id| id.ends_with(']') && !id.contains('.'));
    // Without a map, pfns that are no RAM are listed as RAM without a page.
    let holes = path == "memmap" && field == "unallocated";
    holes || within(path) || page.is_some_and(|id| within(&format!("privregs{id}")))
}

/// Fields of the source that are not what they were.
fn differing(before: &Fields, after: &Fields) -> BTreeSet<String> {
    let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    before
        .iter()
        .filter(|(path, _)| !is_nobodys(path))
        // A region register of 0 was never set, and gets what every vcpu has then.
        .filter(|(path, bytes)| !(path.contains("regs.rr[") && zero(bytes)))
        .filter(|(path, bytes)| match after.get(*path) {
            Some(other) => other != *bytes,
            None => !zero(bytes),
        })
        .map(|(path, _)| path.clone())
        .collect()
}

/// What nobody reads: every restore makes its own flags, scratch holds nothing that outlives a save, a
/// hypervisor makes its own hpsr at every switch, and where its words begin is its own affair.
fn is_nobodys(path: &str) -> bool {
    const SCRATCH: [&str; 6] = [
        "].flags",
        ".hpsr_dfh",
        ".hpsr_mfh",
        "regs.rbs_voff",
        "regs.cr.ivr",
        "privregs_pfn",
    ];
    let scratch = [".pkrs", ".tmp"].iter().any(|name| path.contains(name));
    (scratch && path.starts_with("privregs")) || SCRATCH.iter().any(|name| path.ends_with(name))
}

/// What is made up on one way and dropped on the other shows in no field of the source.
fn may_leave_no_trace(loss: &Loss) -> bool {
    const MADE_UP: [&str; 11] = [
        // What every vcpu has that no interrupt waits for.
        "regs.cr.ivr",
        // Carried, and not loaded.
        "regs.nats",
        // The guest's stack is not looked at.
        "regs.ar.pfs",
        "magic_pfns.bufpioreq",
        "shared_info.arch.memmap_info_num_pages",
        "shared_info.arch.memmap_info_pfn",
        "regs.psr",
        "regs.ar.bsp",
        "regs.rbs",
        "regs.rbs_voff",
        "privregs_pfn",
    ];
    let path = unified(&loss.path);
    MADE_UP.iter().any(|name| path.ends_with(name))
}

fn there_and_back(source: &Synthetic, to: Dialect) -> (Vec<Loss>, Vec<Loss>) {
    let (wrong, there, back) = wrong_there_and_back(source, to.into());
    assert!(
        wrong.is_empty(),
        "{} as {to} and back: {wrong:#?}",
        source.era
    );
    (there, back)
}

/// Fields that differ and were not named, and losses that are none; and the losses of both ways.
fn wrong_there_and_back(source: &Synthetic, to: Era) -> (Vec<String>, Vec<Loss>, Vec<Loss>) {
    let from = source.era;
    let before = image(source);
    let (bytes, there, notes) = converted_with_notes(&before, to, false).unwrap();
    let between = parse_as(bytes, to);
    assert_eq!(between.error, None, "{from} as {to}");
    assert_eq!(memory(&before), memory(&between), "{from} as {to}");
    let (bytes, back, more) = converted_with_notes(&between, from, false).unwrap();
    let after = parse_as(bytes, from);
    assert_eq!(after.error, None, "{from} as {to} and back");
    assert_eq!(memory(&before), memory(&after));

    let [old, new] = [&before, &after].map(|image| fields(image, from));
    let differing: BTreeSet<String> = differing(&old, &new).iter().map(|f| unified(f)).collect();
    let named = || there.iter().chain(&back);
    let losses = named().map(|loss| &loss.path);
    let said: BTreeSet<String> = losses
        .chain(notes.iter().chain(&more).map(|n| &n.path))
        .map(|path| unified(path))
        .collect();
    let unnamed = differing
        .iter()
        .filter(|field| !said.iter().any(|path| covers(path, field)))
        .map(|field| format!("{field} differs and nothing names it"));
    let idle = named()
        .filter(|loss| !may_leave_no_trace(loss))
        .filter(|loss| {
            let path = unified(&loss.path);
            !differing.iter().any(|field| covers(&path, field))
        })
        .map(|loss| format!("{loss} is named and does not differ"));
    (unnamed.chain(idle).collect(), there.clone(), back.clone())
}

#[test]
fn what_comes_back_is_what_no_loss_named() {
    for (from, to, guest) in pairs() {
        there_and_back(&Synthetic::new(from, guest).dense(), to);
        there_and_back(&Synthetic::new(from, guest), to);
        if guest == Guest::Pv && from.spec().version.has_memmap() {
            // A hole, and descriptors out of order; the guest has the map in its memory.
            let mut source = Synthetic::new(from, guest).dense();
            source.memmap = vec![(7, 8..12), (7, 0..5), (4, 5..8)];
            source.rounds[0]
                .pages
                .retain(|(pfn, _)| *pfn != 7 && *pfn != 10);
            source.rounds[0].unallocated = vec![10, 4];
            there_and_back(&source, to);
            source.own_map = Some(3);
            let (there, _) = there_and_back(&source, to);
            let lost = there.iter().any(|loss| loss.path == "memmap");
            assert_eq!(lost, to < Dialect::D2);
        }
    }
}

/// Every era into every other: what a field means, and not only where it is.
#[test]
fn what_comes_back_from_another_era_is_what_was_not_named() {
    let mut all: BTreeMap<String, (Era, Era)> = BTreeMap::new();
    for guest in [Guest::Pv, Guest::Hvm] {
        // Context F before three magic pfns is read by who knows of it.
        let eras = || {
            Era::ALL.into_iter().filter(move |era| {
                era.dialect().supports(guest) && (guest == Guest::Pv || *era != Era::D10A)
            })
        };
        for from in eras() {
            let source = Synthetic::of(from, guest).dense();
            for to in eras() {
                let (wrong, ..) = wrong_there_and_back(&source, to);
                for what in wrong {
                    all.entry(what).or_insert((from, to));
                }
            }
        }
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn little_is_lost_where_there_is_little() {
    for (from, to, guest) in pairs() {
        let mut source = Synthetic::new(from, guest);
        source.vcpus = vec![0];
        let (_, losses) = converted(&image(&source), to, false).unwrap();
        let expected = |loss: &Loss| {
            let made_up = may_leave_no_trace(loss);
            made_up && !loss.path.ends_with("regs.rbs") && !loss.path.ends_with("regs.rbs_voff")
        };
        assert!(losses.iter().all(expected), "{from} as {to}: {losses:?}");
    }
}

#[test]
fn the_same_dialect_gives_the_same_bytes() {
    for (from, to, guest) in pairs().filter(|(from, to, _)| from == to) {
        let mut source = Synthetic::new(from, guest).dense();
        source.trailing = b"QemuDeviceModelRecord and what it holds".to_vec();
        let bytes = source.bytes();
        // Which of its eras an image is of may show.
        let named = parse(bytes.clone(), Some(from));
        let (same, losses) = converted(&named, named.era().unwrap(), false).unwrap();
        assert_eq!(named.era().map(Era::dialect), Some(to));
        assert!(same == bytes && losses.is_empty(), "{from} {guest}");
        // Nor does it matter whether the era was named, as long as it is taken for one that means it.
        let detected = parse(bytes.clone(), None);
        let best = detected.era().unwrap();
        for era in Era::ALL {
            if mean_the_same(best, era, guest) {
                let (same, losses) = converted(&detected, era, false).unwrap();
                assert!(
                    same == bytes && losses.is_empty(),
                    "{from} {guest} as {era}"
                );
            }
        }
    }
}

#[test]
fn trailing_bytes_come_along_into_every_dialect() {
    for (from, to, guest) in pairs() {
        let mut source = Synthetic::new(from, guest);
        source.trailing = b"QemuDeviceModelRecord and what it holds".to_vec();
        let (bytes, _) = converted(&image(&source), to, false).unwrap();
        assert!(bytes.ends_with(&source.trailing));
        let trailing = parse(bytes, Some(to)).trailing.unwrap();
        assert_eq!(trailing.size, source.trailing.len() as u64);
    }
}

#[test]
fn bytes_that_would_become_a_checkpoint_are_left_out() {
    let mut source = Synthetic::new(Dialect::D10, Guest::Pv);
    source.trailing = u64::MAX.to_le_bytes().to_vec();
    let (bytes, losses) = converted(&image(&source), Dialect::D11, false).unwrap();
    assert_eq!(losses[0].path, "trailing");
    assert!(parse(bytes, Some(Dialect::D11)).error.is_none());
}

#[test]
fn what_is_found_is_what_was_asked_for_where_structure_tells() {
    for (from, to, guest) in pairs() {
        let mut source = Synthetic::new(from, guest).dense();
        source.vcpus = vec![0];
        let (bytes, _) = converted(&image(&source), to, false).unwrap();
        let found = parse(bytes, None);
        assert_eq!(found.error, None, "{from} as {to}");
        let [best, asked] = [found.read_as().unwrap(), to].map(Dialect::spec);
        assert_eq!(best.version, asked.version);
        assert_eq!(best.arch_setup.size(), asked.arch_setup.size());
        assert_eq!(best.context.size(), asked.context.size(), "{from} as {to}");
        if guest == Guest::Hvm {
            assert_eq!(best.vcpumap, asked.vcpumap, "{from} as {to}");
            let magic = found.era().unwrap().magic_pfns();
            assert_eq!(magic, asked.magic_pfns, "{from} as {to}");
        }
    }
}

#[test]
fn a_compact_image_has_the_last_copy_of_each_page_by_pfn() {
    for (from, to, guest) in pairs() {
        let before = image(&Synthetic::new(from, guest).dense());
        let (bytes, _) = converted(&before, to, true).unwrap();
        let after = parse(bytes, Some(to));
        assert_eq!(after.error, None);
        assert_eq!(memory(&before), memory(&after), "{from} as {to}");
        let pages = &after.checkpoints[0].pages;
        let expected: &[u64] = match guest {
            // 4 was sent and then given back.
            Guest::Pv => &[0, 1, 2, 3, 7, 8, 9, 10, 11],
            Guest::Hvm => &[0, 1, 2, 0x39000, 0x39001, 0x39002, 0x39003, 0x3fc00],
        };
        assert_eq!(pages.pfns(), expected, "{from} as {to}");
        let list = after.checkpoints[0].unallocated.as_ref().unwrap();
        assert_eq!(
            list.pfns().next(),
            Some(if guest == Guest::Pv { 4 } else { 3 })
        );
    }
}

/// Three checkpoints; the last gives page 0 back, and 5, which was not there, is.
fn remus() -> Synthetic {
    let mut source = Synthetic::new(Dialect::D11, Guest::Pv).dense();
    source.rounds.push(Round {
        pages: vec![(2, 50), (5, 51)],
        unallocated: vec![4, 6],
        salt: 1000,
    });
    source.rounds.push(Round {
        pages: vec![(1, 60), (2, 61)],
        unallocated: vec![0, 4, 6],
        salt: 2000,
    });
    source
}

#[test]
fn rounds_fold_into_the_last_checkpoint() {
    let before = image(&remus());
    assert_eq!(before.checkpoints.len(), 3);
    for (to, compact) in [
        (Dialect::D11, true),
        (Dialect::D10, false),
        (Dialect::D3, true),
    ] {
        let (bytes, losses) = converted(&before, to, compact).unwrap();
        let after = parse(bytes, Some(to));
        assert_eq!((after.error.as_ref(), after.checkpoints.len()), (None, 1));
        let paths: Vec<_> = losses.iter().map(|loss| &loss.path[..]).collect();
        assert!(paths.contains(&"checkpoint[0]") && paths.contains(&"checkpoint[1]"));
        assert_eq!(
            paths.contains(&"checkpoint[2].vcpu[2]"),
            to != Dialect::D11,
            "{losses:?}"
        );
        assert_eq!(memory(&before), memory(&after), "{to}");
        let page = |pfn| after.page_of(0, pfn).map(|(_, page)| page[PAGE - 1]);
        assert_eq!((page(1), page(2), page(5)), (Some(60), Some(61), Some(51)));
        assert_eq!(page(0), if compact { None } else { Some(1) });
        let [old, new] = [(&before, 2), (&after, 0)].map(|(image, index)| {
            let page = image.checkpoints[index].shared_info.clone().unwrap();
            page.bytes
        });
        assert_eq!(old, new, "the tail of the last checkpoint");
    }
}

#[test]
fn rounds_stay_where_the_dialect_has_them() {
    let source = remus();
    let before = image(&source);
    let (bytes, losses) = converted(&before, Dialect::D11, false).unwrap();
    assert!(bytes == source.bytes() && losses.is_empty());
    let (bytes, losses) = converted(&before, Dialect::D12, false).unwrap();
    let after = parse(bytes, Some(Dialect::D12));
    assert_eq!((after.checkpoints.len(), losses.len()), (3, 0));
    let (bytes, _) = converted(&after, Dialect::D11, false).unwrap();
    assert!(bytes == source.bytes());
}

#[test]
fn a_torn_round_is_left_out_and_named_or_refused() {
    let mut bytes = remus().bytes();
    bytes.truncate(bytes.len() - 100);
    let torn = parse(bytes, Some(Dialect::D11));
    let error = converted(&torn, Dialect::D11, false).unwrap_err();
    assert_eq!(error.code, Code::Truncated);
    let (bytes, losses) = converted(&torn, Dialect::D11, true).unwrap();
    assert_eq!(losses[0].path, "checkpoint[2]");
    let after = parse(bytes, Some(Dialect::D11));
    assert_eq!(after.page_of(0, 2).map(|(_, page)| page[0]), Some(50));
}

#[test]
fn what_cannot_be_converted_says_why() {
    let code = |source: &Synthetic, to| converted(&image(source), to, false).unwrap_err().code;
    let hvm = Synthetic::new(Dialect::D11, Guest::Hvm);
    for to in Dialect::ALL
        .into_iter()
        .filter(|to| !to.supports(Guest::Hvm))
    {
        assert_eq!(code(&hvm, to), Code::GuestUnsupported);
    }
    let mut pv = Synthetic::new(Dialect::D11, Guest::Pv);
    pv.vcpus = vec![1, 3];
    for to in Dialect::ALL {
        if to.spec().pv_vcpumap {
            converted(&image(&pv), to, false).unwrap();
        } else {
            assert_eq!(code(&pv, to), Code::ConvertVcpu0);
        }
    }
    let cut = parse(pv.bytes()[..5000].to_vec(), None);
    let error = converted(&cut, Dialect::D11, true).unwrap_err();
    assert_eq!(error.code, Code::Truncated);
    let mut streamed = image(&Synthetic::new(Dialect::D11, Guest::Pv));
    streamed.data = None;
    let error = converted(&streamed, Dialect::D11, false).unwrap_err();
    assert_eq!(error.code, Code::ConvertPages);
}

#[test]
fn version_1_lists_every_hole() {
    let mut source = Synthetic::new(Dialect::D10, Guest::Pv);
    // No RAM from 5 to 8, and 10 is neither sent nor listed.
    source.memmap = vec![(7, 0..5), (2, 5..8), (7, 8..12)];
    source.rounds[0].pages = vec![(0, 1), (1, 2), (3, 3), (4, 4), (8, 5), (9, 6), (11, 7)];
    source.rounds[0].unallocated = vec![2, 4];
    let (bytes, losses) = converted(&image(&source), Dialect::D3, false).unwrap();
    let after = parse(bytes, Some(Dialect::D3));
    let list = after.checkpoints[0].unallocated.as_ref().unwrap();
    assert_eq!(list.pfns().collect::<Vec<_>>(), [2, 4, 5, 6, 7, 10]);
    let paths: Vec<_> = losses.iter().map(|loss| &loss.path[..]).collect();
    assert_eq!(paths[..2], ["memmap", "unallocated"]);
    assert!(losses[1].what.starts_with("1 RAM pages"));
}

#[test]
fn a_map_is_made_of_p2m_size_or_taken_from_the_guest() {
    let mut source = Synthetic::new(Dialect::D3, Guest::Pv);
    source.rounds[0].unallocated.push(40);
    let before = image(&source);
    let (bytes, losses) = converted(&before, Dialect::D11, false).unwrap();
    let after = parse(bytes, Some(Dialect::D11));
    assert_eq!(after.ram().unwrap(), &RamMap::flat(12));
    let list = after.checkpoints[0].unallocated.as_ref().unwrap();
    assert_eq!(list.pfns().collect::<Vec<_>>(), [4, 5, 6]);
    let paths: Vec<_> = losses.iter().map(|loss| &loss.path[..]).collect();
    assert!(paths.contains(&"unallocated"));
    assert!(paths.contains(&"shared_info.arch.memmap_info_pfn"));

    // The guest of a D10 image has its map in memory, so D3 carries it there.
    let mut source = Synthetic::new(Dialect::D10, Guest::Pv);
    source.memmap = vec![(7, 0..5), (7, 7..12)];
    source.own_map = Some(8);
    source.rounds[0].unallocated = vec![4];
    let (bytes, losses) = converted(&image(&source), Dialect::D3, false).unwrap();
    assert!(
        losses.iter().all(|loss| loss.path != "memmap"),
        "{losses:?}"
    );
    let between = parse(bytes, Some(Dialect::D3));
    let (bytes, losses) = converted(&between, Dialect::D10, false).unwrap();
    assert!(
        !losses.iter().any(|loss| loss.path.contains("memmap")),
        "{losses:?}"
    );
    let [old, new] = [source.bytes(), bytes].map(|bytes| parse(bytes, Some(Dialect::D10)));
    assert_eq!(old.memmap, new.memmap);
}

#[test]
fn identity_mappings_are_lost_only_where_one_is_on() {
    for (mappings, lost) in [(Some(true), true), (Some(false), false), (None, false)] {
        let mut source = Synthetic::new(Dialect::D10, Guest::Hvm);
        source.identity_mappings = mappings;
        let before = image(&source);
        let (_, losses) = converted(&before, Dialect::D9, false).unwrap();
        let named = losses
            .iter()
            .any(|loss| loss.path.starts_with("hvm_context"));
        assert_eq!(named, lost);
        let (bytes, losses) = converted(&before, Dialect::D11, false).unwrap();
        assert_eq!(losses, []);
        let after = parse(bytes, None);
        assert_eq!(after.dialect(), Some(Dialect::D11));
        let context = after.checkpoints[0].hvm_context.as_ref().unwrap();
        assert_eq!(context.blob.bytes.len(), 608 + 2 * 65656);
    }
}

#[test]
fn an_empty_translation_register_is_no_loss() {
    let source = Synthetic::new(Dialect::D11, Guest::Pv);
    let layout = ia64save_codec::wire::layout_of_context(source.dialect.spec().context);
    let with_pte = |pte: u64| {
        let mut image = image(&source);
        let context = &mut image.checkpoints[0].vcpus[0].context;
        let mut bytes = context.bytes.to_vec();
        let at = layout.find("regs.tr.dtrs[11].pte").unwrap().offset;
        bytes[at..at + 8].copy_from_slice(&pte.to_le_bytes());
        context.bytes = bytes.into();
        let (_, losses) = converted(&image, Dialect::D8, false).unwrap();
        losses.into_iter().map(|loss| loss.path).collect::<Vec<_>>()
    };
    for empty in [0, 0x80, 0x100] {
        assert_eq!(with_pte(empty), ["vcpu[2]"]);
    }
    assert_eq!(with_pte(0x661), ["vcpu[2]", "vcpu[0].regs.tr.dtrs[11]"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_can_be_read_is_converted_into_what_can_be_read(
        from in 0..Dialect::ALL.len(),
        hvm in any::<bool>(),
        edits in prop::collection::vec((any::<bool>(), 0..24000usize, any::<u8>()), 0..24),
    ) {
        let from = Dialect::ALL[from];
        let guest = if hvm && from.supports(Guest::Hvm) { Guest::Hvm } else { Guest::Pv };
        let mut bytes = Synthetic::new(from, guest).dense().bytes();
        for (tail, offset, byte) in edits {
            // The pages in between would swallow most edits.
            let at = if tail { bytes.len() - 1 - offset } else { offset / 200 };
            bytes[at] = byte;
        }
        let source = parse(bytes, Some(from));
        for to in Dialect::ALL {
            for compact in [false, true] {
                // An edit of p2m_size can make the list of version 1 as long as that says.
                let size = plan(&source, &ConvertOptions::to(to).compact(compact)).map(|plan| plan.size());
                if size.is_ok_and(|size| size > 1 << 24) {
                    continue;
                }
                if let Ok((bytes, _)) = converted(&source, to, compact) {
                    let options = Options::default().dialect(Some(to)).guest(source.guest());
                    let result = Image::parse(&Bytes::from(bytes), &options);
                    prop_assert!(result.error.is_none(), "{from} as {to}: {:?}", result.error);
                    prop_assert!(memory(&source) == memory(&result), "{from} as {to}");
                }
            }
        }
    }
}

/// A tail that was made up may fit dialects whose contexts have different sizes. What was read is then
/// that of one, and has to be converted into the other.
#[test]
fn an_ambiguous_image_is_of_the_dialect_that_it_was_read_as() {
    let mut ambiguous = image(&Synthetic::new(Dialect::D3, Guest::Pv));
    let found = ambiguous.detection.as_mut().unwrap();
    found.candidates.push(Dialect::D4);
    found.dialect = None;
    let (bytes, _) = converted(&ambiguous, Dialect::D4, false).unwrap();
    let result = parse(bytes, Some(Dialect::D4));
    assert_eq!(result.error, None);
    assert_eq!(result.checkpoints[0].vcpus[0].context.bytes.len(), 5520);
}

/// Whatever an image was, what becomes of it is found out to be what was asked for.
#[test]
fn a_converted_image_is_recognised_as_what_it_has_become() {
    for (from, to, guest) in pairs() {
        for seed in 0..4 {
            let made = generate(&Params::rich(from, guest, seed));
            let before = parse(made.bytes.to_vec(), Some(from));
            let Ok((bytes, _)) = converted(&before, to, false) else {
                continue;
            };
            let after = parse(bytes, None);
            assert_eq!(after.error, None, "{from} as {to}, seed {seed}");
            let found = after.detection.as_ref().unwrap();
            let report = check::run(&after, &CheckOptions::default());
            let errors = report.findings.iter();
            let mut errors = errors.filter(|found| found.severity == Severity::Error);
            assert_eq!(errors.next(), None, "{from} as {to}, seed {seed}");
            // B and C are told by what the guest keeps, such as xsi_va.
            let alike = |dialect: &Dialect| {
                let [found, asked] = [*dialect, to].map(|dialect| dialect.spec().context);
                found == asked || (found.size() == asked.size() && to < Dialect::D9)
            };
            assert!(
                found.candidates.iter().any(alike),
                "{from} as {to}, seed {seed}: {found:?}"
            );
        }
    }
}
