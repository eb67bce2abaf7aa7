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
