//! Images of which every byte is at hand.

use std::sync::Arc;

use bytes::Bytes;
use ia64save_codec::decode::Step;
use ia64save_codec::elf::XenCore;
use ia64save_codec::file::probe_slice;
use ia64save_codec::grammar::Part;
use ia64save_codec::image::Builder;
use ia64save_codec::{Code, SaveFile};

use super::Options;
use crate::error::Error;
use crate::input::{Mapped, named};
use crate::scan::{Scanner, Span};

/// Bytes of a mapping that the decoder passes before their memory is let go of.
const HELD: u64 = 16 << 20;

/// Keeps a mapping alive for as long as a section borrows from it.
struct Owner(Arc<Mapped>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads what is mapped, or in memory.
pub(super) fn read(name: &str, mapped: &Arc<Mapped>, options: &Options) -> Result<SaveFile, Error> {
    let data = Bytes::from_owner(Owner(Arc::clone(mapped)));
    if options.cores && XenCore::looks_like_one(&data) {
        return SaveFile::of_core(&data).map_err(|error| {
            // An ELF core of another kind is called what every command calls it.
            match probe_slice(&data, &options.image.limits) {
                Err(reason) if error.code == Code::ForeignFormat && error.path == "elf" => {
                    Error::not_an_image(name, reason)
                }
                _ => Error::Broken {
                    name: name.into(),
                    error,
                },
            }
        });
    }
    let envelope = probe_slice(&data, &options.image.limits)
        .map_err(|reason| Error::not_an_image(name, reason))?;
    let progress = options.progress.begin(name, Some(data.len() as u64));
    let options = &options.image.byte_order(envelope.byte_order());
    let end = data.len() as u64;
    let scanner = Scanner::new(mapped.source()).counting(&*progress);
    let mut decoder = options.decoder(envelope.stream_offset);
    let mut builder = Builder::new(options, envelope.stream_offset, Some(data.clone()));
    let mut scanned = None;
    let mut released = 0;
    let error = loop {
        let offset = decoder.offset();
        if offset - released > HELD {
            mapped.release(0..mapped.len());
            released = offset;
        }
        if decoder.part() == Part::Pages && scanned != Some(offset) {
            let span = Span {
                start: offset,
                end,
                page_size: options.page_size,
            };
            let (headers, zero) = if options.zero {
                let pages = scanner.pages(span).map_err(|error| named(name, &error))?;
                (pages.headers, Some(pages.zero.into_words()))
            } else {
                let headers = scanner.headers(span);
                (headers.map_err(|error| named(name, &error))?, None)
            };
            if let Err(error) = decoder.skip_page_records(headers.gmfns.len() as u64) {
                break Some(error);
            }
            builder.add_pages(offset, headers.gmfns, zero);
            scanned = Some(decoder.offset());
        }
        match decoder.decode(&data[decoder.offset() as usize..], true) {
            Ok(Step::Event { offset, event, .. }) => {
                if let Err(error) = builder.push(&decoder, offset, &event) {
                    break Some(error);
                }
            }
            Ok(Step::NeedMore(_) | Step::Done) => break None,
            Err(error) => break Some(error),
        }
    };
    let image = builder.finish(&decoder, error);
    Ok(SaveFile::new(envelope, &data, image, end))
}
