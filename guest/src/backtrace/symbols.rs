//! What a backtrace asks about programs.

use super::Word;
use crate::program::{Field, FrameValues, Function, Missing, Program};
use crate::unwind;

/// The unwind information of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwind<'a> {
    /// The code that it is for.
    pub entry: unwind::Entry,
    /// Regions and records.
    pub descriptors: &'a [u8],
}

/// What a backtrace asks about the programs that run.
pub trait Symbols {
    /// Whether an address belongs to one of them.
    fn covers(&self, address: u64) -> bool;

    /// The unwind information of an instruction. `None` where its program has none for it.
    ///
    /// # Errors
    /// It is broken.
    fn unwind(&self, address: u64) -> Result<Option<Unwind<'_>>, unwind::Error>;

    /// The function that an address lies in, and where that begins.
    fn symbol(&self, address: u64) -> Option<(&str, u64)>;

    /// Address and size of a name; the size is 0 where nobody said.
    fn named(&self, name: &str) -> Option<(u64, u64)>;

    /// What the kernel's file loads to an address, up to the end of the segment.
    fn loaded(&self, address: u64) -> Option<&[u8]>;

    /// The functions of an instruction, the innermost of inlined ones first.
    fn functions(&self, address: u64, frame: &dyn FrameValues) -> Vec<Function>;

    /// What the call that returns to an address put into an output register of its own frame.
    fn passed(&self, return_address: u64, output: u16, caller: &dyn FrameValues) -> Option<Word>;

    /// A member of a structure of the kernel.
    ///
    /// # Errors
    /// There is none.
    fn field(&self, structure: &str, path: &str) -> Result<Field, Missing>;

    /// Bytes of a structure of the kernel.
    ///
    /// # Errors
    /// There is none.
    fn size_of(&self, structure: &str) -> Result<u64, Missing>;
}

/// Programs by address: the kernel, and those that run in its processes.
#[derive(Debug, Default)]
pub struct Programs<'a> {
    programs: Vec<Program<'a>>,
}

impl<'a> Programs<'a> {
    /// Of several that have an address the first counts; structures are those of the first that has them.
    pub fn new(programs: Vec<Program<'a>>) -> Self {
        Programs { programs }
    }

    /// The program that has an address.
    pub fn of(&self, address: u64) -> Option<&Program<'a>> {
        let mut programs = self.programs.iter();
        programs.find(|program| program.object().covers(address))
    }

    /// All of them.
    pub fn all(&self) -> &[Program<'a>] {
        &self.programs
    }
}

impl Symbols for Programs<'_> {
    fn covers(&self, address: u64) -> bool {
        self.of(address).is_some()
    }

    fn unwind(&self, address: u64) -> Result<Option<Unwind<'_>>, unwind::Error> {
        let Some(program) = self.of(address) else {
            return Ok(None);
        };
        let object = program.object();
        let Some(entry) = object.unwind().find(address) else {
            return match object.bad_unwind() {
                Some(error) => Err(error.clone()),
                None => Ok(None),
            };
        };
        let descriptors = object.unwind_info(entry.info)?.descriptors;
        Ok(Some(Unwind { entry, descriptors }))
    }

    fn symbol(&self, address: u64) -> Option<(&str, u64)> {
        let symbol = self.of(address)?.object().symbols().at(address)?;
        Some((symbol.name, symbol.address))
    }

    fn named(&self, name: &str) -> Option<(u64, u64)> {
        self.programs.iter().find_map(|program| {
            let symbol = program.object().symbols().named(name)?;
            Some((symbol.address, symbol.size))
        })
    }

    fn loaded(&self, address: u64) -> Option<&[u8]> {
        self.of(address)?.object().loaded(address)
    }

    fn functions(&self, address: u64, frame: &dyn FrameValues) -> Vec<Function> {
        let program = self.of(address);
        program.map_or_else(Vec::new, |program| program.functions(address, frame))
    }

    fn passed(&self, return_address: u64, output: u16, caller: &dyn FrameValues) -> Option<Word> {
        let program = self.of(return_address.wrapping_sub(16))?;
        program.passed(return_address, output, caller)
    }

    fn field(&self, structure: &str, path: &str) -> Result<Field, Missing> {
        let mut error = None;
        for program in &self.programs {
            match program.types().field(structure, path) {
                Ok(field) => return Ok(field),
                Err(missing) => error = error.or(Some(missing)),
            }
        }
        Err(error.unwrap_or_else(|| Missing {
            what: format!("{structure}.{path}"),
        }))
    }

    fn size_of(&self, structure: &str) -> Result<u64, Missing> {
        let mut sizes = self.programs.iter();
        let size = sizes.find_map(|program| program.types().size_of(structure).ok());
        size.ok_or_else(|| Missing {
            what: format!("struct {structure}"),
        })
    }
}
