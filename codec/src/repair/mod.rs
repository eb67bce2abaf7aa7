//! What may be done about a damaged file, without making anything up.
//!
//! | file | what it mends |
//! |---|---|
//! | `stream` | streams that end early or lost their way: version, counts, terminator, rounds of Remus |
//! | `head` | `p2m_size`, `arch_setup.maxmem`, the memory map |
//! | `pages` | page records and the unallocated list |
//! | `tail` | the vcpumap, pfns that can be looked up, the size of the HVM context, what trails |
//!
//! [`candidates`] looks at a file and at what is wrong with it, and proposes [`Repair`]s: bytes to be
//! put in the place of others, each with what it changes or loses. It proposes only what the file
//! itself says elsewhere (a count by its list, a size by the records, an address by the page that
//! lies there) or what all savers wrote there. Vcpus, their registers and the state of devices are never made
//! up: where one of them is missing, nothing is proposed.
//!
//! Some proposals are values of one word of which the file does not say the right one ([`Choice`]): the
//! version. Where several leave the stream as whole, the one that is a flipped bit away is taken; where
//! that does not tell either, a caller has to ask.
//!
//! A proposal may be wrong. A caller applies each, reads the results, and takes the one that leaves the
//! stream whole and the fewest errors; it goes on until there are none, or no proposal helps:
//!
//! ```text
//!   read, check --- no errors ---> done
//!       ^     |
//!       |     +---> candidates: the one that leaves fewest errors +--- none ---> refuse
//!       |                                                         |
//!       +------------------------- apply -------------------------+
//! ```

mod head;
mod pages;
mod stream;
mod tail;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::check::Report;
use crate::code::{Code, Severity};
use crate::dialect::{Guest, Version};
use crate::file::SaveFile;

/// Bytes to be put in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Where, in the file.
    pub offset: u64,
    /// How many bytes go.
    pub remove: u64,
    /// What comes.
    pub insert: Vec<u8>,
}

/// What a repair does, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Something that was in the file is gone; otherwise it only reads differently.
    pub lost: bool,
    /// Which part: `memmap.efi_memmap_size`.
    pub path: String,
    /// Where it is, in the file that the repair is for.
    pub offset: u64,
    /// A number that was there, and the one that is there instead.
    pub number: Option<(u64, u64)>,
    /// What is done, or why a number is another.
    pub what: String,
}

/// One thing that may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// Ascending, without overlap.
    pub splices: Vec<Splice>,
    /// What they do.
    pub notes: Vec<Note>,
    /// It chooses one of several values that a word may have had; the others are proposed as well.
    pub choice: Option<Choice>,
}

/// One of several values that a word may have had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The word: `version`.
    pub path: &'static str,
    /// The value.
    pub value: u64,
    /// Bits in which what is there differs from it; `None` where the word is wiped, so that it is no
    /// evidence.
    pub bits: Option<u32>,
}

impl Choice {
    /// Whether this value is more likely than another that leaves a stream as whole: it is one bit from what
    /// is there, and the other is not. Of words that differ in more, nobody knows how they came about.
    pub fn is_likelier(&self, other: &Choice) -> bool {
        self.bits == Some(1) && other.bits != Some(1)
    }
}

/// What the user knows better than the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    /// The version word.
    pub version: Option<Version>,
}

impl Repair {
    /// Whether another chooses another value of the same word.
    pub fn is_rival(&self, other: &Repair) -> bool {
        let (Some(own), Some(others)) = (&self.choice, &other.choice) else {
            return false;
        };
        own.path == others.path && own.value != others.value
    }

    /// Other bytes for as many.
    fn put(offset: u64, bytes: &[u8], path: &str, what: String) -> Repair {
        Repair {
            splices: alloc::vec![Splice {
                offset,
                remove: bytes.len() as u64,
                insert: bytes.to_vec(),
            }],
            notes: alloc::vec![Note {
                lost: false,
                path: path.into(),
                offset,
                number: None,
                what,
            }],
            choice: None,
        }
    }

    /// Has the note say which number is another, where it is one.
    fn look_up_number(&mut self, read: &mut dyn FnMut(u64, usize) -> Vec<u8>) {
        let ([splice], [note]) = (&self.splices[..], &mut self.notes[..]) else {
            return;
        };
        let size = splice.insert.len();
        // The memory map's header has two of them, of which the first is meant.
        if note.lost || splice.remove != size as u64 || !matches!(size, 4 | 8 | 16) {
            return;
        }
        let size = size.min(8);
        let number = |bytes: &[u8]| {
            let mut word = [0; 8];
            word.get_mut(..size)?.copy_from_slice(bytes.get(..size)?);
            Some(u64::from_le_bytes(word))
        };
        note.number = number(&read(splice.offset, size)).zip(number(&splice.insert));
    }

