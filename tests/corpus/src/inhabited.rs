//! An image of any size with the small kernel in it, for benchmarks: the memory of one of its images, more
//! pages behind that, and a process that has them mapped.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ia64save_codec::PAGE_SIZE;
use ia64save_codec::image::{Image, Options};
use serde_json::Value;

use crate::files::{Guestk, guestks};
use crate::large::{Fill, noise};

const PAGE: u64 = PAGE_SIZE as u64;
/// Bytes of a page record.
const RECORD: u64 = 8 + PAGE;
/// Entries of a page of tables.
const ENTRIES: u64 = PAGE / 8;
/// Where the process has the pages: region 3, in a part of it that the kernel's own tests leave free.
pub const USER: u64 = 0x6000_0100_0000_0000;
/// The process that has them.
pub const PID: u64 = 41;
/// An entry of a table without its page: present, accessed, dirty, all of it for everybody; no exceptions
/// deferred away.
const PRESENT: u64 = 1 << 52 | 0x7e1;
/// Pages that lie together; runs come in an order of their own.
const RUN: u64 = 16;

/// An image with a kernel in it.
#[derive(Clone, Debug)]
pub struct Inhabited {
    guestk: Guestk,
    /// Pages of guest memory behind the kernel's.
    more: u64,
    /// Pages of them that the process has mapped.
    mapped: u64,
}

impl Inhabited {
    /// The plan for so many bytes of guest memory, of which the process has so many. `None` where the
    /// images of the kernel are not here.
    pub fn of_size(bytes: u64, mapped: u64) -> Option<Self> {
        let all = guestks().into_iter();
        let mut cold = all.filter(|guestk| guestk.name == "xen34-cold");
        let guestk = cold.next()?;
        let own = guestk.truth["memory"]["pages"].as_u64()?;
        let mapped = (mapped / PAGE).next_multiple_of(RUN);
        let tables = tables(mapped);
        let more = (bytes / PAGE).saturating_sub(own).max(tables + mapped);
        Some(Inhabited {
            guestk,
            more,
            mapped,
        })
    }

    /// The image that it begins with, which names the kernel.
    pub fn guestk(&self) -> &Guestk {
        &self.guestk
    }

    /// Bytes that the process has mapped at [`USER`].
    pub fn mapped(&self) -> u64 {
        self.mapped * PAGE
    }

    /// Writes it to a file; what fills the pages that are new does not fill their tables.
    pub fn write(&self, file: &mut File, fill: Fill) -> io::Result<()> {
        let broken = |what: &str| io::Error::other(format!("{}: {what}", self.guestk.name));
        let bytes = self.guestk.bytes();
        let image = Image::parse(&bytes, &Options::default());
        let checkpoint = image.first().ok_or_else(|| broken("no domain"))?;
        let pages = &checkpoint.pages;
        let end = pages.record_offset(pages.len().saturating_sub(1)) + RECORD;
        let first = self.guestk.truth["memory"]["pages"].as_u64();
        let first = first.ok_or_else(|| broken("no size"))?;
        file.set_len(bytes.len() as u64 + self.more * RECORD)?;
        let mut head = bytes[..end as usize].to_vec();
        // p2m_size, maxmem, and the one descriptor of RAM.
        let added = [(0, 1), (16 + 16, PAGE), (16 + 40 + 4 + 48, PAGE / 4096)];
        for (at, unit) in added {
            let value = word(&head, at) + self.more * unit;
            set(&mut head, at, value);
        }
        let directory = self.directory().ok_or_else(|| broken("no such process"))?;
        let place = pages.records(directory / PAGE).next_back();
        let place = place.map(|record| pages.page_offset(record));
        let place = place.ok_or_else(|| broken("no page directory"))?;
        let entry = USER >> 61 << 8 | USER >> 36 & 0xff;
        set(&mut head, (place + entry * 8) as usize, first * PAGE);
        file.write_all_at(&head, 0)?;
        let mut page = vec![0; PAGE_SIZE];
        for number in 0..self.more {
            let (gmfn, at) = (first + number, end + number * RECORD);
            file.write_all_at(&gmfn.to_le_bytes(), at)?;
            if number < tables(self.mapped) {
                self.table(first, number, &mut page);
            } else {
                match fill {
                    Fill::Holes => continue,
                    Fill::Zeros => page.fill(0),
                    Fill::Data => noise(gmfn, &mut page),
                }
            }
            file.write_all_at(&page, at + 8)?;
        }
        file.write_all_at(&bytes[end as usize..], end + self.more * RECORD)
    }

    /// A page of tables: the middle directory first, then those that map pages.
    fn table(&self, first: u64, number: u64, page: &mut [u8]) {
        page.fill(0);
        let behind = first + tables(self.mapped);
        let entries = (0..ENTRIES).map(|entry| {
            if number == 0 {
                return (entry < tables(self.mapped) - 1).then(|| (first + 1 + entry) * PAGE);
            }
            let mapped = (number - 1) * ENTRIES + entry;
            // The last run of memory comes first.
            let run = (self.mapped / RUN).checked_sub(1 + mapped / RUN)?;
            let physical = (behind + run * RUN + mapped % RUN) * PAGE;
            Some(PRESENT | physical)
        });
        for (entry, word) in entries.enumerate() {
            set(page, entry * 8, word.unwrap_or(0));
        }
    }

    /// The guest physical address of the process's page directory.
    pub fn directory(&self) -> Option<u64> {
        let mut all = self.guestk.truth["processes"].as_array()?.iter();
        let own = all.find(|process| process["pid"].as_u64() == Some(PID))?;
        address(&own["pgd_pa"])
    }
}

/// Pages of tables for so many pages: a middle directory, and what it names.
fn tables(mapped: u64) -> u64 {
    1 + mapped.div_ceil(ENTRIES)
}

fn address(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn word(bytes: &[u8], offset: usize) -> u64 {
    let word = bytes[offset..offset + 8].try_into();
    word.map_or(0, u64::from_le_bytes)
}

fn set(bytes: &mut [u8], offset: usize, value: u64) {
    bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ia64save_codec::check;
    use ia64save_codec::memory::Memory;
    use ia64save_codec::translate::View;

    use super::*;

    #[test]
    fn every_page_of_the_process_is_mapped_once_and_the_image_is_sound() {
        let plan = Inhabited::of_size(128 << 20, 64 << 20).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        plan.write(file.as_file_mut(), Fill::Holes).unwrap();
        let bytes = Bytes::from(std::fs::read(file.path()).unwrap());
        let image = Image::parse(&bytes, &Options::default());
        assert_eq!(image.error, None);
        let report = check::run(&image, &check::CheckOptions::default());
        assert_eq!(
            report.verdict,
            check::Verdict::Valid,
            "{:?}",
            report.findings
        );
        let memory = Memory::new(&image, 0);
        assert!(memory.pages() >= (128 << 20) / PAGE - 1);
        let view = View::new(&memory, 0, 0).unwrap();
        let view = view.with_directory(plan.directory().unwrap());
        let mut seen = std::collections::BTreeSet::new();
        for at in (USER..USER + plan.mapped()).step_by(PAGE_SIZE) {
            let to = view.translate(at).unwrap();
            assert!(to.offset.is_some());
            assert!(seen.insert(to.physical.unwrap()));
        }
        assert!(view.translate(USER + plan.mapped()).is_err());
    }
}
