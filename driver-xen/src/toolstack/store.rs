//! Suspending by xenstore.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use ia64save_codec::transfer::ports::{Errno, Introduction};

use super::Toolstack;
use super::xenstore::Xenstore;
use crate::transport::DomainId;

/// How long a device model may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// Asks the guest by its control node, and the device model of an HVM domain by its own.
///
/// ```text
///   /local/domain/N/control/shutdown         suspend
///   /local/domain/0/device-model/N/command   save, continue
///   /local/domain/0/device-model/N/state     paused, running: the answer
///   /local/domain/N/image/suspend-cancel     1: the kernel's note, as xend has recorded it
///   /local/domain/N/{store,console}/...      port, ring-ref: for a guest that is introduced again
/// ```
#[derive(Debug)]
pub struct ByXenstore<S> {
    store: Xenstore<S>,
    patience: Duration,
}

impl<S: Read + Write> ByXenstore<S> {
    /// Over a connection.
    pub fn new(store: Xenstore<S>) -> Self {
        ByXenstore {
            store,
            patience: PATIENCE,
        }
    }

    /// With another time for the device model to answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Gives the device model an order and waits until it is followed.
    fn order(&mut self, domain: DomainId, order: &str, state: &str) -> Result<(), Errno> {
        let node = format!("/local/domain/0/device-model/{domain}");
        // A domain without a device model has no node.
        if self.get(&format!("{node}/state"))?.is_none() {
            return Ok(());
        }
        self.put(&format!("{node}/command"), order)?;
        let asked = Instant::now();
        loop {
            match self.get(&format!("{node}/state"))? {
                Some(now) if now == state.as_bytes() => return Ok(()),
                None => return Err(Errno::ENOENT),
                Some(_) if asked.elapsed() >= self.patience => return Err(Errno::ETIMEDOUT),
                Some(_) => std::thread::sleep(LOOK),
            }
        }
    }

    fn get(&mut self, path: &str) -> Result<Option<Vec<u8>>, Errno> {
        self.store.read(path).map_err(|error| errno(&error))
    }

    fn put(&mut self, path: &str, value: &str) -> Result<(), Errno> {
        self.store
            .write(path, value.as_bytes())
            .map_err(|error| errno(&error))
    }
}

fn errno(error: &io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        io::ErrorKind::InvalidData => Errno::EPROTO,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Errno::EPIPE,
        _ => error.raw_os_error().map_or(Errno::EIO, Errno),
    }
}

impl<S: Read + Write> Toolstack for ByXenstore<S> {
    fn suspend(&mut self, domain: DomainId, hvm: bool) -> Result<(), Errno> {
        let node = format!("/local/domain/{domain}/control/shutdown");
        self.put(&node, "suspend")?;
        if hvm {
            self.order(domain, "save", "paused")?;
        }
        Ok(())
    }

    fn withdraw(&mut self, domain: DomainId, hvm: bool) -> Result<(), Errno> {
        self.put(&format!("/local/domain/{domain}/control/shutdown"), "")?;
        self.resumed(domain, hvm)
    }

    fn resumed(&mut self, domain: DomainId, hvm: bool) -> Result<(), Errno> {
        if hvm {
            self.order(domain, "continue", "running")?;
        }
        Ok(())
    }

    /// xend records the notes of the kernels that it starts; without any of them nothing is known.
    fn takes_cancel(&mut self, domain: DomainId) -> Result<Option<bool>, Errno> {
        let image = format!("/local/domain/{domain}/image");
        let said = self.get(&format!("{image}/suspend-cancel"))?;
        if let Some(value) = said {
            return Ok(Some(value == b"1"));
        }
        let other = self.get(&format!("{image}/guest-os"))?;
        Ok(other.map(|_| false))
    }

    fn introduces(&self, _domain: DomainId) -> bool {
        true
    }

    fn introduce(&mut self, domain: DomainId, introduction: &Introduction) -> Result<(), Errno> {
        let Introduction {
            store_mfn,
            store_port,
            console_mfn,
            console_port,
        } = *introduction;
        let node = format!("/local/domain/{domain}");
        for (path, value) in [
            ("store/ring-ref", store_mfn),
            ("store/port", store_port.into()),
            ("console/ring-ref", console_mfn),
            ("console/port", console_port.into()),
        ] {
            self.put(&format!("{node}/{path}"), &value.to_string())?;
        }
        // The guest would take it for a new request.
        self.put(&format!("{node}/control/shutdown"), "")?;
        self.store
            .introduce(domain, store_mfn, store_port)
            .map_err(|error| errno(&error))
    }
}
