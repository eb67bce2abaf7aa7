//! `extract`: cores, memory and parts, held against what is known of every golden image.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

use ia64save_corpus::{Golden, golden, goldens, hostile};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::{LittleEndian, elf};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::program::{Folder, arg, hex, run, run_with};

const PAGE: usize = 16384;

fn sha(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// What memory holds by the truth: the last copies, without what was given back.
fn pages(golden: &Golden) -> BTreeMap<u64, String> {
    let given_back = golden.truth["unallocated"]["pfns"]
        .as_array()
        .expect("pfns");
    let last = golden.truth["pages"]["last_sha256"]
        .as_object()
        .expect("digests");
    last.iter()
        .map(|(pfn, sha)| {
            (
                pfn.parse().expect("a pfn"),
                sha.as_str().expect("hex").to_owned(),
            )
        })
        .filter(|(pfn, _)| !given_back.iter().any(|other| other.as_u64() == Some(*pfn)))
        .collect()
}

fn number(value: &Value) -> u64 {
    super::program::number(value).expect("a number")
}

fn extract(folder: &Folder, golden: &Golden, args: &[&str]) -> Vec<u8> {
    let path = folder.file("image.sav", &golden.bytes());
    let out = folder.path("out");
    let command = ["extract", arg(&path), "-o", arg(&out)];
    let run = run(command.into_iter().chain(args.iter().copied()));
    assert_eq!(run.code, 0, "{} {args:?}: {run:?}", golden.name);
    let mode = fs::metadata(&out).expect("the output").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "memory holds secrets");
    fs::read(&out).expect("the output")
}

/// A program header with memory: virtual, physical, bytes.
pub(super) type Load<'a> = (u64, u64, &'a [u8]);

/// The program headers with memory, and the notes.
pub(super) fn core(bytes: &[u8]) -> (Vec<Load<'_>>, &[u8]) {
    let header = elf::FileHeader64::<LittleEndian>::parse(bytes).expect("an ELF header");
    let endian = LittleEndian;
    assert_eq!(header.e_type(endian), elf::ET_CORE);
    assert_eq!(header.e_machine(endian), elf::EM_IA_64);
    let mut loads = Vec::new();
    let mut notes = &[][..];
    for program in header
        .program_headers(endian, bytes)
        .expect("program headers")
    {
        let data = program.data(endian, bytes).expect("within the file");
        if program.p_type(endian) == elf::PT_NOTE {
            notes = data;
            continue;
        }
        assert_eq!(program.p_filesz(endian), program.p_memsz(endian));
        loads.push((program.p_vaddr(endian), program.p_paddr(endian), data));
    }
    (loads, notes)
}

/// The notes: owner, type, bytes.
fn notes(mut bytes: &[u8]) -> Vec<(String, u32, &[u8])> {
    let mut notes = Vec::new();
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (name, desc) = (word(0) as usize, word(4) as usize);
        let owner = String::from_utf8(bytes[12..12 + name - 1].to_vec()).expect("a name");
        let at = 12 + name.next_multiple_of(4);
        notes.push((owner, word(8), &bytes[at..at + desc]));
        bytes = &bytes[(at + desc).next_multiple_of(4)..];
    }
    notes
}

#[test]
fn an_elf_core_has_every_page_that_counts_at_its_address() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = extract(&folder, &golden, &["--elf-core"]);
        let (loads, _) = core(&bytes);
        let mut found = BTreeMap::new();
        for (virt, physical, data) in loads {
            assert_eq!(virt, physical);
            for (place, page) in data.chunks(PAGE).enumerate() {
                found.insert(physical / PAGE as u64 + place as u64, sha(page));
            }
        }
        assert_eq!(found, pages(&golden), "{}", golden.name);
    }
}

