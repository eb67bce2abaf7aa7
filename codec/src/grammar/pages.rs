//! The page stream and the list of pages that the domain had given back.

use nom::bytes::streaming::{tag, take};
use nom::number::streaming::le_u32;

use super::fault::Parsed;
use super::u64_at;

/// The gmfn that ends the page records (spec 5.3).
pub const PAGES_END: u64 = u64::MAX;

/// Consecutive whole page records, borrowed: the bulk form of one production (spec 5.1).
///
/// All records have one size, so a run can be indexed, cut and walked from both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRun<'a> {
    bytes: &'a [u8],
    page_size: usize,
}

/// One page record, borrowed (spec 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRecord<'a> {
    /// The guest frame. Called gmfn on the wire and pfn everywhere else: on ia64 both are the same.
    pub gmfn: u64,
    /// The page.
    pub page: &'a [u8],
}

impl<'a> PageRun<'a> {
    /// A run over bytes that hold whole records; bytes behind the last whole record are left out.
    ///
    /// # Panics
    /// If `page_size` is 0.
    pub fn new(bytes: &'a [u8], page_size: usize) -> Self {
        assert!(page_size > 0, "a page has at least one byte");
        let whole = bytes.len() / (8 + page_size) * (8 + page_size);
        PageRun {
            bytes: &bytes[..whole],
            page_size,
        }
    }

    /// Records in the run.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.stride()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes from one record to the next.
    pub fn stride(&self) -> usize {
        8 + self.page_size
    }

    /// The records as they stand on the wire.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The frames alone; touches 8 bytes a record.
    pub fn gmfns(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.records().map(|record| record.gmfn)
    }

    /// The records.
    pub fn records(&self) -> impl ExactSizeIterator<Item = PageRecord<'a>> + use<'a> {
        self.bytes.chunks_exact(self.stride()).map(|record| {
            let (gmfn, page) = record.split_at(8);
            PageRecord {
                gmfn: u64_at(gmfn, 0).unwrap_or(PAGES_END),
                page,
            }
        })
    }
}

/// `{ gmfn page }`: as many whole records as the input holds before the terminator, `most` at
/// most. Incomplete where it holds not even one; an empty run where the terminator comes at once.
pub fn page_run(page_size: usize, most: usize) -> impl Fn(&[u8]) -> Parsed<'_, PageRun<'_>> {
    move |input| {
        let stride = 8 + page_size;
        let mut count = 0;
        // The terminator has no page, so its 8 bytes may be all that is left.
        while count < most {
            match u64_at(input, count * stride) {
                Some(PAGES_END) => break,
                Some(_) if input.len() - count * stride >= stride => count += 1,
                _ if count > 0 => break,
                Some(_) => {
                    return take(stride)(input)
                        .map(|(rest, _)| (rest, PageRun::new(&[], page_size)));
                }
                None => {
                    return take(8usize)(input)
                        .map(|(rest, _)| (rest, PageRun::new(&[], page_size)));
                }
            }
        }
        let (run, rest) = input.split_at(count * stride);
        Ok((
            rest,
            PageRun {
                bytes: run,
                page_size,
            },
        ))
    }
}

/// The terminator of the page records.
pub fn page_end(input: &[u8]) -> Parsed<'_, ()> {
    let (rest, _) = tag(&PAGES_END.to_le_bytes()[..])(input)?;
    Ok((rest, ()))
}

/// The count of unallocated pfns (spec 6.1).
pub fn unallocated_count(input: &[u8]) -> Parsed<'_, u32> {
    le_u32(input)
}

/// Consecutive entries of the unallocated list, borrowed (spec 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PfnRun<'a> {
    bytes: &'a [u8],
}

impl<'a> PfnRun<'a> {
    /// A run over whole entries; bytes behind the last whole one are left out.
    pub fn new(bytes: &'a [u8]) -> Self {
        PfnRun {
            bytes: &bytes[..bytes.len() / 8 * 8],
        }
    }

    /// Entries in the run.
    pub fn len(&self) -> usize {
        self.bytes.len() / 8
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The entries as they stand on the wire.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The pfns.
    pub fn pfns(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.bytes
            .chunks_exact(8)
            .map(|pfn| u64_at(pfn, 0).unwrap_or(0))
    }
}

/// `{ pfn }`: as many entries as the input holds, `left` at most. Incomplete where it holds none.
pub fn unallocated_run(left: u32) -> impl Fn(&[u8]) -> Parsed<'_, PfnRun<'_>> {
    move |input| {
        let entries = (input.len() / 8).clamp(1, crate::size::index(left.max(1)));
        let (rest, bytes) = take(entries * 8)(input)?;
        Ok((rest, PfnRun { bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn records(gmfns: &[u64], page_size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for gmfn in gmfns {
            out.extend_from_slice(&gmfn.to_le_bytes());
            out.resize(out.len() + page_size, *gmfn as u8);
        }
        out
    }

    #[test]
    fn a_run_ends_at_the_terminator_at_its_bound_and_at_a_partial_record() {
        let mut stream = records(&[3, 1, 2], 16);
        let whole = stream.len();
        stream.extend_from_slice(&PAGES_END.to_le_bytes());
        stream.extend_from_slice(&[7; 100]);
        let gmfns = |input: &[u8], most| {
            page_run(16, most)(input)
                .map(|(rest, run)| (rest.len(), run.gmfns().collect::<Vec<_>>()))
        };
        assert_eq!(gmfns(&stream, 10), Ok((108, vec![3, 1, 2])));
        assert_eq!(gmfns(&stream, 2), Ok((132, vec![3, 1])));
        assert_eq!(gmfns(&stream[..whole - 1], 10), Ok((23, vec![3, 1])));
        assert_eq!(gmfns(&stream[whole..], 10), Ok((108, vec![])));
        let is_empty = |input: &[u8]| page_run(16, 10)(input).map(|(_, run)| run.is_empty());
        assert_eq!(is_empty(&stream), Ok(false));
        assert_eq!(is_empty(&stream[whole..]), Ok(true));
        assert!(gmfns(&stream[..7], 10).is_err());
        assert!(gmfns(&stream[..23], 10).is_err());
    }

    #[test]
    fn a_list_is_taken_in_whole_entries() {
        let bytes = [1u64, 2, 3].map(u64::to_le_bytes).concat();
        let (rest, run) = unallocated_run(2)(&bytes).unwrap();
        assert_eq!(
            (rest.len(), run.pfns().collect::<Vec<_>>()),
            (8, vec![1, 2])
        );
        let (rest, run) = unallocated_run(9)(&bytes[..20]).unwrap();
        assert_eq!((rest.len(), run.len()), (4, 2));
        assert!(!run.is_empty() && PfnRun::new(&bytes[..7]).is_empty());
        assert!(unallocated_run(9)(&bytes[..7]).is_err());
    }
}
