//! `guest symbols`: what lies at an address.

use std::fmt::Write as _;
use std::io::Write;

use ia64save_guest::backtrace::{Programs, Symbols as _};
use ia64save::document::guest::{GuestSymbols, SymbolDocument};
use ia64save::document::name::GuestSymbolsName;
use ia64save::document::word::Hex;

use super::source::Source;
use crate::cli::args::{Format, number};
use crate::cli::exit::{Failure, Outcome};
use crate::cli::render::json::print_json;
use crate::cli::render::style::{self, ADDRESS, DIM, Painted, WARNING, safe};

/// The arguments of `guest symbols`.
#[derive(clap::Args, Debug)]
pub struct Symbols {
    #[command(flatten)]
    pub source: Source,

    /// Virtual addresses; a number may begin with 0x
    #[arg(value_name = "ADDR", required = true, value_parser = number)]
    pub addresses: Vec<u64>,
}

/// Runs the command.
pub fn run(args: &Symbols) -> Result<Outcome, Failure> {
    let source = &args.source;
    let loaded = source.open()?;
    let rows = source.with_kernel(&loaded, |_, _, programs| {
        let addresses = args.addresses.iter();
        Ok(addresses.map(|at| row(programs, *at)).collect::<Vec<_>>())
    })?;
    loaded.verify()?;
    if source.format == Format::Text {
        let text: String = rows.iter().map(Row::text).collect();
        style::unless_gone(write!(style::stdout(), "{text}"))?;
    } else {
        let document = GuestSymbols {
            schema: GuestSymbolsName,
            file: loaded.name.clone(),
            addresses: rows.iter().map(Row::document).collect(),
        };
        print_json(&document, source.format)?;
    }
    Ok(Outcome::Fine)
}

/// An address and what lies there.
struct Row {
    address: u64,
    symbol: Option<(String, u64)>,
    line: Option<(String, u32)>,
    /// Functions that are inlined there, the innermost first.
    inlined: Vec<String>,
}

fn row(programs: &Programs<'_>, address: u64) -> Row {
    let functions = programs.functions(address, &());
    let line = functions.first().and_then(|function| function.line.clone());
    let inlined = functions.into_iter().filter(|function| function.inlined);
    let symbol = programs.symbol(address);
    Row {
        address,
        symbol: symbol.map(|(name, start)| (name.to_owned(), address - start)),
        line: line.map(|line| (line.file, line.number)),
        inlined: inlined.filter_map(|function| function.name).collect(),
    }
}

impl Row {
    fn document(&self) -> SymbolDocument {
        SymbolDocument {
            address: self.address.into(),
            symbol: self.symbol.as_ref().map(|(name, _)| name.clone()),
            offset: self.symbol.as_ref().map(|(_, offset)| Hex(*offset)),
            file: self.line.as_ref().map(|(file, _)| file.clone()),
            line: self.line.as_ref().map(|(_, line)| *line),
            inlined: self.inlined.clone(),
        }
    }

    fn text(&self) -> String {
        let address = Painted(ADDRESS, format!("{:#018x}", self.address));
        let Some((name, offset)) = &self.symbol else {
            let nothing = Painted(WARNING, "no symbol");
            return format!("{address}  {nothing}\n");
        };
        let mut out = format!("{address}  {}+{offset:#x}", safe(name));
        if let Some((file, line)) = &self.line {
            let place = format!("{}:{line}", safe(file));
            let _ = write!(out, "  {}", Painted(DIM, place));
        }
        for name in &self.inlined {
            let text = format!("in {}, inlined", safe(name));
            let _ = write!(out, "  {}", Painted(DIM, text));
        }
        out.push('\n');
        out
    }
}
