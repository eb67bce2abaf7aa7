//! What runs inside a guest whose memory, and whose kernel's file, say anything.

use ia64save_guest::backtrace::{Registers, StackEnd, Start, Symbols, Unwind, Word};
use ia64save_guest::backtrace::{backtrace, blocked};
use ia64save_guest::linux::Kernel;
use ia64save_guest::memory::{Memory, Unreadable};
use ia64save_guest::program::{Field, FrameValues, Function, Missing, Object, Program};
use ia64save_guest::unwind::{self, Entry, Info, Records, Rules, Table};

/// Entries of lists, and frames.
const MOST: usize = 100;
/// Addresses that there is memory for.
const SPACE: u64 = 1 << 16;

/// The unwind reader: descriptors at a slot, tables and their blocks.
pub fn unwinding(bytes: &[u8]) {
    let (slot, bytes) = match bytes.split_first_chunk::<2>() {
        Some((slot, rest)) => (u64::from(u16::from_le_bytes(*slot)), rest),
        None => (0, bytes),
    };
    let mut at = 0;
    for record in Records::new(bytes) {
        if let Err(error) = record {
            assert!(error.offset <= bytes.len(), "{error}");
        }
        at += 1;
        assert!(at <= bytes.len(), "a record without a byte");
    }
    for predicates in [0, u64::MAX] {
        if let Err(error) = Rules::at(bytes, slot, predicates) {
            assert!(error.offset <= bytes.len(), "{error}");
        }
    }
    let _ = Info::parse(bytes);
    if let Ok(table) = Table::parse(bytes, slot) {
        for entry in table.entries() {
            assert!(entry.start < entry.end);
        }
    }
}

/// A guest of a few pages, in which every address leads back into the input.
struct Hostile<'a>(&'a [u8]);

impl Hostile<'_> {
    fn byte(&self, address: u64) -> Option<u8> {
        let place = (address & 0x1fff_ffff_ffff_ffff) as usize;
        self.0.get(place).copied()
    }
}

impl Memory for Hostile<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Unreadable> {
        for (place, byte) in into.iter_mut().enumerate() {
            let address = address.wrapping_add(place as u64);
            *byte = self.byte(address).ok_or_else(|| Unreadable {
                address,
                why: "nothing is there".into(),
            })?;
        }
        Ok(())
    }

    fn physical(&self, address: u64) -> Option<u64> {
        Some(address % SPACE)
    }
}

impl Symbols for Hostile<'_> {
    fn covers(&self, address: u64) -> bool {
        address & 0x10 == 0
    }

    fn unwind(&self, address: u64) -> Result<Option<Unwind<'_>>, unwind::Error> {
        if address & 0x20 != 0 {
            return Ok(None);
        }
        let start = address & !0xff;
        let skip = (address >> 8) as usize % self.0.len().max(1);
        Ok(Some(Unwind {
            entry: Entry {
                start,
                end: start.saturating_add(0x100),
                info: 0,
            },
            descriptors: self.0.get(skip..).unwrap_or_default(),
        }))
    }

    fn symbol(&self, _: u64) -> Option<(&str, u64)> {
        None
    }

    fn named(&self, name: &str) -> Option<(u64, u64)> {
        let place = name
            .bytes()
            .fold(0u64, |sum, byte| sum * 3 + u64::from(byte));
        Some((place % 1024, 8))
    }

    fn loaded(&self, address: u64) -> Option<&[u8]> {
        self.0.get(address as usize % SPACE as usize..)
    }

    fn functions(&self, _: u64, _: &dyn FrameValues) -> Vec<Function> {
        Vec::new()
    }

    fn passed(&self, _: u64, _: u16, _: &dyn FrameValues) -> Option<Word> {
        None
    }

    fn field(&self, _: &str, path: &str) -> Result<Field, Missing> {
        let sum = path.bytes().fold(0u64, |sum, byte| sum + u64::from(byte));
        Ok(Field {
            offset: sum % 64 * 8,
            size: 8,
        })
    }

    fn size_of(&self, _: &str) -> Result<u64, Missing> {
        Ok(64)
    }
}

/// A kernel in hostile memory: lists that lead back, texts without an end, frames that name each other.
pub fn guest(bytes: &[u8]) {
    let hostile = Hostile(bytes);
    let kernel = Kernel::new(&hostile, &hostile, MOST);
    let _ = kernel.fit();
    let _ = kernel.info();
    let _ = kernel.log();
    if let Ok(modules) = kernel.modules() {
        assert!(modules.modules.len() <= 2 * MOST);
    }
    if let Ok(tasks) = kernel.tasks() {
        assert!(tasks.tasks.len() <= 2 * MOST + 1);
        for task in tasks.tasks.iter().take(8) {
            if let Ok(maps) = kernel.maps(task) {
                assert!(maps.areas.len() <= MOST);
            }
        }
    }
    let word = |place: usize| {
        let word = bytes.get(place * 8..place * 8 + 8);
        word.and_then(|word| word.try_into().ok())
            .map_or(0, u64::from_le_bytes)
    };
    let mut registers = Registers {
        ip: word(0),
        bsp: word(1),
        cfm: word(2),
        pfs: Some(word(3)),
        unat: Some(word(4)),
        pr: Some(word(5)),
        stack: StackEnd {
            end: word(6),
            rnat: word(7),
        },
        ..Registers::default()
    };
    for (number, register) in registers.general.iter_mut().enumerate() {
        *register = Some(word(8 + number).into());
    }
    registers.branch[0] = Some(word(40));
    let trace = backtrace(&Start::Vcpu(registers), &hostile, &hostile, MOST);
    assert!(trace.frames.len() <= MOST && !trace.ended.is_empty());
    if let Ok(task) = blocked(word(41), &hostile, &hostile) {
        let trace = backtrace(&Start::Blocked(task), &hostile, &hostile, MOST);
        assert!(trace.frames.len() <= MOST);
    }
    // And a file that may be anything.
    if let Ok(object) = Object::parse(bytes)
        && let Ok(program) = Program::new(&object)
    {
        let _ = program.functions(word(0), &());
        let _ = program.types().field("task_struct", "mm.pgd");
        let _ = object.unwind_info(word(0));
    }
}
