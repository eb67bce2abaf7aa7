//! Inputs to begin with: the goldens and the bad images with few of their pages, generated images of
//! every dialect with tiny pages, and texts.

use std::collections::BTreeMap;

use bytes::Bytes;
use ia64save_codec::decode::{Decoder, Event, Step};
use ia64save_codec::elf::XenCore;
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::memory::Memory;
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};
use ia64save_corpus::{files, generate as images};
use ia64save_generate::defect::defects;
use ia64save_generate::{Params, Random, generate, kinds};

use crate::input::header;
use crate::inspect::assembled;
use crate::{Kind, Target};

/// Page records that are kept of an image of a real host: enough for a row that ascends.
const RECORDS: usize = 2;
/// Bad images of each kind that are among the seeds: every one of so many.
const EVERY: usize = 13;

/// The most bytes of a seed that a fuzzer begins with: what it tries in a second depends on its inputs'
/// size. A context with small pages in front of it has 16 KiB and a little.
const QUICK: usize = 24 << 10;

const XEND: &[u8] = b"(domain (domid 3) (uuid 0ddba11) (vcpus 2) (vcpu_avail 3) (memory 512)\
    (maxmem 1024) (name 'a \\'guest\\'') (image (linux (kernel /boot/x) (args \"root=/dev/sda1 ro\")))\
    (device (vif (mac 00:16:3e:00:00:01))) (devices (vbd (uname phy:x))))";
const XL: &[u8] = b"# a domain\nname = \"guest\"\nbuilder='hvm' ; vcpus=0x2\nmemory += 256\n\
    disk = [ 'a,b,w', # the first\n \"c\", [1, [2]], ]\nvif=['']\n";

/// The seeds of a target by name. The same every time.
pub fn seeds(target: &Target) -> BTreeMap<String, Vec<u8>> {
    match target.kind {
        Kind::Stream => streams(["convert", "inspect", "restore"].contains(&target.name)),
        Kind::File => envelopes(),
        Kind::Core => cores(),
        Kind::Recipe => recipes(),
        Kind::Tables => tables(),
        Kind::Text => texts(),
        Kind::Replies => replies(),
        Kind::Kernel => kernels(),
    }
}

/// Whether a fuzzer begins with it. Of HVM guests, whose VPD alone is 64 KiB, one a dialect is enough.
pub fn is_quick(name: &str, bytes: &[u8]) -> bool {
    bytes.len() <= QUICK || name.ends_with("-hvm-64")
}

/// Parts of the small kernel: its head, code, unwind information, data, DWARF.
fn kernels() -> BTreeMap<String, Vec<u8>> {
    let file = files::guestk_program("guestk");
    let parts = file.chunks(4096).step_by(4).enumerate();
    parts
        .map(|(number, part)| (format!("part-{number:03}"), part.to_vec()))
        .collect()
}

/// Streams; where the target has a choice, each with one of its own.
fn streams(choices: bool) -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let mut number = 0u8;
    let mut add = |name: String, page_size, dialect, guest, bytes: &[u8]| {
        number = number.wrapping_add(1);
        let choice = if choices { number } else { 0 };
        let input = [&header(page_size, dialect, guest, choice), bytes].concat();
        seeds.insert(name, input);
    };
    for (dialect, guest) in kinds() {
        let kind = format!("{}-{guest}", dialect.id());
        for (page_size, seed) in [(64, 2), (512, 3)] {
            let made = generate(&Params {
                page_size,
                ..Params::rich(dialect, guest, seed)
            });
            add(
                format!("{kind}-{page_size}"),
                page_size,
                None,
                None,
                &made.bytes,
            );
        }
        let made = generate(&Params {
            page_size: 64,
            ..Params::new(dialect, guest)
        });
        let (known, kept) = (Some(dialect), Some(guest));
        add(format!("{kind}-known"), 64, known, kept, &made.bytes);
        for bad in defects(&made).step_by(EVERY) {
            let bytes = bad.change.apply(&made.bytes);
            add(format!("{kind}-{}", bad.name), 64, None, None, &bytes);
        }
        let made = generate(&Params {
            pages: 4,
            ..Params::new(dialect, guest)
        });
        add(format!("{kind}-16k"), PAGE_SIZE, None, None, &made.bytes);
    }
    for golden in files::goldens() {
        let name = format!("golden-{}", golden.name);
        add(name, PAGE_SIZE, None, None, &thinned(&golden.bytes()));
    }
    for bad in files::hostile() {
        let name = format!("hostile-{}", bad.name);
        add(name, PAGE_SIZE, None, None, &thinned(&bad.bytes()));
    }
    seeds
}

/// The stream without most of its page records, which are alike to a reader.
fn thinned(stream: &Bytes) -> Vec<u8> {
    let mut decoder = Decoder::new();
    let (mut at, mut left) = (0, RECORDS);
    let mut out = Vec::new();
    while let Ok(Step::Event {
        consumed, event, ..
    }) = decoder.decode(&stream[at..], true)
    {
        let bytes = &stream[at..at + consumed];
        match event {
            Event::Pages(run) => {
                let kept = left.min(run.len());
                left -= kept;
                out.extend_from_slice(&bytes[..kept * run.stride()]);
            }
            _ => out.extend_from_slice(bytes),
        }
        at += consumed;
    }
    // What could not be read: as it is, but not all of what may be many pages.
    let rest = &stream[at..];
    out.extend_from_slice(&rest[..rest.len().min(4 * PAGE_SIZE)]);
    out
}

