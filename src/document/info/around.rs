//! What stands around the stream.

use ia64save_codec::Guest;
use ia64save_codec::elf::XenCore;
use ia64save_codec::envelope::{self, XlHeader};
use ia64save_codec::file::SaveFile;
use schemars::JsonSchema;
use serde::Serialize;

use crate::document::word::Hex;

/// Where the stream is in the file, and what stands before and behind it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Envelope {
    /// `bare`, `xend` or `xl`.
    pub kind: &'static str,
    /// Of the stream's first byte.
    pub stream_offset: u64,
    /// Bytes of the stream.
    pub stream_size: u64,
    /// Of the configuration's first byte.
    pub config_offset: Option<u64>,
    /// Bytes of the configuration.
    pub config_size: Option<u64>,
    /// What the configuration says.
    pub config: Option<ConfigSummary>,
    /// The header of xl.
    pub xl: Option<Xl>,
    /// How the device model's state is marked.
    pub device_model: Option<&'static str>,
    /// Of the mark.
    pub device_model_offset: Option<u64>,
    /// Bytes from the mark to the end of the state.
    pub device_model_size: Option<u64>,
    /// Of the state itself.
    pub device_model_data_offset: Option<u64>,
    /// Bytes of the state itself.
    pub device_model_data_size: Option<u64>,
}

/// What a configuration says of the domain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConfigSummary {
    /// Name of the domain.
    pub name: Option<String>,
    /// UUID, as written.
    pub uuid: Option<String>,
    /// Number of the domain while it ran.
    pub domid: Option<u64>,
    /// MiB.
    pub memory: Option<u64>,
    /// Most memory, MiB.
    pub maxmem: Option<u64>,
    /// Vcpus that the domain may have.
    pub vcpus: Option<u64>,
    /// Bitmap of the vcpus that were online.
    pub vcpu_avail: Option<Hex>,
    /// `pv` or `hvm`.
    pub guest: Option<&'static str>,
    /// How many devices are named.
    pub devices: usize,
}

/// The header of xl.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Xl {
    /// `little` or `big`.
    pub byteorder: &'static str,
    /// Flags that a reader must know.
    pub mandatory_flags: Hex,
    /// Flags that a reader may ignore.
    pub optional_flags: Hex,
    /// Bytes between the header and the stream.
    pub optional_data_len: u32,
}

/// What a core of `xm dump-core` says of itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Core {
    /// `pv` or `hvm`.
    pub guest: &'static str,
    /// Vcpus by its header.
    pub nr_vcpus: Hex,
    /// Pages by its header.
    pub nr_pages: Hex,
    /// Version of the core's format.
    pub format_version: Option<String>,
    /// Version of the Xen that wrote it.
    pub xen_version: Option<String>,
    /// Pages that are only padding.
    pub padding_pages: u64,
    /// How privregs pages and shared_info stand.
    pub order: &'static str,
}

impl Envelope {
    pub(super) fn of(file: &SaveFile) -> Self {
        let envelope = &file.envelope;
        let model = file.device_model.as_ref();
        let model = model.and_then(|model| model.as_ref().ok());
        let trailing = file.image.trailing.as_ref();
        let stream_end = trailing.map_or(file.image.end, |trailing| trailing.offset);
        let config = envelope.config.as_ref();
        let parsed = file.config.as_ref().and_then(|config| config.as_ref().ok());
        Envelope {
            kind: envelope.kind.name(),
            stream_offset: envelope.stream_offset,
            stream_size: stream_end.saturating_sub(envelope.stream_offset),
            config_offset: config.map(|range| range.start),
            config_size: config.map(|range| range.end - range.start),
            config: parsed.map(ConfigSummary::from),
            xl: envelope.xl.as_ref().map(Xl::from),
            device_model: model.map(|model| model.kind.name()),
            device_model_offset: model.map(|model| model.signature_offset),
            device_model_size: model.map(|model| model.data.end - model.signature_offset),
            device_model_data_offset: model.map(|model| model.data.start),
            device_model_data_size: model.map(|model| model.data.end - model.data.start),
        }
    }
}

impl From<&envelope::Config> for ConfigSummary {
    fn from(config: &envelope::Config) -> Self {
        ConfigSummary {
            name: config.name.clone(),
            uuid: config.uuid.clone(),
            domid: config.domid,
            memory: config.memory,
            maxmem: config.maxmem,
            vcpus: config.vcpus,
            vcpu_avail: config.vcpu_avail.map(Hex),
            guest: config.guest.map(Guest::name),
            devices: config.devices,
        }
    }
}

impl From<&XlHeader> for Xl {
    fn from(header: &XlHeader) -> Self {
        Xl {
            byteorder: header.byteorder.name(),
            mandatory_flags: header.mandatory_flags.into(),
            optional_flags: header.optional_flags.into(),
            optional_data_len: header.optional_data_len,
        }
    }
}

impl From<&XenCore> for Core {
    fn from(core: &XenCore) -> Self {
        Core {
            guest: core.guest.name(),
            nr_vcpus: core.nr_vcpus.into(),
            nr_pages: core.nr_pages.into(),
            format_version: core.format_version.map(|(major, minor)| format!("{major}.{minor}")),
            xen_version: core.xen_version.map(|(major, minor)| format!("{major}.{minor}")),
            padding_pages: core.padding,
            order: core.order.name(),
        }
    }
}