#[test]
fn registers_stand_in_the_order_of_linux() {
    let folder = Folder::new();
    for golden in goldens() {
        let image = golden.bytes();
        let bytes = extract(&folder, &golden, &["--elf-core"]);
        let notes = notes(core(&bytes).1);
        let status: Vec<_> = notes.iter().filter(|(_, kind, _)| *kind == 1).collect();
        let vcpus = golden.truth["vcpus"].as_array().expect("vcpus");
        assert_eq!(status.len(), vcpus.len(), "{}", golden.name);
        for (note, vcpu) in status.iter().zip(vcpus) {
            assert_eq!((note.0.as_str(), note.2.len()), ("CORE", 112 + 1024 + 8));
            let word =
                |n: usize| u64::from_le_bytes(note.2[112 + n * 8..][..8].try_into().unwrap());
            let frame = (1u64 << 38) - 1;
            assert_eq!(word(42), number(&vcpu["ip"]), "{}", golden.name);
            assert_eq!(word(43), number(&vcpu["cfm"]) & frame, "{}", golden.name);
            assert_eq!(word(44), number(&vcpu["psr"]), "{}", golden.name);
            assert_eq!(word(33), number(&vcpu["pr"]), "{}", golden.name);
            assert_eq!(word(34), number(&vcpu["b0"]), "{}", golden.name);
        }
        // Our own notes carry contexts and privregs pages as they are.
        let own: Vec<_> = notes
            .iter()
            .filter(|(owner, ..)| owner == "ia64save")
            .collect();
        for vcpu in vcpus {
            let (at, size) = (number(&vcpu["ctx_offset"]), number(&vcpu["ctx_size"]));
            let context = &image[at as usize..(at + size) as usize];
            assert!(
                own.iter()
                    .any(|(_, kind, desc)| *kind == 0x1a64_0001 && desc[8..] == *context)
            );
        }
    }
}

#[test]
fn a_vcpus_view_resolves_its_instruction_pointer() {
    let folder = Folder::new();
    for name in [
        "real310-pv",
        "real320-pv",
        "real340-pv-2vcpu",
        "real340-pv-live",
    ] {
        let golden = golden(name);
        for vcpu in golden.truth["vcpus"].as_array().expect("vcpus") {
            let id = vcpu["id"].to_string();
            let bytes = extract(&folder, &golden, &["--virtual", "--vcpu", &id]);
            let ip = number(&vcpu["ip"]);
            let (loads, _) = core(&bytes);
            let holds = |(virt, _, data): &&Load<'_>| {
                ip.checked_sub(*virt)
                    .is_some_and(|at| at < data.len() as u64)
            };
            let (virt, _, data) = loads.iter().find(holds).expect("ip is mapped");
            let bundle = &data[(ip - virt) as usize..][..16];
            let expected = run([
                "extract",
                arg(&folder.path("image.sav")),
                "--raw",
                "-o",
                arg(&folder.path("raw")),
            ]);
            assert_eq!(expected.code, 0);
            let raw = fs::read(folder.path("raw")).expect("memory");
            assert_eq!(bundle, &raw[ip as usize..][..16], "{name} vcpu {id}");
            assert!(bundle.iter().any(|byte| *byte != 0));
        }
    }
}

#[test]
fn what_cannot_be_resolved_is_said_with_its_reason() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("r340-pv-nonlive-1vcpu").bytes());
    let out = folder.path("out");
    let run = run([
        "extract",
        "--virtual",
        arg(&path),
        "-o",
        arg(&out),
        "--format",
        "json",
    ])
    .json();
    let view = &run["view"];
    assert_eq!(view["physical_addressing"], false);
    // Its registers were made up, with a region id that is shifted: no hypervisor gave such a one.
    let inactive = view["inactive"].as_array().expect("registers");
    assert!(inactive.iter().any(|slot| slot == "dtr[0]"), "{run}");
    let mapped = view["mappings"].as_array().expect("mappings");
    assert!(
        mapped
            .iter()
            .any(|m| m["by"] == "region 7, one to one" && m["first"] == "0xe000000000000000")
    );
    let registers = view["registers"].as_array().expect("registers");
    let of = |name: &str| {
        registers
            .iter()
            .find(|r| r["register"] == name)
            .expect("a register")
    };
    let reason = |name: &str| {
        of(name)["unresolved"]
            .as_str()
            .expect("a reason")
            .to_owned()
    };
    assert!(reason("ip").contains("names a page directory"), "{run}");
    assert!(reason("b0").contains("for region id 0x100"), "{run}");
    assert!(
        reason("ar.bspstore").contains("leads to guest physical 0x1000000"),
        "{run}"
    );
}

