//! What the kernel of a guest says of itself: the ELF notes that Xen's tools read.
//!
//! Source: `elfnote.h` of Xen's public headers, and the section `__xen_guest` that came before
//! the notes; both are in the kernel's file, uncompressed.

use core::fmt;

use super::ResumeMode;

/// Owner of the notes.
const OWNER: &[u8] = b"Xen\0";
/// The note that says that the kernel looks at what its suspend call returns.
const SUSPEND_CANCEL: u32 = 14;
/// The section that kernels had before there were notes, and beside them.
const SECTION: &[u8] = b"__xen_guest\0";
const EM_IA_64: u64 = 50;
const PT_NOTE: u64 = 4;
const SHT_NOTE: u64 = 7;

/// Why a file says nothing of how a guest goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// It is no ELF file of 64 bits, least significant byte first.
    NotElf,
    /// It is one for another machine: `e_machine`, where Itanium has 50.
    OtherMachine(u16),
    /// It ends before this offset, where its headers say that something is.
    Cut(u64),
    /// It has nothing of Xen in it: a kernel that never ran as a PV guest, or no kernel.
    NotXen,
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KernelError::NotElf => f.write_str(
                "expected a kernel as an ELF file of 64 bits, found something else (vmlinuz has to be unpacked)",
            ),
            KernelError::OtherMachine(machine) => {
                write!(f, "expected a kernel for Itanium (machine 50), found one for machine {machine}")
            }
            KernelError::Cut(offset) => {
                write!(f, "the file ends before byte {offset}, where its headers say that something is")
            }
            KernelError::NotXen => f.write_str(
                "expected notes of Xen or a section __xen_guest, found neither: is it the guest's kernel?",
            ),
        }
    }
}

impl core::error::Error for KernelError {}

impl ResumeMode {
    /// How a guest with this kernel goes on: [`Cancel`](ResumeMode::Cancel) where the kernel has the note
    /// `SUSPEND_CANCEL`, [`Reset`](ResumeMode::Reset) where it is a kernel for Xen without it.
    ///
    /// # Errors
    /// Where the file is no such kernel: nothing is concluded from what is not there.
    pub fn of_kernel(elf: &[u8]) -> Result<ResumeMode, KernelError> {
        let elf = Elf::new(elf)?;
        let mut is_xen = false;
        for (start, size) in elf.notes()? {
            let mut notes = elf.part(start, size)?;
            while let Some((note, rest)) = Note::first(notes) {
                notes = rest;
                if note.owner != OWNER {
                    continue;
                }
                is_xen = true;
                let says_no = note.bytes.len() == 4 && note.bytes == [0; 4];
                if note.kind == SUSPEND_CANCEL && !says_no {
                    return Ok(ResumeMode::Cancel);
                }
            }
        }
        if is_xen || elf.has_section()? {
            Ok(ResumeMode::Reset)
        } else {
            Err(KernelError::NotXen)
        }
    }
}

/// An ELF file, as far as notes go.
struct Elf<'a> {
    bytes: &'a [u8],
}

/// A table of headers: where it begins, the size of one, how many there are.
type Table = (u64, u64, u64);