    /// Bytes that go.
    fn drop(offset: u64, remove: u64, path: &str, what: String) -> Repair {
        Repair {
            splices: alloc::vec![Splice {
                offset,
                remove,
                insert: Vec::new(),
            }],
            notes: alloc::vec![Note {
                lost: true,
                path: path.into(),
                offset,
                number: None,
                what,
            }],
            choice: None,
        }
    }
}

/// A file, what is wrong with it, and a way to read it.
struct Patient<'a> {
    file: &'a SaveFile,
    report: &'a Report,
    answers: Answers,
    read: &'a mut dyn FnMut(u64, usize) -> Vec<u8>,
}

impl Patient<'_> {
    /// Whether a check complained of this.
    fn has(&self, code: Code) -> bool {
        self.report.findings.iter().any(|found| found.code == code)
    }

    fn has_any(&self, codes: &[Code]) -> bool {
        codes.iter().any(|code| self.has(*code))
    }
}

/// Whether a check complained of something that a repair is for: an error, or what trails.
pub fn is_wanted(report: &Report) -> bool {
    report.findings.iter().any(|found| {
        found.severity == Severity::Error
            || (found.severity == Severity::Warning && found.code == Code::TrailingBytes)
    })
}

/// How bad it is: streams that are not whole are worse than any number of errors.
pub fn badness(file: &SaveFile, report: &Report) -> u64 {
    let errors = report
        .findings
        .iter()
        .filter(|found| found.severity == Severity::Error || found.code == Code::TrailingBytes);
    let more = report.suppressed.iter();
    let more = more.filter(|(code, _)| code.severity() == Severity::Error);
    let errors = errors.count() as u64 + more.map(|(_, count)| *count).sum::<u64>();
    if file.image.error.is_some() || file.image.first().is_none() {
        u64::MAX
    } else {
        errors
    }
}

/// What a stream that is not whole has no more of: parts that nobody can make up.
pub fn missing(file: &SaveFile) -> Vec<String> {
    let image = &file.image;
    let whole = image
        .checkpoints
        .iter()
        .any(|checkpoint| checkpoint.complete);
    let Some(last) = image.checkpoints.last().filter(|_| !whole) else {
        return match image.first() {
            Some(_) => Vec::new(),
            None => alloc::vec!["everything behind the head".into()],
        };
    };
    let mut all = Vec::new();
    let mut ask = |there: bool, what: String| {
        if !there {
            all.push(what);
        }
    };
    ask(
        last.pages.terminator().is_some(),
        "the end of the page records".into(),
    );
    let list = last.unallocated.as_ref();
    let listed = list.is_some_and(|list| u64::from(list.count) == list.len());
    ask(listed, "the unallocated list".into());
    let maps = image.read_as().is_none_or(|dialect| {
        image
            .guest()
            .is_some_and(|guest| dialect.has_vcpumap(guest))
    });
    match &last.vcpumap {
        Some(map) => {
            for id in map.online() {
                let vcpu = last.vcpus.iter().find(|vcpu| vcpu.id == id);
                ask(vcpu.is_some(), format!("the context of vcpu {id}"));
                let pv = image.guest() == Some(Guest::Pv);
                let shared = vcpu.is_some_and(|vcpu| vcpu.privregs.is_some());
                ask(!pv || shared, format!("the privregs page of vcpu {id}"));
            }
        }
        None => ask(
            !maps && !last.vcpus.is_empty(),
            "the contexts of all vcpus".into(),
        ),
    }
    ask(last.shared_info.is_some(), "shared_info".into());
    if image.guest() == Some(Guest::Hvm) {
        ask(last.magic_pfns.is_some(), "the magic pfns".into());
        ask(
            last.hvm_context.is_some(),
            "the state of the devices (HVM context)".into(),
        );
    }
    all
}

/// What may be done next, the best first. `read` gives so many bytes of the file at an offset, or
/// fewer where it ends.
pub fn candidates(
    file: &SaveFile,
    report: &Report,
    answers: Answers,
    read: &mut dyn FnMut(u64, usize) -> Vec<u8>,
) -> Vec<Repair> {
    let mut patient = Patient {
        file,
        report,
        answers,
        read,
    };
    let mut all = Vec::new();
    if file.image.error.is_some() {
        stream::broken(&mut patient, &mut all);
    } else {
        head::proposals(&patient, &mut all);
        pages::proposals(&patient, &mut all);
        tail::proposals(&mut patient, &mut all);
        stream::misread(&mut patient, &mut all);
    }
    for repair in &mut all {
        repair.look_up_number(read);
    }
    all
}
