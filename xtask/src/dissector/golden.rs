//! A golden image, and what the corpus says of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Where they are, from the root of the project.
const DIRECTORY: &str = "tests/corpus/golden";

/// An image that Xen's own code wrote.
pub struct Golden {
    /// Its name in the corpus.
    pub name: String,
    /// The stream.
    pub image: Vec<u8>,
    /// What is in it.
    pub truth: Value,
}

impl Golden {
    /// All of them, by name.
    pub fn all() -> Result<Vec<Golden>, String> {
        let entries = fs::read_dir(DIRECTORY).map_err(|error| format!("{DIRECTORY}: {error}"))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".sav.zst")?.to_string()))
            .collect();
        names.sort();
        names.iter().map(|name| Self::named(name)).collect()
    }

    fn named(name: &str) -> Result<Golden, String> {
        let at = |extension: &str| Path::new(DIRECTORY).join(format!("{name}.{extension}"));
        let told = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let truth = fs::read(at("json")).map_err(|error| told(&error))?;
        let packed = fs::read(at("sav.zst")).map_err(|error| told(&error))?;
        Ok(Golden {
            name: name.to_string(),
            image: zstd::decode_all(&packed[..]).map_err(|error| told(&error))?,
            truth: serde_json::from_slice(&truth).map_err(|error| told(&error))?,
        })
    }

    /// Its version word and kind of guest.
    pub fn kind(&self) -> (u64, &str) {
        let version = self.truth["format_version"].as_u64();
        let guest = self.truth["mode"].as_str();
        (version.unwrap_or(0), guest.unwrap_or("no mode"))
    }

    /// It as xend would save it: a signature, a configuration with its length, the stream.
    pub fn file(&self) -> Vec<u8> {
        let config = format!("(domain (domid 7) (name {}) (vcpus 4))", self.name);
        let length = u32::try_from(config.len()).unwrap_or(u32::MAX);
        let mut file = b"LinuxGuestRecord".to_vec();
        file.extend(length.to_be_bytes());
        file.extend(config.as_bytes());
        file.extend(&self.image);
        file
    }
}
