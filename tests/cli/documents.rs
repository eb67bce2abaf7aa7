//! Every JSON document, of every image there is, against its schema in `schemas/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ia64save::document::schemas;
use ia64save_corpus::{goldens, hostile};
use jsonschema::{Draft, JSONSchema};
use serde_json::Value;

use crate::program::{Folder, arg, run};

/// The schemas as they lie there.
struct Schemas(BTreeMap<&'static str, JSONSchema>);

impl Schemas {
    fn new() -> Self {
        let all = schemas::all().into_iter().map(|(name, schema)| {
            let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
            let text = fs::read_to_string(&path).unwrap_or_default();
            let there: Value = serde_json::from_str(&text).unwrap_or_default();
            assert_eq!(
                there,
                *schema.as_value(),
                "{path}: `cargo run --example schemas` writes it"
            );
            let mut options = JSONSchema::options();
            let schema = options.with_draft(Draft::Draft202012).compile(&there);
            let schema = schema.unwrap_or_else(|error| panic!("{path}: {error}"));
            (name, schema)
        });
        Schemas(all.collect())
    }

    /// Holds a document against a schema, whose name its first key has to be.
    fn check(&self, document: &Value, name: &str, what: &str) {
        let first = document.as_object().and_then(|keys| keys.keys().next());
        if !name.ends_with("-line") || document["schema"].is_string() {
            assert_eq!(first.map(String::as_str), Some("schema"), "{what}");
        }
        let errors = self.0[name].validate(document).err().into_iter().flatten();
        let errors: Vec<_> = errors
            .take(3)
            .map(|error| format!("{}: {error:.200}", error.instance_path))
            .collect();
        assert!(errors.is_empty(), "{what}: {errors:#?}");
        rounded(document, what);
    }
}

/// No number is beyond what a double holds.
fn rounded(value: &Value, what: &str) {
    match value {
        Value::Number(number) => {
            let exact = number.as_u64().is_none_or(|number| number <= 1 << 53);
            assert!(exact, "{what}: {number} is rounded by many readers of JSON");
        }
        Value::Array(list) => list.iter().for_each(|value| rounded(value, what)),
        Value::Object(keys) => keys.values().for_each(|value| rounded(value, what)),
        _ => {}
    }
}

/// Every image of the corpus, good and bad, as a file.
fn images(folder: &Folder) -> Vec<(String, PathBuf)> {
    let good = goldens()
        .into_iter()
        .map(|own| (own.name.clone(), own.bytes()));
    let bad = hostile()
        .into_iter()
        .map(|own| (own.name.clone(), own.bytes()));
    let all = good.chain(bad);
    all.map(|(name, bytes)| {
        let path = folder.file(&format!("{name}.sav"), &bytes);
        (name, path)
    })
    .collect()
}

/// What the program prints, if it prints a document at all.
fn told(words: &[&str], path: &Path) -> Vec<Value> {
    let run = run(words.iter().copied().chain([arg(path)]));
    let documents = serde_json::Deserializer::from_str(&run.out).into_iter();
    documents
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{words:?} {}: {error}", path.display()))
}

#[test]
fn of_one_image() {
    let schemas = Schemas::new();
    let folder = Folder::new();
    let mut seen = BTreeSet::new();
    let commands: [(&str, &[&str]); 12] = [
        ("info", &["info", "--digest", "-f", "json"]),
        ("info-line", &["info", "-f", "jsonl"]),
        ("check", &["check", "-f", "json"]),
        ("check-line", &["check", "-f", "jsonl"]),
        ("dump", &["dump", "-f", "json", "--padding"]),
        ("map", &["map", "-f", "json"]),
        ("map-line", &["map", "-f", "jsonl"]),
        ("batch", &["batch", "--digest"]),
        (
            "find",
            &[
                "find",
                "--bytes",
                "0000",
                "--limit",
                "3",
                "--damaged",
                "-f",
                "json",
            ],
        ),
        (
            "strings",
            &["extract", "--strings", "--damaged", "-f", "json"],
        ),
        ("config", &["extract", "--config", "-f", "json"]),
        ("simulate-restore", &["simulate", "restore", "-f", "json"]),
    ];
    for (name, path) in images(&folder) {
        for (schema, words) in commands {
            for document in told(words, &path) {
                schemas.check(&document, schema, &format!("{words:?} {name}"));
                seen.insert(schema);
            }
        }
    }
    let without = commands.iter().filter(|(schema, _)| !seen.contains(schema));
    let without: Vec<_> = without.map(|(schema, _)| *schema).collect();
    // No image of the corpus has an envelope.
    assert_eq!(without, ["config"]);
}

#[test]
fn of_what_is_written() {
    let schemas = Schemas::new();
    let folder = Folder::new();
    for (name, path) in images(&folder) {
        let out = folder.path("out.sav");
        let tree = folder.path("tree");
        let own = arg(&path);
        let info = run(["info", "-f", "json", own]).json();
        let first = info["files"][0]["vcpus"][0]["id"].as_u64().unwrap_or(0);
        let (vcpu, edit) = (first.to_string(), format!("vcpu[{first}].flags=0x2"));
        let commands: [(&str, Vec<&str>); 8] = [
            (
                "convert",
                vec![
                    "convert",
                    own,
                    "-o",
                    arg(&out),
                    "--to",
                    "xen-3.3",
                    "--allow-loss",
                ],
            ),
            ("repair", vec!["repair", own, "-o", arg(&out)]),
            ("edit", vec!["edit", own, &edit, "--force", "-o", arg(&out)]),
            ("decode", vec!["decode", own, "-o", arg(&tree)]),
            ("encode", vec!["encode", arg(&tree), "-o", arg(&out)]),
            (
                "extract",
                vec!["extract", own, "--elf-core", "-o", arg(&out)],
            ),
            (
                "extract",
                vec![
                    "extract",
                    own,
                    "--elf-core",
                    "--virtual",
                    "--vcpu",
                    &vcpu,
                    "-o",
                    arg(&out),
                ],
            ),
            ("compare", vec!["compare", own, own]),
        ];
        for (schema, words) in commands {
            let run = run(words.iter().copied().chain(["-f", "json"]));
            let what = format!("{words:?} {name}");
            let golden = goldens().iter().any(|golden| golden.name == name);
            assert!(
                !golden || run.code != 2 || schema == "convert",
                "{what}: {}",
                run.err
            );
            if !run.out.is_empty() {
                schemas.check(&run.json(), schema, &what);
            }
        }
    }
}

#[test]
fn of_everything_else() {
    let schemas = Schemas::new();
    let folder = Folder::new();
    let image = folder.path("made.sav");
    let export = folder.path("corpus");
    let golden = folder.file("a.sav", &goldens()[0].bytes());
    let other = folder.file("b.sav", &goldens()[1].bytes());
    let damaged = folder.file("c.sav", &goldens()[0].bytes()[..100_000]);
    let pages = folder.path("pages");
    let commands: [(&str, Vec<&str>); 9] = [
        ("codes", vec!["explain", "-f", "json"]),
        ("explain", vec!["explain", "truncated", "-f", "json"]),
        (
            "simulate-save",
            vec![
                "simulate",
                "save",
                "--memory",
                "1MiB",
                "-o",
                arg(&image),
                "-f",
                "json",
            ],
        ),
        (
            "simulate-migrate-both",
            vec!["simulate", "migrate", "--memory", "1MiB", "-f", "json"],
        ),
        (
            "simulate-migrate",
            vec!["simulate", "migrate", "--memory", "1MiB", "-f", "jsonl"],
        ),
        (
            "corpus-export",
            vec!["corpus", "export", arg(&export), "-f", "json"],
        ),
        (
            "compare",
            vec!["compare", arg(&golden), arg(&other), "-f", "json"],
        ),
        (
            "compare",
            vec![
                "compare",
                "--strict",
                arg(&golden),
                arg(&other),
                "-f",
                "json",
            ],
        ),
        (
            "repair",
            vec![
                "repair",
                arg(&damaged),
                "--pages-only",
                "-o",
                arg(&pages),
                "-f",
                "json",
            ],
        ),
    ];
    for (schema, words) in commands {
        let run = run(words.iter().copied());
        let documents = serde_json::Deserializer::from_str(&run.out).into_iter::<Value>();
        let documents: Vec<_> = documents.map(|one| one.expect("JSON")).collect();
        assert!(!documents.is_empty(), "{words:?}: {}", run.err);
        for document in documents {
            schemas.check(&document, schema, &format!("{words:?}"));
        }
    }
    let index = fs::read(pages.join("pages.json")).expect("an index");
    schemas.check(
        &serde_json::from_slice(&index).unwrap(),
        "pages-only",
        "index",
    );
    let manifest = fs::read(export.join("manifest.json")).expect("a manifest");
    schemas.check(
        &serde_json::from_slice(&manifest).unwrap(),
        "corpus",
        "manifest",
    );
}

#[test]
fn a_file_that_is_missing_damaged_or_foreign_has_its_entry() {
    let schemas = Schemas::new();
    let folder = Folder::new();
    let good = folder.file("good.sav", &goldens()[0].bytes());
    let cut = folder.file("cut.sav", &goldens()[0].bytes()[..50_000]);
    let foreign = folder.file("foreign.sav", b"PAR1 and nothing that anyone would restore");
    let missing = folder.path("missing.sav");
    let all = [&good, &cut, &foreign, &missing].map(|path| arg(path));
    for command in ["info", "check"] {
        let document = run([command, "-f", "json"].into_iter().chain(all)).json();
        schemas.check(&document, command, command);
        let files = document["files"].as_array().expect("a list");
        let outcomes: Vec<_> = files
            .iter()
            .map(|file| file["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(
            outcomes,
            ["fine", "invalid", "foreign", "unreadable"],
            "{command}"
        );
        assert_eq!(files[1]["error"]["code"], "truncated");
        for (file, path) in files.iter().zip(all) {
            assert_eq!(file["file"], path);
            assert_eq!(file["error"].is_null(), file["outcome"] == "fine");
        }
        // One file is no other shape.
        let one = run([command, "-f", "json", arg(&good)]).json();
        assert_eq!(one["files"][0], files[0]);
        let lines = run([command, "-f", "jsonl"].into_iter().chain(all)).out;
        assert_eq!(lines.lines().count(), 4);
        for (line, file) in lines.lines().zip(files) {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            schemas.check(&line, &format!("{command}-line"), command);
            let keys = line.as_object_mut().unwrap();
            keys.remove("schema");
            keys.remove("tool_version");
            assert_eq!(line, *file);
        }
    }
}
