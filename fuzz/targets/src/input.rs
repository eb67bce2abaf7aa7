//! How the first bytes of an input say how the rest is to be read.

use bytes::Bytes;
use ia64save_codec::decode::Decoder;
use ia64save_codec::image::Options;
use ia64save_codec::{Dialect, Guest, PAGE_SIZE};

/// Bytes in front of the stream.
pub const HEADER: usize = 4;

/// Sizes of pages, by the first byte of the input, modulo 16. Most are tiny, so that whole images fit
/// into small inputs; two are those of ia64, and some are of no machine.
pub const PAGE_SIZES: [usize; 16] = [
    64, 64, 64, 64, 64, 16, 16, 128, 256, 512, 512, 4096, 1, 40, PAGE_SIZE, PAGE_SIZE,
];

/// An input that is a stream or a file.
///
/// ```text
/// byte 0   page size: PAGE_SIZES[byte % 16]
/// byte 1   dialect: 1 to 14, modulo 16; found out where it is another
/// byte 2   guest: 1 PV, 2 HVM, modulo 4; as arch_setup.flags says where it is another
/// byte 3   whatever the target has to choose
/// byte 4   the stream, or the file
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Bytes of a page.
    pub page_size: usize,
    /// Read as this dialect.
    pub dialect: Option<Dialect>,
    /// Read as this guest.
    pub guest: Option<Guest>,
    /// Of the target.
    pub choice: u8,
    /// The stream, or the file.
    pub stream: &'a [u8],
}

impl<'a> Input<'a> {
    /// Takes the header off.
    pub fn of(data: &'a [u8]) -> Option<Self> {
        let ([page, dialect, guest, choice], stream) = data.split_first_chunk::<HEADER>()?;
        let dialect = usize::from(dialect % 16).checked_sub(1);
        Some(Input {
            page_size: PAGE_SIZES[usize::from(page % 16)],
            dialect: dialect.and_then(|index| Dialect::ALL.get(index).copied()),
            guest: match guest % 4 {
                1 => Some(Guest::Pv),
                2 => Some(Guest::Hvm),
                _ => None,
            },
            choice: *choice,
            stream,
        })
    }

    /// A decoder that reads so.
    pub fn decoder(&self) -> Decoder {
        self.options().decoder(0)
    }

    /// The same for an image.
    pub fn options(&self) -> Options {
        Options::default()
            .page_size(self.page_size)
            .dialect(self.dialect)
            .guest(self.guest)
    }

    /// The stream as something that an image can share.
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.stream)
    }
}

/// The header of an input: the number of a page size, and what else is to be known.
pub fn header(
    page_size: usize,
    dialect: Option<Dialect>,
    guest: Option<Guest>,
    choice: u8,
) -> [u8; 4] {
    let page = PAGE_SIZES.iter().position(|size| *size == page_size);
    let number = |dialect| Dialect::ALL.iter().position(|own| *own == dialect);
    let dialect = dialect.and_then(number).map_or(0, |index| index + 1);
    let guest = match guest {
        None => 0,
        Some(Guest::Pv) => 1,
        Some(Guest::Hvm) => 2,
    };
    [page.unwrap_or(0) as u8, dialect as u8, guest, choice]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for dialect in Dialect::ALL.map(Some).into_iter().chain([None]) {
            for guest in [None, Some(Guest::Pv), Some(Guest::Hvm)] {
                let data = header(PAGE_SIZE, dialect, guest, 7);
                let input = Input::of(&data).unwrap();
                assert_eq!((input.dialect, input.guest), (dialect, guest));
                assert_eq!((input.page_size, input.choice), (PAGE_SIZE, 7));
            }
        }
        assert!(Input::of(&[1, 2, 3]).is_none());
    }
}
