//! The kernel's page directory, as the guest's own miss handlers name it.
//!
//! Region 5 has no register that says where its tables begin: the kernel's handlers of TLB misses know,
//! because their code holds the physical address of `swapper_pg_dir`, in a `movl`.

use super::fixed::Fixed;
use super::geometry::Geometry;
use super::physical::{self, PHYSICAL_LOG2};
use crate::memory::Memory;
use crate::size::place;

/// Vectors whose handlers walk the kernel's tables: VHPT miss, nested data TLB miss, instruction and data
/// TLB miss. Each has room for 64 bundles.
const VECTORS: [u64; 4] = [0, 0x1400, 0x400, 0x800];
/// Bytes of a vector.
const VECTOR: usize = 0x400;
/// Bytes of a bundle.
const BUNDLE: usize = 16;
/// Numbers of a vcpu's handlers that are looked at as addresses of tables.
const CANDIDATES: u32 = 32;

/// The page directory of the kernel, and the address of the instruction that names it.
pub(super) fn directory(
    memory: &Memory<'_>,
    fixed: &Fixed,
    iva: u64,
    geometry: Geometry,
) -> Option<(u64, u64)> {
    let mut code = [0; VECTOR];
    let mut left = CANDIDATES;
    VECTORS.into_iter().find_map(|vector| {
        let at = iva.checked_add(vector)?;
        let mapping = fixed.of(at)?;
        let physical = mapping.physical + (at - mapping.first);
        let count = physical::read(memory, physical, &mut code);
        let bundles = code[..count].as_chunks::<BUNDLE>().0;
        bundles.iter().zip(0..).find_map(|(bundle, number)| {
            let named = movl(u128::from_le_bytes(*bundle))?;
            // A kernel that switches to physical addresses later names the virtual one.
            let physical = match fixed.of(named) {
                Some(mapping) if named >> 61 != 0 => mapping.physical + (named - mapping.first),
                _ => named,
            };
            if physical % geometry.page_size() != 0 {
                return None;
            }
            left = left.checked_sub(1)?;
            let found = is_directory(memory, physical, geometry) == Some(true);
            found.then_some((physical, at + number * BUNDLE as u64))
        })
    })
}

/// The number that a bundle loads with `movl`, whatever register it goes to.
///
/// ```text
/// template 4 or 5 (MLX): | slot 2, 41 bits | slot 1, 41 bits: bits 22 to 62 | slot 0 | template |
/// slot 2: 6 | i | imm9d | imm5c | ic | vc = 0 | imm7b | r1 | qp
/// ```
fn movl(bundle: u128) -> Option<u64> {
    const SLOT: u128 = (1 << 41) - 1;
    let slot = |from: u32| (bundle >> from & SLOT) as u64;
    let (middle, x) = (slot(46), slot(87));
    let bits = |from: u32, count: u32| x >> from & ((1 << count) - 1);
    let is_movl = matches!(bundle & 0x1f, 4 | 5) && bits(37, 4) == 6 && bits(20, 1) == 0;
    is_movl.then(|| {
        bits(13, 7)
            | bits(27, 9) << 7
            | bits(22, 5) << 16
            | bits(21, 1) << 21
            | middle << 22
            | bits(36, 1) << 63
    })
}

/// Whether a table of tables begins there, all of whose entries are plausible: `Some(true)` where one of
/// them names a table, `Some(false)` where all are 0, `None` where it is none.
pub(super) fn is_directory(memory: &Memory<'_>, address: u64, geometry: Geometry) -> Option<bool> {
    if address == 0
        || !address.is_multiple_of(geometry.page_size())
        || address >> PHYSICAL_LOG2 != 0
    {
        return None;
    }
    let size = geometry.page_size();
    // Tables may be larger than the image's pages.
    let mut pages = (0..size).step_by(place(memory.page_size().clamp(1, size)));
    if !pages.all(|offset| physical::has(memory, address + offset)) {
        return None;
    }
    let mut any = false;
    for (_, word) in physical::used(memory, address, size) {
        if word % size != 0 || !physical::has(memory, word) {
            return None;
        }
        any = true;
    }
    Some(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_movl_is_put_together() {
        // (p6) movl r19=0x0123456789abcdef, as an assembler writes it.
        let number = 0x8123_4567_89ab_cdef_u64;
        let bits = |from: u32, count: u32| u128::from(number >> from & ((1 << count) - 1));
        let x = 6 << 37
            | bits(63, 1) << 36
            | bits(7, 9) << 27
            | bits(16, 5) << 22
            | bits(21, 1) << 21
            | bits(0, 7) << 13
            | 19 << 6
            | 6;
        let bundle = x << 87 | bits(22, 41) << 46 | 5;
        assert_eq!(movl(bundle), Some(number));
        assert_eq!(movl(bundle & !0x1f | 0x10), None);
        assert_eq!(movl(bundle ^ 1 << (87 + 20)), None);
    }
}