#[test]
fn raw_memory_is_sparse_and_has_its_pages_at_their_addresses() {
    let folder = Folder::new();
    let zero = sha(&[0; PAGE]);
    for golden in goldens() {
        let path = folder.file("image.sav", &golden.bytes());
        let out = folder.path("out");
        let run = run(["extract", "--raw", arg(&path), "-o", arg(&out)]);
        assert_eq!(run.code, 0, "{}: {run:?}", golden.name);
        let file = fs::File::open(&out).expect("the output");
        let metadata = file.metadata().expect("the output");
        let pages = pages(&golden);
        let mut used = 0;
        for (pfn, expected) in &pages {
            let mut page = [0; PAGE];
            file.read_exact_at(&mut page, pfn * PAGE as u64)
                .expect("a page");
            assert_eq!(sha(&page), *expected, "{} pfn {pfn}", golden.name);
            used += u64::from(*expected != zero);
        }
        // All else is holes: there is no room for more.
        let blocks = metadata.blocks() * 512;
        assert!(
            blocks <= used * PAGE as u64 + 65536,
            "{}: {blocks} bytes",
            golden.name
        );
        let last = *pages.keys().last().expect("a page");
        assert!(
            metadata.len() >= (last + 1) * PAGE as u64,
            "{}",
            golden.name
        );
        // Standard output has the same bytes, holes as zeros.
        if metadata.len() < 16 << 20 {
            let args = ["extract", "--raw", arg(&path), "-o", "-"];
            let output = super::program::command(args).output().expect("it runs");
            assert!(
                output.stdout == fs::read(&out).expect("the output"),
                "{}",
                golden.name
            );
        }
    }
}

#[test]
fn pages_and_ranges_come_out_alone() {
    let folder = Folder::new();
    let golden = golden("r410-pv-live-balloon");
    for (pfn, sha_of) in golden.truth["pages"]["last_sha256"]
        .as_object()
        .expect("digests")
    {
        let page = extract(&folder, &golden, &["--page", pfn]);
        assert_eq!(sha(&page), sha_of.as_str().expect("hex"), "pfn {pfn}");
    }
    let pages = pages(&golden);
    let (first, _) = pages.first_key_value().expect("a page");
    let range = format!("{first:#x}..{:#x}", first + 4);
    let part = extract(&folder, &golden, &["--range", &range]);
    assert_eq!(part.len(), 4 * PAGE);
    assert_eq!(sha(&part[..PAGE]), pages[first]);
    let path = folder.path("image.sav");
    let none = run(["extract", arg(&path), "--page", "0x100000", "-o", "-"]);
    assert_eq!(none.code, 2, "{none:?}");
}

#[test]
fn parts_are_as_they_are_in_the_file() {
    let folder = Folder::new();
    for golden in goldens() {
        let image = golden.bytes();
        for vcpu in golden.truth["vcpus"].as_array().expect("vcpus") {
            let context = extract(&folder, &golden, &["--vcpu", &vcpu["id"].to_string()]);
            assert_eq!(sha(&context), vcpu["ctx_sha256"], "{}", golden.name);
        }
        for record in golden.truth["hvm_context"]["records"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if record["typecode"] == 0 {
                continue;
            }
            let what = format!("{}[{}]", record["typecode"], record["instance"]);
            let body = extract(&folder, &golden, &["--hvm-record", &what]);
            let at = number(&record["body_offset"]) as usize;
            assert!(
                body == image[at..at + number(&record["length"]) as usize],
                "{}",
                golden.name
            );
        }
    }
    let hvm = golden("r320-hvm-nonlive-1vcpu");
    let by_name = extract(&folder, &hvm, &["--hvm-record", "viosapic"]);
    assert_eq!(by_name, extract(&folder, &hvm, &["--hvm-record", "6[0]"]));

    let mut bytes = hvm.bytes().to_vec();
    bytes.extend_from_slice(b"QemuDeviceModelRecordQEVM\0\0\0\x03state");
    let path = folder.file("with-model.sav", &bytes);
    let out = folder.path("model");
    assert_eq!(
        run(["extract", "--device-model", arg(&path), "-o", arg(&out)]).code,
        0
    );
    assert_eq!(fs::read(&out).expect("the output"), b"QEVM\0\0\0\x03state");
    let none = run(["extract", "--config", arg(&path)]);
    assert_eq!((none.code, none.out.as_str()), (2, ""), "{none:?}");
}

