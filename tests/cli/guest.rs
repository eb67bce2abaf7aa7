//! `backtrace` and `guest`, against what a guest's source and the guest itself say.

use ia64save_corpus::files::guestk_program;
use ia64save_corpus::{Guestk, guestks};
use serde_json::Value;

use super::program::{Folder, arg, run};

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Calls the program for every image: image, kernel, user program.
fn each(mut look: impl FnMut(&Guestk, [&str; 3])) {
    for guestk in guestks() {
        let folder = Folder::new();
        let image = folder.file("image.sav", &guestk.bytes());
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let user = folder.file("user", &guestk_program("user"));
        look(&guestk, [arg(&image), arg(&kernel), arg(&user)]);
    }
}

fn json(args: &[&str]) -> Value {
    let run = run(args.iter().chain(&["--format", "json"]));
    assert_eq!(run.code, 0, "{run:?}");
    run.json()
}

fn hold(frames: &Value, truth: &Value, what: &str) {
    let name = |frame: &Value| {
        frame["function"]
            .as_str()
            .or(frame.as_str())
            .map(str::to_owned)
    };
    let own: Vec<_> = list(frames).iter().map(name).collect();
    let expected: Vec<_> = list(truth).iter().map(name).collect();
    assert_eq!(own, expected, "{what}");
    for (frame, truth) in list(frames).iter().zip(list(truth)) {
        for (argument, value) in truth["arguments"].as_object().into_iter().flatten() {
            assert_eq!(&frame["arguments"][argument], value, "{what} {frame}");
        }
    }
}

#[test]
fn backtraces_are_those_of_the_source() {
    each(|guestk, [image, kernel, user]| {
        let told = json(&["backtrace", image, "--kernel", kernel, "--program", user]);
        assert_eq!(told["schema"], "ia64save/backtrace/1");
        for (own, truth) in list(&told["vcpus"])
            .iter()
            .zip(list(&guestk.truth["vcpus"]))
        {
            assert_eq!(own["id"], truth["vcpu"]);
            hold(&own["frames"], &truth["backtrace"], &guestk.name);
        }
        for truth in list(&guestk.truth["blocked"]) {
            let pid = truth["pid"].to_string();
            let told = json(&["backtrace", image, "--kernel", kernel, "--pid", &pid]);
            let own = &list(&told["processes"])[0];
            hold(&own["frames"], &truth["backtrace"], &guestk.name);
        }
        // Without a kernel: rp and ar.pfs, as a guess.
        let told = json(&["backtrace", image, "--vcpu", "0"]);
        let frames = list(&list(&told["vcpus"])[0]["frames"]);
        assert!(frames.len() == 2 && frames[1]["how"].as_str().unwrap().contains("guess"));
    });
}

#[test]
fn the_system_is_told_and_another_kernel_refused() {
    each(|guestk, [image, kernel, user]| {
        let with = |what: &str| json(&["guest", what, image, "--kernel", kernel]);
        let info = with("info");
        assert_eq!(info["banner"], guestk.truth["banner"]);
        assert_eq!(info["uname"], guestk.truth["uname"]);
        assert_eq!(info["page_size"], 16384);
        let own = with("ps");
        for (own, truth) in list(&own["processes"])
            .iter()
            .zip(list(&guestk.truth["processes"]))
        {
            for name in ["pid", "comm", "task"] {
                assert_eq!(own[name], truth[name]);
            }
            assert_eq!(&own["pgd"], truth.get("pgd_pa").unwrap_or(&Value::Null));
        }
        for (log, found) in [(with("log"), false), (json(&["guest", "log", image]), true)] {
            assert_eq!(log["found"], found);
            let lines = list(&log["lines"]).iter();
            let lines = lines.map(|line| line["text"].as_str().unwrap().to_owned());
            let texts: Vec<String> = lines.collect();
            let truth = guestk.truth["log"]["text"].as_str().unwrap();
            for (own, line) in texts.iter().zip(truth.lines()) {
                assert!(line.ends_with(own.as_str()), "{line}");
            }
            assert_eq!(texts.len(), truth.lines().count());
        }
        let modules = with("modules");
        assert_eq!(
            modules["modules"][0]["core"],
            guestk.truth["module"]["core"]
        );
        let maps = json(&["guest", "maps", image, "--kernel", kernel, "--pid", "41"]);
        assert!(!list(&maps["areas"]).is_empty());
        let at = guestk.truth["symbols"]["xen_suspend"].as_str().unwrap();
        let told = json(&["guest", "symbols", image, "--kernel", kernel, at]);
        assert_eq!(told["addresses"][0]["symbol"], "xen_suspend");
        let refused = run(["guest", "ps", image, "--kernel", user]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let refused = run(["guest", "ps", image]);
        assert_eq!(refused.code, 2, "{refused:?}");
    });
}
