//! Remus rounds (spec 11.1).

use alloc::format;

use super::context::Context;
use super::findings::Findings;
use crate::code::Code;
use crate::error::Finding;

/// The original restore has no loop: it reads the first checkpoint and leaves the rest.
pub(super) fn unread(context: &Context<'_>, out: &mut Findings) {
    let rounds = context.image.checkpoints.len();
    if let Some(second) = context.image.checkpoints.get(1) {
        out.add(
            Finding::new(
                Code::CheckpointsUnread,
                second.pages.offset(),
                "checkpoint[1]",
            )
            .found(format!("{} of them", rounds - 1)),
        );
    }
}