#[test]
fn the_configuration_goes_to_the_screen_by_itself() {
    let folder = Folder::new();
    let config = b"(domain (name mail) (vcpus 1) (image (linux (kernel k))))";
    let config_file = folder.file("domain.sxp", config);
    let path = folder.file("in.sav", &golden("real320-pv").bytes());
    let xend = folder.path("xend.sav");
    let convert = [
        "convert",
        "--envelope",
        "xend",
        "--config",
        arg(&config_file),
    ];
    let done = run(convert.into_iter().chain([arg(&path), "-o", arg(&xend)]));
    assert_eq!(done.code, 0, "{done:?}");
    let shown = run(["extract", "--config", arg(&xend)]);
    assert_eq!(
        (shown.code, shown.out.as_bytes(), shown.err.as_str()),
        (0, &config[..], "")
    );
}

#[test]
fn a_xen_core_says_what_it_holds_and_is_read_again() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = extract(&folder, &golden, &["--xen-core"]);
        let header = elf::FileHeader64::<LittleEndian>::parse(&bytes[..]).expect("an ELF header");
        assert_eq!(
            (header.e_shoff(LittleEndian), header.e_phnum(LittleEndian)),
            (64, 0)
        );
        let table = header.sections(LittleEndian, &bytes[..]).expect("sections");
        let names: Vec<_> = table
            .iter()
            .skip(1)
            .map(|section| table.section_name(LittleEndian, section).expect("a name"))
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        let pv = golden.truth["mode"] == "pv";
        let mut expected = vec![
            ".shstrtab",
            ".note.Xen",
            ".xen_prstatus",
            ".xen_ia64_mapped_regs",
            ".xen_shared_info",
            ".xen_pages",
            ".xen_pfn",
        ];
        expected.retain(|name| pv || *name != ".xen_ia64_mapped_regs");
        assert_eq!(names, expected, "{}", golden.name);
        let section = |name: &str| {
            let place = names.iter().position(|own| own == name).expect("a section");
            let section = table.iter().nth(place + 1).expect("a section");
            section
                .data(LittleEndian, &bytes[..])
                .expect("within the file")
        };
        assert_eq!(section(".note.Xen").len(), 1384);
        let pages = pages(&golden);
        let pfns: Vec<u64> = section(".xen_pfn")
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(pfns, pages.keys().copied().collect::<Vec<_>>());
        let digests: Vec<_> = section(".xen_pages").chunks(PAGE).map(sha).collect();
        assert_eq!(digests, pages.values().cloned().collect::<Vec<_>>());
        let vcpus = golden.truth["vcpus"].as_array().expect("vcpus");
        let size = number(&vcpus[0]["ctx_size"]) as usize;
        let contexts: Vec<_> = section(".xen_prstatus").chunks(size).map(sha).collect();
        let truth: Vec<_> = vcpus
            .iter()
            .map(|vcpu| vcpu["ctx_sha256"].clone())
            .collect();
        assert_eq!(contexts, truth, "{}", golden.name);

        // The core is another input of the same commands.
        let core = folder.file("core", &bytes);
        let info = run(["info", "--format", "json", arg(&core)]).entry();
        assert_eq!(info["guest"], golden.truth["mode"], "{}", golden.name);
        assert_eq!(info["core"]["order"], if pv { "as_said" } else { "single" });
        assert_eq!(info["pages"]["num_records"], pages.len());
        assert_eq!(
            info["vcpus"][0]["ip"].as_str().map(|ip| number(&ip.into())),
            Some(number(&vcpus[0]["ip"]))
        );
        let again = folder.path("again");
        let read = run(["extract", "--xen-core", arg(&core), "-o", arg(&again)]);
        assert_eq!(read.code, 0, "{read:?}");
        assert!(
            fs::read(&again).expect("the output") == bytes,
            "{}",
            golden.name
        );
        // A stream has more to say than a core: check knows the difference.
        let check = run(["check", arg(&core)]);
        assert_eq!(check.code, 63, "{check:?}");
        assert!(
            check.err.contains("ELF core dump of machine 50 (ia64)"),
            "{check:?}"
        );
    }
}

