//! Functions and lines of an address.

use std::fmt;
use std::path::Path;

use gimli::LittleEndian;

use super::{Argument, FrameValues, Object, Reader, Types, arguments};
use crate::backtrace::Word;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its file, as the compiler was told.
    pub file: String,
    /// From 1; 0 where nobody knows.
    pub number: u32,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.number)
    }
}

/// A function that an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: Option<String>,
    /// Where the address is in the source.
    pub line: Option<Line>,
    /// What it was called with.
    pub arguments: Vec<Argument>,
    /// It has no frame of its own, but is part of the next.
    pub inlined: bool,
}

/// An object with its DWARF.
pub struct Program<'a> {
    object: &'a Object<'a>,
    lines: addr2line::Context<Reader<'a>>,
    dwarf: std::sync::Arc<gimli::Dwarf<Reader<'a>>>,
    types: Types<'a>,
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

impl<'a> Program<'a> {
    /// Finds the units of an object's DWARF, of which there may be none.
    ///
    /// # Errors
    /// The DWARF is broken, in DWARF's own words.
    pub fn new(object: &'a Object<'a>) -> Result<Self, gimli::Error> {
        let borrow = |section: &'a std::borrow::Cow<'_, [u8]>| {
            gimli::EndianSlice::new(section, LittleEndian)
        };
        let dwarf = std::sync::Arc::new(object.dwarf().borrow(borrow));
        let lines = addr2line::Context::from_arc_dwarf(dwarf.clone())?;
        Ok(Program {
            object,
            lines,
            types: Types::new(dwarf.clone()),
            dwarf,
        })
    }

    /// The file.
    pub fn object(&self) -> &'a Object<'a> {
        self.object
    }

    /// Its types.
    pub fn types(&self) -> &Types<'a> {
        &self.types
    }

    /// The functions that an instruction belongs to, the innermost of inlined ones first, and what they were
    /// called with. Where the DWARF knows nothing the symbol's name is all.
    pub fn functions(&self, address: u64, frame: &dyn FrameValues) -> Vec<Function> {
        let mut functions = self.by_dwarf(address, frame).unwrap_or_default();
        let symbol = self.object.symbols().at(address);
        let symbol = symbol.map(|symbol| symbol.name.to_owned());
        match functions.last_mut() {
            Some(last) if last.name.is_none() => last.name = symbol,
            Some(_) => {}
            None => {
                functions.extend(symbol.map(|name| Function {
                    name: Some(name),
                    line: None,
                    arguments: Vec::new(),
                    inlined: false,
                }));
            }
        }
        functions
    }

    fn by_dwarf(
        &self,
        address: u64,
        frame: &dyn FrameValues,
    ) -> Result<Vec<Function>, gimli::Error> {
        let mut functions = Vec::new();
        let mut frames = self.lines.find_frames(address).skip_all_loads()?;
        let unit = self.lines.find_dwarf_and_unit(address).skip_all_loads();
        while let Some(found) = frames.next()? {
            let name = found.function.as_ref().and_then(|name| {
                let name = name.raw_name().ok()?;
                Some(name.into_owned())
            });
            let line = found.location.as_ref().and_then(|location| {
                Some(Line {
                    file: Path::new(location.file?).display().to_string(),
                    number: location.line.unwrap_or_default(),
                })
            });
            let arguments = match (&unit, found.dw_die_offset) {
                (Some(unit), Some(offset)) => {
                    arguments::of(&self.dwarf, unit.unit, &self.types, offset, address, frame)
                }
                _ => Ok(Vec::new()),
            };
            functions.push(Function {
                name,
                line,
                arguments: arguments.unwrap_or_default(),
                inlined: true,
            });
        }
        if let Some(last) = functions.last_mut() {
            last.inlined = false;
        }
        Ok(functions)
    }

    /// What a call that returns to an address put into an output register of the calling function, whose
    /// frame is given.
    pub(crate) fn passed(
        &self,
        return_address: u64,
        output: u16,
        caller: &dyn FrameValues,
    ) -> Option<Word> {
        let address = return_address.checked_sub(16)? | 2;
        let mut frames = self.lines.find_frames(address).skip_all_loads().ok()?;
        let unit = self.lines.find_dwarf_and_unit(address).skip_all_loads()?;
        let mut function = None;
        while let Ok(Some(frame)) = frames.next() {
            function = frame.dw_die_offset.or(function);
        }
        let unit = unit.unit;
        arguments::passed(&self.dwarf, unit, function?, return_address, output, caller)
    }

    /// The line of an address.
    pub fn line(&self, address: u64) -> Option<Line> {
        let location = self.lines.find_location(address).ok()??;
        Some(Line {
            file: location.file?.to_owned(),
            number: location.line.unwrap_or_default(),
        })
    }
}
