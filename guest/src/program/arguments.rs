//! What a function was called with.

use std::fmt::{self, Write as _};

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, Expression, Unit, UnitOffset, constants as dw,
};

use super::expression::{self, Found, evaluate, register_of};
use super::types::{Shape, Types};
use super::{FrameValues, Reader};
use crate::backtrace::Word;
use crate::memory;

/// Parameters of one function.
const MOST: usize = 256;
/// Call sites of one function that are looked at.
const CALL_SITES: usize = 100_000;
/// Characters of a text that are shown.
const CHARACTERS: usize = 200;

/// A parameter and what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name; of an assembler function the register's.
    pub name: String,
    /// What it was. `None` where the value was not kept.
    pub value: Option<Value>,
}

/// What an argument was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number or an address.
    Number(u64),
    /// The address of a text.
    Text(u64, String),
    /// Not a thing: a speculative load had failed.
    NaT,
    /// A structure or array at that address, of so many bytes.
    At(u64, u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{number:#x}"),
            Value::Text(_, text) => {
                f.write_char('"')?;
                for character in text.chars() {
                    match character {
                        '"' | '\\' => write!(f, "\\{character}")?,
                        '\n' => f.write_str("\\n")?,
                        '\t' => f.write_str("\\t")?,
                        other => f.write_char(other)?,
                    }
                }
                f.write_char('"')
            }
            Value::NaT => f.write_str("NaT"),
            Value::At(address, size) => write!(f, "{size} bytes at {address:#x}"),
        }
    }
}

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// The parameters of the function, or inlined call, at an offset of a unit.
pub(super) fn of<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    types: &Types<'a>,
    function: UnitOffset,
    address: u64,
    frame: &dyn FrameValues,
) -> Result<Vec<Argument>, gimli::Error> {
    let base = frame_base(dwarf, unit, function, address)?;
    let mut tree = unit.entries_tree(Some(function))?;
    let mut children = tree.root()?.children();
    let mut arguments = Vec::new();
    while let Some(child) = children.next()? {
        let entry = child.entry();
        if entry.tag() != dw::DW_TAG_formal_parameter || arguments.len() == MOST {
            continue;
        }
        let origin = match entry.attr_value(dw::DW_AT_abstract_origin) {
            Some(AttributeValue::UnitRef(offset)) => unit.entry(offset).ok(),
            _ => None,
        };
        let attribute = |name| {
            let inherited = || origin.as_ref()?.attr_value(name);
            entry.attr_value(name).or_else(inherited)
        };
        let name = attribute(dw::DW_AT_name).and_then(|name| dwarf.attr_string(unit, name).ok());
        let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let of = attribute(dw::DW_AT_type).and_then(|of| types.of_entry(unit, of));
        let shape = of.and_then(|of| types.shape(of));
        let found = match location(dwarf, unit, entry, address) {
            Some(location) => evaluate(location, unit, base, frame),
            None => constant(attribute(dw::DW_AT_const_value)),
        };
        let value = found.and_then(|found| value(&found, shape.as_ref(), frame));
        arguments.push(Argument { name, value });
    }
    Ok(arguments)
}

/// The expression that says where a variable is at an address.
fn location<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    entry: &Entry<'a>,
    address: u64,
) -> Option<Expression<Reader<'a>>> {
    expression_at(dwarf, unit, entry.attr_value(dw::DW_AT_location)?, address)
}

fn expression_at<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    value: AttributeValue<Reader<'a>>,
    address: u64,
) -> Option<Expression<Reader<'a>>> {
    if let Some(expression) = value.exprloc_value() {
        return Some(expression);
    }
    let mut list = dwarf.attr_locations(unit, value).ok()??;
    while let Ok(Some(entry)) = list.next() {
        if (entry.range.begin..entry.range.end).contains(&address) {
            return Some(entry.data);
        }
    }
    None
}

/// The frame base of the function that an entry is or lies in: of an inlined call that of the outer one,
/// which ia64 compilers give as the stack pointer everywhere.
fn frame_base<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    function: UnitOffset,
    address: u64,
) -> Result<Option<Expression<Reader<'a>>>, gimli::Error> {
    let entry = unit.entry(function)?;
    let base = entry.attr_value(dw::DW_AT_frame_base);
    Ok(base.and_then(|base| expression_at(dwarf, unit, base, address)))
}

fn constant(value: Option<AttributeValue<Reader<'_>>>) -> Option<Found> {
    let value = value?;
    let word = value
        .udata_value()
        .or_else(|| value.sdata_value().map(|value| value as u64))?;
    Some(Found::Word(Word {
        value: word,
        nat: false,
    }))
}

fn value(found: &Found, shape: Option<&Shape>, frame: &dyn FrameValues) -> Option<Value> {
    let size = match shape {
        Some(Shape::Whole(size)) if *size > 8 => {
            return match found {
                Found::At(address) => Some(Value::At(*address, *size)),
                Found::Word(_) => None,
            };
        }
        Some(Shape::Number(size) | Shape::Whole(size)) => *size,
        Some(Shape::Pointer { .. }) | None => 8,
    };
    let word = match found {
        Found::Word(word) => *word,
        Found::At(address) => Word {
            value: memory::number(frame.memory(), *address, size as usize).ok()?,
            nat: false,
        },
    };
    if word.nat {
        return Some(Value::NaT);
    }
    let number = match size {
        1..8 => word.value & ((1 << (size * 8)) - 1),
        _ => word.value,
    };
    if let Some(Shape::Pointer { text: true }) = shape
        && let Some(text) = text(number, frame)
    {
        return Some(Value::Text(number, text));
    }
    Some(Value::Number(number))
}

/// A text that a person can read.
fn text(address: u64, frame: &dyn FrameValues) -> Option<String> {
    let bytes = memory::text(frame.memory(), address, CHARACTERS).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

/// What a call at a return address put into an output register, from the notes that the compiler made of
/// the call: it is the value at the entry of the function called.
pub(super) fn passed<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    function: UnitOffset,
    return_address: u64,
    output: u16,
    frame: &dyn FrameValues,
) -> Option<Word> {
    let base = frame_base(dwarf, unit, function, return_address).ok()?;
    let mut entries = unit.entries_at_offset(function).ok()?;
    let mut is_here = false;
    for number in 0..CALL_SITES {
        let entry = entries.next_dfs().ok()??;
        if number > 0 && entry.depth() <= 0 {
            return None;
        }
        match entry.tag() {
            dw::DW_TAG_call_site | dw::DW_TAG_GNU_call_site => {
                let at = entry
                    .attr_value(dw::DW_AT_call_return_pc)
                    .or_else(|| entry.attr_value(dw::DW_AT_low_pc))?;
                is_here = dwarf.attr_address(unit, at).ok()? == Some(return_address);
            }
            dw::DW_TAG_call_site_parameter | dw::DW_TAG_GNU_call_site_parameter if is_here => {
                let place = entry.attr_value(dw::DW_AT_location)?.exprloc_value()?;
                if register_of(place, unit.encoding()) != Some(output) {
                    continue;
                }
                let value = entry
                    .attr_value(dw::DW_AT_call_value)
                    .or_else(|| entry.attr_value(dw::DW_AT_GNU_call_site_value))?;
                return match evaluate(value.exprloc_value()?, unit, base, frame)? {
                    Found::Word(word) => Some(word),
                    expression::Found::At(value) => Some(Word { value, nat: false }),
                };
            }
            _ => {}
        }
    }
    None
}