/// Exchanges what stands in two neighbouring places, as every `xm dump-core` did.
fn swap_data(bytes: &mut [u8], vcpus: usize) {
    let header = elf::FileHeader64::<LittleEndian>::parse(&*bytes).expect("an ELF header");
    let table = header.sections(LittleEndian, &*bytes).expect("sections");
    let offset = |wanted: &[u8]| {
        let section = table
            .iter()
            .find(|section| table.section_name(LittleEndian, section) == Ok(wanted));
        section.expect("a section").sh_offset(LittleEndian) as usize
    };
    let (regs, shared) = (
        offset(b".xen_ia64_mapped_regs"),
        offset(b".xen_shared_info"),
    );
    assert_eq!(regs + vcpus * PAGE, shared);
    bytes[regs..shared + PAGE].rotate_right(PAGE);
}

#[test]
fn genuine_cores_have_two_sections_the_wrong_way_round() {
    let folder = Folder::new();
    for golden in goldens()
        .into_iter()
        .filter(|golden| golden.truth["mode"] == "pv")
    {
        let mut bytes = extract(&folder, &golden, &["--xen-core"]);
        let straight = folder.file("straight", &bytes);
        let vcpus = golden.truth["vcpus"].as_array().expect("vcpus").len();
        swap_data(&mut bytes, vcpus);
        let swapped = folder.file("swapped", &bytes);
        let info = run(["info", "--format", "json", arg(&swapped)]).entry();
        assert_eq!(info["core"]["order"], "swapped", "{}", golden.name);
        let again = folder.path("again");
        assert_eq!(
            run(["extract", "--xen-core", arg(&swapped), "-o", arg(&again)]).code,
            0
        );
        assert!(fs::read(&again).expect("the output") == fs::read(&straight).expect("the core"));
    }
}

