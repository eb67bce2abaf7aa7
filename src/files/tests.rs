use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::draft::Draft;
use super::file::{BUFFER, OutputFile};
use super::place::{Kind, complete, prefix};

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn takes_its_name_when_complete() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("out");
    let mut out = OutputFile::create(&target, false).unwrap();
    out.write_all(b"abc").unwrap();
    assert!(!target.exists());
    out.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"abc");
    assert_eq!(names(directory.path()), ["out"]);
}

#[test]
fn holes_read_as_zeros_and_nobody_else_reads() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("out");
    let mut out = OutputFile::create(&target, false).unwrap();
    out.hole(5).unwrap();
    out.write_all(b"abc").unwrap();
    out.hole(1 << 20).unwrap();
    out.write_all(b"d").unwrap();
    out.hole(2).unwrap();
    out.commit().unwrap();
    let written = fs::read(&target).unwrap();
    assert_eq!(written.len(), 5 + 3 + (1 << 20) + 1 + 2);
    assert_eq!(
        (&written[4..9], written[8 + (1 << 20)]),
        (&b"\0abc\0"[..], b'd')
    );
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn leaves_nothing_behind_when_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let mut out = OutputFile::create(&directory.path().join("out"), false).unwrap();
    out.write_all(&vec![1; BUFFER * 2]).unwrap();
    drop(out);
    assert!(names(directory.path()).is_empty());
}

#[test]
fn replaces_only_by_force_and_keeps_the_mode() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("out");
    fs::write(&target, "old").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    let error = OutputFile::create(&target, false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("out: the file exists"));

    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let mut out = OutputFile::create(&link, true).unwrap();
    out.write_all(b"new").unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"old");
    out.commit().unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(names(directory.path()), ["link", "out"]);
}

#[test]
fn does_not_replace_what_came_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("out");
    let out = OutputFile::create(&target, false).unwrap();
    fs::write(&target, "theirs").unwrap();
    assert_eq!(
        out.commit().unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
    assert_eq!(names(directory.path()), ["out"]);
}

#[test]
fn devices_are_written_to_and_directories_are_not() {
    let mut out = OutputFile::create(Path::new("/dev/null"), false).unwrap();
    out.write_all(b"abc").unwrap();
    out.commit().unwrap();
    let directory = tempfile::tempdir().unwrap();
    assert!(OutputFile::create(directory.path(), true).is_err());
    assert!(OutputFile::create(&directory.path().join("no/such"), true).is_err());
}

#[test]
fn names_of_any_length_work_with_and_without_names_beside_them() {
    for named in [false, true] {
        for len in [1, 99, 100, 101, 243, 250, 255] {
            let directory = tempfile::tempdir().unwrap();
            let target = directory.path().join("n".repeat(len));
            for content in ["one", "two"] {
                let draft = if named {
                    Draft::with_name(directory.path(), &prefix(&target).unwrap(), 0o600)
                } else {
                    Draft::new(directory.path(), &prefix(&target).unwrap(), 0o600)
                };
                let mut file = BufWriter::new(draft.unwrap());
                file.write_all(content.as_bytes()).unwrap();
                complete(file, &target, true, Kind::Durable).unwrap();
                assert_eq!(fs::read_to_string(&target).unwrap(), content);
                assert_eq!(names(directory.path()).len(), 1);
            }
        }
    }
}

#[test]
fn a_file_with_a_name_beside_its_target_does_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("out");
    let draft = || {
        let draft = Draft::with_name(directory.path(), &prefix(&target).unwrap(), 0o600);
        let mut file = BufWriter::new(draft.unwrap());
        file.write_all(b"abc").unwrap();
        file
    };
    let dropped = draft();
    assert!(names(directory.path())[0].starts_with(".out."));
    drop(dropped);
    assert!(names(directory.path()).is_empty());
    complete(draft(), &target, false, Kind::Durable).unwrap();
    let error = complete(draft(), &target, false, Kind::Durable).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(names(directory.path()), ["out"]);
}

#[test]
fn a_link_that_leads_nowhere_gets_its_file_where_it_leads() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    std::os::unix::fs::symlink("folder/file", path("second")).unwrap();
    std::os::unix::fs::symlink("second", path("first")).unwrap();
    let error = OutputFile::create(&path("first"), false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    OutputFile::create(&path("first"), true)
        .unwrap()
        .commit()
        .unwrap();
    assert!(path("folder/file").is_file());
    assert!(fs::symlink_metadata(path("first")).unwrap().is_symlink());
    std::os::unix::fs::symlink("loop", path("loop")).unwrap();
    assert!(OutputFile::create(&path("loop"), true).is_err());
}

#[test]
fn other_names_of_a_file_go_on_leading_to_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("out"), "old").unwrap();
    fs::hard_link(path("out"), path("other")).unwrap();
    let mut out = OutputFile::create(&path("out"), true).unwrap();
    out.write_all(b"new").unwrap();
    out.commit().unwrap();
    assert_eq!(fs::read(path("out")).unwrap(), b"new");
    assert_eq!(fs::read(path("other")).unwrap(), b"old");
}

#[test]
fn the_umask_says_who_reads_what_holds_no_guest() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // What the umask is, a file made in the usual way tells.
    fs::write(path("plain"), "").unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
    let public = OutputFile::create_public(&path("public"), false).unwrap();
    public.commit().unwrap();
    assert_eq!(mode("public"), mode("plain"));
    let draft = Draft::with_name(directory.path(), OsStr::new(".x."), 0o666).unwrap();
    let file = BufWriter::new(draft);
    complete(file, &path("named"), false, Kind::Public).unwrap();
    assert_eq!(mode("named"), mode("plain"));
    OutputFile::create(&path("image"), false)
        .unwrap()
        .commit()
        .unwrap();
    assert_eq!(mode("image"), 0o600);
}

#[test]
fn the_first_free_name_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a"), "theirs").unwrap();
    let mut out = OutputFile::create(&path("a"), true).unwrap();
    out.write_all(b"ours").unwrap();
    let name = out.commit_as([path("a"), path("b"), path("c")]).unwrap();
    assert_eq!(name, path("b"));
    assert_eq!(fs::read(path("a")).unwrap(), b"theirs");
    assert_eq!(fs::read(path("b")).unwrap(), b"ours");
    let out = OutputFile::create(&path("a"), true).unwrap();
    assert!(out.commit_as([path("a"), path("b")]).is_err());
    assert_eq!(names(directory.path()), ["a", "b"]);
}
