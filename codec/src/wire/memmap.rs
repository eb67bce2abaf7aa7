//! The memory map that versions 2 and 3 carry: a header, then EFI descriptors (spec 4).

use crate::pfns::Pfns;
use crate::size::index;

use super::declare::layout;

layout! {
    /// Start of the memory map. The descriptors follow at byte 24.
    pub struct MemmapInfo: 24 {
        @0  efi_memmap_size: u64, Dec, "bytes of all descriptors, a multiple of efi_memdesc_size";
        @8  efi_memdesc_size: u64, Dec, "bytes of one descriptor: 40";
        @16 efi_memdesc_version: u32, Dec, "version of the descriptor: 1";
        @20 pad20: [u8; 4], Pad, "padding";
    }
}

layout! {
    /// One range of guest physical memory.
    pub struct EfiMemoryDesc: 40 {
        @0  r#type as "type": u32, Dec, "EFI memory type; 7 is conventional memory";
        @4  pad: u32, Pad, "padding, 0";
        @8  phys_addr: u64, Hex, "start, guest physical address, a multiple of 4096";
        @16 virt_addr: u64, Hex, "virtual address, 0";
        @24 num_pages: u64, Dec, "length in EFI pages of 4096 bytes";
        @32 attribute: u64, Hex, "set of EFI memory attributes";
    }
}

/// `type`: ordinary RAM, the only type that a saver sends.
pub const EFI_CONVENTIONAL_MEMORY: u32 = 7;
/// `attribute`: may be mapped uncached.
pub const EFI_MEMORY_UC: u64 = 0x1;
/// `attribute`: may be mapped write-combining.
pub const EFI_MEMORY_WC: u64 = 0x2;
/// `attribute`: may be mapped write-through.
pub const EFI_MEMORY_WT: u64 = 0x4;
/// `attribute`: may be mapped write-back.
pub const EFI_MEMORY_WB: u64 = 0x8;
/// `attribute`: can be write-protected.
pub const EFI_MEMORY_WP: u64 = 0x1000;
/// `attribute`: can be read-protected.
pub const EFI_MEMORY_RP: u64 = 0x2000;
/// `attribute`: can be execute-protected.
pub const EFI_MEMORY_XP: u64 = 0x4000;
/// `attribute`: needed by firmware at run time.
pub const EFI_MEMORY_RUNTIME: u64 = 0x8000_0000_0000_0000;
/// Value of `efi_memdesc_version`.
pub const EFI_MEMORY_DESCRIPTOR_VERSION: u32 = 1;
/// log2 of the bytes of an EFI page, the unit of `num_pages`.
pub const EFI_PAGE_SHIFT: u32 = 12;

/// Names of the attributes, by bit value.
pub const EFI_ATTRIBUTES: [(u64, &str); 8] = [
    (EFI_MEMORY_UC, "EFI_MEMORY_UC"),
    (EFI_MEMORY_WC, "EFI_MEMORY_WC"),
    (EFI_MEMORY_WT, "EFI_MEMORY_WT"),
    (EFI_MEMORY_WB, "EFI_MEMORY_WB"),
    (EFI_MEMORY_WP, "EFI_MEMORY_WP"),
    (EFI_MEMORY_RP, "EFI_MEMORY_RP"),
    (EFI_MEMORY_XP, "EFI_MEMORY_XP"),
    (EFI_MEMORY_RUNTIME, "EFI_MEMORY_RUNTIME"),
];

/// Names of the memory types, by value.
pub const EFI_TYPES: [&str; 14] = [
    "EFI_RESERVED_TYPE",
    "EFI_LOADER_CODE",
    "EFI_LOADER_DATA",
    "EFI_BOOT_SERVICES_CODE",
    "EFI_BOOT_SERVICES_DATA",
    "EFI_RUNTIME_SERVICES_CODE",
    "EFI_RUNTIME_SERVICES_DATA",
    "EFI_CONVENTIONAL_MEMORY",
    "EFI_UNUSABLE_MEMORY",
    "EFI_ACPI_RECLAIM_MEMORY",
    "EFI_ACPI_MEMORY_NVS",
    "EFI_MEMORY_MAPPED_IO",
    "EFI_MEMORY_MAPPED_IO_PORT_SPACE",
    "EFI_PAL_CODE",
];

