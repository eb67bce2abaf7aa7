//! Words for what went wrong: each says what to do.

use ia64save_corpus::golden;

use super::program::{Folder, arg, run};

#[test]
fn every_refusal_has_a_way_out() {
    let folder = Folder::new();
    let bytes = golden("r410-pv-live-balloon").bytes();
    let good = folder.file("good.sav", &bytes);
    let cut = folder.file("cut.sav", &bytes[..100_000]);
    let text = folder.file("text.txt", b"just some words, and no image at all\n");
    let (core, elf) = (folder.path("xen.core"), folder.path("elf.core"));
    run(["extract", "--xen-core", arg(&good), "-o", arg(&core)]);
    run(["extract", "--elf-core", arg(&good), "-o", arg(&elf)]);
    let (out, inside) = (folder.path("out"), folder.path(""));
    let field = "vcpu[0].regs.psr=0x1";
    let cases: [(&[&str], i32, &str); 17] = [
        (
            &["encode", arg(&good), "-o", arg(&out)],
            1,
            "encode takes what decode wrote",
        ),
        (
            &["info", arg(&inside)],
            2,
            "let check or batch look through it",
        ),
        (
            &["map", arg(&inside)],
            2,
            "let check or batch look through it",
        ),
        (
            &["check", arg(&core)],
            63,
            "by info, map, extract, compare and find",
        ),
        (
            &["check", arg(&elf)],
            63,
            "(ia64); of cores those of xm dump-core are read, by info,",
        ),
        (
            &["simulate", "migrate", "--to", "foo"],
            2,
            "HOST:PORT, such as",
        ),
        (
            &["simulate", "migrate", "--listen", "8002"],
            2,
            "HOST:PORT, such as",
        ),
        (
            &["edit", arg(&cut), field, "-o", arg(&out)],
            1,
            "the input ends inside the stream",
        ),
        (
            &["edit", arg(&text), field, "-o", arg(&out)],
            63,
            "not an ia64 save image",
        ),
        (
            &["repair", "--pages-only", arg(&good), "-o", "/dev/stdout"],
            2,
            "--pages-only makes a folder",
        ),
        (
            &["dump", arg(&good), "vcpu[*].regs.pssr"],
            2,
            "there is no vcpu[*].regs.pssr; did you mean vcpu[*].regs.psr?",
        ),
        (
            &["dump", arg(&good), "vcpu[*].nosuch"],
            2,
            "there is no vcpu[*].nosuch; vcpu[*] has ",
        ),
        (
            &["dump", arg(&good), "nosuch[*].psr"],
            2,
            "; the image has ",
        ),
        (
            &["edit", arg(&good), "vcpu[0].regs.pssr=1", "-o", arg(&out)],
            2,
            "did you mean vcpu[0].regs.psr?",
        ),
        (
            &["dump", arg(&good), "shared_inf"],
            2,
            "did you mean shared_info?",
        ),
        (
            &["explain", "version-unknwon"],
            2,
            "did you mean version-unknown?",
        ),
        (&["man", "exract"], 2, "did you mean extract?"),
    ];
    for (words, code, said) in cases {
        let done = run(words.iter().copied());
        assert_eq!(done.code, code, "{words:?}: {done:?}");
        assert!(done.err.contains(said), "{words:?}: {}", done.err);
        assert!(!out.exists(), "{words:?}");
    }
    #[cfg(not(feature = "parquet"))]
    {
        let done = run(["batch", arg(&good), "--parquet", "x", "-o", arg(&out)]);
        assert_eq!(done.code, 2);
        assert!(done.err.contains("--features parquet"), "{}", done.err);
    }
}

#[test]
fn explanations_name_options_that_exist() {
    let said = run(["explain", "limit-exceeded"]).out;
    assert!(said.contains("no option"), "{said}");
    assert!(!said.contains("raise the limit"), "{said}");
}
