//! What a checkpoint has.

use ia64save_codec::image::{self, Checkpoint, Image};
use ia64save_codec::pfns::Pfns;
use ia64save_codec::wire::hvm;
use ia64save_codec::wire::shared_info;
use ia64save_codec::wire::vcpu_context::Context;
use schemars::JsonSchema;
use serde::Serialize;

use crate::document::keyed::Keyed;
use crate::document::word::Hex;

/// The memory, vcpus and devices of a domain at one moment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Round {
    /// Page records.
    pub pages: Pages,
    /// pfns without memory.
    pub unallocated: Option<Unallocated>,
    /// Which vcpus there are.
    pub vcpumap: Option<Vcpumap>,
    /// The vcpus.
    pub vcpus: Vec<Vcpu>,
    /// The shared_info page.
    pub shared_info: Option<SharedInfo>,
    /// Pages that device model and tools share with the guest.
    pub magic_pfns: Option<MagicPfns>,
    /// Device state of an HVM domain.
    pub hvm_context: Option<HvmContext>,
    /// The device model's state between rounds of Remus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_model: Option<DeviceModel>,
}

/// Page records.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pages {
    /// Of the first record.
    pub offset: u64,
    /// Bytes of a record, its page included.
    pub record_size: u64,
    /// Records.
    pub num_records: usize,
    /// Pages of which there is a record.
    pub num_distinct: usize,
    /// Records that a later one replaces.
    pub num_superseded: usize,
    /// Trips through memory.
    pub num_passes: Option<usize>,
    /// Of the word that ends them.
    pub terminator_offset: Option<u64>,
    /// Records whose page is zero; with `--digest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_zero: Option<u64>,
}

/// The list of pfns without memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unallocated {
    /// Of the word that counts them.
    pub count_offset: u64,
    /// How many.
    pub count: u32,
    /// Of the first.
    pub list_offset: u64,
    /// Ranges, in the list's order.
    pub ranges: Vec<Range>,
}

/// pfns that follow each other.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Range {
    /// The first pfn.
    pub start: Hex,
    /// How many.
    pub length: u64,
}

/// Which vcpus there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Vcpumap {
    /// Of the word that says how many there may be.
    pub max_virt_cpus_offset: u64,
    /// Of the map.
    pub offset: u64,
    /// How many there may be.
    pub max_virt_cpus: Hex,
    /// Bytes of the map.
    pub size: usize,
    /// Those that are there.
    pub online: Vec<u32>,
}

/// A vcpu. Of a context that is cut short, id and offset are all there is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Vcpu {
    /// Its number.
    pub id: u32,
    /// Of its context.
    pub ctx_offset: u64,
    /// Its registers.
    #[serde(flatten)]
    pub registers: Option<VcpuRegisters>,
}

/// A few of a vcpu's registers; `dump` has all of them.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VcpuRegisters {
    /// Bytes of the context.
    pub ctx_size: usize,
    /// Layout of the context: a letter of the specification.
    pub ctx_layout: String,
    /// `flags`.
    pub flags: Hex,
    /// Instruction pointer.
    pub ip: Hex,
    /// Return address.
    pub b0: Option<Hex>,
    /// Processor status.
    pub psr: Hex,
    /// Current frame marker.
    pub cfm: Hex,
    /// Predicates.
    pub pr: Hex,
    /// Where the hypervisor calls a PV kernel.
    pub event_callback_ip: Hex,
    /// Frame of the privregs page.
    pub privregs_pfn: Hex,
    /// Of the privregs page, where the stream has it.
    pub privregs_offset: Option<u64>,
}

/// The shared_info page.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SharedInfo {
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// pfn of start_info.
    pub start_info_pfn: Option<Hex>,
    /// `evtchn_vector`.
    pub evtchn_vector: Option<i32>,
    /// `memmap_info_num_pages`, where the layout has it.
    pub memmap_info_num_pages: Option<u32>,
    /// `memmap_info_pfn`, where the layout has it.
    pub memmap_info_pfn: Option<Hex>,
}

/// Pages that device model and tools share with the guest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MagicPfns {
    /// Of the first.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// Which they are, in their order.
    pub order: Vec<&'static str>,
    /// Each by its name.
    #[serde(flatten)]
    pub pfns: Keyed<Hex>,
}

/// Device state of an HVM domain.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HvmContext {
    /// Of the word with its size.
    pub size_offset: u64,
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// What is in it.
    pub records: Vec<HvmRecord>,
}

/// A record of an HVM context.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HvmRecord {
    /// Its number.
    pub typecode: u16,
    /// Its name, where it is known.
    pub name: Option<&'static str>,
    /// Which of several.
    pub instance: u16,
    /// Bytes of its body.
    pub length: u32,
    /// Of its descriptor.
    pub desc_offset: u64,
    /// Of its body.
    pub body_offset: u64,
}

