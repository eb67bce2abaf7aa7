//! The specification against the code: each complaint can be produced, each bad image shows its
//! fault by name, and tables that stand in both say the same.

use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions, RULES};
use ia64save_codec::convert::{ConvertOptions, plan};
use ia64save_codec::decode::Event;
use ia64save_codec::dialect::P2mSizeMeaning;
use ia64save_codec::encode::Encoder;
use ia64save_codec::envelope::{
    ByteOrder, DeviceModelKind, device_model_header, xend_header, xl_header,
};
use ia64save_codec::file::NotAnImage;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Code, Dialect, Error, Guest, Limits, SaveFile};
use ia64save_corpus::{Params, generate, hostile};

const SPEC: &str = include_str!("../../spec/ia64-save.md");

/// Bad images of the corpus, and the codes that name what is wrong with each. Those that were cut
/// are all [`Code::Truncated`].
const SHOWN: [(&str, &str); 69] = [
    ("p2m_size-max", "p2m-size-huge p2m-size-mismatch"),
    ("ver-0", "version-unknown"),
    ("ver-3-high-bit", "version-unknown"),
    // Without its memory map the stream is read out of step.
    ("ver-1-on-v3-body", "page-outside-ram truncated"),
    ("ver-2-on-v3-body", "dialect-none"),
    ("v1-image-on-v3-tool", ""),
    ("v2seed-pv-on-later-tool", "dialect-ambiguous"),
    ("arch-maxmem-0", "setup-maxmem memmap-end"),
    ("arch-maxmem-2pow62", "setup-maxmem p2m-size-mismatch"),
    ("memmap-pages-0", "memmap-num-pages truncated"),
    ("memmap-pages-2pow18", "limit-exceeded"),
    ("memmap-pages-0x18000", "limit-exceeded"),
    ("memmap-pages-2", "memmap-num-pages truncated"),
    ("memmap-size-just-over", "memmap-overflow"),
    ("memmap-size-max", "memmap-overflow"),
    ("memmap-size-minus24", "memmap-overflow"),
    ("memmap-size-0", "memmap-empty"),
    ("memdesc-size-48", "memmap-desc-size"),
    ("memdesc-version-7", "memmap-version"),
    ("memdesc-npages-huge", "memmap-end"),
    ("memdesc-npages-wrap", "memmap-desc-wrap"),
    (
        "memdesc-npages-0",
        "memmap-lowest memmap-desc-empty memmap-no-ram",
    ),
    (
        "memdesc-phys-unaligned",
        "memmap-lowest memmap-desc-unaligned memmap-partial-page",
    ),
    ("memdesc-type-mmio", "memmap-no-ram"),
    ("gmfn-2pow40", "page-outside-ram"),
    ("gmfn-2pow61-plus-present", "page-outside-ram"),
    ("gmfn-shared_info", "page-outside-ram"),
    ("gmfn-outofrange-x3", "page-outside-ram"),
    // A page was renamed to another: legal, but the one is now missing.
    ("gmfn-dup-inrange", "page-missing"),
    // Only the host knows how many are too many.
    ("too-many-pages", ""),
    (
        "no-pages",
        "pages-none page-missing start-info-missing memmap-info-missing",
    ),
    ("no-terminator", "page-outside-ram truncated"),
    ("unalloc-count-max", "unallocated-count truncated"),
    ("unalloc-pfn-outofrange", "unallocated-outside-ram"),
    (
        "unalloc-frees-start_info",
        "unallocated-needed unallocated-sent unallocated-order",
    ),
    ("max_virt_cpus-max", "limit-exceeded"),
    (
        "max_virt_cpus-0",
        "vcpumap-max vcpumap-slack vcpumap-empty trailing-bytes",
    ),
    // The contexts stand where no dialect has them.
    ("max_virt_cpus-1", "dialect-none"),
    ("max_virt_cpus-small", "dialect-none"),
    ("max_virt_cpus-2pow40", "limit-exceeded"),
    ("vcpumap-9th-byte", "vcpumap-slack"),
    ("4vcpu-image-on-2vcpu-target", ""),
    ("2vcpu-image-on-4vcpu-target", ""),
    ("ctx-num_phys_stacked", "vcpu-num-phys-stacked"),
    ("ctx-privregs_pfn", "privregs-pfn"),
    ("start_info_pfn-2pow50", "start-info-pfn"),
    ("start_info_pfn-2pow61", "start-info-pfn"),
    ("trailing-garbage", "trailing-bytes"),
    (
        "hvm-magic-unpopulated",
        "magic-pfn-outside-ram magic-pfn-unusual",
    ),
    ("hvm-magic-max", "magic-pfn-outside-ram magic-pfn-unusual"),
    ("hvm-recsize-0", "hvm-size hvm-end-missing"),
    ("hvm-recsize-max", "limit-exceeded"),
    ("hvm-recsize-2pow40", "limit-exceeded"),
    ("hvm-recsize-plus2pow32", "limit-exceeded"),
    ("hvm-typecode-9", "hvm-record-type"),
    ("hvm-instance-200", "hvm-record-instance hvm-record-missing"),
    ("hvm-length-max", "hvm-record-length hvm-end-missing"),
    ("seed-hvm-recsize-max", "limit-exceeded"),
    ("v1-p2m_size-2pow61", "p2m-size-huge"),
    ("v1-p2m_size-2pow40", "p2m-size-huge"),
    ("v1-p2m_size-2pow27", "p2m-size-huge"),
    ("v1-p2m_size-small", "page-outside-ram start-info-nr-pages"),
    ("v1-p2m_size-0", "p2m-size-zero"),
    ("v1-gmfn-outofrange", "page-outside-ram"),
    ("v1-count-max", "unallocated-count truncated"),
    ("v1-unalloc-outofrange", "unallocated-outside-ram"),
    ("v1new-start_info-bad", "start-info-pfn"),
    ("v1-as-hvm", ""),
    ("empty-file", "truncated"),
];

