//! `cargo xtask`: the one vocabulary of checks, shared by contributors and CI.
//!
//! | file | step |
//! |---|---|
//! | `cargo` | `fmt`, `lint`, `test`, `bench`, `mutants`: what cargo and its components do |
//! | `layers` | features, bare machines and the oldest compilers, by cargo-hack and rustup |
//! | `licences` | licences of everything that is built, by cargo-deny |
//! | `tools` | subcommands of cargo from crates.io |
//! | `spec` | clauses, citations and links of the specification |
//! | `words` | what no file may say |
//! | `kaitai` | the Kaitai Struct grammar against the tool, on good images and on bad ones |
//! | `debuggers` | the cores of `extract` in readelf, gdb, volatility3 and drgn; backtraces of a kernel |
//! | `generate` | what other programs know of the structures, from the codec's tables |
//! | `dissector` | Wireshark's dissector and ImHex's pattern against the goldens |
//! | `real_xen` | the driver on a real Xen under QEMU |
//! | `fuzz/` | the fuzz targets, built as OSS-Fuzz builds them |
//! | `agent` | the C program that reaches a real Itanium |
//! | `report` | the page of `ia64save report`, in a browser |
//! | `package` | crates for a registry, the Debian package, `cargo install` |
//! | `ci` | all of it, two steps at a time |
//! | `step` | what a step is: a command line, an outcome |
//! | `files` | the files of the project |
//! | `bench/`, `circles/`, `generate/`, `dissector/` | programs of their own: what these steps run |

mod agent;
mod cargo;
mod ci;
mod debuggers;
mod dissector;
mod files;
mod fuzz;
mod generate;
mod kaitai;
mod layers;
mod licences;
mod package;
mod real_xen;
mod report;
mod spec;
mod step;
mod tools;
mod words;

use std::process::ExitCode;

use step::Outcome;

const HELP: &str = "\
cargo xtask STEP [OPTIONS]

  fmt [--fix]     formatting is rustfmt's; --fix rewrites the files
  lint            clippy on every target and feature, and rustdoc; a warning is an error
  test            the tests of the workspace; by nextest, where it is
  licences        every dependency has a licence that deny.toml allows, by cargo-deny
  circles [--strict]
                  in no crate files need each other in a circle, and nothing of the library needs the
                  program in src/cli; --strict also where one is a module and the other part of it
  spec [--fix]    the specification's clauses, the citations of them, links between documents;
                  --fix records new clauses, whose numbers are then fixed
  words           no paths of one machine, no unfinished code, no test ignored without a reason
  layers [--full] each feature of the codec alone builds without a warning and passes the tests of the
                  library, by cargo-hack, with --full all tests; it builds for wasm32-unknown-unknown
                  and thumbv7em-none-eabi; published crates build with the oldest compiler that they
                  declare. Targets and compilers come from rustup, and are SKIPPED where it has none
  bench [...]     builds the release and measures it against cat with hyperfine, and the decoder in
                  memory with divan; bench --help says more
  transfer [...]  measures save and restore over the simulated host against memcpy; transfer --help
                  says more
  model [--deep | --holes]
                  the real ends of a migration and the real save engine in every order in which things
                  can happen: states, depth and time, what holds, and that planted faults are found;
                  --deep looks at much more, for hours; --holes prints what no protocol promises
  debuggers       readelf, gdb and volatility3 find in the cores of ia64save extract what is in every
                  golden image; needs gdb-multiarch, binutils-ia64-linux-gnu and python3
  kaitai          spec/ia64_save.ksy finds in every image what ia64save dump prints; needs node, npm
                  and python3
  differential [N/M]
                  the Kaitai Struct grammar and ia64save on good and bad streams: both accept or both
                  refuse, in the same part, with the same offsets; the Nth of M shares of the bad ones
  generate [--check]
                  writes the structures into spec/ia64_save.lua and spec/ia64_save.hexpat from the
                  tables of the codec; --check fails where they differ
  dissector       relocates every golden image over 127.0.0.1:8002, captures it, and compares what
                  tshark shows with spec/ia64_save.lua with what is in the image; needs tshark
  pattern         evaluates spec/ia64_save.hexpat on every golden image; SKIPPED without plcli, the
                  evaluator of ImHex's pattern language
  agent           compiles driver-xen/agent with every C compiler that is here, and for ia64 where there
                  is one; runs its tests under the sanitizers and, with clang, a fuzzer for a while
  real-xen        boots Debian's Xen under QEMU and tests the driver there; installs QEMU and
                  downloads 75 MB the first time
  fuzz [--seconds N] [--jobs N] [--minimise | --coverage] [TARGET ...]
                  builds the fuzz targets with fuzz/oss-fuzz/build.sh and runs each, for 20 seconds
                  or N, one at a time or N, and says what it came to; --minimise leaves of
                  fuzz/corpus what adds coverage; SKIPPED without a nightly cargo, cargo-fuzz and zip.
                  --coverage says how much of codec/src all corpora, seeds and regressions reach, on
                  stable; SKIPPED without cargo-llvm-cov
  mutants [--every N] [--list] FILE ...
                  mutation tests of files and folders of codec/src, by cargo-mutants, of which any
                  option is taken: prints what no test notices; --every takes one mutant of N
  report [DIR]    the page of ia64save report in a headless Chromium; pictures go into DIR; needs node,
                  npm and chromium
  package [--full]
                  packs the crates, installs the program with cargo, builds the Debian package and
                  installs it into an empty root; --full also builds every crate from its pack;
                  needs dpkg and cargo-deb
  ci              all of the above but model and mutants, two at a time, with a summary
  help            this

