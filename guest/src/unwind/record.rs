//! Regions and their records, decoded byte by byte.

use super::{Error, Place, Preserved};

/// What a region is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Registers are being saved. `first` is the general register where the saving that `mask` speaks
    /// of begins: bits for rp (8), ar.pfs (4), psp (2) and pr (1).
    Prologue {
        /// Which of them are saved in general registers.
        mask: u8,
        /// The first of those.
        first: Option<u8>,
    },
    /// What was saved stays where it is.
    Body,
}

/// A region's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Prologue or body.
    pub kind: Kind,
    /// Its length in instruction slots.
    pub slots: u64,
}

/// One record. Times are slots from the beginning of the region, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A region begins.
    Region(Region),
    /// A register is saved at that time.
    When(Preserved, u64),
    /// A register is saved there.
    Saved(Preserved, Place),
    /// The stack pointer is lowered at that time by so many bytes.
    StackFrame {
        /// When.
        time: u64,
        /// Bytes.
        bytes: u64,
    },
    /// Where the memory for spilled registers ends: bytes from psp.
    SpillBase(i64),
    /// Registers that are spilled to their homes in memory: bits for r4.., b1.., f2 to f5, f16...
    Spilled {
        /// General registers.
        general: u8,
        /// Branch registers.
        branch: u8,
        /// Floating-point registers.
        floating: u32,
    },
    /// Branch registers, from b1, that are saved in general registers from `first` on.
    BranchInGeneral {
        /// Which.
        mask: u8,
        /// The first general register.
        first: u8,
    },
    /// General registers, from r4, that are saved in general registers from `first` on.
    GeneralInGeneral {
        /// Which.
        mask: u8,
        /// The first general register.
        first: u8,
    },
    /// Two bits for each slot of the region, at this byte of the descriptors: what is spilled there.
    SpillMask {
        /// First byte.
        offset: usize,
        /// Bytes.
        size: usize,
    },
    /// At that time a register is saved there, or back ([`Place::Own`]); under a predicate if there is one.
    Spill {
        /// The predicate register.
        predicate: Option<u8>,
        /// What is saved.
        register: Preserved,
        /// Where to.
        place: Place,
        /// When.
        time: u64,
    },
    /// The function is called with its return address in that branch register instead of b0.
    ReturnIn(u8),
    /// The frame was not made by a call: who made it, and what it is.
    Abi {
        /// 0 SVR4, 1 HP-UX, 2 NT; Linux has 3.
        abi: u8,
        /// What it means there.
        context: u8,
    },
    /// The stack pointer is restored.
    Epilogue {
        /// Slots from there to the end of the region, that slot included: 1 less.
        time: u64,
        /// How many prologues more than one this undoes behind the region.
        count: u64,
    },
    /// What holds here gets a number.
    LabelState(u64),
    /// What held there holds here.
    CopyState(u64),
}

/// Decodes records one after the other.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The region that the next record belongs to.
    region: Option<Region>,
}

impl<'a> Records<'a> {
    /// Over the descriptors of one function.
    pub fn new(bytes: &'a [u8]) -> Self {
        Records {
            bytes,
            at: 0,
            region: None,
        }
    }

    /// Where the next record begins.
    pub fn offset(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let byte = self.bytes.get(self.at).copied();
        let byte = byte.ok_or_else(|| {
            Error::new(
                self.at,
                "the rest of a record",
                "the end of the descriptors",
            )
        })?;
        self.at += 1;
        Ok(byte)
    }

    /// A number in base 128, the low bits first.
    fn number(&mut self) -> Result<u64, Error> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let fits = shift < 64 && bits << shift >> shift == bits;
            if !fits && bits != 0 {
                let expected = "a number of at most 64 bits";
                return Err(Error::new(start, expected, "a greater one"));
            }
            if fits {
                value |= bits << shift;
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
        Ok(value)
    }

