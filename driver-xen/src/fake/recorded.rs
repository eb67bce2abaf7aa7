//! What was said between an agent, or a release's own tools, and a real hypervisor: hypercalls as bytes.
//!
//! One line each. Answers begin with `@`; what was asked may begin with `> `.
//!
//! | line | what |
//! |---|---|
//! | `W address bytes` | memory that is written before a call |
//! | `Z address length` | the same, of zeros |
//! | `H number arguments` | a hypercall; an argument with its top bit set is an inline address of such memory |
//! | `@R result` | what it came to |
//! | `D address length`, `@D bytes` | memory that is read after it |
//! | `@K`, `@S` | the other end is there |
//!
//! All numbers are hexadecimal. Bytes that end in `...` are the first of longer ones.

use std::collections::BTreeMap;

/// Bytes as they were kept: all of them, or the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Where they lay.
    pub address: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// There were more.
    pub is_cut: bool,
}

/// A hypercall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The line it stands in.
    pub line: usize,
    /// Its number.
    pub number: u64,
    /// Its arguments.
    pub arguments: [u64; 5],
    /// What was written for it, in order.
    pub written: Vec<Kept>,
    /// What lay at each address when it was made: what was written for earlier calls too.
    pub memory: BTreeMap<u64, Vec<u8>>,
    /// What it came to: an error number, negative, or more.
    pub result: i64,
    /// What was read after it, in order, with how long it was.
    pub read: Vec<(Kept, usize)>,
}

impl Recorded {
    /// What was read at an address.
    pub fn read_at(&self, address: u64) -> Option<&[u8]> {
        let found = self.read.iter().find(|(kept, _)| kept.address == address);
        found.map(|(kept, _)| &kept.bytes[..])
    }
}

fn number(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 16).ok()
}

fn kept(address: u64, hex: &str) -> Option<Kept> {
    let digits = hex.trim_end_matches("...");
    let bytes = (0..digits.len() / 2).map(|at| digits.get(2 * at..2 * at + 2));
    let bytes = bytes.map(|pair| u8::from_str_radix(pair?, 16).ok());
    Some(Kept {
        address,
        bytes: bytes.collect::<Option<_>>()?,
        is_cut: digits.len() < hex.len(),
    })
}

/// The calls of a recording, in order.
///
/// # Errors
/// The line that cannot be read.
pub fn recording(text: &str) -> Result<Vec<Recorded>, String> {
    let mut calls: Vec<Recorded> = Vec::new();
    let mut memory: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut written = Vec::new();
    let mut asked = None;
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.trim_start_matches("> ").split(' ').collect();
        let mut read = || -> Option<()> {
            match words[..] {
                ["W", address, hex] => {
                    let kept = kept(number(address)?, hex)?;
                    memory.insert(kept.address, kept.bytes.clone());
                    written.push(kept);
                }
                ["Z", address, length] => {
                    let kept = Kept {
                        address: number(address)?,
                        bytes: vec![0; number(length)?.min(48) as usize],
                        is_cut: number(length)? > 48,
                    };
                    memory.insert(kept.address, kept.bytes.clone());
                    written.push(kept);
                }
                ["H", op, ref rest @ ..] => {
                    let mut arguments = [0; 5];
                    for (argument, word) in arguments.iter_mut().zip(rest) {
                        *argument = number(word)?;
                    }
                    calls.push(Recorded {
                        line: index + 1,
                        number: number(op)?,
                        arguments,
                        written: std::mem::take(&mut written),
                        memory: memory.clone(),
                        result: 0,
                        read: Vec::new(),
                    });
                }
                ["D", address, length] => {
                    asked = Some((number(address)?, number(length)? as usize));
                }
                ["@R", result] => calls.last_mut()?.result = number(result)? as i64,
                ["@D", hex] => {
                    let (address, length) = asked.take()?;
                    calls.last_mut()?.read.push((kept(address, hex)?, length));
                }
                ["@K"] | ["@S", ..] => {}
                _ => return None,
            }
            Some(())
        };
        read().ok_or_else(|| format!("line {}: {line}", index + 1))?;
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_line_by_line() {
        let text = "> W 40 0b00...\n@K\n> H 24 8000000000000040 0 0 0 0\n@R fffffffffffffff3\n> D 40 90\n@D 0b01\n";
        let [call] = &recording(text).unwrap()[..] else {
            panic!("one call");
        };
        assert_eq!((call.line, call.number, call.result), (3, 0x24, -13));
        assert_eq!(call.arguments[0], 0x8000_0000_0000_0040);
        assert!(call.written[0].is_cut && !call.read[0].0.is_cut);
        assert_eq!(call.read[0].1, 0x90);
        assert_eq!(call.read_at(0x40), Some(&[11, 1][..]));
        assert_eq!(call.memory[&0x40], [11, 0]);
        for bad in ["@R 0", "> D 1 1\n@D 00", "> W 1 0x", "> Q"] {
            assert!(recording(bad).is_err(), "{bad}");
        }
    }
}
