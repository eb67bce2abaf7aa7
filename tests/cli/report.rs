//! `report`: that the page is written, bounded and silent about pages. What it shows is tested in a
//! browser (`cargo xtask report`).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ia64save_codec::{Dialect, Guest};
use ia64save_corpus::{Params, generate, golden, goldens, guestks, hostile};
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
        // Links to the specification are followed by who clicks on them; nothing is loaded.
        let spec = "https://github.com/ia64save/ia64save/blob/main/spec/ia64-save.md#c";
        for word in ["http://", "https://", "src=\"", "@import", "url("] {
            let own = [
                "http://www.w3.org/2000/svg",
                "url(#zero)",
                "url(#again)",
                spec,
            ];
            let hits = page
                .match_indices(word)
                .filter(|(at, _)| !own.iter().any(|own| page[*at..].starts_with(own)));
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

/// The part of a page that needs no script, without its marks.
fn read(page: &str) -> String {
    let (_, rest) = page.split_once("<main").expect("main");
    let (main, _) = rest.split_once("</main>").expect("its end");
    let pieces = main
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    pieces.collect::<Vec<_>>().join(" ")
}

fn page_of(folder: &Folder, path: &std::path::Path) -> String {
    let out = folder.path("report.html");
    run(["report", arg(path), "-o", arg(&out)]);
    fs::read_to_string(&out).expect("the page")
}

#[test]
fn what_was_not_read_is_said_and_is_no_zero() {
    let folder = Folder::new();
    let case = hostile()
        .into_iter()
        .find(|case| case.name == "trunc-pv-vcpu0_context");
    let path = folder.file("cut.sav", &case.expect("the case").bytes());
    let text = read(&page_of(&folder, &path));
    assert!(text.contains("Not everything was read"), "{text}");
    assert!(text.contains("the context of vcpu 0"), "{text}");
    assert!(text.contains("not read"), "{text}");
    assert!(
        text.contains("Get the rest of the file"),
        "what to do: {text}"
    );
    // A whole image says nothing of the kind.
    let path = folder.file("whole.sav", &golden("real310-pv").bytes());
    assert!(!read(&page_of(&folder, &path)).contains("not read"));
    // Nothing at all is read of a file that ends at once.
    let path = folder.file("cut.sav", &golden("real310-pv").bytes()[..6]);
    let page = page_of(&folder, &path);
    assert!(!page.contains("<div class=\"v\">0<"), "{}", read(&page));
    assert!(read(&page).matches("not read").count() >= 5);
}

#[test]
fn the_page_names_the_file_its_size_and_its_digest_and_no_folder() {
    use sha2::{Digest, Sha256};
    let folder = Folder::new();
    fs::create_dir(folder.path("secret-place")).expect("a folder");
    let plain = folder.file("plain.sav", &golden("real310-pv").bytes());
    let packed = folder.path("secret-place/guest.sav.gz");
    assert_eq!(run(["repair", arg(&plain), "-o", arg(&packed)]).code, 0);
    let page = page_of(&folder, &packed);
    assert!(page.contains("<h1>guest.sav.gz</h1>"));
    assert!(
        !page.contains("secret-place"),
        "the folder is nobody's business"
    );
    let sha = |bytes: &[u8]| super::program::hex(&Sha256::digest(bytes));
    let at_rest = fs::read(&packed).expect("the file");
    assert!(
        page.contains(&sha(&at_rest)),
        "digest of the file as it lies there"
    );
    assert!(
        page.contains(&sha(&golden("real310-pv").bytes())),
        "and of what is in it"
    );
    let data = data(&page);
    assert_eq!(data["file_size"], at_rest.len());
}

#[test]
fn errors_come_first() {
    let folder = Folder::new();
    for case in hostile() {
        let path = folder.file("in.sav", &case.bytes());
        let page = page_of(&folder, &path);
        let order: Vec<_> = page
            .match_indices("<article class=\"card finding ")
            .map(|(at, start)| page[at + start.len()..].chars().next().expect("a severity"))
            .collect();
        let mut sorted = order.clone();
        sorted.sort_by_key(|letter| "ewn".find(*letter));
        assert_eq!(order, sorted, "{}", case.name);
    }
}

#[test]
fn the_system_inside_is_on_the_page_where_its_kernel_is_given() {
    let folder = Folder::new();
    let out = folder.path("report.html");
    for guestk in guestks() {
        let image = folder.file("image.sav", &guestk.bytes());
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let without = page_of(&folder, &image);
        assert!(!without.contains("id=\"guest\""), "{}", guestk.name);
        let own = ["report", arg(&image), "-o", arg(&out), "--kernel"];
        let done = run(own.iter().chain(&[arg(&kernel)]));
        assert_eq!(done.code, 0, "{done:?}");
        let page = fs::read_to_string(&out).expect("the page");
        assert!(page.len() < 400_000, "{}: {}", guestk.name, page.len());
        assert!(
            !page.contains(arg(&kernel)),
            "folders are nobody's business"
        );
        let text = read(&page);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let has = |word: &str| {
            let word = word.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&word), "{}: {word}: {text}", guestk.name);
        };
        let truth = &guestk.truth;
        let list = |value: &Value| value.as_array().cloned().expect("a list");
        has(truth["banner"].as_str().expect("a banner").trim_end());
        for process in list(&truth["processes"]) {
            for name in ["comm", "task"] {
                has(process[name].as_str().expect("a text"));
            }
        }
        has(truth["module"]["name"].as_str().expect("a name"));
        for vcpu in list(&truth["vcpus"]) {
            has(&format!("Backtrace of vcpu {}", vcpu["vcpu"]));
            // What a process runs has its symbols in another file.
            if vcpu["registers"]["cpl"] == 3 {
                continue;
            }
            for frame in list(&vcpu["backtrace"]) {
                has(frame["function"].as_str().expect("a name"));
            }
        }
        for line in truth["log"]["text"].as_str().expect("a log").lines() {
            has(line.rsplit("] ").next().unwrap_or(line));
        }
        // Registers say where they lead, by what, and what is there.
        let data = data(&page);
        for (own, vcpu) in list(&data["vcpus"]).iter().zip(list(&truth["vcpus"])) {
            let led = list(&own["led"]);
            let ip = led.iter().find(|one| one["register"] == "ip");
            let ip = ip.expect("an ip");
            if vcpu["registers"]["ip"].is_string() {
                assert_eq!(ip["address"], vcpu["registers"]["ip"], "{}", guestk.name);
            }
            assert!(ip["physical"].is_string(), "{ip}");
            if vcpu["registers"]["cpl"] != 3 {
                let function = vcpu["backtrace"][0]["function"].as_str().expect("a name");
                let symbol = ip["symbol"].as_str().expect("a symbol");
                assert!(symbol.starts_with(function), "{symbol} {function}");
            }
        }
        assert_eq!(data["has_guest"], true);
        assert!(data["guest"].is_null(), "it stands there once");
    }
}

