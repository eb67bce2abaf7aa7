//! Which structures are described, inner ones before those that hold them.

use ia64save_codec::Dialect;
use ia64save_codec::dialect::{
    ArchSetupLayout, ContextLayout, MagicPfn, MappedRegsLayout, SharedInfoLayout, StartInfoLayout,
};
use ia64save_codec::wire::boot_param::BootParam;
use ia64save_codec::wire::hvm::{self, HvmSaveDescriptor};
use ia64save_codec::wire::memmap::{EfiMemoryDesc, MemmapInfo};
use ia64save_codec::wire::nvram::NvramSaveAddr;
use ia64save_codec::wire::{self, Kind, Layout};

/// Every structure that the stream or a page of it can hold, once.
pub fn all() -> Vec<&'static Layout> {
    use ArchSetupLayout::{Dom0Op, Plain, Vhpt};
    use MappedRegsLayout::{M1, M2, M3, M4, M5};
    use SharedInfoLayout::{S0, S1, S2};
    use StartInfoLayout::{I0, I1, I2};
    let mut roots = Vec::new();
    roots.extend([Dom0Op, Plain, Vhpt].map(wire::layout_of_arch_setup));
    roots.extend([MemmapInfo::LAYOUT, EfiMemoryDesc::LAYOUT]);
    roots.extend(ContextLayout::ALL.map(wire::layout_of_context));
    roots.extend([M1, M2, M3, M4, M5].map(wire::layout_of_mapped_regs));
    roots.extend([S0, S1, S2].map(wire::layout_of_shared_info));
    roots.extend([I0, I1, I2].map(wire::layout_of_start_info));
    roots.extend([BootParam::LAYOUT, NvramSaveAddr::LAYOUT]);
    roots.push(HvmSaveDescriptor::LAYOUT);
    roots.extend([M4, M5].into_iter().filter_map(hvm::vpd::layout_of));
    roots.extend(hvm::RECORDS.iter().map(|record| record.layout));
    let mut found = Vec::new();
    for root in roots {
        collect(root, &mut found);
    }
    found
}

fn collect(layout: &'static Layout, found: &mut Vec<&'static Layout>) {
    if layout.size == 0 || found.iter().any(|known| known.name == layout.name) {
        return;
    }
    for field in layout.fields {
        if let Kind::Struct(inner) = field.kind {
            collect(inner, found);
        }
    }
    found.push(layout);
}

/// The structure of a PV privregs page in the newest tree that wrote a dialect.
pub fn privregs(dialect: Dialect) -> &'static Layout {
    let newest = dialect.spec().mapped_regs.last().copied();
    wire::layout_of_mapped_regs(newest.unwrap_or(MappedRegsLayout::M5))
}

/// The structure of the shared_info page in the newest tree that wrote a dialect.
pub fn shared_info(dialect: Dialect) -> &'static Layout {
    let newest = dialect.spec().shared_info.last().copied();
    wire::layout_of_shared_info(newest.unwrap_or(SharedInfoLayout::S2))
}

/// The name of a magic pfn.
pub fn magic(pfn: MagicPfn) -> &'static str {
    match pfn {
        MagicPfn::Store => "store",
        MagicPfn::Ioreq => "ioreq",
        MagicPfn::Bufioreq => "bufioreq",
        MagicPfn::Bufpioreq => "bufpioreq",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_structure_stands_before_those_that_hold_it() {
        let all = all();
        assert!(all.len() > 40, "{}", all.len());
        for (index, layout) in all.iter().enumerate() {
            for field in layout.fields {
                if let Kind::Struct(inner) = field.kind {
                    assert!(
                        all[..index].iter().any(|known| known.name == inner.name),
                        "{} in {}",
                        inner.name,
                        layout.name
                    );
                }
            }
        }
    }
}
