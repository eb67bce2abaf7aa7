//! Which function a call instruction calls.

/// The function that the bundle before a return address calls, where its address stands in the
/// instruction (`br.call` relative to ip).
pub(super) fn target(bundle: [u8; 16], address: u64) -> Option<u64> {
    let bits = u128::from_le_bytes(bundle);
    // Templates (without their stop bits) and which of their slots are branches.
    let branches: &[usize] = match bits as u8 & 0x1e {
        0x10 | 0x18 | 0x1c => &[2],
        0x12 => &[2, 1],
        0x16 => &[2, 1, 0],
        _ => return None,
    };
    branches.iter().find_map(|slot| {
        let instruction = (bits >> (5 + 41 * slot)) as u64 & ((1 << 41) - 1);
        // Major opcode 5: br.call, relative to ip. 20 bits from bit 13, the sign in bit 36.
        if instruction >> 37 != 5 {
            return None;
        }
        let low = instruction >> 13 & 0xf_ffff;
        let sign = instruction >> 36 & 1;
        let bundles = low as i64 - ((sign as i64) << 20);
        Some(address.wrapping_add_signed(bundles * 16))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_its_function() {
        // nop.m 0; nop.i 0; br.call.sptk.many b0=.+0x30 and .-0x20, as the assembler makes them.
        let forward = 0x5 << 37 | 1 << 36 >> 36 << 12 | 3u64 << 13;
        let bundle = |template: u128, slot: usize, instruction: u64| {
            (template | u128::from(instruction) << (5 + 41 * slot)).to_le_bytes()
        };
        assert_eq!(target(bundle(0x11, 2, forward), 0x1000), Some(0x1030));
        let back = 5 << 37 | 1 << 36 | (0xf_fffe << 13);
        assert_eq!(target(bundle(0x17, 0, back), 0x1000), Some(0xfe0));
        assert_eq!(target(bundle(0x01, 2, forward), 0x1000), None, "no branch");
        assert_eq!(target(bundle(0x11, 2, 0), 0x1000), None, "no call");
    }
}
