//! What is told about what was extracted: on standard output, or on standard error where that is
//! taken.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use ia64save::Loaded;
use ia64save::document::memory::{
    self as document, ExtractedMemory, MappingDocument, Tables, ViewDocument,
};
use ia64save::document::name::ExtractName;
use ia64save::document::word::Hex;
use ia64save::files::is_stdout;
use ia64save_codec::image::Vcpu;
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::{NoDirectory, Origin, View};

use super::args::Args;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::led::{Led, led};
use crate::cli::render::json::{line, print_json};
use crate::cli::render::size::grouped;
use crate::cli::render::style::{self, ADDRESS, DIM, HEADING, LABEL, OK, Painted, WARNING};

/// A file made of pages.
pub struct Made<'a> {
    pub what: &'static str,
    pub size: u64,
    pub pages: u64,
    pub given_back: u64,
    /// Program headers with memory.
    pub segments: Option<usize>,
    pub unreachable: u64,
    pub view: Option<Views<'a>>,
    /// Dirty stacked registers that stand in memory and did not in the image.
    pub stacked: Option<usize>,
}

/// A vcpu's view.
pub struct Views<'a> {
    vcpu: u32,
    view: View<'a>,
    /// Registers that hold addresses, and where these lead.
    registers: Vec<Led>,
    page_size: u64,
}

impl<'a> Views<'a> {
    /// Looks where the registers of a vcpu lead.
    pub fn new(memory: &Memory<'_>, vcpu: &Vcpu, view: View<'a>) -> Self {
        let registers = led(vcpu, &view);
        Views {
            vcpu: vcpu.id,
            view,
            registers,
            page_size: memory.page_size(),
        }
    }

    fn document(&self) -> ViewDocument {
        let mappings = self.view.pinned().iter().map(|mapping| MappingDocument {
            first: mapping.first.into(),
            last: mapping.last.into(),
            physical: mapping.physical.into(),
            by: mapping.how.to_string(),
        });
        let registers = self.registers.iter();
        let registers = registers.map(|register| register.document(self.page_size));
        let geometry = self.view.geometry();
        ViewDocument {
            vcpu: self.vcpu,
            physical_addressing: self.view.is_physical(),
            mappings: mappings.collect(),
            tables: Tables {
                page_size: geometry.page_size(),
                levels: geometry.levels,
                assumed: geometry.assumed,
                kernel: self.view.kernel_directory().ok().map(|(at, _)| Hex(at)),
                process: self.view.process_directory().ok().map(|(at, _)| Hex(at)),
            },
            registers: registers.collect(),
            inactive: self
                .view
                .inactive()
                .iter()
                .map(|r| r.slot.to_string())
                .collect(),
            hidden: self
                .view
                .hidden()
                .iter()
                .map(|r| r.slot.to_string())
                .collect(),
        }
    }

    fn text(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n  {} {}",
            Painted(HEADING, "View of vcpu"),
            self.vcpu
        );
        for mapping in self.view.pinned() {
            let range = format!("{:#018x} to {:#018x}", mapping.first, mapping.last);
            let physical = format!("{:#x}", mapping.physical);
            let _ = writeln!(
                out,
                "    {}  from {}  {}",
                Painted(ADDRESS, range),
                Painted(ADDRESS, format!("{physical:<12}")),
                mapping.how
            );
        }
        for register in self.view.inactive() {
            let _ = writeln!(
                out,
                "    {} {} maps {:#x} for region id {:#x}, which its region does not have",
                Painted(WARNING, "left out"),
                register.slot,
                register.first,
                register.rid
            );
        }
        for register in self.view.hidden() {
            let _ = writeln!(
                out,
                "    {} {} maps part of what is mapped above to other pages",
                Painted(WARNING, "hidden"),
                register.slot
            );
        }
        let geometry = self.view.geometry();
        let assumed = if geometry.assumed { ", assumed" } else { "" };
        let told = format!(
            "{} levels, pages of {} bytes{assumed}",
            geometry.levels,
            grouped(geometry.page_size())
        );
        let _ = writeln!(out, "    page tables {}", Painted(DIM, told));
        for (whose, found) in [
            ("kernel", self.view.kernel_directory()),
            ("process", self.view.process_directory()),
        ] {
            let _ = writeln!(out, "      {whose:<8} {}", directory(found));
        }
        out.push('\n');
        for register in &self.registers {
            let role = register
                .role
                .map_or(String::new(), |role| format!(" ({role})"));
            let name = Painted(LABEL, format!("{:<17}", format!("{}{role}", register.name)));
            let word = Painted(ADDRESS, format!("{:#x}", register.address));
            let _ = match register.page() {
                Some(to) => {
                    let physical = to.physical.map_or("no memory".into(), |physical| {
                        let physical = format!("{physical:#x}");
                        format!("guest physical {}", Painted(ADDRESS, physical))
                    });
                    writeln!(out, "    {name} {word} is {physical}, by {}", to.how)
                }
                None => writeln!(
                    out,
                    "    {name} {word} {}: {}",
                    Painted(WARNING, "not resolved"),
                    register.unresolved()
                ),
            };
        }
    }
}

