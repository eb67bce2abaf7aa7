//! A file with repairs applied, as a stream: nothing is written while they are tried.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::Bytes;
use ia64save::input::Passing;
use ia64save_codec::repair::{Repair, Splice};

/// A file as it is.
#[derive(Clone, Debug)]
pub struct Data {
    /// All of it.
    pub bytes: Bytes,
    /// Has its memory let go of as it is read.
    pub passing: Passing,
}

/// Bytes from their start to their end.
struct Whole {
    data: Data,
    at: usize,
}

impl Read for Whole {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let rest = &self.data.bytes[self.at..];
        let count = rest.len().min(space.len());
        space[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        self.data.passing.over(count);
        Ok(count)
    }
}

/// Bytes with others in the place of some.
struct Spliced {
    inner: Box<dyn Read + Send>,
    /// Where `inner` is.
    at: u64,
    splices: VecDeque<Splice>,
    /// What is to be given before `inner` goes on.
    insert: VecDeque<u8>,
}

impl Read for Spliced {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.insert.is_empty() {
                return self.insert.read(space);
            }
            let until = match self.splices.front() {
                Some(splice) if splice.offset == self.at => {
                    let skipped = io::copy(
                        &mut self.inner.by_ref().take(splice.remove),
                        &mut io::sink(),
                    )?;
                    self.at += skipped;
                    self.insert = self
                        .splices
                        .pop_front()
                        .unwrap_or_else(nothing)
                        .insert
                        .into();
                    continue;
                }
                Some(splice) => splice.offset - self.at,
                None => u64::MAX,
            };
            let most = usize::try_from(until)
                .unwrap_or(usize::MAX)
                .min(space.len());
            let count = self.inner.read(&mut space[..most])?;
            self.at += count as u64;
            // What is to be put behind the end has its place there.
            if count == 0 && most > 0 && !self.splices.is_empty() {
                self.insert = self
                    .splices
                    .drain(..)
                    .flat_map(|splice| splice.insert)
                    .collect();
                continue;
            }
            return Ok(count);
        }
    }
}

fn nothing() -> Splice {
    Splice {
        offset: 0,
        remove: 0,
        insert: Vec::new(),
    }
}

/// The file with repairs applied one after the other.
pub fn reader<'r>(
    data: &Data,
    repairs: impl IntoIterator<Item = &'r Repair>,
) -> Box<dyn Read + Send> {
    let whole: Box<dyn Read + Send> = Box::new(Whole {
        data: data.clone(),
        at: 0,
    });
    repairs.into_iter().fold(whole, |inner, repair| {
        Box::new(Spliced {
            inner,
            at: 0,
            splices: repair.splices.clone().into(),
            insert: VecDeque::new(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(bytes: &'static [u8]) -> Data {
        Data {
            bytes: Bytes::from_static(bytes),
            passing: Passing::default(),
        }
    }

    fn read(splices: Vec<Splice>) -> Vec<u8> {
        let repair = Repair {
            choice: None,
            splices,
            notes: Vec::new(),
        };
        let data = data(b"0123456789");
        let mut all = Vec::new();
        reader(&data, [&repair]).read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn splices_take_and_give() {
        let splice = |offset, remove, insert: &[u8]| Splice {
            offset,
            remove,
            insert: insert.to_vec(),
        };
        assert_eq!(read(vec![]), b"0123456789");
        assert_eq!(
            read(vec![splice(0, 2, b"ab"), splice(5, 0, b"xyz")]),
            b"ab234xyz56789"
        );
        assert_eq!(
            read(vec![splice(3, 1, b""), splice(4, 1, b"")]),
            b"01256789"
        );
        assert_eq!(read(vec![splice(8, 9, b"")]), b"01234567");
        assert_eq!(read(vec![splice(10, 0, b"end")]), b"0123456789end");
    }

    #[test]
    fn repairs_build_on_each_other() {
        let put = |offset, insert: &[u8]| Repair {
            choice: None,
            splices: vec![Splice {
                offset,
                remove: 0,
                insert: insert.to_vec(),
            }],
            notes: Vec::new(),
        };
        let repairs = [put(0, b"ab"), put(1, b"-")];
        let mut all = Vec::new();
        let data = data(b"01");
        reader(&data, &repairs).read_to_end(&mut all).unwrap();
        assert_eq!(all, b"a-b01");
    }
}