    /// Bytes above sp.
    fn sp_offset(&mut self) -> Result<Place, Error> {
        let start = self.at;
        let words = self.number()?;
        match i64::try_from(words).ok().and_then(|n| n.checked_mul(4)) {
            Some(bytes) => Ok(Place::Sp(bytes)),
            None => Err(offset_error(start, words)),
        }
    }

    /// Bytes from psp: those below psp + 16 are counted.
    fn psp_offset(&mut self) -> Result<i64, Error> {
        let start = self.at;
        let words = self.number()?;
        let bytes = i64::try_from(words).ok().and_then(|n| n.checked_mul(4));
        bytes
            .and_then(|bytes| 16i64.checked_sub(bytes))
            .ok_or_else(|| offset_error(start, words))
    }

    fn psp_place(&mut self) -> Result<Place, Error> {
        self.psp_offset().map(Place::Psp)
    }

    /// The register that the records X1 to X4 have in 7 bits.
    fn target(&self, code: u8) -> Result<Preserved, Error> {
        let number = code & 0x1f;
        let register = match code >> 5 & 3 {
            0 if (4..8).contains(&number) => Some(Preserved::Gr(number)),
            1 if (2..6).contains(&number) || number >= 16 => Some(Preserved::Fr(number)),
            2 if (1..6).contains(&number) => Some(Preserved::Br(number)),
            3 => Preserved::special(number),
            _ => None,
        };
        let expected = "a preserved register (r4-r7, f2-f5, f16-f31, b1-b5 or one of 11 special)";
        register.ok_or_else(|| Error::new(self.at - 1, expected, format!("{code:#04x}")))
    }

    /// The register that one is saved to; r0 stands for none.
    fn destination(&self, x: bool, code: u8) -> Result<Place, Error> {
        let number = code & 0x7f;
        match (x, code & 0x80 != 0, number) {
            (false, false, 0) => Ok(Place::Own),
            (false, false, _) => Ok(Place::Gr(number)),
            (false, true, _) => Ok(Place::Fr(number)),
            (true, false, 0..8) => Ok(Place::Br(number)),
            _ => Err(Error::new(
                self.at - 1,
                "a general, floating-point or branch register",
                format!("kind {}, number {number}", 2 * u8::from(x) + (code >> 7)),
            )),
        }
    }

    fn region(&mut self, first: u8) -> Result<Record, Error> {
        let (kind, slots) = match first {
            0x00..=0x1f => (Self::prologue(), u64::from(first & 0x1f)),
            0x20..=0x3f => (Kind::Body, u64::from(first & 0x1f)),
            0x40..=0x47 => {
                let second = self.byte()?;
                let kind = Kind::Prologue {
                    mask: (first & 7) << 1 | second >> 7,
                    first: Some(second & 0x7f),
                };
                (kind, self.number()?)
            }
            0x60 => (Self::prologue(), self.number()?),
            0x61 => (Kind::Body, self.number()?),
            _ => {
                let expected = "the head of a region (R1, R2 or R3)";
                return Err(Error::new(self.at - 1, expected, format!("{first:#04x}")));
            }
        };
        let region = Region { kind, slots };
        self.region = Some(region);
        Ok(Record::Region(region))
    }

    fn prologue() -> Kind {
        Kind::Prologue {
            mask: 0,
            first: None,
        }
    }