#[test]
fn strings_tell_where_they_are() {
    let folder = Folder::new();
    let golden = golden("real340-pv-2vcpu");
    let path = folder.file("image.sav", &golden.bytes());
    let run = run(["extract", "--strings", "--format", "jsonl", arg(&path)]);
    assert_eq!(run.code, 0, "{run:?}");
    let image = golden.bytes();
    let rows: Vec<Value> = run
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(rows.iter().any(|row| {
        row["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("xen-3.0-ia64"))
    }));
    for row in rows {
        let (text, at) = (
            row["text"].as_str().expect("text"),
            number(&row["file_offset"]) as usize,
        );
        let address = number(&row["address"]);
        assert_eq!(number(&row["pfn"]), address / PAGE as u64);
        let here = text.len().min(PAGE - (address as usize % PAGE));
        assert_eq!(&image[at..at + here], &text.as_bytes()[..here]);
    }
}

#[test]
fn hostile_images_and_cores_never_crash() {
    let folder = Folder::new();
    for case in hostile() {
        let path = folder.file("image.sav", &case.bytes());
        for what in ["--elf-core", "--virtual", "--xen-core", "--raw"] {
            let out = folder.path("out");
            let run = run(["extract", what, arg(&path), "-o", arg(&out)]);
            assert!(
                [0, 1, 2, 4, 63].contains(&run.code),
                "{} {what}: {run:?}",
                case.name
            );
            assert!(
                !run.err.contains("panicked"),
                "{} {what}: {run:?}",
                case.name
            );
            assert!(
                folder
                    .names()
                    .iter()
                    .all(|name| ["image.sav", "out"].contains(&&name[..]))
            );
            let _ = fs::remove_file(out);
        }
    }
    let core = extract(&folder, &golden("real320-pv"), &["--xen-core"]);
    for cut in (0..core.len()).step_by(core.len() / 40) {
        let run = run_with(
            ["extract", "--raw", "-", "-o", arg(&folder.path("out"))],
            &core[..cut],
        );
        assert!(run.code > 0, "{cut}: {run:?}");
        assert!(!run.err.contains("panicked"), "{cut}: {run:?}");
    }
    // Every byte of the headers, turned over.
    for at in 0..64 + 8 * 64 {
        let mut bytes = core.clone();
        bytes[at] ^= 0xff;
        let run = run_with(["info", "-"], &bytes);
        assert!(!run.err.contains("panicked"), "{at}: {run:?}");
    }
}

#[test]
fn what_goes_nowhere_is_asked_for() {
    let folder = Folder::new();
    let path = folder.file("image.sav", &golden("real310-pv").bytes());
    assert_eq!(run(["extract", arg(&path)]).code, 2);
    assert_eq!(run(["extract", "--raw", arg(&path)]).code, 2);
    assert_eq!(
        run(["extract", "--raw", "--page", "1", arg(&path), "-o", "-"]).code,
        2
    );
    let kept = folder.file("kept", b"precious");
    let refused = run([
        "extract",
        "--raw",
        "--no-clobber",
        arg(&path),
        "-o",
        arg(&kept),
    ]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert_eq!(fs::read(&kept).expect("the file"), b"precious");
    assert_eq!(folder.names(), ["image.sav", "kept"]);
}

/// An image in whose guest a text of so many characters stands, over several pages.
fn with_a_text(length: usize) -> (Vec<u8>, u64) {
    let whole = golden("real310-pv").bytes();
    let options = ia64save_codec::image::Options::default();
    let image = ia64save_codec::image::Image::parse(&whole, &options);
    let pages = &image.checkpoints[0].pages;
    let pfns = pages.pfns();
    let needed = length.div_ceil(PAGE) + 1;
    let follow = |start: &usize| {
        let run = &pfns[*start..*start + needed];
        let last = |pfn: &u64| pfns.iter().filter(|other| *other == pfn).count() == 1;
        run.windows(2).all(|two| two[0] + 1 == two[1]) && run.iter().all(last)
    };
    let start = (0..pfns.len() - needed).find(follow).expect("neighbours");
    let mut bytes = whole.to_vec();
    for record in start..start + needed {
        let at = pages.page_offset(record) as usize;
        bytes[at..at + PAGE].fill(0);
    }
    for index in 0..length {
        let at = pages.page_offset(start + index / PAGE) as usize + index % PAGE;
        bytes[at] = b'a' + (index % 26) as u8;
    }
    (bytes, pfns[start])
}

#[test]
fn a_string_is_whole_however_long() {
    let folder = Folder::new();
    let length = 40_000;
    let (bytes, pfn) = with_a_text(length);
    let path = folder.file("in.sav", &bytes);
    for least in ["4096", "4097", "40000"] {
        let words = [
            "extract",
            "--strings",
            "--min-length",
            least,
            "-f",
            "json",
            arg(&path),
        ];
        let json = run(words).json();
        assert_eq!(json["schema"], "ia64save/strings/2");
        let texts = json["texts"].as_array().expect("texts");
        let own = texts
            .iter()
            .find(|text| text["pfn"] == format!("{pfn:#x}"))
            .expect("the text");
        let text = own["text"].as_str().expect("text");
        assert_eq!(text.len(), length, "{least}");
        assert!(text.starts_with("abc") && text.contains("zab"));
    }
    let words = [
        "extract",
        "--strings",
        "--min-length",
        "40001",
        "-f",
        "json",
        arg(&path),
    ];
    assert_eq!(run(words).json()["texts"], serde_json::json!([]));
    let lines = run(["extract", "--strings", "--min-length", "40000", arg(&path)]).out;
    assert_eq!(lines.lines().filter(|line| line.len() > length).count(), 1);
}

#[test]
fn json_is_one_document() {
    let folder = Folder::new();
    let plain = folder.file("in.sav", &golden("real310-pv").bytes());
    let sxp = folder.file("domain.sxp", b"(domain (name x))");
    let path = folder.path("in.chk");
    let words = [
        "convert",
        "--envelope",
        "xend",
        "--config",
        arg(&sxp),
        arg(&plain),
        "-o",
        arg(&path),
    ];
    assert_eq!(run(words).code, 0);
    let json = run(["extract", "--strings", "-f", "json", arg(&path)]).json();
    assert!(
        json["texts"]
            .as_array()
            .is_some_and(|texts| texts.len() > 3)
    );
    let json = run(["extract", "--config", "-f", "json", arg(&path)]).json();
    assert_eq!(json["config"], "(domain (name x))");
    assert_eq!(
        run(["extract", "--config", arg(&path)]).out,
        "(domain (name x))"
    );
}
