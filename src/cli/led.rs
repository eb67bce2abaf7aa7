//! Where the addresses in the registers of a vcpu lead.

use ia64save::document::memory as document;
use ia64save::document::word::Hex;
use ia64save_codec::image::Vcpu;
use ia64save_codec::translate::{Fault, Translation, View};
use ia64save_codec::wire::vcpu_context::Context;

/// A register, the address in it, and where that leads.
pub struct Led {
    pub name: &'static str,
    /// What the register is for, where its name does not say.
    pub role: Option<&'static str>,
    pub address: u64,
    pub found: Result<Translation, Fault>,
}

/// The registers of a vcpu that hold addresses; what is 0 holds none.
pub fn led(vcpu: &Vcpu, view: &View<'_>) -> Vec<Led> {
    let Some(context) = Context::parse(vcpu.layout, &vcpu.context.bytes) else {
        return Vec::new();
    };
    let held = [
        ("ip", None, context.ip()),
        ("b0", None, context.b(0).unwrap_or(0)),
        ("r12", Some("stack"), context.r(12).unwrap_or(0)),
        ("r13", Some("task"), context.r(13).unwrap_or(0)),
        ("ar.bspstore", None, context.ar_bspstore()),
        ("cr.iva", None, context.cr_iva()),
        ("event_callback_ip", None, context.event_callback_ip()),
    ];
    // ip is looked up even where it is 0.
    let held = held.into_iter();
    let held = held.filter(|(name, _, address)| *address != 0 || *name == "ip");
    held.map(|(name, role, address)| Led {
        name,
        role,
        address,
        found: view.translate(address),
    })
    .collect()
}

impl Led {
    /// Where the image has a page for it.
    pub fn page(&self) -> Option<&Translation> {
        self.found.as_ref().ok().filter(|to| to.offset.is_some())
    }

    /// Why it has none.
    pub fn unresolved(&self) -> String {
        match &self.found {
            Ok(to) => format!(
                "{} leads to guest physical {}, which has no page in the image",
                to.how,
                to.physical
                    .map_or("nothing".into(), |physical| format!("{physical:#x}"))
            ),
            Err(why) => why.to_string(),
        }
    }

    /// For a document.
    pub fn document(&self, page_size: u64) -> document::Led {
        let page = self.page();
        let physical = page.and_then(|to| to.physical);
        document::Led {
            register: self.name.to_owned(),
            address: self.address.into(),
            physical: physical.map(Hex),
            pfn: physical.map(|physical| Hex(physical / page_size)),
            by: page.map(|to| to.how.to_string()),
            unresolved: page.is_none().then(|| self.unresolved()),
        }
    }
}
