//! What stands before the pages.

use ia64save_codec::image::Image;
use ia64save_codec::ram;
use ia64save_codec::wire::Wire;
use ia64save_codec::wire::arch_setup;
use ia64save_codec::wire::memmap::MemmapInfo;
use schemars::JsonSchema;
use serde::Serialize;

use crate::document::word::Hex;

/// The setup record.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ArchSetup {
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// `flags`.
    pub flags: Hex,
    /// `bp`.
    pub bp: Hex,
    /// `maxmem`, bytes.
    pub maxmem: Hex,
    /// `xsi_va`.
    pub xsi_va: Hex,
    /// `hypercall_imm`.
    pub hypercall_imm: Hex,
    /// `vhpt_size_log2`, where the layout has it.
    pub vhpt_size_log2: Option<i8>,
    /// `domain`, where the layout has it.
    pub domain: Option<u16>,
}

/// The memory map of version 2 and later.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Memmap {
    /// Of the word that counts its pages.
    pub num_pages_offset: u64,
    /// Pages that it takes.
    pub num_pages: usize,
    /// Of its first byte.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
    /// `efi_memmap_size`, bytes.
    pub efi_memmap_size: Option<Hex>,
    /// `efi_memdesc_size`, bytes.
    pub efi_memdesc_size: Option<Hex>,
    /// `efi_memdesc_version`.
    pub efi_memdesc_version: Option<u32>,
    /// Its descriptors.
    pub descriptors: Vec<Descriptor>,
}

/// A range of guest physical memory.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Descriptor {
    /// Of its first byte.
    pub offset: u64,
    /// EFI's number of the type.
    pub r#type: u32,
    /// EFI's name of the type.
    pub type_name: Option<&'static str>,
    /// Where it begins.
    pub phys_addr: Hex,
    /// `virt_addr`.
    pub virt_addr: Hex,
    /// EFI pages, of 4096 bytes.
    pub num_pages: Hex,
    /// Set of EFI's attributes.
    pub attribute: Hex,
    /// Whether savers take it for memory.
    pub is_ram: bool,
    /// Its first pfn, rounded down as savers did.
    pub first_pfn: Option<Hex>,
    /// The pfn behind it, rounded down; `null` beyond 64 bits.
    pub end_pfn: Option<Hex>,
}

impl ArchSetup {
    pub(super) fn of(image: &Image) -> Option<Self> {
        let section = image.arch_setup.as_ref()?;
        let setup = arch_setup::ArchSetup::parse(image.arch_setup_layout()?, &section.bytes)?;
        Some(ArchSetup {
            offset: section.offset,
            size: section.bytes.len(),
            flags: setup.flags().into(),
            bp: setup.bp().into(),
            maxmem: setup.maxmem().into(),
            xsi_va: setup.xsi_va().into(),
            hypercall_imm: setup.hypercall_imm().into(),
            vhpt_size_log2: setup.vhpt_size_log2(),
            domain: setup.domain(),
        })
    }
}

impl Memmap {
    pub(super) fn of(image: &Image) -> Option<Self> {
        let section = image.memmap.as_ref()?;
        let info = MemmapInfo::parse(&section.bytes);
        let page_size = image.page_size as u64;
        let descriptors = ram::descriptors(&section.bytes).map(|(offset, descriptor)| {
            let end = descriptor.end();
            Descriptor {
                offset: section.offset + offset as u64,
                r#type: descriptor.r#type,
                type_name: descriptor.type_name(),
                phys_addr: descriptor.phys_addr.into(),
                virt_addr: descriptor.virt_addr.into(),
                num_pages: descriptor.num_pages.into(),
                attribute: descriptor.attribute.into(),
                is_ram: descriptor.is_ram(),
                first_pfn: end.map(|_| Hex(descriptor.phys_addr / page_size)),
                end_pfn: end.map(|end| Hex(end / page_size)),
            }
        });
        Some(Memmap {
            num_pages_offset: section.offset - 4,
            num_pages: section.bytes.len() / image.page_size,
            offset: section.offset,
            size: section.bytes.len(),
            efi_memmap_size: info.as_ref().map(|info| info.efi_memmap_size.into()),
            efi_memdesc_size: info.as_ref().map(|info| info.efi_memdesc_size.into()),
            efi_memdesc_version: info.as_ref().map(|info| info.efi_memdesc_version),
            descriptors: descriptors.collect(),
        })
    }
}
