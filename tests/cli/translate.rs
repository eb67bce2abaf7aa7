//! `translate`, and what else shows virtual addresses, against what a guest says of its own.

use ia64save_corpus::{Guestk, guestks};
use serde_json::Value;

use super::program::{Folder, arg, run};

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A process that has an address space of its own, with its number.
fn users(guestk: &Guestk) -> Vec<(&Value, String)> {
    let all = list(&guestk.truth["processes"]).iter();
    let own = all.filter(|process| process.get("pgd_pa").is_some());
    own.map(|process| (process, process["pid"].to_string()))
        .collect()
}

/// Calls the program for every image.
fn each(mut look: impl FnMut(&Guestk, &str, &Folder)) {
    for guestk in guestks() {
        let folder = Folder::new();
        let path = folder.file("image.sav", &guestk.bytes());
        look(&guestk, arg(&path), &folder);
    }
}

fn addresses(args: &[&str]) -> Vec<Value> {
    let run = run(["translate", "--format", "json"].iter().chain(args));
    assert_eq!(run.code, 0, "{run:?}");
    let json = run.json();
    assert_eq!(json["schema"], "ia64save/translate/1");
    list(&json["addresses"]).to_vec()
}

#[test]
fn every_address_is_told_as_the_guest_found_it() {
    each(|guestk, path, _| {
        for vcpu in list(&guestk.truth["vcpus"]) {
            let id = vcpu["vcpu"].to_string();
            let own = list(&guestk.truth["translations"]).iter();
            let own: Vec<_> = own.filter(|one| one["vcpu"] == vcpu["vcpu"]).collect();
            let mut args = vec![path, "--vcpu", &id];
            args.extend(own.iter().map(|one| text(&one["va"])));
            let found = addresses(&args);
            assert_eq!(found.len(), own.len());
            let mut places = 0;
            for (found, one) in found.iter().zip(own) {
                let what = format!("{} {one} {found}", guestk.name);
                assert_eq!(found["virtual"], one["va"], "{what}");
                let none = one["pa"] == "none";
                let physical = if none { &Value::Null } else { &one["pa"] };
                assert_eq!(&found["physical"], physical, "{what}");
                assert_eq!(found["how"].is_null(), none, "{what}");
                assert_eq!(found["pfn"].is_null(), none, "{what}");
                let has_page = !none && !text(&one["kind"]).ends_with("-no-ram");
                assert_eq!(found["offset"].is_u64(), has_page, "{what}");
                assert!(!text(&found["why"]).is_empty(), "{what}");
                places += usize::from(has_page);
            }
            assert!(places >= 30, "{places}");
        }
    });
}

#[test]
fn the_bytes_at_the_told_place_are_those_of_the_process() {
    each(|guestk, path, _| {
        let image = guestk.bytes();
        for process in list(&guestk.truth["processes"]) {
            let Some(directory) = process.get("pgd_pa") else {
                continue;
            };
            for known in list(&process["memory"]) {
                let found = addresses(&[path, "--pgd", text(directory), text(&known["va"])]);
                assert_eq!(found[0]["physical"], known["pa"]);
                let at = found[0]["offset"].as_u64().expect("a place") as usize;
                let hex = text(&known["bytes"]);
                let bytes = &image[at..at + hex.len() / 2];
                let shown = super::program::hex(bytes);
                assert_eq!(shown, hex, "{}", guestk.name);
                // And back.
                let back = ["--physical", "--pgd", text(directory), text(&known["pa"])];
                let back = addresses(&[&[path][..], &back[..]].concat());
                assert!(back.iter().any(|row| row["virtual"] == known["va"]));
            }
        }
    });
}

#[test]
fn a_hit_has_its_virtual_addresses() {
    each(|guestk, path, _| {
        let module = &guestk.truth["module"];
        let needle = text(&module["text_at_core"]);
        let found = run([
            "find",
            path,
            "--virtual",
            "--format",
            "json",
            "--text",
            needle,
        ]);
        assert_eq!(found.code, 0, "{found:?}");
        let json = found.json();
        let hits = list(&json["hits"]).iter();
        let mut seen = hits.flat_map(|hit| list(&hit["virtual"]));
        assert!(seen.any(|one| one["address"] == module["core"]));
        let refused = run(["find", path, "--pgd", "0x4000", "--text", needle]);
        assert_eq!(refused.code, 2, "{refused:?}");
    });
}

#[test]
fn what_is_not_there_is_refused_with_a_reason() {
    each(|_, path, _| {
        let nobody = run(["translate", path, "--vcpu", "77", "0x0"]);
        assert_eq!(nobody.code, 2, "{nobody:?}");
        assert!(nobody.err.contains("no vcpu 77"), "{nobody:?}");
        let nothing = run(["translate", path, "--pgd", "0x1234", "0x0"]);
        assert_eq!(nothing.code, 2, "{nothing:?}");
        let text = run(["translate", path, "0xa000000100000000", "0x0"]);
        assert!(text.out.contains("0x0001000000"), "{text:?}");
        assert!(text.out.contains("leads nowhere"), "{text:?}");
    });
}