fn envelopes() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    let stream = |dialect, guest| {
        let params = Params {
            page_size: 64,
            ..Params::new(dialect, guest)
        };
        generate(&params).bytes
    };
    let pv = stream(Dialect::D11, Guest::Pv);
    let hvm = stream(Dialect::D11, Guest::Hvm);
    let old = stream(Dialect::D0, Guest::Pv);
    let mut add = |name: &str, parts: &[&[u8]]| {
        let input = [&header(64, None, None, 5)[..], &parts.concat()].concat();
        seeds.insert(name.to_string(), input);
    };
    let xend = xend_header(XEND).unwrap_or_default();
    add("bare", &[&pv]);
    add("xend-old", &[&xend, &old]);
    add("xend-pv", &[&xend, &pv]);
    add(
        "xend-hvm-qemu",
        &[&xend, &hvm, images::DEVICE_MODEL, b"QEVM", &[7; 40]],
    );
    for (name, order) in [("little", ByteOrder::Little), ("big", ByteOrder::Big)] {
        for (config, text) in [("config", Some(XL)), ("plain", None)] {
            let xl = xl_header(order, 1, text).unwrap_or_default();
            add(&format!("xl-{name}-{config}"), &[&xl, &old]);
        }
    }
    for kind in [DeviceModelKind::DeviceModel0002, DeviceModelKind::Remus] {
        let record = device_model_header(kind, 40, ByteOrder::Little).unwrap_or_default();
        add(
            &format!("device-model-{}", kind.name()),
            &[&old, &record, b"QEVM", &[7; 36]],
        );
        add(
            &format!("record-{}", kind.name()),
            &[&record, b"QEVM", &[7; 36]],
        );
    }
    for (name, magic) in [
        ("gzip", &b"\x1f\x8b\x08\0"[..]),
        ("xz", b"\xfd7zXZ\0"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("elf", b"\x7fELF\x02\x01\x01"),
        ("xen-v2", b"\xff\xff\xff\xff\xff\xff\xff\xffXENF\0\0\0\x02"),
        ("zeros", &[0; 64]),
        ("qcow", b"QFI\xfb\0\0\0\x02"),
        ("xend-cut", &xend[..18]),
    ] {
        add(&format!("foreign-{name}"), &[magic]);
    }
    seeds
}

/// Cores of small images of every dialect.
fn cores() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for (dialect, guest) in kinds() {
        for page_size in [4096, PAGE_SIZE] {
            let made = generate(&Params {
                page_size,
                pages: 4,
                ..Params::new(dialect, guest)
            });
            let options = Options::default().page_size(page_size);
            let image = Image::parse(&made.bytes, &options);
            let memory = Memory::new(&image, 0);
            let Ok(core) = XenCore::write(&memory, 0) else {
                continue;
            };
            let bytes = assembled(&core, &memory);
            let input = [&header(page_size, None, None, 0)[..], &bytes].concat();
            seeds.insert(format!("{}-{guest}-{page_size}", dialect.id()), input);
        }
    }
    seeds
}

fn recipes() -> BTreeMap<String, Vec<u8>> {
    (0..48u64)
        .map(|number| {
            let mut random = Random::new(number, &[8]);
            let size = 16 + random.below(200) as usize;
            (format!("recipe-{number:02}"), random.bytes(size))
        })
        .collect()
}

/// Tables that follow each other, and anything.
fn tables() -> BTreeMap<String, Vec<u8>> {
    (0..48u64)
        .map(|number| {
            let mut random = Random::new(number, &[12]);
            let mut bytes = random.bytes(16);
            // The directories are pages 1 and 2.
            (bytes[4], bytes[12]) = (1, 2);
            let chain = [(1, 0), (2, 0), (3, 3), (4, 3)];
            for (page, kind) in chain {
                for index in 0..random.below(4) {
                    let next = if number % 3 == 0 { page } else { page + 1 };
                    let count = random.below(256) as u8;
                    let kind = kind | (number as u8 & 1) << 7;
                    bytes.extend_from_slice(&[page, index as u8, 0, kind, next, count]);
                }
            }
            let more = 6 * random.below(20) as usize;
            bytes.extend_from_slice(&random.bytes(more));
            (format!("tables-{number:02}"), bytes)
        })
        .collect()
}

/// With and without a good greeting in front, with and without sound headers.
fn replies() -> BTreeMap<String, Vec<u8>> {
    let greeting = ia64save_xen::agent::fuzz::greeting();
    (0..32u64)
        .map(|number| {
            let mut random = Random::new(number, &[10]);
            let size = random.below(2000) as usize;
            let mut bytes = vec![number as u8];
            if number & 2 != 0 {
                bytes.extend_from_slice(&greeting);
            }
            let mut rest = random.bytes(size);
            // Errors of pages are mostly zero.
            rest.iter_mut()
                .filter(|byte| **byte < 200)
                .for_each(|byte| *byte = 0);
            bytes.extend(rest);
            (format!("replies-{number:02}"), bytes)
        })
        .collect()
}

fn texts() -> BTreeMap<String, Vec<u8>> {
    let deep = [&[b'('; 64][..], &[b')'; 64]].concat();
    let texts: [(&str, &[u8]); 10] = [
        ("xend", XEND),
        ("xl", XL),
        ("empty", b""),
        ("deep", &deep),
        (
            "quotes",
            b"('a b' \"c\\\"d\" '\\'' \"\" '\\x41\\n\\101\\\\')",
        ),
        ("escapes", b"(a\\ b c\\(d)"),
        ("open", b"(domain (name x)"),
        ("quote", b"(name 'x"),
        ("list", b"a=[[],[[]],1 2]"),
        ("lines", b"a=1\r\nb = 'x' # y\n;;c.d-e=-1"),
    ];
    let named = texts.map(|(name, text)| (name.to_string(), text.to_vec()));
    named.into_iter().collect()
}
