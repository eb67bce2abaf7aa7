//! `report`: that the page is written, bounded and silent about pages. What it shows is tested in a
//! browser (`cargo xtask report`).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{Params, generate, golden, goldens, hostile};
use serde_json::Value;

use super::program::{Folder, arg, run};

/// The data of a page.
fn data(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"application/json\" id=\"data\">")
        .expect("data");
    let (data, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(data).expect("JSON")
}

#[test]
fn a_page_for_every_image() {
    let folder = Folder::new();
    let out = folder.path("report.html");
    for golden in goldens() {
        let path = folder.file("in.sav", &golden.bytes());
        let done = run(["report", arg(&path), "-o", arg(&out)]);
        assert_eq!(done.code, 0, "{}: {done:?}", golden.name);
        let page = fs::read_to_string(&out).expect("the page");
        assert!(page.len() < 400_000, "{}: {}", golden.name, page.len());
        let data = data(&page);
        assert_eq!(data["schema"], "ia64save/report/1");
        assert_eq!(
            data["vcpus"].as_array().map(Vec::len),
            golden.truth["vcpus"].as_array().map(Vec::len)
        );
        for word in ["http://", "https://", "src=\"", "@import", "url("] {
            let hits = page
                .match_indices(word)
                .filter(|(at, _)| !page[*at..].starts_with("http://www.w3.org/2000/svg"));
            assert_eq!(hits.count(), 0, "{word}");
        }
        let mode = fs::metadata(&out).expect("the page").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_bad_image_has_a_page_and_its_exit_code() {
    let folder = Folder::new();
    for case in hostile() {
        let path = folder.file("in.sav", &case.bytes());
        let out = folder.path("report.html");
        let done = run(["report", arg(&path), "-o", arg(&out)]);
        let checked = run(["check", arg(&path)]).code;
        assert_eq!(done.code, checked, "{}: {done:?}", case.name);
        let page = fs::read_to_string(&out).expect("the page");
        assert!(page.len() < 1 << 20, "{}: {}", case.name, page.len());
        let data = data(&page);
        assert_eq!(data["verdict"] == "invalid", checked == 1, "{}", case.name);
        fs::remove_file(&out).expect("the page");
    }
}

#[test]
fn what_is_in_a_page_of_the_guest_is_not_told() {
    let made = generate(&Params::rich(Dialect::D11, Guest::Hvm, 4));
    let secret = b"correct horse battery staple";
    let mut bytes = made.bytes.to_vec();
    let image = ia64save_codec::image::Image::parse(
        &made.bytes,
        &ia64save_codec::image::Options::default(),
    );
    let pages = &image.checkpoints[0].pages;
    for record in 0..pages.len() {
        let at = pages.record_offset(record) as usize + 8 + 4096;
        bytes[at..at + secret.len()].copy_from_slice(secret);
    }
    let folder = Folder::new();
    let path = folder.file("in.sav", &bytes);
    let out = folder.path("report.html");
    run(["report", arg(&path), "-o", arg(&out)]);
    let page = fs::read_to_string(&out).expect("the page");
    let digits = "636f727265637420"; // "correct "
    assert!(!page.contains("correct horse") && !page.contains(digits));
}

#[test]
fn names_are_texts() {
    let folder = Folder::new();
    let path = folder.file("a<b>&.sav", &golden("real310-pv").bytes());
    let run = run(["report", arg(&path), "-o", "-"]);
    assert_eq!(run.code, 0);
    assert!(run.out.contains("a&lt;b&gt;&amp;.sav - ia64save</title>"));
    assert!(run.out.trim_end().ends_with("</html>"));
}
