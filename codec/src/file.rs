//! A whole save file: the envelope, the image in it, and the device model's state behind it.

use alloc::string::String;
use core::fmt;
use core::ops::Range;

use bytes::Bytes;

#[cfg(feature = "elf")]
use crate::elf::XenCore;
use crate::envelope::{self, Config, DeviceModel, Envelope, Foreign, Probe, SyntaxError, Tail};
use crate::error::Error;
use crate::image::{Builder, Image, Options};
use crate::limits::Limits;

/// What a file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaveFile {
    /// What surrounds the stream.
    pub envelope: Envelope,
    /// The text of the configuration.
    pub config_text: Option<Bytes>,
    /// What the configuration says, or where it is no configuration.
    pub config: Option<Result<Config, SyntaxError>>,
    /// The image.
    pub image: Image,
    /// The device model's state behind the stream, or why it is none.
    pub device_model: Option<Result<DeviceModel, Error>>,
    /// Bytes of the file.
    pub size: u64,
    /// The file is no stream but a core, which says this of itself.
    #[cfg(feature = "elf")]
    pub core: Option<XenCore>,
}

/// Why a file holds no image at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAnImage {
    /// It is something else, known by name.
    Foreign(Foreign),
    /// Its envelope is broken.
    Broken(Error),
}

impl fmt::Display for NotAnImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAnImage::Foreign(foreign) => write!(f, "no image of Xen/ia64 but {foreign}"),
            NotAnImage::Broken(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for NotAnImage {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            NotAnImage::Foreign(_) => None,
            // It shows itself: its own cause is the next.
            NotAnImage::Broken(error) => error.source(),
        }
    }
}

impl From<Error> for NotAnImage {
    fn from(error: Error) -> Self {
        NotAnImage::Broken(error)
    }
}

impl SaveFile {
    /// Reads a file that is in memory or mapped. Nothing is copied.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use ia64save_codec::SaveFile;
    /// use ia64save_codec::image::Options;
    /// let modern = [&[0xff; 8][..], b"XENF", &[0; 100]].concat();
    /// assert!(SaveFile::parse(&Bytes::from(modern), &Options::default()).is_err());
    /// ```
    ///
    /// # Errors
    /// Where there is no stream to read. A broken stream is no error of this function: see
    /// [`Image::error`].
    pub fn parse(data: &Bytes, options: &Options) -> Result<SaveFile, NotAnImage> {
        let envelope = probe_slice(data, &options.limits)?;
        let options = options.byte_order(envelope.byte_order());
        let image = Builder::parse(data, envelope.stream_offset, &options);
        Ok(SaveFile::new(envelope, data, image, data.len() as u64))
    }

    /// Puts together what was read piece by piece. `prefix` holds at least what is in front of the
    /// stream; `size` is that of the whole file.
    pub fn new(envelope: Envelope, prefix: &Bytes, image: Image, size: u64) -> SaveFile {
        let config_text = envelope
            .config
            .clone()
            .and_then(|range| slice(prefix, &range));
        let config = config_text
            .as_ref()
            .map(|text| Config::parse(envelope.kind, text));
        let device_model = image.trailing.as_ref().and_then(|trailing| {
            // What trails is kept as far as a record's own header goes.
            let order = envelope.byte_order();
            match envelope::parse_tail(&trailing.first, true, trailing.offset, order) {
                Ok(Tail::Record(record)) => Some(record.finish(size)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            }
        });
        SaveFile {
            envelope,
            config_text,
            config,
            image,
            device_model,
            size,
            #[cfg(feature = "elf")]
            core: None,
        }
    }

    /// Reads a core of `xm dump-core` that is in memory or mapped: an image without a head, which
    /// knows no memory map.
    ///
    /// # Errors
    /// Where it is no core of an ia64 domain, or ends too early.
    #[cfg(feature = "elf")]
    pub fn of_core(data: &Bytes) -> Result<SaveFile, Error> {
        let (core, image) = XenCore::read(data)?;
        let mut file = SaveFile::new(Envelope::bare(), data, image, data.len() as u64);
        file.core = Some(core);
        Ok(file)
    }

    /// The file is no stream but a core, which knows no more than memory and contexts.
    pub fn is_core(&self) -> bool {
        #[cfg(feature = "elf")]
        return self.core.is_some();
        #[cfg(not(feature = "elf"))]
        false
    }

    /// Bytes behind the stream and its device-model record that belong to nobody: where they begin,
    /// and how many.
    pub fn trailing(&self) -> Option<(u64, u64)> {
        let trailing = self.image.trailing.as_ref()?;
        let begins = match &self.device_model {
            Some(Ok(model)) => model.data.end,
            Some(Err(_)) => self.size,
            None => trailing.offset,
        };
        let left = self.size.saturating_sub(begins);
        (left > 0).then_some((begins, left))
    }

    /// The name in the configuration.
    pub fn domain_name(&self) -> Option<&String> {
        self.config.as_ref()?.as_ref().ok()?.name.as_ref()
    }
}

/// Finds the stream in a file that is all there.
///
/// # Errors
/// As [`SaveFile::parse`].
pub fn probe_slice(data: &[u8], limits: &Limits) -> Result<Envelope, NotAnImage> {
    let mut have = 0;
    loop {
        match envelope::probe(&data[..have], have == data.len(), limits)? {
            Probe::NeedMore(wanted) => have = wanted.min(data.len()),
            Probe::Found(envelope) => return Ok(envelope),
            Probe::Foreign(Foreign::Empty) => return Ok(Envelope::bare()),
            Probe::Foreign(foreign) => return Err(NotAnImage::Foreign(foreign)),
        }
    }
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let (start, end) = (
        usize::try_from(range.start).ok()?,
        usize::try_from(range.end).ok()?,
    );
    (end <= bytes.len()).then(|| bytes.slice(start..end))
}