#[test]
fn a_kernel_that_does_not_fit_is_refused_and_no_page_is_made() {
    let folder = Folder::new();
    let guestk = &guestks()[0];
    let image = folder.file("image.sav", &guestk.bytes());
    let kernel = folder.file("vmlinux", &guestk.kernel());
    let user = ia64save_corpus::files::guestk_program("user");
    let user = folder.file("user", &user);
    let out = folder.path("report.html");
    let own = ["report", arg(&image), "-o", arg(&out), "--kernel"];
    let refused = run(own.iter().chain(&[arg(&user)]));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("no symbol linux_banner"),
        "{refused:?}"
    );
    let missing = run(own.iter().chain(&[arg(&folder.path("nothing"))]));
    assert_ne!(missing.code, 0, "{missing:?}");
    assert!(!out.exists());
    // An image that ends before its vcpus has a page that says so.
    let cut = folder.file("cut.sav", &guestk.bytes()[..1 << 20]);
    let done = run([
        "report",
        arg(&cut),
        "-o",
        arg(&out),
        "--kernel",
        arg(&kernel),
    ]);
    assert_eq!(done.code, 1, "{done:?}");
    let page = fs::read_to_string(&out).expect("the page");
    assert!(read(&page).contains("no whole vcpu in the image"));
}