impl<'a> Elf<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, KernelError> {
        // Class 64, least significant byte first.
        if !bytes.starts_with(b"\x7fELF\x02\x01") || bytes.len() < 64 {
            return Err(KernelError::NotElf);
        }
        let elf = Elf { bytes };
        match elf.number(18, 2)? {
            EM_IA_64 => Ok(elf),
            machine => Err(KernelError::OtherMachine(machine as u16)),
        }
    }

    fn part(&self, start: u64, size: u64) -> Result<&'a [u8], KernelError> {
        let end = start.checked_add(size).ok_or(KernelError::Cut(u64::MAX))?;
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let part = range.and_then(|(start, end)| self.bytes.get(start..end));
        part.ok_or(KernelError::Cut(end))
    }

    /// A number of up to 8 bytes.
    fn number(&self, at: u64, size: u64) -> Result<u64, KernelError> {
        let bytes = self.part(at, size)?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn segments(&self) -> Result<Table, KernelError> {
        Ok((
            self.number(32, 8)?,
            self.number(54, 2)?,
            self.number(56, 2)?,
        ))
    }

    fn sections(&self) -> Result<Table, KernelError> {
        Ok((
            self.number(40, 8)?,
            self.number(58, 2)?,
            self.number(60, 2)?,
        ))
    }

    /// Where notes are: start and size. Of segments first, then of sections: kernels have either.
    fn notes(&self) -> Result<impl Iterator<Item = (u64, u64)>, KernelError> {
        let mut found = alloc::vec::Vec::new();
        for (table, kind, wanted, place) in [
            (self.segments()?, 0, PT_NOTE, (8, 32)),
            (self.sections()?, 4, SHT_NOTE, (24, 32)),
        ] {
            let (start, size, count) = table;
            for index in 0..count {
                let header = start.saturating_add(index * size);
                if self.number(header.saturating_add(kind), 4)? == wanted {
                    let field = |at: u64| self.number(header.saturating_add(at), 8);
                    found.push((field(place.0)?, field(place.1)?));
                }
            }
        }
        Ok(found.into_iter())
    }

    /// Whether it has the section of the time before notes.
    fn has_section(&self) -> Result<bool, KernelError> {
        let (start, size, count) = self.sections()?;
        if count == 0 {
            return Ok(false);
        }
        let names = start.saturating_add(self.number(62, 2)? * size);
        let (names, length) = (
            self.number(names.saturating_add(24), 8)?,
            self.number(names.saturating_add(32), 8)?,
        );
        let names = self.part(names, length)?;
        for index in 0..count {
            let name = self.number(start.saturating_add(index * size), 4)? as usize;
            if names
                .get(name..)
                .is_some_and(|name| name.starts_with(SECTION))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

struct Note<'a> {
    owner: &'a [u8],
    kind: u32,
    bytes: &'a [u8],
}

impl<'a> Note<'a> {
    /// The first note, and what is behind it. Nothing where none is whole.
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_at_checked(12)?;
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        let (owner, bytes) = (word(0)? as usize, word(4)? as usize);
        let padded = owner.checked_next_multiple_of(4)?;
        let (name, rest) = rest.split_at_checked(padded)?;
        let note = Note {
            owner: name.get(..owner)?,
            kind: word(8)?,
            bytes: rest.get(..bytes)?,
        };
        // The last one may go without its padding.
        let behind = bytes.checked_next_multiple_of(4)?.min(rest.len());
        Some((note, rest.get(behind..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn note(owner: &[u8], kind: u32, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for word in [owner.len() as u32, bytes.len() as u32, kind] {
            out.extend(word.to_le_bytes());
        }
        for part in [owner, bytes] {
            out.extend(part);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    /// A file with a segment, or sections, of notes.
    fn elf(notes: &[u8], segments: bool, name: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 64];
        out[..6].copy_from_slice(b"\x7fELF\x02\x01");
        out[18] = 50;
        let notes_at = out.len() as u64;
        out.extend(notes);
        let names_at = out.len() as u64;
        out.push(0);
        out.extend(name);
        out.push(0);
        let names_size = out.len() as u64 - names_at;
        out.resize(out.len().next_multiple_of(8), 0);
        let table = out.len() as u64;
        if segments {
            let mut header = vec![0; 56];
            header[0] = 4;
            header[8..16].copy_from_slice(&notes_at.to_le_bytes());
            header[32..40].copy_from_slice(&(notes.len() as u64).to_le_bytes());
            out.extend(header);
            out[32..40].copy_from_slice(&table.to_le_bytes());
            (out[54], out[56]) = (56, 1);
        } else {
            for (kind, start, size) in
                [(7, notes_at, notes.len() as u64), (3, names_at, names_size)]
            {
                let mut header = vec![0; 64];
                (header[0], header[4]) = (1, kind);
                header[24..32].copy_from_slice(&start.to_le_bytes());
                header[32..40].copy_from_slice(&size.to_le_bytes());
                out.extend(header);
            }
            out[40..48].copy_from_slice(&table.to_le_bytes());
            (out[58], out[60], out[62]) = (64, 2, 1);
        }
        out
    }

    #[test]
    fn the_note_decides() {
        let xen = |kind, bytes: &[u8]| note(b"Xen\0", kind, bytes);
        let os = xen(6, b"linux\0");
        let yes = [os.clone(), xen(14, &1u32.to_le_bytes())].concat();
        let no = [os.clone(), xen(14, &0u32.to_le_bytes())].concat();
        let foreign = [note(b"GNU\0", 3, &[9; 20]), note(b"GNU\0", 14, &[1; 4])].concat();
        for segments in [true, false] {
            let of = |notes: &[u8]| ResumeMode::of_kernel(&elf(notes, segments, b".notes"));
            assert_eq!(of(&yes), Ok(ResumeMode::Cancel));
            assert_eq!(of(&no), Ok(ResumeMode::Reset));
            assert_eq!(of(&os), Ok(ResumeMode::Reset));
            assert_eq!(of(&foreign), Err(KernelError::NotXen));
        }
        let old = elf(&foreign, false, b"__xen_guest");
        assert_eq!(ResumeMode::of_kernel(&old), Ok(ResumeMode::Reset));
    }

    #[test]
    fn what_is_no_kernel_says_nothing() {
        assert_eq!(ResumeMode::of_kernel(b""), Err(KernelError::NotElf));
        assert_eq!(
            ResumeMode::of_kernel(&[0x1f; 100]),
            Err(KernelError::NotElf)
        );
        let mut other = elf(&[], true, b"");
        other[18] = 62;
        assert_eq!(
            ResumeMode::of_kernel(&other),
            Err(KernelError::OtherMachine(62))
        );
        let whole = elf(&note(b"Xen\0", 14, &[1, 0, 0, 0]), true, b"");
        for length in 0..whole.len() {
            // Never a decision that the whole file would not give, and never a panic.
            let cut = ResumeMode::of_kernel(&whole[..length]);
            let same = ResumeMode::of_kernel(&whole);
            let is_cut = matches!(cut, Err(KernelError::NotElf | KernelError::Cut(_)));
            assert!(is_cut || cut == same, "{length}: {cut:?}");
        }
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0xff;
            let _ = ResumeMode::of_kernel(&bad);
        }
    }
}
