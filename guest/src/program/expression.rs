//! Where a variable is: DWARF's expressions, evaluated in a frame.

use gimli::{
    Encoding, EvaluationResult, Expression, Location, Reader as _, Unit, Value as Stacked,
};

use super::Reader;
use crate::backtrace::Word;
use crate::memory::{self, Memory};

/// Operations of one expression: the longest that compilers write have some dozens.
const OPERATIONS: u32 = 1000;

/// What an expression may ask about a frame.
pub trait FrameValues {
    /// A register by the number that DWARF has for it on ia64: r0 to r127 are 0 to 127, b0 to b7 320 to
    /// 327. `None` where its value is not known.
    fn register(&self, number: u16) -> Option<Word>;

    /// What a register held when the function was entered.
    fn at_entry(&self, number: u16) -> Option<Word>;

    /// The memory of the frame.
    fn memory(&self) -> &dyn Memory;

    /// What DWARF calls the canonical frame address: on ia64 16 bytes above the caller's sp.
    fn canonical(&self) -> Option<u64>;
}

/// A frame of which nothing is known, for looking up lines.
impl FrameValues for () {
    fn register(&self, _: u16) -> Option<Word> {
        None
    }

    fn at_entry(&self, _: u16) -> Option<Word> {
        None
    }

    fn memory(&self) -> &dyn Memory {
        &Nothing
    }

    fn canonical(&self) -> Option<u64> {
        None
    }
}

struct Nothing;

impl Memory for Nothing {
    fn read(&self, address: u64, _: &mut [u8]) -> Result<(), memory::Unreadable> {
        Err(memory::Unreadable {
            address,
            why: "there is no memory".into(),
        })
    }

    fn physical(&self, _: u64) -> Option<u64> {
        None
    }
}

/// What an expression came to.
pub(super) enum Found {
    /// A value.
    Word(Word),
    /// An address where it lies.
    At(u64),
}

/// Evaluates the expression of a variable. `None` where its value was not kept, or cannot be known.
pub(super) fn evaluate<'a>(
    expression: Expression<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    frame_base: Option<Expression<Reader<'a>>>,
    frame: &dyn FrameValues,
) -> Option<Found> {
    let encoding: Encoding = unit.encoding();
    let mut evaluation = expression.evaluation(encoding);
    evaluation.set_max_iterations(OPERATIONS);
    let mut nat = false;
    let mut result = evaluation.evaluate().ok()?;
    // Each turn answers a question of an operation, so there are no more than those.
    for _ in 0..=OPERATIONS {
        result = match result {
            EvaluationResult::Complete => {
                return complete(&evaluation.result(), nat, frame);
            }
            EvaluationResult::RequiresRegister { register, .. } => {
                let word = frame.register(register.0)?;
                nat |= word.nat;
                let value = Stacked::Generic(word.value);
                evaluation.resume_with_register(value).ok()?
            }
            EvaluationResult::RequiresMemory { address, size, .. } => {
                let value = memory::number(frame.memory(), address, size.into()).ok()?;
                let value = Stacked::Generic(value);
                evaluation.resume_with_memory(value).ok()?
            }
            EvaluationResult::RequiresFrameBase => {
                let found = evaluate(frame_base?, unit, None, frame)?;
                let base = match found {
                    Found::Word(word) => word.value,
                    Found::At(address) => address,
                };
                evaluation.resume_with_frame_base(base).ok()?
            }
            EvaluationResult::RequiresCallFrameCfa => {
                let address = frame.canonical()?;
                evaluation.resume_with_call_frame_cfa(address).ok()?
            }
            EvaluationResult::RequiresEntryValue(inner) => {
                let word = frame.at_entry(register_of(inner, encoding)?)?;
                nat |= word.nat;
                let value = Stacked::Generic(word.value);
                evaluation.resume_with_entry_value(value).ok()?
            }
            EvaluationResult::RequiresRelocatedAddress(address) => {
                evaluation.resume_with_relocated_address(address).ok()?
            }
            _ => return None,
        };
    }
    None
}

/// The register that an expression names and nothing else.
pub(super) fn register_of(expression: Expression<Reader<'_>>, encoding: Encoding) -> Option<u16> {
    let mut operations = expression.operations(encoding);
    match operations.next().ok()?? {
        gimli::Operation::Register { register } => Some(register.0),
        _ => None,
    }
}

fn complete(
    pieces: &[gimli::Piece<Reader<'_>>],
    nat: bool,
    frame: &dyn FrameValues,
) -> Option<Found> {
    // What lies in several places is an aggregate, which has no value of one word.
    let [piece] = pieces else { return None };
    let value = match &piece.location {
        Location::Register { register } => return frame.register(register.0).map(Found::Word),
        Location::Address { address } => return Some(Found::At(*address)),
        Location::Value { value } => value.to_u64(u64::MAX).ok()?,
        Location::Bytes { value } => {
            let bytes = value.to_slice().ok()?;
            let mut word = [0; 8];
            let size = bytes.len().min(8);
            word[..size].copy_from_slice(&bytes[..size]);
            u64::from_le_bytes(word)
        }
        Location::Empty | Location::ImplicitPointer { .. } => return None,
    };
    Some(Found::Word(Word { value, nat }))
}
