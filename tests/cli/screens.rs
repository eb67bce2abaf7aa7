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

#[test]
fn guests() {
    let folder = Folder::new();
    let guestk = ia64save_corpus::guestks()
        .into_iter()
        .find(|guestk| guestk.name == "xen34-user")
        .expect("the image");
    let image = folder.file("guest.sav", &guestk.bytes());
    let kernel = folder.file("vmlinux", &guestk.kernel());
    let user = ia64save_corpus::files::guestk_program("user");
    let user = folder.file("calc", &user);
    let [image, kernel, user] = [&image, &kernel, &user].map(|path| arg(path));
    let shown = |name: &str, args: &[&str]| {
        insta::assert_snapshot!(format!("guest-{name}"), screen(&folder, args));
    };
    for what in ["info", "log", "ps", "modules"] {
        shown(what, &["guest", what, image, "--kernel", kernel]);
    }
    let maps = ["guest", "maps", image, "--kernel", kernel, "--pid", "41"];
    shown("maps", &maps);
    let ivt = "0xa000000100008000";
    let symbols = ["guest", "symbols", image, "--kernel", kernel, ivt, "0x0"];
    shown("symbols", &symbols);
    shown("found-info", &["guest", "info", image]);
    shown("found-log", &["guest", "log", image]);
    let nobody = ["guest", "maps", image, "--kernel", kernel, "--pid", "7"];
    shown("maps-nobody", &nobody);
    shown("other-kernel", &["guest", "ps", image, "--kernel", user]);
    let trace = ["backtrace", image, "--kernel", kernel, "--program", user];
    shown("backtrace", &trace);
    let blocked = ["backtrace", image, "--kernel", kernel, "--pid", "3"];
    shown("backtrace-blocked", &blocked);
    shown("backtrace-guess", &["backtrace", image, "--vcpu", "1"]);
    let here = [
        "0xa000000100000000",
        "0x4000000000000200",
        "0xe000000002128000",
    ];
    let here = [&["translate", image][..], &here, &["0x123"]].concat();
    shown("translate", &here);
    let other = [
        "0x4000000000000000",
        "0x6000000000010020",
        "0x4000000000004000",
    ];
    let other = [
        &["translate", image, "--pid", "41", "--kernel", kernel][..],
        &other,
    ]
    .concat();
    shown("translate-pid", &other);
    let back = ["translate", image, "--physical", "0x1048000", "0x206c000"];
    shown("translate-physical", &back);
    shown(
        "translate-no-kernel",
        &["translate", image, "--pid", "41", "0x0"],
    );
    let core = folder.path("core");
    let core = [
        "extract",
        "--virtual",
        image,
        "-o",
        arg(&core),
        "--pid",
        "41",
        "--kernel",
        kernel,
    ];
    shown("extract-pid", &core);
    let needle = ["find", image, "--text", "data of beat 41", "--virtual"];
    let needle = [&needle[..], &["--pid", "41", "--kernel", kernel]].concat();
    shown("find-pid", &needle);
}