/// A page directory, or why there is none.
fn directory(found: Result<(u64, Origin), NoDirectory>) -> String {
    match found {
        Ok((at, origin)) => {
            format!("from {}, {origin}", Painted(ADDRESS, format!("{at:#x}")))
        }
        Err(why) => why.to_string(),
    }
}

impl<'a> Made<'a> {
    pub fn new(memory: &'a Memory<'a>) -> Self {
        Made {
            what: "",
            size: 0,
            pages: memory.pages(),
            given_back: memory.given_back(),
            segments: None,
            unreachable: 0,
            view: None,
            stacked: None,
        }
    }

    pub fn print(&self, args: &Args, loaded: &Loaded, target: &Path) -> Result<(), Failure> {
        if args.format != Format::Text {
            let whole = args.range.is_none();
            let mut value = head(loaded, target, self.what, self.size);
            value.memory = Some(ExtractedMemory {
                num_pages: whole.then_some(self.pages),
                num_given_back: whole.then_some(self.given_back),
                num_segments: self.segments,
                num_unreachable: self.unreachable,
                num_stacked: self.stacked,
                view: self.view.as_ref().map(Views::document),
            });
            return print(args, target, &value);
        }
        let mut out = written(target, self.what, self.size);
        let mut parts = Vec::new();
        if args.range.is_none() {
            parts.push(count(self.pages, "page"));
        }
        if let Some(segments) = self.segments {
            parts.push(count(segments as u64, "segment"));
        }
        if let Some(stacked) = self.stacked.filter(|stacked| *stacked > 0) {
            parts.push(format!(
                "{} of register stacks written where they belong",
                count(stacked as u64, "word")
            ));
        }
        if args.range.is_none() && self.given_back > 0 {
            parts.push(format!(
                "{} given back after they were sent left out",
                grouped(self.given_back)
            ));
        }
        if self.unreachable > 0 {
            let text = "beyond 64 bits of address left out";
            parts.push(format!("{} {text}", count(self.unreachable, "page")));
        }
        if !parts.is_empty() {
            let _ = writeln!(out, "  {}", parts.join(", "));
        }
        if let Some(view) = &self.view {
            view.text(&mut out);
        }
        say(target, &out)?;
        Ok(())
    }
}

/// Tells of bytes that were copied as they are.
pub fn part(
    args: &Args,
    loaded: &Loaded,
    target: &Path,
    what: &str,
    size: u64,
) -> Result<(), Failure> {
    if args.format == Format::Text {
        say(target, &written(target, what, size))?;
        return Ok(());
    }
    print(args, target, &head(loaded, target, what, size))
}

fn head(loaded: &Loaded, target: &Path, what: &str, size: u64) -> document::Extract {
    document::Extract {
        schema: ExtractName,
        file: loaded.name.clone(),
        what: what.to_owned(),
        out: target.display().to_string(),
        written: size,
        memory: None,
    }
}

fn written(target: &Path, what: &str, size: u64) -> String {
    format!(
        "{}: {} {}\n",
        Painted(HEADING, target.display()),
        Painted(OK, "written"),
        Painted(DIM, format!("{what}, {} bytes", grouped(size)))
    )
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

fn say(target: &Path, text: &str) -> io::Result<()> {
    if is_stdout(target) {
        write!(style::stderr(), "{text}")
    } else {
        write!(style::stdout(), "{text}")
    }
}

fn print(args: &Args, target: &Path, value: &document::Extract) -> Result<(), Failure> {
    if is_stdout(target) {
        writeln!(io::stderr(), "{}", line(value)?)?;
    } else {
        print_json(value, args.format)?;
    }
    Ok(())
}
