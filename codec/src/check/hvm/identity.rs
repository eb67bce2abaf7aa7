//! The identity mappings (spec 10.9).

use alloc::format;

use super::IDENTITY;
use super::walk::fields_of;
use crate::check::context::Context;
use crate::check::findings::Findings;
use crate::code::Code;

/// Each is on or off; savers cleared the rest of one that is off.
pub(in crate::check) fn mappings(context: &Context<'_>, out: &mut Findings) {
    for (_, identity) in fields_of(context, IDENTITY) {
        for region in ["im_reg4", "im_reg5", "im_reg7"] {
            let [on, pgprot, key] = ["on", "pgprot", "key"].map(|name| format!("{region}.{name}"));
            let is = |path: &str, value: u64| identity.get(path) == Some(value);
            if is(&on, 0) {
                for path in [pgprot, key].iter().filter(|path| !is(path, 0)) {
                    out.add(
                        identity
                            .finding(Code::HvmIdentity, path)
                            .expected("0 while the mapping is off"),
                    );
                }
            } else if !is(&on, 1) {
                out.add(identity.finding(Code::HvmIdentity, &on).expected("0 or 1"));
            }
        }
    }
}
