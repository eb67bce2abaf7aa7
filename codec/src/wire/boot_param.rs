//! The boot parameter block, which lies right behind start_info in guest memory.

use super::declare::layout;

layout! {
    /// What Linux calls `ia64_boot_param`. Written when the domain is built and not since.
    pub struct BootParam: 96 {
        @0  command_line: u64, Hex, "guest physical address of the kernel command line";
        @8  efi_systab: u64, Hex, "guest physical address of the EFI system table";
        @16 efi_memmap: u64, Hex, "guest physical address of the EFI memory map";
        @24 efi_memmap_size: u64, Dec, "bytes of the EFI memory map";
        @32 efi_memdesc_size: u64, Dec, "bytes of one EFI memory descriptor";
        @40 efi_memdesc_version: u32, Dec, "version of the EFI memory descriptor";
        @44 console_info: ConsoleInfo, Dec, "size of the boot console and its cursor";
        @52 pad52: [u8; 4], Pad, "padding";
        @56 fpswa: u64, Hex, "guest physical address of the floating-point software assist interface";
        @64 initrd_start: u64, Hex, "guest physical address of the initial RAM disk";
        @72 initrd_size: u64, Dec, "bytes of the initial RAM disk";
        @80 domain_start: u64, Hex, "gpfn of the memory map, left there by the domain builder";
        @88 domain_size: u64, Dec, "pages of the memory map, left there by the domain builder";
    }
}

layout! {
    /// The boot console, in characters.
    pub struct ConsoleInfo: 8 {
        @0 num_cols: u16, Dec, "columns of the boot console";
        @2 num_rows: u16, Dec, "rows of the boot console";
        @4 orig_x: u16, Dec, "column of the cursor";
        @6 orig_y: u16, Dec, "row of the cursor";
    }
}
