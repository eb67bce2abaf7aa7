//! Offsets and sizes of members, by name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use gimli::{AttributeValue, DebugInfoOffset, DwTag, Dwarf, Unit, UnitOffset, constants as dw};

use super::Reader;

/// How many types may stand behind each other: typedefs, qualifiers, members of members.
const DEPTH: usize = 64;
/// Members that are looked at for one name, those of unnamed structures within included.
const MEMBERS: usize = 65536;

/// A member of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the beginning of the outermost structure.
    pub offset: u64,
    /// Bytes; 0 where the DWARF does not say.
    pub size: u64,
}

/// What the DWARF does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// `"struct task_struct"`, or `"task_struct.mm"`.
    pub what: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file's DWARF has no {}", self.what)
    }
}

impl std::error::Error for Missing {}

/// A place in the DWARF: unit and entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Die {
    unit: usize,
    offset: UnitOffset,
}

/// What a type is, for the eye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A number of so many bytes.
    Number(u64),
    /// An address; of text or of something else.
    Pointer {
        /// It points to characters.
        text: bool,
    },
    /// A structure, union or array of so many bytes.
    Whole(u64),
}

/// The types of a program.
pub struct Types<'a> {
    dwarf: Arc<Dwarf<Reader<'a>>>,
    units: RefCell<Option<Arc<Vec<Unit<Reader<'a>>>>>>,
    structures: RefCell<HashMap<String, Option<Die>>>,
}

impl fmt::Debug for Types<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Types").finish_non_exhaustive()
    }
}

impl<'a> Types<'a> {
    pub(super) fn new(dwarf: Arc<Dwarf<Reader<'a>>>) -> Self {
        Types {
            dwarf,
            units: RefCell::default(),
            structures: RefCell::default(),
        }
    }

