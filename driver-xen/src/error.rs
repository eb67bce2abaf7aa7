//! Why there is no hypervisor to drive.

use core::fmt;

use ia64save_codec::transfer::ports::Errno;

/// There is no privcmd here, or it may not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The file.
    File {
        /// The path that was opened last.
        path: &'static str,
        /// Why not.
        errno: Errno,
    },
    /// Only Linux has privcmd.
    Unsupported,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            OpenError::Unsupported => f.write_str(
                "hypercalls are made on Linux alone; the agent reaches a Xen host from anywhere",
            ),
            OpenError::File {
                path,
                errno: Errno::ENOENT | Errno::ENODEV,
            } => write!(
                f,
                "this is not the control domain of a Xen host: {path} is not there"
            ),
            OpenError::File {
                path,
                errno: Errno::EACCES | Errno::EPERM,
            } => write!(f, "{path}: only root may use it"),
            OpenError::File { path, errno } => write!(f, "{path}: {errno}"),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_in_one_line_what_is_missing() {
        for errno in [Errno::ENOENT, Errno::EACCES, Errno::EIO] {
            let path = "/dev/xen/privcmd";
            let text = OpenError::File { path, errno }.to_string();
            assert!(text.contains(path) && !text.contains('\n'), "{text}");
        }
        assert!(OpenError::Unsupported.to_string().contains("Linux"));
    }
}