#[test]
fn each_bad_image_shows_its_fault() {
    let mut shown = SHOWN.map(|(name, _)| name).to_vec();
    for bad in hostile() {
        let name = &bad.name;
        let known = SHOWN.iter().find(|(known, _)| known == name);
        let (_, codes) = match known {
            Some(row) => *row,
            None if bad.is_truncated() => ("", "truncated"),
            None => panic!("{name} has no row"),
        };
        shown.retain(|known| known != name);
        let found = codes_of(&bad.bytes());
        for code in codes.split_whitespace() {
            let code: Code = code.parse().expect(code);
            assert!(found.contains(&code), "{name}: no {code} in {found:?}");
        }
        // Notes are no fault.
        let clean = verdict_of(&bad.bytes()) == check::Verdict::Valid;
        assert!(!codes.is_empty() || clean, "{name}: {found:?}");
    }
    assert_eq!(shown, [""; 0], "rows without an image");
}

fn verdict_of(bytes: &Bytes) -> check::Verdict {
    let file = SaveFile::parse(bytes, &Options::default()).expect("an image");
    check::run_file(&file, &CheckOptions::default()).verdict
}

/// What a check says of a file that holds an image.
fn codes_of(bytes: &Bytes) -> Vec<Code> {
    let file = SaveFile::parse(bytes, &Options::default()).expect("an image");
    let report = check::run_file(&file, &CheckOptions::default());
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_specification_names_each_bad_image_and_no_other() {
    let start = SPEC.find("<a id=\"c14-3\">").expect("clause 14.3");
    let end = SPEC.find("<a id=\"c15\">").expect("clause 15");
    let rows = SPEC[start..end]
        .lines()
        .filter(|line| line.starts_with("| `"));
    let named: Vec<&str> = rows
        .filter_map(|row| row.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let fits = |name: &str, image: &str| match name.strip_suffix('*') {
        Some(prefix) => image.starts_with(prefix),
        None => name == image,
    };
    let images = hostile();
    for bad in &images {
        let times = named.iter().filter(|name| fits(name, &bad.name)).count();
        assert_eq!(times, 1, "{}", bad.name);
    }
    for name in named {
        assert!(images.iter().any(|bad| fits(name, &bad.name)), "{name}");
    }
}

/// A complaint of something other than a rule, and what provokes it.
type Case = (Code, fn() -> Code);

/// Those of the reader of envelopes, the writer and the conversion. For the codes of the rules, the
/// checker's own tests have a case each.
const CASES: [Case; 18] = [
    (Code::OutOfOrder, || {
        let mut encoder = Encoder::new(Dialect::D11, Guest::Pv);
        code(encoder.encode(&Event::PagesEnd))
    }),
    (Code::PartSize, || {
        let mut image = image(Dialect::D11, Guest::Pv);
        let context = &mut image.checkpoints[0].vcpus[0].context;
        context.bytes = context.bytes.slice(1..);
        code(image.write(|_| Ok::<(), Error>(())))
    }),
    (Code::VcpumapSize, || {
        let bad = hostile()
            .into_iter()
            .find(|b| b.name == "max_virt_cpus-max");
        let options = Options::default()
            .dialect(Some(Dialect::D11))
            .limits(Limits::default().max_virt_cpus(u64::MAX));
        let image = Image::parse(&bad.expect("it is there").bytes(), &options);
        image.error.expect("an error").code
    }),
    (Code::EnvelopeTruncated, || broken(&xend(b"(domain)")[..25])),
    (Code::EnvelopeConfigLength, || {
        let mut file = xend(b"(domain)");
        file[16..20].copy_from_slice(&(-1_i32).to_be_bytes());
        broken(&file)
    }),
    (Code::EnvelopeConfigSyntax, || {
        only(&in_xend(b"(domain (name guest", Guest::Pv))
    }),
    (Code::EnvelopeMagic, || broken(&xl(31, b'\n'))),
    (Code::EnvelopeByteorder, || broken(&xl(33, 9))),
    (Code::EnvelopeXlFlags, || broken(&xl(36, 0x80))),
    (Code::EnvelopeOptionalData, || broken(&xl(44, 1))),
    (Code::ForeignFormat, || {
        let modern = [&[0xff; 8][..], b"XENF", &[0; 100]].concat();
        broken(&modern)
    }),
    (Code::DeviceModelLength, || {
        code(device_model_header(
            DeviceModelKind::DeviceModel0002,
            1 << 32,
            ByteOrder::Little,
        ))
    }),
    (Code::ConfigGuest, || {
        only(&in_xend(b"(domain (vcpus 1) (image (hvm)))", Guest::Pv))
    }),
    (Code::ConfigVcpus, || {
        only(&in_xend(b"(domain (vcpus 0) (image (linux)))", Guest::Pv))
    }),
    (Code::DeviceModelAbsent, || {
        only(&in_xend(b"(domain (vcpus 1) (image (hvm)))", Guest::Hvm))
    }),
    (Code::ConvertVcpu0, || {
        let mut params = Params::new(Dialect::D11, Guest::Pv);
        params.vcpus = vec![0, 1];
        let mut bytes = generate(&params).bytes.to_vec();
        let map = generate(&params)
            .plan
            .section("vcpumap")
            .expect("a map")
            .offset as usize;
        let context = bytes.len() - 2 * (22208 + 16384) - 16384;
        assert_eq!(bytes[map], 0b11);
        bytes[map] = 0b10;
        bytes.drain(context..context + 22208 + 16384);
        converted(&parse(bytes), Dialect::D10)
    }),
    (Code::ConvertPages, || {
        let mut streamed = image(Dialect::D11, Guest::Pv);
        streamed.data = None;
        converted(&streamed, Dialect::D11)
    }),
    (Code::ConvertUnallocated, || {
        // Version 1 lists every pfn below p2m_size that has no page.
        let mut bytes = generate(&Params::new(Dialect::D10, Guest::Pv))
            .bytes
            .to_vec();
        bytes[..8].copy_from_slice(&(1_u64 << 33).to_le_bytes());
        converted(&parse(bytes), Dialect::D1b)
    }),
];

#[test]
fn every_code_can_be_produced() {
    for (expected, produce) in CASES {
        assert_eq!(produce(), expected);
    }
    let of_rules = RULES.iter().flat_map(|rule| rule.codes).copied();
    let mut all: Vec<Code> = of_rules.chain(CASES.map(|(code, _)| code)).collect();
    all.sort();
    assert_eq!(all, Code::ALL, "a code is produced in one place");
}

/// The rows of a clause's last table, cell by cell, without its head.
fn table(clause: &str) -> Vec<Vec<String>> {
    let anchor = format!("<a id=\"c{}\"></a>", clause.replace('.', "-"));
    let (_, text) = SPEC.split_once(&anchor).expect("the clause");
    let text = text.split("<a id=").next().unwrap_or_default();
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        if line.starts_with("|---") {
            rows.clear();
            continue;
        }
        let cells = line.trim_matches('|').split(" | ");
        rows.push(cells.map(|cell| cell.trim().replace('`', "")).collect());
    }
    rows
}

#[test]
fn the_table_of_dialects_is_the_code_s() {
    let rows = Dialect::ALL.map(|dialect| {
        let spec = dialect.spec();
        let or_none = |n: usize| {
            if n == 0 {
                "-".to_string()
            } else {
                n.to_string()
            }
        };
        let bitmap = spec.vcpumap.size(64).filter(|_| spec.hvm).unwrap_or(0);
        [
            spec.id,
            spec.name,
            &(spec.version as u64).to_string(),
            &spec.arch_setup.size().to_string(),
            match spec.p2m_size {
                P2mSizeMeaning::MaxMem => "limit",
                P2mSizeMeaning::MaximumGpfn => "highest",
            },
            &format!("{:?}", spec.context),
            if spec.pv_vcpumap { "map" } else { "0" },
            if spec.hvm { "yes" } else { "no" },
            &or_none(spec.magic_pfns.len()),
            &or_none(bitmap as usize),
        ]
        .map(String::from)
        .to_vec()
    });
    assert_eq!(table("12.1"), rows);
}

#[test]
fn the_limits_are_the_code_s() {
    let limits = Limits::default();
    let bounds = table("14.1").into_iter().map(|row| row[1].clone());
    let bounds: Vec<String> = bounds.collect();
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let expected = [
        limits.memmap_pages.to_string(),
        limits.max_virt_cpus.to_string(),
        mib(limits.hvm_context_bytes),
        mib(u64::from(limits.config_bytes)),
        mib(u64::from(limits.device_model_bytes)),
        format!("2^{} - 1", (limits.page_records + 1).ilog2()),
        format!("2^{}", limits.unallocated_ranges.ilog2()),
        limits.checkpoints.to_string(),
        mib(limits.retained_bytes as u64),
    ];
    assert_eq!(bounds, expected);
}

fn code<T>(result: Result<T, Error>) -> Code {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.code,
    }
}

