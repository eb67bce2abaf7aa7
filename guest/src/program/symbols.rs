//! Names of addresses, addresses of names.

use std::collections::HashMap;

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object as _, ObjectSymbol as _};

/// How many symbols before an address are looked at for one that reaches it.
const BACK: usize = 64;

/// What a symbol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolKind {
    /// Code.
    Function,
    /// Data.
    Data,
    /// A place: an assembler's label, or the linker script's.
    Label,
}

/// A symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its address.
    pub address: u64,
    /// Bytes; 0 where nobody said.
    pub size: u64,
    /// What it names.
    pub kind: SymbolKind,
    global: bool,
}

/// The symbols of a program.
#[derive(Clone, Debug, Default)]
pub struct Symbols<'a> {
    /// Ascending by address; of those at one address the best last.
    sorted: Vec<Symbol<'a>>,
    names: HashMap<&'a str, usize>,
}

impl<'a> Symbols<'a> {
    pub(super) fn of(file: &ElfFile64<'a, LittleEndian>) -> Self {
        let kept = file.symbols().filter_map(|symbol| {
            let kind = match symbol.kind() {
                object::SymbolKind::Text => SymbolKind::Function,
                object::SymbolKind::Data => SymbolKind::Data,
                object::SymbolKind::Label | object::SymbolKind::Unknown => SymbolKind::Label,
                _ => return None,
            };
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            // Absolute symbols are numbers, no addresses.
            let is_number = !matches!(symbol.section(), object::SymbolSection::Section(_));
            (!is_number).then(|| Symbol {
                name,
                address: symbol.address(),
                size: symbol.size(),
                kind,
                global: symbol.is_global(),
            })
        });
        Self::from_iter(kept)
    }

    fn from_iter(symbols: impl Iterator<Item = Symbol<'a>>) -> Self {
        let mut sorted: Vec<Symbol<'a>> = symbols.collect();
        sorted.sort_by_key(|symbol| {
            let good = (
                symbol.kind != SymbolKind::Label,
                symbol.size > 0,
                symbol.global,
            );
            (symbol.address, good, std::cmp::Reverse(symbol.name.len()))
        });
        let mut names = HashMap::with_capacity(sorted.len());
        for (place, symbol) in sorted.iter().enumerate() {
            let known = names.entry(symbol.name).or_insert(place);
            if symbol.global && !sorted[*known].global {
                *known = place;
            }
        }
        Symbols { sorted, names }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// All of them, ascending by address.
    pub fn all(&self) -> &[Symbol<'a>] {
        &self.sorted
    }

    /// The symbol of a name; a global one where there are several.
    pub fn named(&self, name: &str) -> Option<&Symbol<'a>> {
        self.names.get(name).map(|place| &self.sorted[*place])
    }

    /// The symbol that an address belongs to: the last one before it that reaches it, functions and data
    /// before labels. One without a size reaches to the next.
    pub fn at(&self, address: u64) -> Option<&Symbol<'a>> {
        let end = self.sorted.partition_point(|s| s.address <= address);
        let before = self.sorted[..end].iter().rev().take(BACK);
        let mut label: Option<&Symbol<'a>> = None;
        let mut ended = 0;
        for symbol in before {
            if address - symbol.address < symbol.size {
                return Some(symbol);
            }
            ended = ended.max(symbol.address.saturating_add(symbol.size));
            if symbol.size == 0 && label.is_none() {
                label = Some(symbol);
            }
        }
        // A label within something that ended before says nothing about what is behind.
        label.filter(|label| label.address >= ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str, address: u64, size: u64, kind: SymbolKind, global: bool) -> Symbol<'_> {
        Symbol {
            name,
            address,
            size,
            kind,
            global,
        }
    }

    #[test]
    fn functions_come_before_labels_and_sizes_count() {
        use SymbolKind::{Data, Function, Label};
        let symbols = [
            symbol("_text", 0x1000, 0, Label, true),
            symbol("_start", 0x1000, 0x40, Function, true),
            symbol("inner", 0x1010, 0, Label, true),
            symbol("entry", 0x1060, 0, Label, false),
            symbol("same", 0x2000, 8, Data, false),
            symbol("same", 0x3000, 8, Data, true),
        ];
        let symbols = Symbols::from_iter(symbols.into_iter());
        let at = |address| symbols.at(address).map(|symbol| symbol.name);
        assert_eq!(at(0x1000), Some("_start"));
        assert_eq!(at(0x1020), Some("_start"));
        assert_eq!(at(0x1040), None);
        assert_eq!(at(0x1060), Some("entry"));
        assert_eq!(at(0x1fff), Some("entry"));
        assert_eq!(at(0xfff), None);
        assert_eq!(symbols.named("same").unwrap().address, 0x3000);
        assert_eq!(symbols.named("other"), None);
    }
}
