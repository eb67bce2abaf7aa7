//! What the tools do with an image beyond reading it: memory, cores, registers, trees, repairs.

use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::compare;
use ia64save_codec::elf::{Core, Shown, XenCore};
use ia64save_codec::envelope::Envelope;
use ia64save_codec::image::Image;
use ia64save_codec::memory::{Assembly, Content, Finder, Memory, Texts};
use ia64save_codec::translate::View;
use ia64save_codec::tree::{self, Names};
use ia64save_codec::wire::vcpu_context::Context;
use ia64save_codec::{Error, SaveFile, registers, repair};

use crate::Input;
use crate::usage::Budget;

/// Runs of pages, headers of a core, registers and their names.
const LOOK: Budget = Budget {
    bytes: (4 << 20, 64),
    calls: (400_000, 64),
    time: (400_000_000, 80_000),
};
/// A tree has a node for every field, each with its name.
const TREE: Budget = Budget {
    bytes: (16 << 20, 64),
    calls: (1_000_000, 128),
    time: (800_000_000, 80_000),
};
/// Vcpus whose registers and views are looked at.
const VCPUS: usize = 2;
/// Bytes of a core that is read again.
const AGAIN: u64 = 1 << 20;
/// Sizes of pages that a core may have, of those that inputs have.
const REAL_PAGES: [u64; 2] = [4096, 16384];
/// The smallest pages of which there are trees.
const LEAST_PAGE: usize = 8;
/// Repairs that are tried.
const REPAIRS: usize = 8;

/// Nothing panics, whatever could be read; a core is read as the memory that it was made of; a tree gives
/// back its stream; an image is like itself; what a repair leaves can be looked at like anything else.
pub fn inspect(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let bytes = input.bytes();
    let image = Image::parse(&bytes, &input.options());
    let size = bytes.len();
    let count = image.checkpoints.len().max(1);
    let checkpoint = usize::from(input.choice) % count;
    LOOK.spend(size, || look(&image, checkpoint));
    if image.error.is_none() && image.first().is_some() {
        again(&image, checkpoint);
    }
    let file = SaveFile::new(Envelope::bare(), &bytes, image, size as u64);
    TREE.spend(size, || {
        if file.image.error.is_none() {
            apart_and_together(&file, &bytes);
            let options = compare::Options::new(10).garbage(true);
            assert!(compare::state(&file, &file, &options).is_same());
        }
    });
    repairs(&input, &file, &bytes);
}

/// A core that anybody may have written: nothing panics, and what is read can be looked at.
pub fn core(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    let bytes = input.bytes();
    let size = bytes.len();
    let Ok((_, image)) = LOOK.spend(size, || XenCore::read(&bytes)) else {
        return;
    };
    LOOK.spend(size, || look(&image, 0));
}

/// Memory as it is searched, and as cores show it.
fn look(image: &Image, checkpoint: usize) {
    let memory = Memory::new(image, checkpoint);
    let page_size = memory.page_size();
    let mut last = None;
    for run in memory.runs() {
        assert!(last < Some(run.pfns.first()));
        last = Some(run.pfns.last());
    }
    for (pfn, _, page) in memory.each() {
        assert_eq!(page.len() as u64, page_size, "pfn {pfn:#x}");
    }
    if let Some(finder) = Finder::new(&[0, 0, 0, 1]) {
        finder.search(&memory, &mut |hit| hit.in_page < page_size as usize);
    }
    let mut rows = 0;
    Texts::new(4).search(&memory, &mut |row| {
        let told: u64 = row.pieces(&memory).map(|piece| piece.len() as u64).sum();
        assert_eq!(told, row.len);
        rows += 1;
        rows < 1000
    });
    let _ = Core::new(&memory, checkpoint, None);
    let Some(found) = image.checkpoints.get(checkpoint) else {
        return;
    };
    for vcpu in found.vcpus.iter().take(VCPUS) {
        registers::of_context(vcpu);
        if let Some(dialect) = image.read_as() {
            registers::of_privregs(vcpu, dialect);
        }
        let Ok(view) = View::of_vcpu(&memory, checkpoint, vcpu) else {
            continue;
        };
        if let Some(context) = Context::parse(vcpu.layout, &vcpu.context.bytes) {
            for address in [context.ip(), context.psr(), 0, u64::MAX] {
                let _ = view.translate(address);
            }
        }
        let shown = Shown {
            view: &view,
            processes: true,
        };
        let _ = Core::new(&memory, checkpoint, Some(shown));
    }
}

