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
    for command in ["info", "check", "dump", "map", "explain", "convert"] {
        insta::assert_snapshot!(format!("help-{command}"), screen(&folder, &[command, "-h"]));
    }
    insta::assert_snapshot!("help", screen(&folder, &["-h"]));
    insta::assert_snapshot!("explain", screen(&folder, &["explain", "version-unknown"]));
}
