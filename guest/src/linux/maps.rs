//! The address space of a process.

use std::collections::HashSet;

use super::{Error, Kernel, Task};

/// How many directories a path may lie in.
const DEPTH: usize = 64;
/// The longest name in a directory.
const NAME: usize = 256;
/// Kinds of access, as bits of `vm_flags`.
const READ: u64 = 1;
const WRITE: u64 = 2;
const EXECUTE: u64 = 4;
const SHARED: u64 = 8;

/// A part of an address space that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its first address.
    pub start: u64,
    /// The address behind it.
    pub end: u64,
    /// `vm_flags`.
    pub flags: u64,
    /// Byte of the file that is at `start`.
    pub offset: Option<u64>,
    /// Path of its file within the file system that has it; or what the kernel uses it for: `"[heap]"`,
    /// `"[stack]"`.
    pub name: Option<String>,
}

impl Area {
    /// `"rw-p"`, as `/proc/PID/maps` has it.
    pub fn access(&self) -> String {
        let letter = |bit, letter| if self.flags & bit != 0 { letter } else { '-' };
        let shared = if self.flags & SHARED != 0 { 's' } else { 'p' };
        let letters = [letter(READ, 'r'), letter(WRITE, 'w'), letter(EXECUTE, 'x')];
        letters.into_iter().chain([shared]).collect()
    }
}

/// The areas of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maps {
    /// Ascending by address, as the kernel has them.
    pub areas: Vec<Area>,
    /// Why there may be more.
    pub broken: Option<String>,
}

impl Kernel<'_> {
    /// The areas of a process.
    ///
    /// # Errors
    /// It is a kernel thread, or the kernel file lacks a member.
    pub fn maps(&self, task: &Task) -> Result<Maps, Error> {
        let mm = task.mm.ok_or(Error::NoAddressSpace(task.pid))?;
        let field = |path| self.field("vm_area_struct", path);
        let (start, end, flags) = (field("vm_start")?, field("vm_end")?, field("vm_flags")?);
        let next = field("vm_next")?;
        let page_offset = field("vm_pgoff").ok();
        let first = self.field("mm_struct", "mmap")?;
        let of_mm = |path| {
            let field = self.field("mm_struct", path).ok()?;
            self.member(mm, &field, String::new).ok()
        };
        let heap = of_mm("start_brk").zip(of_mm("brk"));
        let stack = of_mm("start_stack");
        let mut maps = Maps {
            areas: Vec::new(),
            broken: None,
        };
        let mut at = self.member(mm, &first, || format!("mm_struct at {mm:#x}, mmap"))?;
        let mut seen = HashSet::new();
        while at != 0 {
            if !seen.insert(at) {
                maps.broken = Some(format!("the list of areas leads back to {at:#x}"));
                break;
            }
            if maps.areas.len() >= self.most {
                maps.broken = Some(format!("more than {} areas", self.most));
                break;
            }
            let what = || format!("vm_area_struct at {at:#x}");
            let read = || {
                let area = Area {
                    start: self.member(at, &start, what)?,
                    end: self.member(at, &end, what)?,
                    flags: self.member(at, &flags, what)?,
                    offset: None,
                    name: None,
                };
                Ok::<_, Error>((area, self.member(at, &next, what)?))
            };
            let (mut area, behind) = match read() {
                Ok(read) => read,
                Err(error) => {
                    maps.broken = Some(error.to_string());
                    break;
                }
            };
            area.name = self.file_of(at).ok().flatten();
            if area.name.is_some() {
                let pages = page_offset.as_ref();
                let pages = pages.and_then(|field| self.member(at, field, what).ok());
                area.offset = pages
                    .zip(self.page_size())
                    .map(|(n, size)| n.wrapping_mul(size));
            } else if heap.is_some_and(|(from, to)| area.start < to && area.end > from) {
                area.name = Some("[heap]".into());
            } else if stack.is_some_and(|at| (area.start..area.end).contains(&at)) {
                area.name = Some("[stack]".into());
            }
            maps.areas.push(area);
            at = behind;
        }
        Ok(maps)
    }

    /// Bytes of a page: of the kernel's one page of zeros.
    fn page_size(&self) -> Option<u64> {
        let (_, size) = self.symbols.named("empty_zero_page")?;
        size.is_power_of_two().then_some(size)
    }

    /// The path of the file that is mapped. `None` where there is none.
    fn file_of(&self, area: u64) -> Result<Option<String>, Error> {
        let what = || format!("the file of the area at {area:#x}");
        let file = self.field("vm_area_struct", "vm_file")?;
        let file = self.member(area, &file, what)?;
        if file == 0 {
            return Ok(None);
        }
        // `f_dentry` before 2.6.20.
        let entry = self
            .field("file", "f_path.dentry")
            .or_else(|error| self.field("file", "f_dentry").map_err(|_| error))?;
        let name = self.field("dentry", "d_name.name")?;
        let parent = self.field("dentry", "d_parent")?;
        let mut entry = self.member(file, &entry, what)?;
        let mut names = Vec::new();
        for _ in 0..DEPTH {
            let above = self.member(entry, &parent, what)?;
            let text = self.member(entry, &name, what)?;
            if above == entry {
                break;
            }
            names.push(self.text(text, NAME, what)?);
            entry = above;
        }
        names.reverse();
        Ok(Some(format!("/{}", names.join("/"))))
    }
}
