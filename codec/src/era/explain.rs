//! What is to be said beside a register whose form depends on the era.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Era, NatsForm, PsrForm, StackForm};
use crate::dialect::{ContextLayout, Guest};

/// In which form a field of a context is, by the eras that the image may be of: `ar.bsp` (or `loadrs`),
/// `nats` and psr, and whatever a hypervisor of the time left to its heap. `None` for a field that is
/// what its name says.
///
/// By the path of the field in its own layout, without `vcpu[0].` in front. For `nats` the registers are
/// named where `value` is given and the form is certain.
///
/// ```
/// use ia64save_codec::{Era, Guest};
/// use ia64save_codec::era::explain;
///
/// let said = explain(&[Era::D1bF], Guest::Pv, "user_regs.eml_unat", Some(0x0a34_4100_0014_5430));
/// assert!(said.unwrap().ends_with("NaT: r5, r27"));
/// let said = explain(&[Era::D10C], Guest::Pv, "regs.ar.bsp", None).unwrap();
/// assert!(said.contains("guest's backing store"));
/// assert_eq!(explain(&[Era::D10C], Guest::Pv, "regs.ip", None), None);
/// ```
pub fn explain(eras: &[Era], guest: Guest, path: &str, value: Option<u64>) -> Option<String> {
    let mut forms: Vec<Cow<'static, str>> = Vec::new();
    for era in eras {
        let form = era.form(guest, path).unwrap_or("as its name says");
        if !forms.iter().any(|known| *known == form) {
            forms.push(form.into());
        }
    }
    if forms == ["as its name says"] {
        return None;
    }
    let said = match &forms[..] {
        [] => return None,
        [one] => String::from(one.as_ref()),
        _ => format!("by era: {}", forms.join("; or ")),
    };
    let Some(word) = value.filter(|_| is_nats(path) && forms.len() == 1) else {
        return Some(said);
    };
    let bitmap = eras[0].nats(guest).to_bitmap(word);
    let names: Vec<String> = (1..32)
        .filter(|register| bitmap >> register & 1 != 0)
        .map(|register| format!("r{register}"))
        .collect();
    let names = if names.is_empty() {
        String::from("none")
    } else {
        names.join(", ")
    };
    Some(format!("{said}; NaT: {names}"))
}

fn is_nats(path: &str) -> bool {
    matches!(path, "regs.nats" | "user_regs.eml_unat")
}

impl Era {
    fn form(self, guest: Guest, path: &str) -> Option<&'static str> {
        match path {
            "regs.ar.bsp" | "user_regs.loadrs" => Some(match self.spec().stack {
                StackForm::Loadrs => {
                    "bytes that the dirty registers take in the hypervisor's backing store, shifted left by 16"
                }
                StackForm::HostBytes => {
                    "ar.bspstore and the bytes that the dirty registers take in the hypervisor's backing store"
                }
                StackForm::GuestSlots => {
                    "where the guest's backing store would end, its NaT collections counted"
                }
            }),
            "regs.nats" | "user_regs.eml_unat" => Some(match self.nats(guest) {
                NatsForm::Spilled => "bits in the order of the spilled trap frame",
                NatsForm::SpilledHalf => {
                    "the lower half of bits in the order of the spilled trap frame: r1 to r3, r8 to r18"
                }
                NatsForm::Bitmap => "bit n is rn",
                NatsForm::Halves => {
                    "bits 4 to 7 and 16 to 31 are those registers, bits 8 and 9 are r10 and r11; others say nothing"
                }
            }),
            "regs.psr" | "user_regs.cr_ipsr" => Some(match (self.psr(guest), guest) {
                (PsrForm::Machine, _) => "the machine's while the guest ran",
                (PsrForm::Virtual, Guest::Pv) => "as the guest sees it",
                (PsrForm::Virtual, Guest::Hvm) => {
                    "as the guest sees it; be, up, ac, mfl, mfh, cpl and ri are the machine's"
                }
            }),
            _ if self.leaves_a_field_to_heap(guest, path) => {
                Some("not set: what the hypervisor's heap held")
            }
            _ => None,
        }
    }

    /// [`leaves_to_heap`](Era::leaves_to_heap) for a path in the era's own layout.
    fn leaves_a_field_to_heap(self, guest: Guest, path: &str) -> bool {
        if self.dialect().spec().context == ContextLayout::A {
            // Of a trap frame everything was given.
            return path == "flags";
        }
        // Padding is nobody's, and only the dirty words of the register stack are anybody's.
        !path.starts_with("pad") && path != "regs.rbs" && self.leaves_to_heap(guest, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eras_agree_on_is_said_once() {
        let of = |eras: &[Era], path| explain(eras, Guest::Pv, path, Some(0x20));
        assert_eq!(
            of(&[Era::D8A, Era::D8B], "regs.nats").unwrap(),
            "bit n is rn; NaT: r5"
        );
        let both = of(&[Era::D7C, Era::D8A], "regs.nats").unwrap();
        assert!(
            both.starts_with("by era: ") && !both.contains("NaT:"),
            "{both}"
        );
        let lc = of(&[Era::D7C, Era::D8A], "regs.ar.lc").unwrap();
        assert!(lc.ends_with("; or as its name says"), "{lc}");
        assert_eq!(of(&[Era::D8A], "regs.ar.lc"), None);
        assert_eq!(of(&[], "regs.nats"), None);
    }

    #[test]
    fn psr_and_the_stack_change_their_form_when_the_hypervisor_did() {
        let form = |era: Era, path| era.form(Guest::Pv, path);
        assert_ne!(form(Era::D4A, "regs.psr"), form(Era::D4B, "regs.psr"));
        assert_eq!(form(Era::D4B, "regs.psr"), form(Era::D12, "regs.psr"));
        assert_ne!(form(Era::D7C, "regs.ar.bsp"), form(Era::D7D, "regs.ar.bsp"));
        assert_eq!(form(Era::D8A, "regs.ar.bsp"), form(Era::D9A, "regs.ar.bsp"));
    }
}
