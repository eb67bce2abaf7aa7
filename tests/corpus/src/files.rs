//! The files beside this crate.
//!
//! `golden/NAME.sav.zst` was written by Xen's own code (`real*`: on the real hypervisor, the others
//! over a simulated domain); `NAME.json` says what is in it, with every offset, and
//! `NAME.restore.json`, where there is one, what the original restore made of it. `hostile/NAME.sav.zst` is bad in one
//! way, which `hostile/INDEX.tsv` names. `guestk/NAME.sav.zst` has a whole kernel in it, and
//! `NAME.truth.json` says what is where in its address spaces.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ia64save_codec::{Dialect, Era, Guest};
use serde_json::Value;

use crate::generate::Section;

/// An image written by Xen's own code.
#[derive(Clone, Debug)]
pub struct Golden {
    /// `"r340-pv-live-8vcpu-holes"`.
    pub name: String,
    /// What is in the image.
    pub truth: Value,
    /// What the original restore of its era made of it, where one was run.
    pub restore: Option<Value>,
}

impl Golden {
    /// The image.
    pub fn bytes(&self) -> Bytes {
        decompress(&path("golden", &self.name, "sav.zst"))
    }

    /// Its parts, in the order of the stream.
    pub fn sections(&self) -> Vec<Section> {
        let number = |value: &Value| value.as_u64().expect("a number");
        let sections = self.truth["sections"].as_array().expect("sections");
        sections
            .iter()
            .map(|section| Section {
                name: section[0].as_str().expect("a name").to_string(),
                checkpoint: 0,
                offset: number(&section[1]),
                size: number(&section[2]),
                records: number(&self.truth["pages"]["num_records"]),
            })
            .collect()
    }

    /// The dialect that wrote it.
    pub fn dialect(&self) -> Dialect {
        self.era().dialect()
    }

    /// What the original restore made of it.
    ///
    /// # Panics
    /// If none was run.
    pub fn restored(&self) -> &Value {
        self.restore.as_ref().expect("the original restored it")
    }

    /// The era that wrote it.
    pub fn era(&self) -> Era {
        match self.truth["sub_era"].as_str() {
            // A development tree of 2010, whose contexts are those of 3.4.
            Some("D41") => Era::D11B,
            Some(id) => id.parse().expect("an era"),
            None => era_of(self.name.split('-').next().unwrap_or_default()),
        }
    }

    /// Its registers, privregs and shared_info are those that a real hypervisor gave.
    pub fn is_of_a_real_hypervisor(&self) -> bool {
        self.name.starts_with("real")
    }

    /// The kind of guest.
    pub fn guest(&self) -> Guest {
        let mode = self.truth["mode"].as_str().expect("a mode");
        mode.parse().expect("pv or hvm")
    }
}

/// An image of a small kernel that lays memory out as Linux does, made on a real hypervisor.
#[derive(Clone, Debug)]
pub struct Guestk {
    /// `"xen34-2vcpu"`.
    pub name: String,
    /// What the guest itself and its source say: translations, registers, stacks, backtraces, processes,
    /// log. Addresses and words are hexadecimal texts.
    pub truth: Value,
}

impl Guestk {
    /// The image.
    pub fn bytes(&self) -> Bytes {
        decompress(&path("guestk", &self.name, "sav.zst"))
    }

    /// The kernel that ran in it: an ELF file with symbols, DWARF and unwind tables.
    pub fn kernel(&self) -> Bytes {
        let name = if self.name.ends_with("-64m") {
            "guestk-64m"
        } else {
            "guestk"
        };
        guestk_program(name)
    }
}

/// The images of the small kernel, by name.
pub fn guestks() -> Vec<Guestk> {
    let names = names("guestk");
    let of = |name: String| Guestk {
        truth: json(&path("guestk", &name, "truth.json")),
        name,
    };
    names.into_iter().map(of).collect()
}

/// A program of them: `guestk`, `guestk-64m`, and `user`, which its processes run.
pub fn guestk_program(name: &str) -> Bytes {
    decompress(&path("guestk", name, "elf.zst"))
}

/// A bad image.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// The name of its defect.
    pub name: String,
    /// Era of the tool that would read it, as in the names of the goldens.
    pub era: String,
    /// How the original restore was told to read it.
    pub guest: Guest,
    /// What is wrong with it.
    pub what_is_wrong: String,
    /// Where; `None` where that is no one place.
    pub offset: Option<u64>,
    /// What a checker should say.
    pub verdict: Verdict,
    /// What the original restore did.
    pub original: String,
}

impl Hostile {
    /// The image.
    pub fn bytes(&self) -> Bytes {
        decompress(&path("hostile", &self.name, "sav.zst"))
    }

    /// The dialect of its era.
    pub fn dialect(&self) -> Dialect {
        era_of(&self.era).dialect()
    }

