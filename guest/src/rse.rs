//! Where stacked registers lie in their backing store.
//!
//! A register's home is 8 bytes. Every 64th slot, whose address has bits 8:3 all ones, holds no register
//! but the NaT bits of the 63 before it (architecture manual, volume 2, 6.1).

/// Slots from one NaT collection to the next.
const SLOTS: u64 = 64;

/// Whether an address is that of a NaT collection.
pub fn is_collection(address: u64) -> bool {
    address >> 3 & (SLOTS - 1) == SLOTS - 1
}

/// The NaT collection that has the bit of the register at an address.
pub fn collection_of(address: u64) -> u64 {
    address | (SLOTS - 1) << 3
}

/// The bit of the register at an address in its collection.
pub fn nat_bit(address: u64) -> u32 {
    (address >> 3 & (SLOTS - 1)) as u32
}

/// The home of the register `count` registers from the one at `address`; negative counts go towards
/// lower addresses.
pub fn skip(address: u64, count: i64) -> u64 {
    let slot = i64::from(nat_bit(address));
    // Registers, counted from the first of this collection's.
    let register = slot.wrapping_add(count);
    let collections = register.div_euclid(SLOTS as i64 - 1);
    address.wrapping_add((count.wrapping_add(collections) as u64).wrapping_mul(8))
}

/// Registers that have their home from `from` up to but without `to`.
pub fn registers(from: u64, to: u64) -> u64 {
    let slots = to.saturating_sub(from) >> 3;
    slots - (u64::from(nat_bit(from)) + slots) / SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_are_skipped_in_both_directions() {
        let base = 0xe000_0000_020c_8000;
        assert!(is_collection(base + 0x1f8) && !is_collection(base + 0x1f0));
        assert_eq!(skip(base, 62), base + 62 * 8);
        assert_eq!(skip(base, 63), base + 64 * 8);
        assert_eq!(skip(base + 64 * 8, -1), base + 62 * 8);
        assert_eq!(skip(base, -1), base - 16);
        for count in 0..200 {
            let mut walked = base + 0x1e8;
            for _ in 0..count {
                walked += 8;
                if is_collection(walked) {
                    walked += 8;
                }
            }
            assert_eq!(skip(base + 0x1e8, count), walked);
            assert_eq!(skip(walked, -count), base + 0x1e8);
            assert_eq!(registers(base + 0x1e8, walked), count as u64);
        }
    }

    #[test]
    fn no_address_overflows() {
        for address in [0, 7, 0x1f8, u64::MAX] {
            for count in [i64::MIN, -1, 1, i64::MAX] {
                skip(address, count);
            }
        }
        assert_eq!(registers(8, 0), 0);
    }
}
