//! How many vcpus a domain gets that an image is restored into.

use crate::load::Loaded;

/// The most that a domain may have.
const MOST: u64 = 64;

/// As many as the stream and the configuration around it need; where the user says nothing.
pub fn wanted(loaded: &Loaded) -> u32 {
    let map = loaded
        .image()
        .first()
        .and_then(|first| first.vcpumap.as_ref());
    let highest = map.and_then(|map| map.online().max());
    let online = highest.map_or(1, |highest| u64::from(highest) + 1);
    let config = loaded
        .file
        .config
        .as_ref()
        .and_then(|config| config.as_ref().ok());
    let configured = config.and_then(|config| config.vcpus).unwrap_or(0);
    online.max(configured).clamp(1, MOST) as u32
}
