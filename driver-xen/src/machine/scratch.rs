//! A domain that is made to learn something of the host, and destroyed again.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::Context;

use crate::hypervisor::Hypervisor;
use crate::transport::DomainId;

/// The handle by which such a domain is known, should anybody meet it.
const HANDLE: [u8; 16] = *b"ia64save scratch";

/// Where the host's own register stacks begin: a vcpu that was set once says it. The domain has no memory
/// and never runs; a context of zeros is good for that. `place` has its number while it is there.
pub(super) fn rbs_voff(
    xen: &mut impl Hypervisor,
    layout: ContextLayout,
    place: &mut Option<DomainId>,
) -> Result<u64, Errno> {
    let scratch = xen.create_domain(false, HANDLE)?;
    *place = Some(scratch);
    let context = xen
        .set_max_vcpus(scratch, 1)
        .and_then(|()| xen.set_vcpu_context(scratch, 0, &vec![0; layout.size()]))
        .and_then(|()| xen.vcpu_context(scratch, 0, layout.size()));
    // Whatever came of it; a second try costs nothing.
    xen.destroy(scratch).or_else(|_| xen.destroy(scratch))?;
    *place = None;
    let voff = Context::parse(layout, &context?).and_then(|context| context.rbs_voff());
    voff.map(u64::from).ok_or(Errno::ENOSYS)
}