    fn of_prologue(&mut self, first: u8, slots: u64) -> Result<Record, Error> {
        Ok(match first {
            0x80..=0x9f => Record::Spilled {
                general: 0,
                branch: first & 0x1f,
                floating: 0,
            },
            0xa0..=0xaf => {
                let second = self.byte()?;
                Record::BranchInGeneral {
                    mask: (first & 0xf) << 1 | second >> 7,
                    first: second & 0x7f,
                }
            }
            0xb0..=0xb7 => {
                let second = self.byte()?;
                let gr = Place::Gr(second & 0x7f);
                let code = (first & 7) << 1 | second >> 7;
                if code == 6 && second & 0x7f < 8 {
                    return Ok(Record::ReturnIn(second & 7));
                }
                let (register, place) = match code {
                    0 => (Preserved::Psp, gr),
                    1 => (Preserved::Rp, gr),
                    2 => (Preserved::Pfs, gr),
                    3 => (Preserved::Pr, gr),
                    4 => (Preserved::Unat, gr),
                    5 => (Preserved::Lc, gr),
                    7 => (Preserved::Rnat, gr),
                    8 => (Preserved::Bsp, gr),
                    9 => (Preserved::Bspstore, gr),
                    10 => (Preserved::Fpsr, gr),
                    11 => (Preserved::PriUnat, gr),
                    _ => return Err(self.unknown("P3", code)),
                };
                Record::Saved(register, place)
            }
            0xb8 => {
                let bits = slots.checked_mul(2);
                let size = bits.map(|bits| bits.div_ceil(8));
                let left = self.bytes.len() - self.at;
                let size = size.and_then(|size| usize::try_from(size).ok());
                let Some(size) = size.filter(|size| *size <= left) else {
                    let expected = "a mask with two bits for each slot of the region";
                    let found = format!("{left} bytes for {slots} slots");
                    return Err(Error::new(self.at, expected, found));
                };
                let offset = self.at;
                self.at += size;
                Record::SpillMask { offset, size }
            }
            0xb9 => {
                let [a, b, c] = [self.byte()?, self.byte()?, self.byte()?];
                Record::Spilled {
                    general: a >> 4,
                    branch: 0,
                    floating: u32::from(a & 0xf) << 16 | u32::from(b) << 8 | u32::from(c),
                }
            }
            0xc0..=0xcf => Record::Spilled {
                general: 0,
                branch: 0,
                floating: u32::from(first & 0xf),
            },
            0xd0..=0xdf => Record::Spilled {
                general: first & 0xf,
                branch: 0,
                floating: 0,
            },
            0xe0..=0xef => self.p7(first & 0xf)?,
            0xf0 => self.p8()?,
            0xf1 => {
                let [mask, gr] = [self.byte()?, self.byte()?];
                Record::GeneralInGeneral {
                    mask: mask & 0xf,
                    first: gr & 0x7f,
                }
            }
            0xff => Record::Abi {
                abi: self.byte()?,
                context: self.byte()?,
            },
            _ => return self.of_any(first, "a record of a prologue (P1 to P10, X1 to X4)"),
        })
    }

    fn p7(&mut self, code: u8) -> Result<Record, Error> {
        use Preserved::{Fpsr, Lc, Pfs, Pr, Psp, Rp, Unat};
        Ok(match code {
            0 => {
                let time = self.number()?;
                let start = self.at;
                let units = self.number()?;
                let bytes = units.checked_mul(16);
                let bytes = bytes.ok_or_else(|| offset_error(start, units))?;
                Record::StackFrame { time, bytes }
            }
            1 => Record::When(Psp, self.number()?),
            2 => Record::SpillBase(self.psp_offset()?),
            3 => Record::Saved(Psp, self.sp_offset()?),
            4 => Record::When(Rp, self.number()?),
            5 => Record::Saved(Rp, self.psp_place()?),
            6 => Record::When(Pfs, self.number()?),
            7 => Record::Saved(Pfs, self.psp_place()?),
            8 => Record::When(Pr, self.number()?),
            9 => Record::Saved(Pr, self.psp_place()?),
            10 => Record::When(Lc, self.number()?),
            11 => Record::Saved(Lc, self.psp_place()?),
            12 => Record::When(Unat, self.number()?),
            13 => Record::Saved(Unat, self.psp_place()?),
            14 => Record::When(Fpsr, self.number()?),
            _ => Record::Saved(Fpsr, self.psp_place()?),
        })
    }

