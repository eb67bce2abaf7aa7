//! `batch`: a line for every file, and going on where one was interrupted.

use std::collections::BTreeMap;
use std::fs;

use ia64save_corpus::{goldens, hostile};
use serde_json::Value;

use super::program::{Folder, arg, run};

fn lines(text: &str) -> BTreeMap<String, Value> {
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let name = row["file"].as_str().expect("a name");
        (name.rsplit('/').next().expect("a name").to_owned(), row)
    });
    rows.collect()
}

/// A folder of goldens, of bad images, and of what is no image.
fn inventory(folder: &Folder) -> usize {
    fs::create_dir(folder.path("images")).expect("a folder");
    for golden in goldens() {
        folder.file(&format!("images/{}.sav", golden.name), &golden.bytes());
    }
    fs::create_dir(folder.path("images/bad")).expect("a folder");
    for case in hostile() {
        folder.file(&format!("images/bad/{}.sav", case.name), &case.bytes());
    }
    folder.file("images/notes.txt", b"no image");
    folder.file("images/other.img", &[&[0x1f; 2][..], &[7; 4000]].concat());
    goldens().len() + hostile().len() + 1
}

#[test]
fn every_file_has_a_line_that_info_and_check_agree_with() {
    let folder = Folder::new();
    let count = inventory(&folder);
    let done = run(["batch", "--digest", arg(&folder.path("images"))]);
    assert_eq!(done.code, 0, "{done:?}");
    let rows = lines(&done.out);
    assert_eq!(rows.len(), count);
    for golden in goldens() {
        let row = &rows[&format!("{}.sav", golden.name)];
        let path = folder.path(&format!("images/{}.sav", golden.name));
        let info = run(["info", "--digest", "--format", "json", arg(&path)]).entry();
        for (own, other) in [
            ("sha256", &info["sha256"]),
            ("file_size", &info["file_size"]),
            ("dialect", &info["dialect"]),
            ("guest", &info["guest"]),
            ("format_version", &info["format_version"]),
            ("p2m_size", &info["p2m_size"]),
            ("num_records", &info["pages"]["num_records"]),
            ("num_superseded", &info["pages"]["num_superseded"]),
            ("num_zero", &info["pages"]["num_zero"]),
            ("num_passes", &info["pages"]["num_passes"]),
            ("num_unallocated", &info["unallocated"]["count"]),
        ] {
            assert_eq!(&row[own], other, "{}: {own}", golden.name);
        }
        assert_eq!(row["complete"], true);
    }
    for case in hostile() {
        let row = &rows[&format!("{}.sav", case.name)];
        let path = folder.path(&format!("images/bad/{}.sav", case.name));
        let check = run(["check", "--format", "json", arg(&path)]).entry();
        assert_eq!(row["verdict"], check["verdict"], "{}", case.name);
        assert_eq!(
            row["first_error"].is_null(),
            row["verdict"] != "invalid",
            "{}",
            case.name
        );
    }
    // Every line has every column, in one order.
    let names = |row: &Value| {
        row.as_object()
            .expect("a row")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut all = rows.values().map(names);
    let first = all.next().expect("a row");
    assert!(all.all(|names| names == first));
}

#[test]
fn going_on_gives_what_one_run_gives() {
    let folder = Folder::new();
    let count = inventory(&folder);
    let images = folder.path("images");
    let out = folder.path("out.jsonl");
    let whole = run(["batch", arg(&images), "-o", arg(&out)]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert!(whole.err.contains(" valid, "), "{whole:?}");
    let text = fs::read_to_string(&out).expect("the lines");
    let expected = lines(&text);
    assert_eq!(expected.len(), count);
    // Interrupted in the middle of a line.
    fs::write(&out, &text[..text.len() / 3]).expect("a file");
    let had = text[..text.len() / 3].lines().count() - 1;
    let on = run([
        "batch",
        arg(&images),
        "-o",
        arg(&out),
        "--resume",
        "--jobs",
        "3",
    ]);
    assert_eq!(on.code, 0, "{on:?}");
    assert!(
        on.err.contains(&format!("{had} there before")),
        "{had}: {on:?}"
    );
    let text = fs::read_to_string(&out).expect("the lines");
    assert_eq!(text.lines().count(), count, "no line twice");
    assert_eq!(lines(&text), expected);
    // Nothing is left to do.
    let nothing = run(["batch", arg(&images), "-o", arg(&out), "--resume"]);
    assert!(nothing.err.starts_with("0 valid, 0 invalid"), "{nothing:?}");
    assert_eq!(fs::read_to_string(&out).expect("the lines"), text);
    // What is no inventory is not gone on with.
    let other = folder.file("precious.txt", b"precious\n");
    assert_eq!(
        run(["batch", arg(&images), "-o", arg(&other), "--resume"]).code,
        4
    );
    assert_eq!(fs::read(&other).expect("the file"), b"precious\n");
    assert_eq!(run(["batch", arg(&images), "--resume"]).code, 2);
}

#[test]
fn what_cannot_be_read_has_a_line_too() {
    let folder = Folder::new();
    let there = folder.file("there.sav", &goldens()[0].bytes());
    let gone = folder.path("gone.sav");
    std::os::unix::fs::symlink("nowhere", &gone).expect("a link");
    assert_eq!(run(["batch", arg(&gone)]).code, 4);
    let elf = folder.file(
        "program",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x32\0",
    );
    let done = run(["batch", arg(&there), arg(&elf)]);
    assert_eq!(done.code, 0, "{done:?}");
    let rows = lines(&done.out);
    assert_eq!(rows["there.sav"]["complete"], true);
    assert_ne!(rows["program"]["verdict"], "valid");
    assert!(rows["program"]["first_error"].is_string());
}

#[cfg(feature = "parquet")]
#[test]
fn a_table_holds_what_the_lines_hold() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let folder = Folder::new();
    let count = inventory(&folder);
    let (out, table) = (folder.path("out.jsonl"), folder.path("out.parquet"));
    let images = folder.path("images");
    let args = [
        "batch",
        arg(&images),
        "-o",
        arg(&out),
        "--parquet",
        arg(&table),
    ];
    let done = run(args.into_iter().chain(["--digest"]));
    assert_eq!(done.code, 0, "{done:?}");
    let text = fs::read_to_string(&out).expect("the lines");
    let reader = SerializedFileReader::new(fs::File::open(&table).expect("the table"));
    let reader = reader.expect("a table");
    assert_eq!(reader.metadata().file_metadata().num_rows(), count as i64);
    let rows = reader.get_row_iter(None).expect("rows");
    for (row, line) in rows.zip(text.lines()) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for (name, field) in row.expect("a row").get_column_iter() {
            let cell = &line[name];
            match field {
                Field::Null => assert!(cell.is_null(), "{name}: {cell}"),
                Field::Str(text) if cell.is_array() => {
                    let texts = cell.as_array().expect("texts").iter();
                    let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
                    assert_eq!(*text, texts.join(" "), "{name}");
                }
                Field::Str(text) => assert_eq!(Some(&text[..]), cell.as_str(), "{name}"),
                Field::ULong(word) => {
                    assert_eq!(Some(*word), super::program::number(cell), "{name}");
                }
                Field::Bool(flag) => assert_eq!(Some(*flag), cell.as_bool(), "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    assert_eq!(
        run(["batch", arg(&images), "--parquet", arg(&table)]).code,
        2
    );
}

#[test]
fn nothing_but_an_inventory_is_replaced() {
    let folder = Folder::new();
    let bytes = goldens()[0].bytes();
    let image = folder.file("a.sav", &bytes);
    let link = folder.path("link");
    std::os::unix::fs::symlink("a.sav", &link).expect("a link");
    let text = folder.file("precious.txt", b"precious\n");
    for (out, resume) in [
        (&image, false),
        (&link, false),
        (&image, true),
        (&link, true),
        (&text, false),
    ] {
        let args = ["batch", arg(&image), "-o", arg(out)];
        let refused = run(args.into_iter().chain(resume.then_some("--resume")));
        assert_eq!(refused.code, 2, "{refused:?}");
        assert_eq!(refused.err.lines().count(), 1, "{refused:?}");
        assert!(refused.err.contains("would be lost"), "{refused:?}");
        assert!(fs::read(&image).expect("the image") == *bytes);
        assert_eq!(fs::read(&text).expect("the file"), b"precious\n");
    }
    // Its own lines are, be it those of a run that was interrupted at its first.
    let out = folder.path("out.jsonl");
    for there in ["", "{\"schema\":\"ia64sa"] {
        fs::write(&out, there).expect("a file");
        for _ in 0..2 {
            let done = run(["batch", arg(&image), "-o", arg(&out)]);
            assert_eq!(done.code, 0, "{done:?}");
            let text = fs::read_to_string(&out).expect("the lines");
            assert_eq!(text.lines().count(), 1);
        }
    }
}

#[test]
fn an_inventory_in_a_folder_of_images_is_none_of_them() {
    let folder = Folder::new();
    folder.file("a.sav", &goldens()[0].bytes());
    let (images, out) = (folder.path(""), folder.path("inventory"));
    let args = ["batch", "--all", arg(&images), "-o", arg(&out)];
    assert_eq!(run(args).code, 0);
    let text = fs::read_to_string(&out).expect("the lines");
    assert_eq!(run(args).code, 2, "it would be read and written");
    let on = run(args.into_iter().chain(["--resume"]));
    assert_eq!(on.code, 0, "{on:?}");
    assert_eq!(fs::read_to_string(&out).expect("the lines"), text);
}

#[test]
fn a_path_that_leads_nowhere_does_not_stop_the_rest() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    fs::create_dir(folder.path("images")).expect("a folder");
    folder.file("images/b.sav", &goldens()[0].bytes());
    let locked = folder.path("images/a");
    fs::create_dir(&locked).expect("a folder");
    let allow = |mode| fs::set_permissions(&locked, fs::Permissions::from_mode(mode));
    allow(0o000).expect("a mode");
    // Not for root.
    let is_locked = fs::read_dir(&locked).is_err();
    let (none, images) = (folder.path("none.sav"), folder.path("images"));
    let done = run(["batch", arg(&none), arg(&images)]);
    allow(0o700).expect("a mode");
    assert_eq!(done.code, 4, "{done:?}");
    let rows = lines(&done.out);
    assert_eq!(rows.len(), 2 + usize::from(is_locked), "{done:?}");
    assert_eq!(rows["none.sav"]["verdict"], "unreadable");
    let why = rows["none.sav"]["first_error"].as_str().expect("a reason");
    assert!(why.contains("none.sav: "), "{why}");
    assert_eq!(rows["b.sav"]["complete"], true);
    if is_locked {
        assert_eq!(rows["a"]["verdict"], "unreadable");
    }
    let names = |row: &Value| row.as_object().map(|row| row.keys().cloned().collect());
    let names: Vec<Option<Vec<String>>> = rows.values().map(names).collect();
    assert!(names.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn what_makes_no_sense_is_usage() {
    let folder = Folder::new();
    let image = folder.file("a.sav", &goldens()[0].bytes());
    let refused = run(["batch", arg(&image), "-"]);
    assert_eq!((refused.code, &refused.out[..]), (2, ""), "{refused:?}");
    let help = run(["batch", "--help"]).out;
    for extension in [".image", ".dump", ".ia64", ".xz"] {
        assert!(help.contains(extension), "{extension}: {help}");
    }
    #[cfg(feature = "parquet")]
    {
        let table = folder.path("t.parquet");
        let refused = run(["batch", arg(&image), "--parquet", arg(&table)]);
        assert_eq!((refused.code, &refused.out[..]), (2, ""), "{refused:?}");
        let out = folder.path("out");
        let over = [
            "batch",
            arg(&image),
            "-o",
            arg(&out),
            "--parquet",
            arg(&image),
        ];
        assert_eq!(run(over).code, 2);
        assert!(fs::read(&image).expect("the image") == *goldens()[0].bytes());
        assert!(!table.exists() && !out.exists());
    }
}
