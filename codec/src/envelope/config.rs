//! What a configuration says about the domain, in either language.

use alloc::string::String;

use super::cfg::{CfgSettings, CfgValue};
use super::header::Kind;
use super::sxpr::Sxpr;
use super::syntax::SyntaxError;
use crate::dialect::Guest;

/// What is of use to the reader of a save image. A setting that is absent, or is not of the kind
/// expected, is none; other settings are passed over.
///
/// ```
/// use ia64save_codec::Guest;
/// use ia64save_codec::envelope::{Config, Kind};
/// let text = b"(domain (domid 3) (name guest) (vcpus 2) (image (hvm (kernel x))))";
/// let config = Config::parse(Kind::Xend, text).unwrap();
/// assert_eq!(config.name.as_deref(), Some("guest"));
/// assert_eq!(config.guest, Some(Guest::Hvm));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Name of the domain.
    pub name: Option<String>,
    /// UUID as written.
    pub uuid: Option<String>,
    /// Number of the domain while it ran; xend only.
    pub domid: Option<u64>,
    /// Memory in MiB.
    pub memory: Option<u64>,
    /// Most memory in MiB.
    pub maxmem: Option<u64>,
    /// Vcpus that the domain may have.
    pub vcpus: Option<u64>,
    /// Bitmap of the vcpus that were online; xend only.
    pub vcpu_avail: Option<u64>,
    /// The kind of guest, where the text names it.
    pub guest: Option<Guest>,
    /// How many devices are named.
    pub devices: usize,
}

/// Keys of xl that list devices.
const XL_DEVICES: [&str; 6] = ["disk", "vif", "vfb", "vtpm", "pci", "usbdev"];

impl Config {
    /// Reads the configuration of an envelope. A bare stream has none: all is absent.
    pub fn parse(kind: Kind, text: &[u8]) -> Result<Self, SyntaxError> {
        match kind {
            Kind::Bare => Ok(Config::default()),
            Kind::Xend => Sxpr::parse(text).map(|domain| Config::from_sxpr(&domain)),
            Kind::Xl => Config::from_cfg(text),
        }
    }

    /// Picks from the expression of a domain.
    pub fn from_sxpr(domain: &Sxpr<'_>) -> Self {
        let text = |name| Some(domain.value(name)?.text()?.into_owned());
        let number = |name| number(domain.value(name)?.atom()?);
        let image = domain.value("image").and_then(Sxpr::head);
        // Devices stand beside each other; some tools gather them in one list.
        let gathered = domain
            .children("devices")
            .filter_map(Sxpr::items)
            .map(|items| items.len() - 1);
        Config {
            name: text("name"),
            uuid: text("uuid"),
            domid: number("domid"),
            memory: number("memory"),
            maxmem: number("maxmem"),
            vcpus: number("vcpus"),
            vcpu_avail: number("vcpu_avail"),
            guest: image.and_then(guest),
            devices: domain.children("device").count() + gathered.sum::<usize>(),
        }
    }

    /// Picks from the settings of xl. Where a key is set twice, the last one counts.
    fn from_cfg(cfg: &[u8]) -> Result<Self, SyntaxError> {
        let mut config = Config::default();
        for setting in CfgSettings::new(cfg) {
            match setting? {
                (key, CfgValue::List(items)) => {
                    if XL_DEVICES.contains(&key) {
                        config.devices = config.devices.saturating_add(items);
                    }
                }
                (key, CfgValue::Scalar(value)) => {
                    let text = || Some(String::from_utf8_lossy(&value).into_owned());
                    match key {
                        "name" => config.name = text(),
                        "uuid" => config.uuid = text(),
                        "memory" => config.memory = number(&value),
                        "maxmem" => config.maxmem = number(&value),
                        "vcpus" => config.vcpus = number(&value),
                        "builder" | "type" => config.guest = guest(&value),
                        _ => {}
                    }
                }
            }
        }
        Ok(config)
    }
}

/// The guest that a kind of image or a builder makes.
fn guest(name: &[u8]) -> Option<Guest> {
    match name {
        b"hvm" => Some(Guest::Hvm),
        b"linux" | b"pv" | b"generic" => Some(Guest::Pv),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(digits).ok()?;
    match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xend_names_everything() {
        let text = b"(domain (domid 7) (uuid 0ddba11) (vcpus 4) (vcpu_avail 5) (cpus (()))\
            (memory 512) (maxmem 1024) (name 'my guest') (bootloader_args '')\
            (image (linux (kernel /boot/x) (args 'root=/dev/sda1 ro')))\
            (device (vif (mac 00:16:3e:00:00:01))) (device (vbd (uname phy:x))))";
        let config = Config::parse(Kind::Xend, text).unwrap();
        let expected = Config {
            name: Some("my guest".into()),
            uuid: Some("0ddba11".into()),
            domid: Some(7),
            memory: Some(512),
            maxmem: Some(1024),
            vcpus: Some(4),
            vcpu_avail: Some(5),
            guest: Some(Guest::Pv),
            devices: 2,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn xl_names_its_share() {
        let text = b"name = \"g\"\nbuilder='hvm'\nvcpus=2\nmemory=256\ndisk=['a','b']\nvif=['']\n";
        let config = Config::parse(Kind::Xl, text).unwrap();
        let expected = Config {
            name: Some("g".into()),
            memory: Some(256),
            vcpus: Some(2),
            guest: Some(Guest::Hvm),
            devices: 3,
            ..Config::default()
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn what_is_absent_or_odd_is_none() {
        let odd =
            b"(domain (vcpus many) (name) (memory (1 2)) (image linux) (devices (vif) (vbd)))";
        let config = Config::parse(Kind::Xend, odd).unwrap();
        let expected = Config {
            devices: 2,
            ..Config::default()
        };
        assert_eq!(config, expected);
        assert_eq!(Config::parse(Kind::Xl, b""), Ok(Config::default()));
        assert_eq!(Config::parse(Kind::Xend, b"word"), Ok(Config::default()));
    }

    #[test]
    fn a_fault_becomes_a_warning_at_its_place_in_the_file() {
        let error = Config::parse(Kind::Xend, b"(domain").unwrap_err();
        let finding = error.to_finding(20);
        assert_eq!(finding.code, crate::Code::EnvelopeConfigSyntax);
        assert_eq!(finding.severity, crate::Severity::Warning);
        assert_eq!(finding.offset, 27);
    }
}
