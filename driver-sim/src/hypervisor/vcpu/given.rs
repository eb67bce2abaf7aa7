//! A context that is being set, and how it is refused.

use ia64save_codec::era::Spec;
use ia64save_codec::transfer::ports::Errno;

use super::Frame;
use super::kept::Translation;
use crate::fields::Fields;

/// Why a context was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The call fails. What was loaded before stays, and the vcpu counts as initialised.
    Fails(Errno),
    /// `panic_domain` crashes the domain that makes the call: the one that everything hangs on.
    KillsCaller,
    /// The hypervisor itself does not go on.
    StopsHost,
}

pub(super) const INVALID: Refusal = Refusal::Fails(Errno::EINVAL);

/// A context that is being set.
pub(super) struct Given<'a> {
    pub(super) fields: Fields<&'a [u8]>,
    pub(super) flags: u64,
    pub(super) frame: Frame<'a>,
    pub(super) spec: &'static Spec,
}

impl Given<'_> {
    pub(super) fn reg(&self, name: &str) -> u64 {
        self.fields.word(&format!("regs.{name}"))
    }

    pub(super) fn row<const N: usize>(&self, name: &str) -> [u64; N] {
        core::array::from_fn(|index| self.reg(&format!("{name}[{index}]")))
    }

    pub(super) fn has(&self, flag: u64) -> bool {
        self.flags & flag != 0
    }

    /// A translation register; `None` behind the last that the layout has.
    pub(super) fn translation(&self, path: &str) -> Option<Translation> {
        let part = |name: &str| self.fields.get(&format!("{path}.{name}"));
        Some([part("pte")?, part("itir")?, part("vadr")?, part("rid")?])
    }

    pub(super) fn words(&self) -> Vec<u64> {
        let bytes = self.fields.bytes_of("regs.rbs").unwrap_or_default();
        let (words, _) = bytes.as_chunks();
        words.iter().map(|word| u64::from_le_bytes(*word)).collect()
    }
}
