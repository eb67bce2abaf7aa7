//! How many vcpus a domain gets that an image is restored into.

use super::Loaded;

/// The most that a domain may have.
const MOST: u64 = 64;

impl Loaded {
    /// As many as the stream and the configuration around it need; where the user says nothing.
    pub fn vcpus_wanted(&self) -> u32 {
        let map = self
            .image()
            .first()
            .and_then(|first| first.vcpumap.as_ref());
        let highest = map.and_then(|map| map.online().max());
        let online = highest.map_or(1, |highest| u64::from(highest) + 1);
        let config = self.file.config.as_ref();
        let config = config.and_then(|config| config.as_ref().ok());
        let configured = config.and_then(|config| config.vcpus).unwrap_or(0);
        online.max(configured).clamp(1, MOST) as u32
    }
}