fn parse(bytes: Vec<u8>) -> Image {
    let image = Image::parse(&bytes.into(), &Options::default());
    assert_eq!(image.error, None);
    image
}

fn image(dialect: Dialect, guest: Guest) -> Image {
    parse(generate(&Params::new(dialect, guest)).bytes.to_vec())
}

fn converted(image: &Image, to: Dialect) -> Code {
    let compact = false;
    code(plan(image, &ConvertOptions::to(to).compact(compact)))
}

fn xend(config: &[u8]) -> Vec<u8> {
    xend_header(config).expect("it is short")
}

fn in_xend(config: &[u8], guest: Guest) -> Bytes {
    let image = generate(&Params::new(Dialect::D11, guest));
    [&xend(config)[..], &image.bytes].concat().into()
}

/// An xl header with one octet changed.
fn xl(at: usize, octet: u8) -> Vec<u8> {
    let header = xl_header(ByteOrder::Little, 0, Some(b"name = \"guest\"\n"));
    let mut file = header.expect("it is short");
    file.extend_from_slice(&[0; 64]);
    file[at] = octet;
    file
}

/// Why a file holds no image.
fn broken(file: &[u8]) -> Code {
    match SaveFile::parse(&Bytes::copy_from_slice(file), &Options::default()) {
        Ok(_) => panic!("an image"),
        Err(NotAnImage::Foreign(foreign)) => foreign.to_error().code,
        Err(NotAnImage::Broken(error)) => error.code,
    }
}

/// The one thing to say of a file; a generated memory map has an empty descriptor, though.
fn only(file: &Bytes) -> Code {
    let mut codes = codes_of(file);
    codes.retain(|code| *code != Code::MemmapDescEmpty);
    assert_eq!(codes.len(), 1, "{codes:?}");
    codes[0]
}