/// What a core of `xm dump-core` holds is the memory that it was made of.
fn again(image: &Image, checkpoint: usize) {
    let memory = Memory::new(image, checkpoint);
    if !REAL_PAGES.contains(&memory.page_size()) {
        return; // no core has such pages
    }
    let Ok(assembly) = XenCore::write(&memory, checkpoint) else {
        return;
    };
    if assembly.size > AGAIN {
        return;
    }
    let bytes = Bytes::from(assembled(&assembly, &memory));
    let (_, core) = XenCore::read(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let back = Memory::new(&core, 0);
    let [was, is] = [&memory, &back].map(|memory| {
        let pages = memory.each().map(|(pfn, _, page)| (pfn, page));
        pages.collect::<Vec<_>>()
    });
    assert!(was == is, "{} pages became {}", was.len(), is.len());
}

pub(crate) fn assembled(assembly: &Assembly, memory: &Memory<'_>) -> Vec<u8> {
    let mut out = vec![0; assembly.size as usize];
    for piece in &assembly.pieces {
        let mut at = piece.at as usize;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        match &piece.content {
            Content::Bytes(bytes) => put(bytes),
            Content::Pages(run) => {
                for pfn in run.pfns {
                    put(memory.page_in(run, pfn).expect("a page of the run"));
                }
            }
        }
    }
    out
}

/// The tree of a stream, and the stream of that tree.
fn apart_and_together(file: &SaveFile, bytes: &Bytes) {
    let image = &file.image;
    if image.page_size < LEAST_PAGE {
        return; // a tree says so, and is refused
    }
    let end = image
        .trailing
        .as_ref()
        .map_or(bytes.len(), |trailing| trailing.offset as usize);
    let names = Names {
        pages: "pages",
        behind: "behind",
    };
    let Ok(made) = tree::of_file(file, bytes, &bytes[end..], names) else {
        return;
    };
    let parts = tree::read(&made.node).unwrap_or_else(|problem| panic!("{problem:?}"));
    let records = image.checkpoints.iter().flat_map(|checkpoint| {
        (0..checkpoint.pages.len()).filter_map(move |record| image.page(checkpoint, record))
    });
    let pages: Vec<&[u8]> = records.collect();
    let mut out = Vec::with_capacity(end);
    let written = parts.stream.write(
        |number| Ok(pages[number as usize]),
        |piece| {
            piece.write_to(&mut out);
            Ok::<(), Error>(())
        },
    );
    assert_eq!(written.map_err(|error| error.to_string()), Ok(end as u64));
    assert!(out == bytes[..end], "a tree gives back its stream");
}

/// What may be done about a bad image.
fn repairs(input: &Input<'_>, file: &SaveFile, bytes: &Bytes) {
    let report = check::run_file(file, &CheckOptions::default());
    if !repair::is_wanted(&report) {
        return;
    }
    let mut read = |offset: u64, length: usize| {
        let from = (offset as usize).min(bytes.len());
        bytes[from..from.saturating_add(length).min(bytes.len())].to_vec()
    };
    let all = LOOK.spend(bytes.len(), || {
        repair::candidates(file, &report, repair::Answers::default(), &mut read)
    });
    for one in all.iter().take(REPAIRS) {
        let mut out = Vec::new();
        let mut at = 0;
        for splice in &one.splices {
            let from = (splice.offset as usize).min(bytes.len());
            assert!(from >= at, "ascending, without overlap: {one:?}");
            out.extend_from_slice(&bytes[at..from]);
            out.extend_from_slice(&splice.insert);
            at = from.saturating_add(splice.remove as usize).min(bytes.len());
        }
        out.extend_from_slice(&bytes[at..]);
        let image = Image::parse(&out.into(), &input.options());
        check::run(&image, &CheckOptions::default());
    }
}
