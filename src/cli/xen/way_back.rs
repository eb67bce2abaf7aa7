//! How a domain goes on that has suspended itself: what the user says of it, what its kernel says, what its
//! toolstack has recorded.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use ia64save_codec::transfer::ResumeMode;
use ia64save_codec::transfer::ports::NoWayBack;
use ia64save_xen::Toolstack;
use ia64save_xen::transport::DomainId;

use crate::cli::exit::Failure;

/// Bytes of a kernel that are read, unpacked.
const LARGEST: u64 = 1 << 30;

/// How a PV guest's suspension is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Its suspend call returns 1: for kernels with the note SUSPEND_CANCEL
    Cancel,
    /// Its event channels are reset, its store and console introduced again: for all others
    Reset,
}

/// How the guest goes on. Without either option the toolstack is asked what it has recorded.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Going on")]
pub struct WayBack {
    /// The guest's kernel (vmlinux, or vmlinuz packed by gzip): its notes say how it goes on
    #[arg(long, value_name = "FILE", conflicts_with = "resume_mode", value_hint = ValueHint::FilePath)]
    pub kernel: Option<PathBuf>,

    /// How the guest goes on, whatever its kernel says
    #[arg(long, value_name = "MODE")]
    pub resume_mode: Option<ModeName>,
}

impl WayBack {
    /// How the guest of a domain goes on; `None` where nobody knows.
    ///
    /// # Errors
    /// A kernel that says nothing: the user has named it for that.
    pub fn mode(
        &self,
        domain: DomainId,
        toolstack: &mut dyn Toolstack,
    ) -> Result<Option<ResumeMode>, Failure> {
        if let Some(name) = self.resume_mode {
            return Ok(Some(match name {
                ModeName::Cancel => ResumeMode::Cancel,
                ModeName::Reset => ResumeMode::Reset,
            }));
        }
        if let Some(path) = &self.kernel {
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let kernel =
                kernel(path).map_err(|error| io::Error::new(error.kind(), named(&error)))?;
            let mode = ResumeMode::of_kernel(&kernel);
            return mode.map(Some).map_err(|error| {
                Failure::Usage(format!(
                    "{}; --resume-mode says it without a kernel",
                    named(&error)
                ))
            });
        }
        // Who cannot be asked knows nothing.
        let recorded = toolstack.takes_cancel(domain).ok().flatten();
        Ok(recorded.map(|cancels| {
            if cancels {
                ResumeMode::Cancel
            } else {
                ResumeMode::Reset
            }
        }))
    }
}

/// A kernel, unpacked.
fn kernel(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    (&mut file).take(LARGEST).read_to_end(&mut bytes)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..])
        .take(LARGEST)
        .read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// A domain that is not suspended, since it could not go on; and what to do about it.
pub fn refused(domain: DomainId, why: NoWayBack) -> Failure {
    Failure::Usage(format!(
        "domain {domain} is not suspended: {why}; {}",
        remedy(why)
    ))
}

fn remedy(why: NoWayBack) -> &'static str {
    match why {
        NoWayBack::NoCall => {
            "--accept-loss goes ahead: it stays suspended then, and can be saved again"
        }
        NoWayBack::UnknownKernel => {
            "--kernel or --resume-mode says it; with --accept-loss it stays suspended after a failure"
        }
        NoWayBack::NoReset => {
            "a control domain of this project's own can (driver-xen/agent); with --accept-loss it stays suspended"
        }
        NoWayBack::NoIntroduction => {
            "--introduce-command does it, or xenstore; with --accept-loss it stays suspended"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    use ia64save_codec::transfer::ports::Errno;
    use ia64save_xen::toolstack::Nobody;

    struct Records(Result<Option<bool>, Errno>);

    impl Toolstack for Records {
        fn suspend(&mut self, _: DomainId, _: bool) -> Result<(), Errno> {
            Err(Errno::ENOSYS)
        }

        fn takes_cancel(&mut self, _: DomainId) -> Result<Option<bool>, Errno> {
            self.0
        }
    }

    /// A kernel with one note of Xen's.
    fn elf(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[18], bytes[32], bytes[54], bytes[56]) = (50, 64, 56, 1);
        (bytes[64], bytes[64 + 8], bytes[64 + 32]) = (4, 120, 20);
        for word in [4, 4, kind] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(b"Xen\0\x01\0\0\0");
        bytes
    }

    fn of(kernel: Option<PathBuf>, resume_mode: Option<ModeName>) -> WayBack {
        WayBack {
            kernel,
            resume_mode,
        }
    }

    #[test]
    fn the_user_the_kernel_or_the_toolstack_decides() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Some(path)
        };
        let mode = |way: WayBack| {
            way.mode(1, &mut Nobody)
                .map_err(|failure| failure.to_string())
        };
        let (cancel, reset) = (Ok(Some(ResumeMode::Cancel)), Ok(Some(ResumeMode::Reset)));
        assert_eq!(mode(of(None, Some(ModeName::Cancel))), cancel);
        assert_eq!(mode(of(None, Some(ModeName::Reset))), reset);
        assert_eq!(mode(of(file("yes", &elf(14)), None)), cancel);
        assert_eq!(mode(of(file("no", &elf(6)), None)), reset);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&elf(14)).unwrap();
        assert_eq!(
            mode(of(file("vmlinuz", &packed.finish().unwrap()), None)),
            cancel
        );
        let refused = mode(of(file("text", b"no kernel"), None)).unwrap_err();
        assert!(refused.contains("text: expected a kernel"), "{refused}");
        assert!(refused.contains("--resume-mode"), "{refused}");
        assert!(mode(of(Some(folder.path().join("absent")), None)).is_err());
        assert_eq!(mode(of(None, None)), Ok(None));
        for (said, expected) in [
            (Ok(Some(true)), Some(ResumeMode::Cancel)),
            (Ok(Some(false)), Some(ResumeMode::Reset)),
            (Ok(None), None),
            (Err(Errno::EIO), None),
        ] {
            let mode = of(None, None).mode(1, &mut Records(said));
            assert_eq!(mode.ok(), Some(expected));
        }
    }
}
