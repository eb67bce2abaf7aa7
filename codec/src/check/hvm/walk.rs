//! The HVM context, record by record.

use alloc::format;
use alloc::string::String;

use crate::check::context::{Context, Fields, Part, Place, Round};
use crate::code::Code;
use crate::error::Finding;
use crate::image::HvmContext;
use crate::size::index;
use crate::wire::Wire;
use crate::wire::hvm::descriptor::HvmSaveDescriptor;
use crate::wire::hvm::{self, END};

/// Bytes in front of a body.
const DESCRIPTOR: usize = HvmSaveDescriptor::SIZE;

/// The HVM context of a round.
#[derive(Clone, Copy)]
pub(super) struct Blob<'a> {
    pub(super) round: Round<'a>,
    pub(super) context: &'a HvmContext,
}

/// A record, whether or not all of it is there.
pub(super) struct RecordView<'a> {
    pub(super) round: Round<'a>,
    pub(super) place: Place,
    /// Where its descriptor is in the file, and in the blob.
    pub(super) offset: u64,
    pub(super) at: usize,
    pub(super) typecode: u16,
    pub(super) instance: u16,
    pub(super) length: u32,
    /// `None` where the blob ends before it does. END has none, whatever it says.
    pub(super) body: Option<&'a [u8]>,
}

/// The HVM contexts of all rounds.
pub(super) fn blobs<'a>(context: &Context<'a>) -> impl Iterator<Item = Blob<'a>> + use<'a> {
    context.rounds().filter_map(|round| {
        let context = round.checkpoint.hvm_context.as_ref()?;
        Some(Blob { round, context })
    })
}

/// The records of one type in all rounds, as far as they have the right length.
pub(super) fn fields_of<'a>(
    context: &Context<'a>,
    typecode: u16,
) -> impl Iterator<Item = (RecordView<'a>, Fields<'a>)> + use<'a> {
    blobs(context)
        .flat_map(Blob::records)
        .filter(move |record| record.typecode == typecode)
        .filter_map(|record| {
            let fields = record.fields()?;
            Some((record, fields))
        })
}

impl<'a> Blob<'a> {
    /// The records up to END, or to the first that is not all there.
    pub(super) fn records(self) -> impl Iterator<Item = RecordView<'a>> + use<'a> {
        let bytes: &'a [u8] = &self.context.blob.bytes;
        let mut next = Some(0);
        let mut number = 0;
        core::iter::from_fn(move || {
            let at: usize = next.take()?;
            let rest = bytes.get(at..)?;
            let descriptor = HvmSaveDescriptor::parse(rest)?;
            let place = self.round.place(Part::Record(number));
            number += 1;
            let length = index(descriptor.length);
            let body = match descriptor.typecode {
                END => Some(&rest[..0]),
                _ => DESCRIPTOR
                    .checked_add(length)
                    .and_then(|end| rest.get(DESCRIPTOR..end)),
            };
            if descriptor.typecode != END && body.is_some() {
                next = Some(at + DESCRIPTOR + length);
            }
            Some(RecordView {
                round: self.round,
                place,
                offset: self.context.blob.offset + at as u64,
                at,
                typecode: descriptor.typecode,
                instance: descriptor.instance,
                length: descriptor.length,
                body,
            })
        })
    }

    /// Whether the records come to an END.
    pub(super) fn ends(self) -> bool {
        self.records().any(|record| record.typecode == END)
    }

    /// A finding about the size in front of the blob.
    pub(super) fn size_finding(&self, code: Code) -> Finding {
        let path = format!("{}.size", self.round.place(Part::HvmContext));
        Finding::new(code, self.context.size_offset, path).length(8)
    }

    /// A finding about the blob as a whole.
    pub(super) fn finding(&self, code: Code, offset: u64) -> Finding {
        Finding::new(
            code,
            offset,
            format!("{}", self.round.place(Part::HvmContext)),
        )
    }
}

impl<'a> RecordView<'a> {
    /// `CPU`, or the number of a type that there is not.
    pub(super) fn name(&self) -> String {
        match hvm::record_of(self.typecode) {
            Some(record) => record.name.into(),
            None => format!("type {}", self.typecode),
        }
    }

    /// A finding about a field of the descriptor.
    pub(super) fn finding(&self, code: Code, field: &str) -> Finding {
        let (at, length) = match field {
            "typecode" => (0, 2),
            "instance" => (2, 2),
            _ => (4, 4),
        };
        Finding::new(code, self.offset + at, format!("{}.{field}", self.place)).length(length)
    }

    /// The fields of the body. `None` where it has not the length of its type.
    pub(super) fn fields(&self) -> Option<Fields<'a>> {
        let record = hvm::record_of(self.typecode)?;
        let body = self.body.filter(|_| self.length == record.length)?;
        let offset = self.offset + DESCRIPTOR as u64;
        Some(Fields::at(self.place, record.layout, body, offset))
    }

    /// First byte of the blob behind the descriptor.
    pub(super) fn end_of_descriptor(&self) -> usize {
        self.at + DESCRIPTOR
    }
}
