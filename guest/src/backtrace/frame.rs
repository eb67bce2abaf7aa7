//! One frame with what is known about it.

use std::fmt;

use super::{Registers, Symbols, Word};
use crate::memory::Memory;
use crate::program::{Argument, FrameValues, Function, Line, Value};

/// Registers that arguments are passed in; more of them lie in memory.
const ARGUMENTS: u64 = 8;
/// What DWARF calls b0 on ia64.
const BRANCH: u16 = 320;
/// How often a value at entry may lead to one at the entry of the caller.
const ENTRIES: usize = 8;

/// How a frame was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// By the registers of the vcpu.
    Registers,
    /// By the `struct switch_stack` that a blocked task left, at this address.
    SwitchStack(u64),
    /// The next frame calls it, and a switch of tasks is where it waits.
    Call,
    /// By the unwind table of the frame before.
    Unwound,
    /// By rp and ar.pfs: the frame before has no unwind information, as functions that call nobody.
    Leaf,
    /// By the `struct pt_regs` at this address: it was interrupted, or made a system call.
    Interrupted(u64),
    /// It is part of the next one.
    Inlined,
    /// By rp and ar.pfs alone, without a program to ask.
    Guess,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            How::Registers => "registers of the vcpu",
            How::SwitchStack(address) => return write!(f, "switch_stack at {address:#x}"),
            How::Call => "called by the next frame",
            How::Unwound => "unwind table",
            How::Leaf => "rp and ar.pfs of a function without unwind information",
            How::Interrupted(address) => return write!(f, "pt_regs at {address:#x}"),
            How::Inlined => "inlined into the next frame",
            How::Guess => "a guess by rp and ar.pfs",
        })
    }
}

/// A frame of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where it is: of a caller where the call returns to.
    pub ip: u64,
    /// The function's name.
    pub function: Option<String>,
    /// Bytes from the beginning of the function (of the one that it is inlined into) to `ip`.
    pub offset: Option<u64>,
    /// Where it is in the source.
    pub line: Option<Line>,
    /// Its stack pointer.
    pub sp: Option<u64>,
    /// Home of its r32 in the backing store.
    pub bsp: u64,
    /// What it was called with.
    pub arguments: Vec<Argument>,
    /// How it was found.
    pub how: How,
}

/// A frame of which only the registers are known yet.
pub(super) struct Link {
    pub registers: Registers,
    /// Its caller's stack pointer.
    pub psp: Option<u64>,
    /// It runs in user mode behind an interruption, where memory has other words.
    pub beyond: bool,
    pub how: How,
}

/// A frame of a chain, as DWARF's expressions see it.
struct View<'a> {
    chain: &'a [Link],
    place: usize,
    symbols: &'a dyn Symbols,
    memories: [&'a dyn Memory; 2],
    depth: usize,
}

impl View<'_> {
    fn link(&self) -> &Link {
        &self.chain[self.place]
    }
}

impl FrameValues for View<'_> {
    fn register(&self, number: u16) -> Option<Word> {
        let registers = &self.link().registers;
        match number {
            0..128 => registers
                .general(number as u8, self.memory())
                .ok()
                .flatten(),
            BRANCH..328 => {
                let value = registers.branch[usize::from(number - BRANCH)];
                value.map(Word::from)
            }
            _ => None,
        }
    }

    fn at_entry(&self, number: u16) -> Option<Word> {
        // Inputs only: they were outputs of the caller.
        let input = u64::from(number).checked_sub(32)?;
        let caller = self.chain.get(self.place + 1)?;
        let output = caller.registers.size_of_locals() + 32 + input;
        if !caller.registers.returned || output >= 128 || self.depth == 0 {
            return None;
        }
        let view = View {
            chain: self.chain,
            place: self.place + 1,
            symbols: self.symbols,
            memories: self.memories,
            depth: self.depth - 1,
        };
        self.symbols
            .passed(caller.registers.ip, output as u16, &view)
    }

    fn memory(&self) -> &dyn Memory {
        self.memories[usize::from(self.link().beyond)]
    }

    fn canonical(&self) -> Option<u64> {
        self.link().psp?.checked_add(16)
    }
}

/// Gives every frame its function; inlined ones become frames of their own.
pub(super) fn named(
    chain: &[Link],
    symbols: &dyn Symbols,
    memories: [&dyn Memory; 2],
    most: usize,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (place, link) in chain.iter().enumerate() {
        let view = View {
            chain,
            place,
            symbols,
            memories,
            depth: ENTRIES,
        };
        let registers = &link.registers;
        let at = registers.at();
        let mut functions = symbols.functions(at, &view);
        if functions.is_empty() {
            functions.push(Function {
                name: None,
                line: None,
                arguments: Vec::new(),
                inlined: false,
            });
        }
        let symbol = symbols.symbol(at);
        for function in functions {
            if frames.len() >= most {
                return frames;
            }
            let by_name = function.line.is_none() && !function.inlined;
            frames.push(Frame {
                ip: registers.ip,
                offset: symbol.map(|(_, start)| registers.ip.wrapping_sub(start)),
                line: function.line,
                sp: registers.sp(),
                bsp: registers.bsp,
                arguments: if by_name {
                    view.inputs()
                } else {
                    function.arguments
                },
                how: if function.inlined {
                    How::Inlined
                } else {
                    link.how.clone()
                },
                function: function.name,
            });
        }
    }
    frames
}

impl View<'_> {
    /// The stacked registers that a function without DWARF may have got as arguments: those of its own
    /// that its caller had outputs for.
    fn inputs(&self) -> Vec<Argument> {
        let own = &self.link().registers;
        let Some(caller) = self.chain.get(self.place + 1) else {
            return Vec::new();
        };
        let caller = &caller.registers;
        if !caller.returned {
            return Vec::new();
        }
        let outputs = caller
            .size_of_frame()
            .saturating_sub(caller.size_of_locals());
        let count = own.size_of_locals().min(outputs).min(ARGUMENTS);
        (32..32 + count as u16)
            .map(|number| Argument {
                name: format!("r{number}"),
                value: self.register(number).map(|word| {
                    if word.nat {
                        Value::NaT
                    } else {
                        Value::Number(word.value)
                    }
                }),
            })
            .collect()
    }
}
