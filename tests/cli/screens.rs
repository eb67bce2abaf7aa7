//! What a person sees. `cargo insta review` shows what a change changes.

use ia64save_corpus::{golden, hostile};

use super::program::{Folder, arg, run};

/// The output without the folder of the test.
fn screen(folder: &Folder, args: &[&str]) -> String {
    let run = run(args);
    let shown = format!("exit code {}\n{}{}", run.code, run.out, run.err);
    shown.replace(
        &format!(
            "{}/",
            folder.path("").display().to_string().trim_end_matches('/')
        ),
        "",
    )
}

#[test]
fn goldens() {
    let folder = Folder::new();
    for name in [
        "real340-pv-2vcpu",
        "r410-hvm-live-4vcpu-hole",
        "real310-pv",
        "r410-pv-live-balloon",
    ] {
        let path = folder.file(&format!("{name}.sav"), &golden(name).bytes());
        insta::assert_snapshot!(
            format!("info-{name}"),
            screen(&folder, &["info", "--digest", arg(&path)])
        );
        insta::assert_snapshot!(
            format!("check-{name}"),
            screen(&folder, &["check", arg(&path)])
        );
        insta::assert_snapshot!(format!("map-{name}"), screen(&folder, &["map", arg(&path)]));
    }
    let path = folder.path("real340-pv-2vcpu.sav");
    insta::assert_snapshot!(
        "dump-arch_setup",
        screen(&folder, &["dump", arg(&path), "arch_setup"])
    );
    insta::assert_snapshot!(
        "dump-vcpu",
        screen(&folder, &["dump", arg(&path), "vcpu[1]"])
    );
}

#[test]
fn contents() {
    let folder = Folder::new();
    for name in [
        "real340-pv-2vcpu",
        "r410-pv-live-balloon",
        "r340-pv-nonlive-1vcpu",
    ] {
        let path = folder.file(&format!("{name}.sav"), &golden(name).bytes());
        for what in ["elf-core", "virtual", "xen-core", "raw"] {
            let option = format!("--{what}");
            let out = folder.path("out");
            insta::assert_snapshot!(
                format!("extract-{what}-{name}"),
                screen(&folder, &["extract", &option, arg(&path), "-o", arg(&out)])
            );
        }
    }
    let [a, b] = ["real340-pv-2vcpu", "r410-pv-live-balloon"]
        .map(|name| folder.path(&format!("{name}.sav")));
    insta::assert_snapshot!(
        "compare-same",
        screen(&folder, &["compare", arg(&a), arg(&a)])
    );
    let core = folder.path("core");
    run(["extract", "--xen-core", arg(&a), "-o", arg(&core)]);
    insta::assert_snapshot!("info-core", screen(&folder, &["info", arg(&core)]));
    insta::assert_snapshot!("map-core", screen(&folder, &["map", arg(&core)]));
    insta::assert_snapshot!(
        "compare-core",
        screen(&folder, &["compare", arg(&a), arg(&core)])
    );
    insta::assert_snapshot!(
        "compare-different",
        screen(&folder, &["compare", "--limit", "6", arg(&a), arg(&b)])
    );
    insta::assert_snapshot!(
        "compare-strict",
        screen(&folder, &["compare", "--strict", arg(&a), arg(&b)])
    );
    insta::assert_snapshot!(
        "find-text",
        screen(&folder, &["find", arg(&a), "--text", "xen-3.0-ia64"])
    );
}

#[test]
fn bad_images() {
    let folder = Folder::new();
    for case in hostile() {
        let name = format!("{}.sav", case.name);
        let path = folder.file(&name, &case.bytes());
        insta::assert_snapshot!(
            format!("hostile-{}", case.name),
            screen(&folder, &["check", arg(&path)])
        );
    }
}

#[test]
fn help() {
    let folder = Folder::new();
    let commands = [
        "info", "check", "dump", "map", "explain", "convert", "extract", "compare", "find",
    ];
    for command in commands {
        insta::assert_snapshot!(format!("help-{command}"), screen(&folder, &[command, "-h"]));
    }
    insta::assert_snapshot!("help", screen(&folder, &["-h"]));
    insta::assert_snapshot!("explain", screen(&folder, &["explain", "version-unknown"]));
}
