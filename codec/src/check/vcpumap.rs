//! Which vcpus there are (spec 8.1, 8.2).

use alloc::format;

use super::context::{Context, Part};
use super::findings::Findings;
use super::text::{bits, hex};
use crate::code::Code;
use crate::error::Finding;
use crate::grammar::MAX_VIRT_CPUS;

/// `max_virt_cpus` and the bitmap.
pub(super) fn map(context: &Context<'_>, out: &mut Findings) {
    for round in context.rounds() {
        let Some(map) = &round.checkpoint.vcpumap else {
            continue;
        };
        let place = round.place(Part::Vcpumap);
        if map.max_virt_cpus != MAX_VIRT_CPUS {
            let path = format!("{place}.max_virt_cpus");
            out.add(
                Finding::new(Code::VcpumapMax, map.max_virt_cpus_offset, path)
                    .length(8)
                    .expected(format!("{MAX_VIRT_CPUS}"))
                    .found(format!("{}", map.max_virt_cpus)),
            );
        }
        let bitmap = &map.bitmap.bytes;
        let bits_of = |index: usize| (index as u64 * 8, bitmap[index]);
        let slack = (0..bitmap.len()).map(bits_of).find_map(|(first, byte)| {
            // Bits of this byte that stand for vcpus the map has no room for.
            let room = map.max_virt_cpus.saturating_sub(first).min(8);
            let above = u64::from(byte) >> room << room;
            (above != 0).then_some((first / 8, above))
        });
        if let Some((index, above)) = slack {
            let path = format!("{place}.bitmap[{index}]");
            out.add(
                Finding::new(Code::VcpumapSlack, map.bitmap.offset + index, path)
                    .length(1)
                    .expected(format!("no vcpu from {} on", map.max_virt_cpus))
                    .found(format!("{} of byte {index}", bits(above))),
            );
        }
        let path = format!("{place}.bitmap");
        let finding =
            |code| Finding::new(code, map.bitmap.offset, path).length(bitmap.len() as u32);
        match map.online().next() {
            None => out.add(
                finding(Code::VcpumapEmpty)
                    .expected("at least one vcpu")
                    .found("none"),
            ),
            // Seen in a genuine image: the guest unplugged it.
            Some(1..) => out.add(
                finding(Code::VcpumapBoot)
                    .length(1)
                    .found(hex(u64::from(bitmap[0]))),
            ),
            Some(0) => {}
        }
    }
}