    /// Whether its defect is that it ends too early.
    pub fn is_truncated(&self) -> bool {
        self.name.starts_with("trunc-") || self.name == "empty-file"
    }
}

/// What a checker should say about a bad image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An error.
    Invalid,
    /// A warning at least.
    NotClean,
    /// Nothing: the image is good and was given to the wrong tool.
    Valid,
    /// Anything.
    Any,
}

/// Every golden image, by name.
pub fn goldens() -> Vec<Golden> {
    names("golden").iter().map(|name| golden(name)).collect()
}

/// The images of a folder, by name.
fn names(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root(folder))
        .expect("the corpus is there")
        .map(|entry| entry.expect("a readable directory").file_name())
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".sav.zst")?.to_string()))
        .collect();
    names.sort();
    names
}

/// Those that the original restore of their era was run on.
pub fn restored_goldens() -> Vec<Golden> {
    let all = goldens().into_iter();
    all.filter(|golden| golden.restore.is_some()).collect()
}

/// One golden image.
///
/// # Panics
/// If there is none of that name.
pub fn golden(name: &str) -> Golden {
    let restore = path("golden", name, "restore.json");
    Golden {
        name: name.to_string(),
        truth: json(&path("golden", name, "json")),
        restore: restore.exists().then(|| json(&restore)),
    }
}

/// Every bad image, in the order of the index, which is that of the stream.
pub fn hostile() -> Vec<Hostile> {
    let index = root("hostile").join("INDEX.tsv");
    let index = fs::read_to_string(&index).unwrap_or_else(|e| panic!("{}: {e}", index.display()));
    let mut lines = index.lines();
    let columns = "name\tera\tguest\twhat_is_wrong\toffset\tverdict\twhat_the_original_restore_did";
    assert_eq!(lines.next(), Some(columns));
    lines.map(hostile_row).collect()
}

fn hostile_row(row: &str) -> Hostile {
    let [name, era, guest, what, offset, verdict, original] =
        row.split('\t').collect::<Vec<_>>()[..]
    else {
        panic!("seven columns: {row}");
    };
    Hostile {
        name: name.to_string(),
        era: era.to_string(),
        guest: guest.parse().expect("pv or hvm"),
        what_is_wrong: what.to_string(),
        offset: (offset != "-").then(|| offset.parse().expect("a number")),
        verdict: match verdict {
            "invalid" => Verdict::Invalid,
            "not-clean" => Verdict::NotClean,
            "valid" => Verdict::Valid,
            "any" => Verdict::Any,
            other => panic!("verdict {other}"),
        },
        original: original.to_string(),
    }
}

/// The era by the first word of a file's name.
fn era_of(name: &str) -> Era {
    match name {
        "v1old" | "real310" => Era::D1bF,
        "v1new" => Era::D3,
        "seed" => Era::D8A,
        "r320" | "real320" => Era::D10C,
        "r340" | "r410" | "real340" => Era::D11B,
        other => panic!("era {other}"),
    }
}

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn path(folder: &str, name: &str, extension: &str) -> PathBuf {
    root(folder).join(format!("{name}.{extension}"))
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn decompress(path: &Path) -> Bytes {
    let packed = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let bytes = zstd::decode_all(&packed[..]);
    bytes
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_golden_is_what_its_truth_says_it_is() {
        let all = goldens();
        assert_eq!(all.len(), 53);
        for golden in all {
            let size = golden.truth["file_size"].as_u64();
            assert_eq!(Some(golden.bytes().len() as u64), size, "{}", golden.name);
            assert!(golden.dialect().supports(golden.guest()), "{}", golden.name);
        }
    }

    #[test]
    fn every_image_of_the_small_kernel_has_its_truth_and_its_kernel() {
        let all = guestks();
        let names: Vec<_> = all.iter().map(|guestk| &guestk.name[..]).collect();
        let expected = ["xen32-cold", "xen34-2vcpu", "xen34-cold", "xen34-user"];
        assert_eq!(names, expected);
        for guestk in all {
            assert!(guestk.kernel().starts_with(b"\x7fELF"), "{}", guestk.name);
            assert!(guestk.bytes().len() > 3000 * 16384, "{}", guestk.name);
        }
    }

    #[test]
    fn every_bad_image_of_the_index_is_there_and_no_other() {
        let all = hostile();
        let there = fs::read_dir(root("hostile")).unwrap().count();
        assert_eq!(all.len() + 1, there, "images and the index");
        for bad in all {
            let size = bad.bytes().len() as u64;
            let within = bad.offset.is_none_or(|offset| offset <= size);
            assert!(within, "{}: {:?} of {size}", bad.name, bad.offset);
            if bad.is_truncated() {
                assert_eq!(bad.offset, Some(size), "{}", bad.name);
            }
        }
    }
}