Every step prints what it runs; licences, layers, mutants, fuzz and package build the subcommand of cargo
that they need where it is missing. Exit code: 0 passed, 1 failed, 2 no such step.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = args.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let Err(error) = std::env::set_current_dir(files::root()) {
        eprintln!("xtask: {}: {error}", files::root().display());
        return ExitCode::FAILURE;
    }
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let outcome = match (name.as_str(), rest.as_slice()) {
        ("fmt", []) => cargo::fmt(false),
        ("fmt", ["--fix"]) => cargo::fmt(true),
        ("lint", []) => cargo::lint(),
        ("test", []) => cargo::test(),
        ("licences" | "licenses", []) => licences::check(),
        ("spec", []) => spec::check(false),
        ("spec", ["--fix"]) => spec::check(true),
        ("words", []) => words::check(),
        ("debuggers", []) => debuggers::check(),
        ("kaitai", []) => kaitai::check(),
        ("differential", []) => kaitai::differential(None),
        ("differential", [share]) => kaitai::differential(Some(share)),
        ("layers", []) => layers::check(false),
        ("layers", ["--full"]) => layers::check(true),
        ("circles", rest) => cargo::circles(rest),
        ("bench", rest) => cargo::bench(rest),
        ("transfer", rest) => cargo::transfer(rest),
        ("model", rest) => cargo::model(rest),
        ("generate", []) => generate::generate(false),
        ("generate", ["--check"]) => generate::generate(true),
        ("dissector", []) => dissector::dissector(),
        ("pattern", []) => dissector::pattern(),
        ("agent", []) => agent::check(),
        ("real-xen", []) => real_xen::check(),
        ("fuzz", rest) => fuzz::fuzz(rest),
        ("mutants", rest) => cargo::mutants(rest),
        ("report", []) => report::check(None),
        ("report", [shots]) => report::check(Some(shots)),
        ("package", []) => package::check(false),
        ("package", ["--full"]) => package::check(true),
        ("ci", []) => ci::all(),
        _ => {
            eprint!("xtask: no such step: {name} {}\n\n{HELP}", rest.join(" "));
            return ExitCode::from(2);
        }
    };
    println!("{}", outcome.said(&name));
    match outcome {
        Outcome::Passed(_) => ExitCode::SUCCESS,
        Outcome::Skipped(_) | Outcome::Failed(_) => ExitCode::FAILURE,
    }
}