/// The device model's state between rounds of Remus.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeviceModel {
    /// How it is marked.
    pub kind: &'static str,
    /// Of the mark.
    pub signature_offset: u64,
    /// Of the state itself.
    pub offset: u64,
    /// Bytes of the state.
    pub size: Hex,
}

impl From<Pfns> for Range {
    fn from(run: Pfns) -> Self {
        Range {
            start: run.first().into(),
            length: run.pages(),
        }
    }
}

impl Round {
    pub(super) fn new(image: &Image, checkpoint: &Checkpoint) -> Self {
        let pages = &checkpoint.pages;
        Round {
            pages: Pages {
                offset: pages.offset(),
                record_size: pages.stride(),
                num_records: pages.len(),
                num_distinct: pages.distinct(),
                num_superseded: pages.superseded(),
                num_passes: image.ram().map(|ram| pages.passes(ram).len()),
                terminator_offset: pages.terminator(),
                num_zero: pages.zero(),
            },
            unallocated: checkpoint.unallocated.as_ref().map(|list| Unallocated {
                count_offset: list.count_offset,
                count: list.count,
                list_offset: list.offset,
                ranges: list.runs.iter().copied().map(Range::from).collect(),
            }),
            vcpumap: checkpoint.vcpumap.as_ref().map(|map| Vcpumap {
                max_virt_cpus_offset: map.max_virt_cpus_offset,
                offset: map.bitmap.offset,
                max_virt_cpus: map.max_virt_cpus.into(),
                size: map.bitmap.bytes.len(),
                online: map.online().collect(),
            }),
            vcpus: checkpoint.vcpus.iter().map(Vcpu::from).collect(),
            shared_info: SharedInfo::of(image, checkpoint),
            magic_pfns: checkpoint.magic_pfns.as_ref().map(MagicPfns::from),
            hvm_context: checkpoint.hvm_context.as_ref().map(HvmContext::from),
            device_model: checkpoint.device_model.as_ref().map(|record| DeviceModel {
                kind: record.kind.name(),
                signature_offset: record.signature_offset,
                offset: record.data.offset,
                size: record.size.into(),
            }),
        }
    }
}

impl From<&image::Vcpu> for Vcpu {
    fn from(vcpu: &image::Vcpu) -> Self {
        let context = Context::parse(vcpu.layout, &vcpu.context.bytes);
        Vcpu {
            id: vcpu.id,
            ctx_offset: vcpu.context.offset,
            registers: context.map(|context| VcpuRegisters {
                ctx_size: vcpu.context.bytes.len(),
                ctx_layout: format!("{:?}", vcpu.layout),
                flags: context.flags().into(),
                ip: context.ip().into(),
                b0: context.b(0).map(Hex),
                psr: context.psr().into(),
                cfm: context.cfm().into(),
                pr: context.pr().into(),
                event_callback_ip: context.event_callback_ip().into(),
                privregs_pfn: context.privregs_pfn().into(),
                privregs_offset: vcpu.privregs.as_ref().map(|page| page.offset),
            }),
        }
    }
}

impl SharedInfo {
    fn of(image: &Image, checkpoint: &Checkpoint) -> Option<Self> {
        let section = checkpoint.shared_info.as_ref()?;
        let layout = *image.read_as()?.spec().shared_info.last()?;
        let page = shared_info::SharedInfo::parse(layout, &section.bytes);
        let page = page.as_ref();
        Some(SharedInfo {
            offset: section.offset,
            size: section.bytes.len(),
            start_info_pfn: page.map(|page| page.start_info_pfn().into()),
            evtchn_vector: page.map(shared_info::SharedInfo::evtchn_vector),
            memmap_info_num_pages: page.and_then(shared_info::SharedInfo::memmap_info_num_pages),
            memmap_info_pfn: page.and_then(shared_info::SharedInfo::memmap_info_pfn).map(Hex),
        })
    }
}

impl From<&image::MagicPfns> for MagicPfns {
    fn from(magic: &image::MagicPfns) -> Self {
        MagicPfns {
            offset: magic.section.offset,
            size: magic.section.bytes.len(),
            order: magic.order.iter().map(|one| one.name()).collect(),
            pfns: magic.iter().map(|(one, pfn, _)| (one.name(), pfn.into())).collect(),
        }
    }
}

impl From<&image::HvmContext> for HvmContext {
    fn from(context: &image::HvmContext) -> Self {
        let records = context.records().map(|(offset, record)| HvmRecord {
            typecode: record.typecode,
            name: hvm::record_of(record.typecode).map(|known| known.name),
            instance: record.instance,
            length: record.length,
            desc_offset: offset,
            body_offset: offset + 8,
        });
        HvmContext {
            size_offset: context.size_offset,
            offset: context.blob.offset,
            size: context.blob.bytes.len(),
            records: records.collect(),
        }
    }
}