#[test]
fn a_process_is_found_by_its_number() {
    each(|guestk, path, folder| {
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let users = users(guestk);
        assert!(users.len() >= 2, "{}", guestk.name);
        for (process, pid) in users {
            let known = list(&process["translations"]);
            let own = [path, "--pid", &pid, "--kernel", arg(&kernel)];
            let all = own
                .into_iter()
                .chain(known.iter().map(|one| text(&one["va"])));
            let found = addresses(&all.collect::<Vec<_>>());
            assert_eq!(found.len(), known.len());
            for (found, one) in found.iter().zip(known) {
                let none = one["pa"] == "none";
                let physical = if none { &Value::Null } else { &one["pa"] };
                let what = format!("{} of {pid}: {one} {found}", guestk.name);
                assert_eq!(&found["physical"], physical, "{what}");
            }
        }
    });
}

#[test]
fn a_core_has_the_kernel_and_the_process_that_was_named() {
    each(|guestk, path, folder| {
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let out = folder.path("core");
        for (process, pid) in users(guestk) {
            let own = ["extract", "--virtual", path, "--pid", &pid, "-o", arg(&out)];
            let made = run(own.iter().chain(&["--kernel", arg(&kernel)]));
            assert_eq!(made.code, 0, "{made:?}");
            let bytes = std::fs::read(&out).expect("the core");
            let (loads, _) = super::extract::core(&bytes);
            let at = |address: &str, size: usize| {
                let address = super::program::number(&address.into()).expect("an address");
                let mut holding = loads.iter().filter_map(|(virt, _, data)| {
                    let from = usize::try_from(address.checked_sub(*virt)?).ok()?;
                    data.get(from..from + size)
                });
                holding.next().map(super::program::hex)
            };
            for known in list(&process["memory"]) {
                let hex = text(&known["bytes"]);
                let found = at(text(&known["va"]), hex.len() / 2);
                let what = format!("{} {pid} {known}", guestk.name);
                assert_eq!(found.as_deref(), Some(hex), "{what}");
            }
            let banner = text(&guestk.truth["banner"]);
            let place = text(&guestk.truth["symbols"]["linux_banner"]);
            let hex = super::program::hex(banner.as_bytes());
            assert_eq!(at(place, banner.len()), Some(hex));
        }
    });
}

#[test]
fn a_hit_has_the_addresses_of_the_process_that_was_named() {
    each(|guestk, path, folder| {
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let users = users(guestk);
        for (process, pid) in &users {
            for known in list(&process["memory"]) {
                let own = ["find", path, "--virtual", "--format", "json", "--pid", pid];
                let needle = ["--kernel", arg(&kernel), "--bytes", text(&known["bytes"])];
                let found = run(own.iter().chain(&needle));
                assert_eq!(found.code, 0, "{found:?}");
                let json = found.json();
                let mut hits = list(&json["hits"]).iter();
                let own = hits.find(|hit| hit["address"] == known["pa"]);
                let seen = list(&own.expect("the hit")["virtual"]);
                assert!(
                    seen.iter().any(|one| one["address"] == known["va"]),
                    "{} {pid} {known} {seen:?}",
                    guestk.name
                );
            }
        }
    });
}

#[test]
fn a_process_that_cannot_be_found_is_refused_with_what_to_do() {
    each(|guestk, path, folder| {
        let kernel = folder.file("vmlinux", &guestk.kernel());
        let user = folder.file("user", &ia64save_corpus::files::guestk_program("user"));
        let out = folder.path("core");
        let banner = ["--text", text(&guestk.truth["banner"]), "--virtual"];
        let commands = [
            vec!["translate", path, "0x4000000000000000"],
            vec!["extract", path, "--virtual", "-o", arg(&out)],
            [&["find", path][..], &banner].concat(),
        ];
        for command in commands {
            let told = |more: &[&str], code: i32, words: &[&str]| {
                let run = run(command.iter().chain(more));
                assert_eq!(run.code, code, "{run:?}");
                for word in words {
                    assert!(run.err.contains(word), "{word}: {run:?}");
                }
            };
            // 1 says of find that there is no hit.
            let wrong = if command[0] == "find" { 2 } else { 1 };
            told(&["--pid", "41"], 2, &["--kernel FILE", "--pgd"]);
            let kernel = arg(&kernel);
            let there = ["no process has the number 77", "there are 0, 1, 2, 3, 41"];
            told(&["--pid", "77", "--kernel", kernel], wrong, &there);
            let none = ["process 2 is a kernel thread"];
            told(&["--pid", "2", "--kernel", kernel], wrong, &none);
            let user = ["--pid", "41", "--kernel", arg(&user)];
            told(&user, wrong, &["no symbol linux_banner"]);
            let both = ["--pid", "41", "--pgd", "0x4000", "--kernel", kernel];
            told(&both, 2, &["cannot be used with"]);
            told(&["--kernel", kernel], 2, &["--pid"]);
        }
        assert!(!out.exists());
        let outside = run(["find", path, "--text", "x", "--pid", "41"]);
        assert_eq!(outside.code, 2, "{outside:?}");
        assert!(outside.err.contains("give --virtual too"), "{outside:?}");
    });
}
