//! The HEADER record (spec 10.5).

use super::HEADER;
use super::walk::fields_of;
use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::check::text::hex;
use crate::code::Code;
use crate::wire::hvm::header::{HVM_MAGIC, HVM_VERSION};

/// Magic and version, which a restore asks for, and the CPUID of the host, of which it only warns
/// where it differs from its own: register 3 counts the registers and has its upper bits clear.
pub(in crate::check) fn contents(context: &Context<'_>, out: &mut Findings) {
    for (_, header) in fields_of(context, HEADER) {
        if header.get("magic") != Some(HVM_MAGIC) {
            out.add(
                header
                    .finding(Code::HvmHeaderMagic, "magic")
                    .expected(hex(HVM_MAGIC)),
            );
        }
        if header.get("version") != Some(HVM_VERSION) {
            out.add(
                header
                    .finding(Code::HvmHeaderVersion, "version")
                    .expected("1"),
            );
        }
        let path = "cpuid[3]";
        if header
            .get(path)
            .is_some_and(|id| id >> 40 != 0 || id & 0xff < 4)
        {
            out.add(
                header
                    .finding(Code::HvmHeaderCpuid, path)
                    .expected("at least 4 in bits 0 to 7, and bits 40 to 63 zero"),
            );
        }
    }
}