    fn units(&self) -> Arc<Vec<Unit<Reader<'a>>>> {
        let mut known = self.units.borrow_mut();
        let units = known.get_or_insert_with(|| {
            let mut units = Vec::new();
            let mut headers = self.dwarf.units();
            while let Ok(Some(header)) = headers.next() {
                if let Ok(unit) = self.dwarf.unit(header) {
                    units.push(unit);
                }
            }
            Arc::new(units)
        });
        units.clone()
    }

    /// A member of a structure: `("task_struct", "thread.ksp")`. Members of unnamed structures and unions
    /// count as the outer one's.
    ///
    /// # Errors
    /// The DWARF has no such structure, or it no such member.
    pub fn field(&self, structure: &str, path: &str) -> Result<Field, Missing> {
        let mut die = self.structure(structure).ok_or_else(|| Missing {
            what: format!("struct {structure}"),
        })?;
        let mut field = Field { offset: 0, size: 0 };
        let mut names = path.split('.').take(DEPTH).peekable();
        while let Some(name) = names.next() {
            let found = self.member(die, name, DEPTH, &mut MEMBERS.clone());
            let (offset, of) = found.ok_or_else(|| Missing {
                what: format!("{structure}.{path}"),
            })?;
            field.offset = field.offset.wrapping_add(offset);
            field.size = of.map_or(0, |of| self.size(of));
            if names.peek().is_some() {
                die = of.and_then(|of| self.plain(of)).ok_or_else(|| Missing {
                    what: format!("{structure}.{path}"),
                })?;
            }
        }
        Ok(field)
    }

    /// Bytes of a structure.
    ///
    /// # Errors
    /// The DWARF has no such structure.
    pub fn size_of(&self, structure: &str) -> Result<u64, Missing> {
        let die = self.structure(structure).ok_or_else(|| Missing {
            what: format!("struct {structure}"),
        })?;
        Ok(self.size(die))
    }

    /// A structure or union by its name, defined and not only declared.
    fn structure(&self, name: &str) -> Option<Die> {
        if let Some(known) = self.structures.borrow().get(name) {
            return *known;
        }
        let found = self.search(name);
        self.structures.borrow_mut().insert(name.to_owned(), found);
        found
    }

    fn search(&self, name: &str) -> Option<Die> {
        for (number, unit) in self.units().iter().enumerate() {
            let Ok(mut tree) = unit.entries_tree(None) else {
                continue;
            };
            let Ok(root) = tree.root() else { continue };
            let mut children = root.children();
            while let Ok(Some(child)) = children.next() {
                let entry = child.entry();
                let is_whole = matches!(
                    entry.tag(),
                    dw::DW_TAG_structure_type | dw::DW_TAG_union_type
                ) && entry.attr(dw::DW_AT_declaration).is_none();
                if is_whole
                    && self
                        .name(unit, entry)
                        .is_some_and(|own| own == name.as_bytes())
                {
                    return Some(Die {
                        unit: number,
                        offset: entry.offset(),
                    });
                }
            }
        }
        None
    }

    fn name(
        &self,
        unit: &Unit<Reader<'a>>,
        entry: &gimli::DebuggingInformationEntry<Reader<'a>>,
    ) -> Option<&'a [u8]> {
        let value = entry.attr_value(dw::DW_AT_name)?;
        let text = self.dwarf.attr_string(unit, value).ok()?;
        Some(text.slice())
    }

    /// Offset and type of a member.
    fn member(
        &self,
        structure: Die,
        name: &str,
        depth: usize,
        left: &mut usize,
    ) -> Option<(u64, Option<Die>)> {
        let depth = depth.checked_sub(1)?;
        let units = self.units();
        let unit = units.get(structure.unit)?;
        let mut tree = unit.entries_tree(Some(structure.offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        loop {
            *left = left.checked_sub(1)?;
            let child = children.next().ok()??;
            let entry = child.entry();
            if entry.tag() != dw::DW_TAG_member {
                continue;
            }
            let own = self.name(unit, entry);
            let of = self.reference(structure.unit, unit, entry.attr_value(dw::DW_AT_type));
            let offset = member_offset(unit, entry);
            match own {
                Some(own) if own == name.as_bytes() => return Some((offset, of)),
                Some(_) => {}
                None => {
                    let inner = of.and_then(|of| self.plain(of));
                    if let Some((more, of)) =
                        inner.and_then(|inner| self.member(inner, name, depth, left))
                    {
                        return Some((offset.wrapping_add(more), of));
                    }
                }
            }
        }
    }

    fn reference(
        &self,
        number: usize,
        unit: &Unit<Reader<'a>>,
        value: Option<AttributeValue<Reader<'a>>>,
    ) -> Option<Die> {
        match value? {
            AttributeValue::UnitRef(offset) => Some(Die {
                unit: number,
                offset,
            }),
            AttributeValue::DebugInfoRef(offset) => self.whose(unit, number, offset),
            _ => None,
        }
    }

    /// The unit that an offset into the whole section lies in.
    fn whose(
        &self,
        unit: &Unit<Reader<'a>>,
        number: usize,
        offset: DebugInfoOffset,
    ) -> Option<Die> {
        if let Some(offset) = offset.to_unit_offset(&unit.header) {
            return Some(Die {
                unit: number,
                offset,
            });
        }
        let units = self.units();
        let behind = units.partition_point(|unit| unit.header.offset().0 <= offset.0);
        let number = behind.checked_sub(1)?;
        let offset = offset.to_unit_offset(&units[number].header)?;
        Some(Die {
            unit: number,
            offset,
        })
    }

    /// A reference from an entry of a unit that is not ours.
    pub(crate) fn of_entry(
        &self,
        unit: &Unit<Reader<'a>>,
        value: AttributeValue<Reader<'a>>,
    ) -> Option<Die> {
        let units = self.units();
        let number = units
            .iter()
            .position(|own| own.header.offset() == unit.header.offset())?;
        self.reference(number, unit, Some(value))
    }

    /// What an entry is: its tag, and the type that it names.
    fn entry<T>(
        &self,
        die: Die,
        look: impl FnOnce(&Unit<Reader<'a>>, &gimli::DebuggingInformationEntry<Reader<'a>>) -> T,
    ) -> Option<T> {
        let units = self.units();
        let unit = units.get(die.unit)?;
        let entry = unit.entry(die.offset).ok()?;
        Some(look(unit, &entry))
    }

    fn tag_and_type(&self, die: Die) -> Option<(DwTag, Option<Die>)> {
        self.entry(die, |unit, entry| {
            let of = self.reference(die.unit, unit, entry.attr_value(dw::DW_AT_type));
            (entry.tag(), of)
        })
    }

    /// Behind typedefs and qualifiers.
    fn plain(&self, die: Die) -> Option<Die> {
        let mut die = die;
        for _ in 0..DEPTH {
            match self.tag_and_type(die)? {
                (
                    dw::DW_TAG_typedef
                    | dw::DW_TAG_const_type
                    | dw::DW_TAG_volatile_type
                    | dw::DW_TAG_restrict_type,
                    of,
                ) => die = of?,
                _ => return Some(die),
            }
        }
        None
    }

    /// Bytes of a type.
    fn size(&self, die: Die) -> u64 {
        let Some(plain) = self.plain(die) else {
            return 0;
        };
        let own = self.entry(plain, |_, entry| {
            let own = entry.attr_value(dw::DW_AT_byte_size);
            (entry.tag(), own.and_then(|own| own.udata_value()))
        });
        match own {
            Some((_, Some(size))) => size,
            Some((dw::DW_TAG_pointer_type, None)) => 8,
            Some((dw::DW_TAG_array_type, None)) => self.array_size(plain),
            _ => 0,
        }
    }

    fn array_size(&self, die: Die) -> u64 {
        let element = self.tag_and_type(die).and_then(|(_, of)| of);
        // An array of arrays has its dimensions in one entry, so this goes one step down.
        let element = element.and_then(|of| self.plain(of)).filter(|of| {
            let tag = self.tag_and_type(*of).map(|(tag, _)| tag);
            tag != Some(dw::DW_TAG_array_type)
        });
        let mut size = element.map_or(0, |element| self.size(element));
        let units = self.units();
        let Some(unit) = units.get(die.unit) else {
            return 0;
        };
        let Ok(mut tree) = unit.entries_tree(Some(die.offset)) else {
            return 0;
        };
        let Ok(root) = tree.root() else { return 0 };
        let mut children = root.children();
        for _ in 0..DEPTH {
            let Ok(Some(child)) = children.next() else {
                break;
            };
            let entry = child.entry();
            let value = |name| entry.attr_value(name).and_then(|value| value.udata_value());
            let count = value(dw::DW_AT_count)
                .or_else(|| value(dw::DW_AT_upper_bound).map(|last| last.wrapping_add(1)));
            size = size.wrapping_mul(count.unwrap_or(0));
        }
        size
    }

    /// What a type is, for the eye.
    pub(crate) fn shape(&self, die: Die) -> Option<Shape> {
        let plain = self.plain(die)?;
        let (tag, of) = self.tag_and_type(plain)?;
        Some(match tag {
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type => {
                let to = of.and_then(|of| self.plain(of));
                Shape::Pointer {
                    text: to.is_some_and(|to| self.is_character(to)),
                }
            }
            dw::DW_TAG_base_type | dw::DW_TAG_enumeration_type => Shape::Number(self.size(plain)),
            _ => Shape::Whole(self.size(plain)),
        })
    }

    /// A plain character; a byte that is a number is none.
    fn is_character(&self, die: Die) -> bool {
        let encoding = self.entry(die, |_, entry| {
            let is_base = entry.tag() == dw::DW_TAG_base_type;
            let encoding = entry.attr_value(dw::DW_AT_encoding);
            is_base
                && matches!(
                    encoding,
                    Some(AttributeValue::Encoding(dw::DW_ATE_signed_char))
                )
        });
        encoding == Some(true)
    }
}

fn member_offset<'a>(
    unit: &Unit<Reader<'a>>,
    entry: &gimli::DebuggingInformationEntry<Reader<'a>>,
) -> u64 {
    match entry.attr_value(dw::DW_AT_data_member_location) {
        // DWARF 2 has an expression: a constant that is added.
        Some(AttributeValue::Exprloc(expression)) => {
            let mut operations = expression.operations(unit.encoding());
            match operations.next() {
                Ok(Some(
                    gimli::Operation::PlusConstant { value }
                    | gimli::Operation::UnsignedConstant { value },
                )) => value,
                _ => 0,
            }
        }
        Some(value) => value.udata_value().unwrap_or(0),
        None => 0,
    }
}
