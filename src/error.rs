//! Why a file is not read.

use std::{fmt, io};

use ia64save_codec::envelope::Foreign;
use ia64save_codec::file::NotAnImage;

use crate::input::Damage;

/// Why a file is not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Reading failed, or what is packed is [damaged](Damage); the error names the file.
    Io(io::Error),
    /// The file is something else.
    Foreign {
        /// What the file is called.
        name: String,
        /// What it is.
        format: Foreign,
    },
    /// The file is no whole image: it breaks off, or contradicts itself, before there is anything to show.
    Broken {
        /// What the file is called.
        name: String,
        /// What is wrong, and where.
        error: ia64save_codec::Error,
    },
    /// It is a folder.
    Folder {
        /// What it is called.
        name: String,
    },
}

impl Error {
    /// What there is instead of an image in the file called `name`.
    pub(crate) fn not_an_image(name: &str, reason: NotAnImage) -> Self {
        let name = name.to_owned();
        match reason {
            NotAnImage::Foreign(format) => Error::Foreign { name, format },
            NotAnImage::Broken(error) => Error::Broken { name, error },
        }
    }

    /// Whether what was read is at fault, rather than the reading of it.
    pub fn is_of_input(&self) -> bool {
        match self {
            Error::Io(error) => Damage::of(error).is_some(),
            Error::Foreign { .. } | Error::Broken { .. } => true,
            Error::Folder { .. } => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io(error) => error.fmt(f),
            Error::Foreign {
                name,
                format: Foreign::Unknown,
            } => write!(f, "{name}: {}", Foreign::Unknown),
            Error::Foreign { name, format } => {
                write!(f, "{name}: not an ia64 save image: {format}")
            }
            Error::Broken { name, error } => write!(f, "{name}: {error}"),
            Error::Folder { name } => write!(f, "{name}: a folder: name a file in it"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Broken { error, .. } => Some(error),
            Error::Foreign { .. } | Error::Folder { .. } => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}