impl EfiMemoryDesc {
    /// Name of the memory type; `None` where EFI defines none.
    pub fn type_name(&self) -> Option<&'static str> {
        EFI_TYPES.get(index(self.r#type)).copied()
    }

    /// Whether a saver takes this for RAM and sends its pages: write-back and nothing else.
    pub fn is_ram(&self) -> bool {
        self.r#type == EFI_CONVENTIONAL_MEMORY
            && self.attribute == EFI_MEMORY_WB
            && self.num_pages != 0
    }

    /// First byte behind the range; `None` where that is beyond 64 bits.
    pub fn end(&self) -> Option<u64> {
        self.num_pages
            .checked_mul(1 << EFI_PAGE_SHIFT)
            .and_then(|bytes| self.phys_addr.checked_add(bytes))
    }

    /// The frames that a saver visits for this range, of `page_size` bytes each; `None` where it has
    /// not one, where the end is beyond 64 bits, or where `page_size` is 0.
    ///
    /// Both ends are rounded down, as every saver did: a partial first page is sent whole and a
    /// partial last page is lost.
    ///
    /// ```
    /// # use ia64save_codec::pfns::Pfns;
    /// # use ia64save_codec::wire::{Wire, memmap::EfiMemoryDesc};
    /// let mut desc = EfiMemoryDesc::parse(&[0; 40]).unwrap();
    /// desc.phys_addr = 0x5000;
    /// desc.num_pages = 8;
    /// assert_eq!(desc.pfns(16384), Pfns::new(1, 2));
    /// ```
    pub fn pfns(&self, page_size: u64) -> Option<Pfns> {
        let end = self.end()?;
        Pfns::of(self.phys_addr.checked_div(page_size)?..end.checked_div(page_size)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const RAM: EfiMemoryDesc = EfiMemoryDesc {
        r#type: 7,
        pad: 0,
        phys_addr: 0,
        virt_addr: 0,
        num_pages: 4,
        attribute: 8,
    };

    #[test]
    fn ram_is_write_back_conventional_and_not_empty() {
        assert!(RAM.is_ram());
        assert!(!EfiMemoryDesc { r#type: 4, ..RAM }.is_ram());
        assert!(
            !EfiMemoryDesc {
                attribute: 9,
                ..RAM
            }
            .is_ram()
        );
        assert!(
            !EfiMemoryDesc {
                num_pages: 0,
                ..RAM
            }
            .is_ram()
        );
    }

    #[test]
    fn a_range_that_leaves_64_bits_has_no_frames() {
        let far = EfiMemoryDesc {
            phys_addr: u64::MAX - 0x3fff,
            ..RAM
        };
        assert_eq!(far.pfns(16384), None);
        assert_eq!(
            EfiMemoryDesc {
                num_pages: 1 << 52,
                ..RAM
            }
            .pfns(16384),
            None
        );
        assert_eq!(RAM.pfns(0), None);
        assert_eq!(RAM.pfns(16384), Some(Pfns::one(0)));
    }

    #[test]
    fn names_and_values_are_those_of_the_table() {
        let table = include_str!("../../../spec/layout/efi_constants.tsv");
        let rows: Vec<(&str, u64)> = table
            .lines()
            .skip(1)
            .map(|line| {
                let mut columns = line.split('\t');
                let name = columns.next().unwrap();
                let value = columns.next().unwrap();
                let value = match value.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16),
                    None => value.parse(),
                };
                (name, value.unwrap())
            })
            .collect();
        assert_eq!(rows.len(), 25);
        for (name, value) in rows {
            match name {
                "EFI_MAX_MEMORY_TYPE" => assert_eq!(value, EFI_TYPES.len() as u64),
                "EFI_MEMORY_DESCRIPTOR_VERSION" => {
                    assert_eq!(value, u64::from(EFI_MEMORY_DESCRIPTOR_VERSION));
                }
                "EFI_PAGE_SHIFT" => assert_eq!(value, u64::from(EFI_PAGE_SHIFT)),
                _ => assert!(
                    EFI_TYPES.get(crate::size::place(value)) == Some(&name)
                        || EFI_ATTRIBUTES.contains(&(value, name)),
                    "{name}"
                ),
            }
        }
    }
}
