//! The chain of frames.

use super::frame::{Link, named};
use super::interrupted::{INTERRUPTION, interrupted};
use super::step::{Leaving, MARKER};
use super::{Blocked, Frame, How, Registers, Symbols};
use crate::memory::{Memory, Overlay};
use crate::rse;
use crate::unwind::Rules;

/// Where a backtrace begins.
#[derive(Clone, Debug)]
pub enum Start {
    /// A vcpu as it stands.
    Vcpu(Registers),
    /// A task that waits.
    Blocked(Blocked),
}

/// Who called whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backtrace {
    /// The innermost first.
    pub frames: Vec<Frame>,
    /// Why there is no further one.
    pub ended: String,
}

/// Follows the frames from the inside out, at most `most` of them.
pub fn backtrace(
    start: &Start,
    memory: &dyn Memory,
    symbols: &dyn Symbols,
    most: usize,
) -> Backtrace {
    let mut chain = Vec::new();
    let (first, how) = match start {
        Start::Vcpu(registers) => (registers, How::Registers),
        Start::Blocked(blocked) => {
            chain.extend(waiting(blocked));
            (&blocked.caller, How::SwitchStack(blocked.saved_at))
        }
    };
    let user;
    let mut memories = [memory; 2];
    let mut link = Link {
        registers: first.clone(),
        psp: None,
        beyond: false,
        how,
    };
    let ended = 'walk: {
        // What the kernel has of a user's registers lies elsewhere, so behind it memory is another.
        let words = loop {
            match next(&mut link, memory, symbols, chain.len(), most) {
                Ok(Next::Frame(next)) => chain.push(std::mem::replace(&mut link, next)),
                Ok(Next::User(next, words)) => {
                    chain.push(std::mem::replace(&mut link, next));
                    break words;
                }
                Err(ended) => break 'walk ended,
            }
        };
        user = Overlay::new(memory, words);
        memories[1] = &user;
        loop {
            match next(&mut link, &user, symbols, chain.len(), most) {
                Ok(Next::Frame(mut next)) => {
                    next.beyond = true;
                    chain.push(std::mem::replace(&mut link, next));
                }
                Ok(Next::User(..)) => break "a user's frame has a kernel's mark".into(),
                Err(ended) => break ended,
            }
        }
    };
    chain.push(link);
    Backtrace {
        frames: named(&chain, symbols, memories, most),
        ended,
    }
}

/// The function in which a blocked task waits; its registers are saved, its own ip is not.
fn waiting(blocked: &Blocked) -> Option<Link> {
    let function = blocked.switched_in?;
    let mut registers = Registers {
        ip: function,
        bsp: blocked.bsp,
        ..Registers::default()
    };
    registers.general[12] = Some(blocked.sp.into());
    Some(Link {
        registers,
        psp: blocked.caller.sp(),
        beyond: false,
        how: How::Call,
    })
}

enum Next {
    Frame(Link),
    User(Link, Vec<(u64, u64)>),
}

/// The frame behind a link, or why there is none.
fn next(
    link: &mut Link,
    memory: &dyn Memory,
    symbols: &dyn Symbols,
    so_far: usize,
    most: usize,
) -> Result<Next, String> {
    let registers = &link.registers;
    let at = registers.at();
    let here = || match symbols.symbol(at) {
        Some((name, start)) => format!("{name}+{:#x}", registers.ip.wrapping_sub(start)),
        None => format!("{:#x}", registers.ip),
    };
    if so_far + 1 >= most {
        return Err(format!("at the limit of {most} frames"));
    }
    let stopped = |why: String| format!("{} cannot be left: {why}", here());
    let unwind = symbols
        .unwind(at)
        .map_err(|error| stopped(error.to_string()))?;
    let (rules, how) = match unwind {
        Some(unwind) => {
            let bundles = (at & !0xf).wrapping_sub(unwind.entry.start) / 16;
            let slot = bundles * 3 + (at & 0xf).min(2);
            let predicates = registers.pr.unwrap_or(0);
            let rules = Rules::at(unwind.descriptors, slot, predicates);
            let rules = rules.map_err(|error| stopped(error.to_string()))?;
            (rules, How::Unwound)
        }
        // Who has called needs unwind information, who has not may do without.
        None if registers.returned => {
            let why = if symbols.covers(at) {
                "its program has no unwind information for it"
            } else {
                "no program given has code there"
            };
            return Err(stopped(why.into()));
        }
        None if !symbols.covers(at) => {
            return Err(stopped("no program given has code there".into()));
        }
        None => (Rules::of_leaf(), How::Leaf),
    };
    let leaving = Leaving::new(registers, memory, &rules).map_err(stopped)?;
    let psp = leaving.psp;
    let next = match rules.abi {
        Some(INTERRUPTION) => {
            let found = interrupted(&leaving, symbols).map_err(stopped)?;
            let next = Link {
                registers: found.registers,
                psp: None,
                beyond: found.user,
                how: How::Interrupted(found.saved_at),
            };
            if found.user {
                Next::User(next, found.words)
            } else {
                Next::Frame(next)
            }
        }
        Some((abi, context)) => {
            return Err(stopped(format!(
                "it was not called, but made in a way that only its maker knows (unwabi {abi}, {context:#x})"
            )));
        }
        None => {
            let Some(caller) = leaving.caller().map_err(stopped)? else {
                return Err(format!("{} is the outermost frame: its rp is 0", here()));
            };
            let advances = psp > leaving.sp || caller.bsp < registers.bsp;
            if psp < leaving.sp || caller.bsp > registers.bsp {
                return Err(stopped(format!(
                    "its caller's stacks (sp {psp:#x}, bsp {:#x}) would lie within its own",
                    caller.bsp
                )));
            }
            if !advances && (registers.returned || caller.ip == registers.ip) {
                return Err(stopped("its caller would be itself".into()));
            }
            Next::Frame(Link {
                registers: caller,
                psp: None,
                beyond: false,
                how,
            })
        }
    };
    link.psp = Some(psp);
    Ok(next)
}

/// A chain as far as a vcpu's registers alone give it: itself, and where rp says that it was called from.
/// Whether rp is still that of the caller only a program's unwind table would tell.
pub fn guess(registers: &Registers) -> Backtrace {
    let frame = |registers: &Registers, how| Frame {
        ip: registers.ip,
        function: None,
        offset: None,
        line: None,
        sp: registers.sp(),
        bsp: registers.bsp,
        arguments: Vec::new(),
        how,
    };
    let mut frames = vec![frame(registers, How::Registers)];
    let rp = registers.branch[0].filter(|rp| *rp != 0 && rp.is_multiple_of(16));
    let Some(rp) = rp else {
        let ended = "rp names no caller".into();
        return Backtrace { frames, ended };
    };
    let mut caller = Registers {
        ip: rp,
        cfm: registers.pfs.unwrap_or(0) & MARKER,
        ..Registers::default()
    };
    caller.bsp = rse::skip(registers.bsp, -(caller.size_of_locals() as i64));
    frames.push(frame(&caller, How::Guess));
    Backtrace {
        frames,
        ended: "who called that only unwind tables tell: a kernel file is needed".into(),
    }
}