    fn p8(&mut self) -> Result<Record, Error> {
        use Preserved::{Bsp, Bspstore, Fpsr, Lc, Pfs, Pr, PriUnat, Rnat, Rp, Unat};
        let code = self.byte()?;
        Ok(match code {
            1 => Record::Saved(Rp, self.sp_offset()?),
            2 => Record::Saved(Pfs, self.sp_offset()?),
            3 => Record::Saved(Pr, self.sp_offset()?),
            4 => Record::Saved(Lc, self.sp_offset()?),
            5 => Record::Saved(Unat, self.sp_offset()?),
            6 => Record::Saved(Fpsr, self.sp_offset()?),
            7 => Record::When(Bsp, self.number()?),
            8 => Record::Saved(Bsp, self.psp_place()?),
            9 => Record::Saved(Bsp, self.sp_offset()?),
            10 => Record::When(Bspstore, self.number()?),
            11 => Record::Saved(Bspstore, self.psp_place()?),
            12 => Record::Saved(Bspstore, self.sp_offset()?),
            13 => Record::When(Rnat, self.number()?),
            14 => Record::Saved(Rnat, self.psp_place()?),
            15 => Record::Saved(Rnat, self.sp_offset()?),
            16 | 19 => Record::When(PriUnat, self.number()?),
            17 => Record::Saved(PriUnat, self.psp_place()?),
            18 => Record::Saved(PriUnat, self.sp_offset()?),
            _ => return Err(self.unknown("P8", code)),
        })
    }

    fn of_body(&mut self, first: u8) -> Result<Record, Error> {
        Ok(match first {
            0x80..=0x9f => Record::LabelState(u64::from(first & 0x1f)),
            0xa0..=0xbf => Record::CopyState(u64::from(first & 0x1f)),
            0xc0..=0xdf => Record::Epilogue {
                time: self.number()?,
                count: u64::from(first & 0x1f),
            },
            0xe0 => Record::Epilogue {
                time: self.number()?,
                count: self.number()?,
            },
            0xf0 => Record::LabelState(self.number()?),
            0xf8 => Record::CopyState(self.number()?),
            _ => return self.of_any(first, "a record of a body (B1 to B4, X1 to X4)"),
        })
    }

    /// X1 to X4, which both kinds of regions have.
    fn of_any(&mut self, first: u8, expected: &'static str) -> Result<Record, Error> {
        let start = self.at - 1;
        let (predicate, register, place, time) = match first {
            0xf9 | 0xfb => {
                let second = self.byte()?;
                let (predicate, code) = match first {
                    0xfb => (Some(second & 0x3f), self.byte()?),
                    _ => (None, second),
                };
                let register = self.target(code & 0x7f)?;
                let time = self.number()?;
                let place = match second & 0x80 {
                    0 => self.psp_place()?,
                    _ => self.sp_offset()?,
                };
                (predicate, register, place, time)
            }
            0xfa | 0xfc => {
                let predicate = match first {
                    0xfc => Some(self.byte()? & 0x3f),
                    _ => None,
                };
                let code = self.byte()?;
                let register = self.target(code & 0x7f)?;
                let to = self.byte()?;
                let place = self.destination(code & 0x80 != 0, to)?;
                (predicate, register, place, self.number()?)
            }
            _ => return Err(Error::new(start, expected, format!("{first:#04x}"))),
        };
        Ok(Record::Spill {
            predicate,
            register,
            place,
            time,
        })
    }

    fn unknown(&self, format: &str, code: u8) -> Error {
        let expected = "a record that the conventions define";
        Error::new(self.at - 1, expected, format!("{format} with code {code}"))
    }
}

fn offset_error(at: usize, words: u64) -> Error {
    Error::new(at, "an offset within 64 bits", format!("{words:#x} words"))
}

impl Iterator for Records<'_> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let record = self.byte().and_then(|first| {
            let start = self.at - 1;
            match (first, self.region) {
                (0..0x80, _) => self.region(first),
                (_, Some(region)) => match region.kind {
                    Kind::Prologue { .. } => self.of_prologue(first, region.slots),
                    Kind::Body => self.of_body(first),
                },
                (_, None) => {
                    let expected = "the head of a region before its records";
                    Err(Error::new(start, expected, format!("{first:#04x}")))
                }
            }
        });
        if record.is_err() {
            self.at = self.bytes.len();
        }
        Some(record)
    }
}
