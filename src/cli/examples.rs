//! Examples of every command, for `--help` and the manual pages.

/// A command line without the program's name, and what it does.
pub type Example = (&'static str, &'static str);

/// Commands by their path below the program, each with its examples.
const ALL: &[(&str, &[Example])] = &[
    (
        "",
        &[
            ("info guest.sav", "What is this file?"),
            ("check guest.sav.zst", "Is anything wrong with it?"),
            (
                "report guest.sav -o guest.html",
                "All about it, for a browser",
            ),
            (
                "extract --elf-core guest.sav -o guest.core",
                "Its memory, for gdb",
            ),
            (
                "convert --to xen-3.4 old.sav -o new.sav",
                "The same domain for another release",
            ),
        ],
    ),
    (
        "info",
        &[
            ("info guest.sav", "On one screen"),
            (
                "info --format json --digest guest.sav.zst",
                "For a script, with digests and zero pages",
            ),
            ("info -", "From a pipe"),
        ],
    ),
    (
        "check",
        &[
            ("check guest.sav", "Everything that is wrong with one image"),
            (
                "check --strict --quiet /srv/images",
                "Of a folder only what has errors or warnings; 3 where there are warnings",
            ),
            ("check -f jsonl a.sav b.sav", "A line of JSON for each"),
        ],
    ),
    (
        "dump",
        &[
            ("dump guest.sav", "Every field but page records"),
            ("dump guest.sav 'vcpu[0].regs'", "The registers of a vcpu"),
            (
                "dump guest.sav 'vcpu[*].regs.psr'",
                "One register of every vcpu, its bits named",
            ),
            (
                "dump -f json guest.sav memmap",
                "The memory map for a script",
            ),
        ],
    ),
    (
        "map",
        &[
            ("map guest.sav", "Which memory is in the image, and where"),
            (
                "map -f json guest.sav",
                "The same as ranges, as qemu-img map prints them",
            ),
        ],
    ),
    (
        "explain",
        &[
            ("explain", "All codes"),
            ("explain vcpumap-max", "What one means, and what to do"),
        ],
    ),
    (
        "convert",
        &[
            ("convert --to xen-3.4 old.sav -o new.sav", "Another dialect"),
            (
                "convert --compact live.sav -o small.sav.zst",
                "The last copy of each page alone, packed",
            ),
            (
                "convert --envelope xend --config domain.sxp guest.sav -o guest.chk",
                "As xm restore wants it",
            ),
        ],
    ),
    (
        "extract",
        &[
            (
                "extract --elf-core guest.sav -o guest.core",
                "Memory and registers, for gdb or crash",
            ),
            (
                "extract --virtual --vcpu 1 guest.sav -o guest.core",
                "The addresses that a vcpu sees, for gdb with the kernel's symbols",
            ),
            ("extract --page 0x70 guest.sav -o page.bin", "One page"),
            (
                "extract --strings --min-length 12 guest.sav",
                "What a person can read in memory",
            ),
            (
                "extract --config guest.chk",
                "The configuration that xend put in front",
            ),
        ],
    ),
    (
        "compare",
        &[
            ("compare before.sav after.sav", "What differs by meaning"),
            ("compare --strict a.sav b.sav", "Byte by byte"),
        ],
    ),
    (
        "find",
        &[
            (
                "find guest.sav --text 'root:x:0'",
                "Text, with pfn and place in the file",
            ),
            ("find guest.sav --bytes 'de ad be ef' --limit 10", "Bytes"),
            (
                "find guest.sav --virtual --text 'Linux version'",
                "Text, with the virtual addresses of it",
            ),
            (
                "find guest.sav --virtual --pid 41 --kernel vmlinux --text HOME=",
                "Text, with its addresses in a process",
            ),
        ],
    ),
    (
        "translate",
        &[
            (
                "translate guest.sav 0xa000000100000000 0xa000000200000000",
                "Where the kernel and its first module lie",
            ),
            (
                "translate guest.sav --vcpu 1 --pgd 0x20d8000 0x4000000000000000",
                "An address of the process with that page directory",
            ),
            (
                "translate guest.sav --pid 41 --kernel vmlinux 0x4000000000000000",
                "An address of a process, by its number",
            ),
            (
                "translate guest.sav --physical 0x1048000",
                "The virtual addresses of a physical one",
            ),
        ],
    ),
    (
        "backtrace",
        &[
            (
                "backtrace guest.sav --kernel vmlinux",
                "Every vcpu: functions, arguments, lines",
            ),
            (
                "backtrace guest.sav --kernel vmlinux --pid 1",
                "A process that waits",
            ),
        ],
    ),
    (
        "guest",
        &[
            ("guest info guest.sav --kernel vmlinux", "What system it is"),
            (
                "guest log guest.sav",
                "Its log, as far as it is found without its kernel's file",
            ),
        ],
    ),
    (
        "guest info",
        &[("guest info guest.sav --kernel vmlinux", "What system it is")],
    ),
    (
        "guest log",
        &[(
            "guest log guest.sav --kernel vmlinux",
            "As dmesg would print it",
        )],
    ),
    (
        "guest ps",
        &[("guest ps guest.sav --kernel vmlinux", "All processes")],
    ),
    (
        "guest modules",
        &[(
            "guest modules guest.sav --kernel vmlinux",
            "What was loaded",
        )],
    ),
    (
        "guest maps",
        &[(
            "guest maps guest.sav --kernel vmlinux --pid 1",
            "The address space of a process",
        )],
    ),
    (
        "guest symbols",
        &[(
            "guest symbols guest.sav --kernel vmlinux 0xa000000100010250",
            "What lies at an address",
        )],
    ),
    (
        "decode",
        &[(
            "decode guest.sav -o tree",
            "A tree of JSON and pages that can be edited",
        )],
    ),
    (
        "encode",
        &[("encode tree -o guest.sav", "The image back from its tree")],
    ),
    (
        "edit",
        &[
            (
                "edit guest.sav 'vcpu[0].regs.psr=0x1008' -o new.sav",
                "One field",
            ),
            (
                "edit --in-place guest.sav p2m_size=4096",
                "In the file itself",
            ),
        ],
    ),
    (
        "repair",
        &[
            (
                "repair broken.sav -o whole.sav",
                "An image that passes check",
            ),
            (
                "repair --pages-only broken.sav -o pages",
                "The pages alone, where nothing else can be saved",
            ),
        ],
    ),
    (
        "corpus",
        &[(
            "corpus export seeds",
            "Streams of every dialect, good and bad, for another parser's tests",
        )],
    ),
    (
        "corpus export",
        &[(
            "corpus export seeds --dialect xen-3.4",
            "Those of one dialect",
        )],
    ),
    (
        "simulate",
        &[
            (
                "simulate save --live -o guest.sav",
                "A made-up domain, saved while it runs",
            ),
            (
                "simulate restore guest.sav",
                "What a restore would make of an image",
            ),
        ],
    ),
    (
        "simulate save",
        &[(
            "simulate save --live --workload hot --rate 5000 --memory 256MiB -o guest.sav.zst",
            "A busy guest, saved live",
        )],
    ),
    (
        "simulate restore",
        &[(
            "simulate restore guest.sav --resave again.sav",
            "Restored, and saved again",
        )],
    ),
    (
        "simulate migrate",
        &[
            (
                "simulate migrate --memory 128MiB",
                "Between two processes of its own",
            ),
            (
                "simulate migrate --listen 0.0.0.0:8002",
                "The receiving end",
            ),
            ("simulate migrate --to host.example:8002", "The sending end"),
        ],
    ),
    (
        "xen",
        &[
            ("xen list", "The domains of this host"),
            (
                "xen save 3 -o guest.sav",
                "One of them, which stays suspended",
            ),
        ],
    ),
    ("xen list", &[("xen list -f json", "For a script")]),
    (
        "xen save",
        &[(
            "xen save 3 --live --then resume -o guest.sav",
            "Saved while it runs; it goes on",
        )],
    ),
    (
        "xen restore",
        &[("xen restore guest.sav --start", "A new domain that runs")],
    ),
    (
        "xen migrate",
        &[(
            "xen migrate 3 host.example --protocol xend --trust-output --config domain.sxp",
            "To a host with xend",
        )],
    ),
    (
        "xen recover",
        &[
            ("xen recover", "What a killed save or restore left"),
            ("xen recover 3 --resume", "Let that domain go on here"),
        ],
    ),
    (
        "report",
        &[
            (
                "report guest.sav -o guest.html",
                "One page that needs no network",
            ),
            (
                "report guest.sav --kernel vmlinux -o guest.html",
                "And what runs inside",
            ),
        ],
    ),
    (
        "batch",
        &[
            (
                "batch /srv/images -o inventory.jsonl",
                "A line of JSON for each image",
            ),
            (
                "batch --resume --digest /srv/images -o inventory.jsonl",
                "Goes on where it was stopped",
            ),
        ],
    ),
    (
        "completions",
        &[
            (
                "completions bash",
                "For bash: into ~/.local/share/bash-completion/completions/ia64save",
            ),
            (
                "completions zsh",
                "For zsh: into a folder of $fpath, as _ia64save",
            ),
            (
                "completions fish",
                "For fish: into ~/.config/fish/completions/ia64save.fish",
            ),
        ],
    ),
    (
        "man",
        &[
            ("man convert", "The page of a command"),
            ("man --all /usr/share/man/man1", "All of them"),
        ],
    ),
];

/// The examples of a command.
pub fn of(path: &str) -> &'static [Example] {
    let found = ALL.iter().find(|(own, _)| *own == path);
    found.map_or(&[], |(_, examples)| examples)
}
