//! What the decoder says when it cannot go on: which part, where, what was there.

use alloc::format;
use alloc::string::{String, ToString};

use super::Decoder;
use crate::code::Code;
use crate::detect::{self, Head};
use crate::error::Error;
use crate::grammar::{Fault, Part};

impl Decoder {
    /// The path of the part at hand, with the checkpoint in front where it is not the first.
    pub(super) fn path(&self) -> String {
        let vcpu = self.online.get(self.vcpu).copied().unwrap_or(0);
        let path = match self.part {
            Part::Prologue => "p2m_size".to_string(),
            Part::Pages | Part::PagesEnd => format!("pages[{}]", self.records_here),
            Part::Unallocated => {
                format!(
                    "unallocated[{}]",
                    self.unallocated_count - self.unallocated_left
                )
            }
            Part::Context => format!("vcpu[{vcpu}]"),
            Part::Privregs => format!("privregs[{vcpu}]"),
            part => part.name().to_string(),
        };
        self.within(path)
    }

    /// A path of the checkpoint at hand: with its number in front where it is not the first.
    pub(super) fn within(&self, path: String) -> String {
        match self.checkpoint {
            0 => path,
            checkpoint => format!("checkpoint[{checkpoint}].{path}"),
        }
    }

    pub(super) fn truncated(&self, have: usize, whole: usize) -> Error {
        let mut path = self.path();
        let field = match self.part {
            Part::Prologue if have >= 8 => return self.cut("version".into(), have - 8, 8, 8),
            Part::Prologue => return self.cut(path, have, 8, 0),
            Part::Pages if have < 8 => ".gmfn",
            Part::Pages => ".page",
            Part::Memmap if have < 4 => ".num_pages",
            Part::Vcpumap if have < 8 => ".max_virt_cpus",
            Part::HvmContext if have < 8 => ".size",
            _ => "",
        };
        path.push_str(field);
        self.cut(path, have, whole, 0)
    }

    fn cut(&self, path: String, have: usize, whole: usize, before: u64) -> Error {
        let begins = self.offset + before;
        let found = match have {
            0 => format!("the end of the input at byte {begins}"),
            _ => format!("{have} of them from byte {begins}, then the end of the input"),
        };
        Error::new(Code::Truncated, begins + have as u64, path)
            .expected(format!("{whole} bytes"))
            .found(found)
    }

    pub(super) fn fault(&self, fault: Fault) -> Error {
        let mut path = self.path();
        if !fault.field.is_empty() {
            path.push('.');
            path.push_str(fault.field);
        }
        Error::new(fault.code, self.offset, path)
            .length(fault.length)
            .expected(fault.expected)
            .found(fault.found)
    }

    pub(super) fn unsupported(&self, head: &Head) -> Error {
        match self.dialect {
            Some(dialect) if dialect.spec().version != head.version => {
                Error::new(Code::DialectMismatch, self.offset - 8, "version")
                    .severity(crate::Severity::Error)
                    .length(8)
                    .expected(format!("{} for {dialect}", dialect.spec().version as u64))
                    .found(format!("{}", head.version as u64))
            }
            Some(dialect) => Error::new(
                Code::GuestUnsupported,
                head.flags_offset,
                "arch_setup.flags",
            )
            .length(8)
            .expected(format!("a paravirtual guest in {dialect}"))
            .found(format!("flags {:#x}", head.flags)),
            None => detect::none(head, self.offset, &[]),
        }
    }

    /// A state that no input leads to.
    pub(super) fn impossible(&self) -> Error {
        Error::new(Code::OutOfOrder, self.offset, self.part.name())
    }
}
