//! What the hypervisor keeps of a vcpu, whatever a context of its era has of it.

use super::psr;

/// Registers of the trap frame that have a name: as layouts B to F spell them behind `regs.`, and as
/// layout A does behind `user_regs.`.
pub(super) const FRAME: [(&str, &str); 15] = [
    ("b[0]", "b0"),
    ("b[6]", "b6"),
    ("b[7]", "b7"),
    ("ip", "cr_iip"),
    ("cfm", "cr_ifs"),
    ("pr", "pr"),
    ("ar.unat", "ar_unat"),
    ("ar.pfs", "ar_pfs"),
    ("ar.rsc", "ar_rsc"),
    ("ar.rnat", "ar_rnat"),
    ("ar.bspstore", "ar_bspstore"),
    ("ar.csd", "ar_csd"),
    ("ar.ssd", "ar_ssd"),
    ("ar.ccv", "ar_ccv"),
    ("ar.fpsr", "ar_fpsr"),
];

/// Floating-point status that a vcpu begins with.
const FPSR: u64 = 0x0009_804c_0270_033f;
/// Region register that an HVM vcpu begins with: 16 KiB pages, without the walker.
const HVM_RR: u64 = 0x38;
/// And that of its region 7.
const HVM_RR7: u64 = 0x738;

/// A translation register: pte, itir, vadr, rid.
pub(super) type Translation = [u64; 4];

/// Registers of a vcpu, but for those in the pages that it shares and in its VPD.
#[derive(Clone)]
pub(crate) struct Kept {
    /// r1 to r31; r16 to r31 of the active bank.
    pub(super) r: [u64; 32],
    /// NaT bits of them, as the trap frame is spilled.
    pub(super) eml_unat: u64,
    /// The registers of [`FRAME`].
    named: [u64; FRAME.len()],
    /// psr of the machine while the guest runs.
    pub(super) ipsr: u64,
    /// Bytes of the hypervisor's backing store that are dirty, shifted left by 16.
    pub(super) loadrs: u64,
    /// The padding of the trap frame, which layout A has too.
    pub(super) pad: u64,
    /// f0 to f127.
    pub(super) f: [[u8; 16]; 128],
    pub(super) lc: u64,
    pub(super) ec: u64,
    /// Dirty words of the hypervisor's backing store, the first at the machine's `rbs_voff`.
    pub(super) stack: Vec<u64>,
    /// NaT bits behind the last collection in it.
    pub(super) stack_rnat: u64,
    pub(super) dbr: [u64; 8],
    pub(super) ibr: [u64; 8],
    /// kr0 to kr7 of an HVM vcpu.
    pub(super) kr: [u64; 8],
    /// Region registers of an HVM vcpu.
    pub(super) rr: [u64; 8],
    pub(super) itrs: [Translation; 12],
    pub(super) dtrs: [Translation; 12],
    pub(super) iva: u64,
    /// cr.dcr of a PV vcpu, in the eras that do not have it in the privregs page.
    pub(super) dcr: u64,
    pub(super) callback: u64,
    /// A stack longer than the hypervisor's own memory of the vcpu has overwritten that: pointers in it
    /// lead to zeros.
    pub(super) trampled: bool,
}

impl Kept {
    pub(super) fn new() -> Self {
        let mut rr = [HVM_RR; 8];
        rr[7] = HVM_RR7;
        Kept {
            r: [0; 32],
            eml_unat: 0,
            named: [0; FRAME.len()],
            ipsr: 0,
            loadrs: 0,
            pad: 0,
            f: [[0; 16]; 128],
            lc: 0,
            ec: 0,
            stack: Vec::new(),
            stack_rnat: 0,
            dbr: [0; 8],
            ibr: [0; 8],
            kr: [0; 8],
            rr,
            itrs: [[0; 4]; 12],
            dtrs: [[0; 4]; 12],
            iva: 0,
            dcr: 0,
            callback: 0,
            trampled: false,
        }
    }

    /// What a vcpu that has never had a context begins with.
    pub(super) fn initialise(&mut self, level: u64) {
        self.ipsr = psr::MACHINE | level << 32;
        self.set("cfm", 1 << 63);
        self.set("ar.fpsr", FPSR);
        self.set("ar.rsc", level << 2);
    }

    fn place(name: &str) -> usize {
        let place = FRAME.iter().position(|(path, _)| *path == name);
        place.expect("a register of the trap frame")
    }

    /// A register of [`FRAME`].
    pub(super) fn get(&self, name: &str) -> u64 {
        self.named[Self::place(name)]
    }

    pub(super) fn set(&mut self, name: &str, value: u64) {
        self.named[Self::place(name)] = value;
    }

    /// Dirty bytes of the hypervisor's backing store.
    pub(super) fn dirty_bytes(&self) -> u64 {
        self.loadrs >> 16
    }

    pub(super) fn translations(&self, kind: &str) -> &[Translation; 12] {
        if kind == "itrs" {
            &self.itrs
        } else {
            &self.dtrs
        }
    }

    pub(super) fn translations_mut(&mut self, kind: &str) -> &mut [Translation; 12] {
        if kind == "itrs" {
            &mut self.itrs
        } else {
            &mut self.dtrs
        }
    }

    /// The hypervisor's own memory of the vcpu is overwritten from the backing store to its end, the
    /// trap frame among it.
    pub(super) fn trample(&mut self) {
        let rsc = self.get("ar.rsc");
        let fpsr = self.get("ar.fpsr");
        *self = Kept {
            loadrs: 0,
            trampled: true,
            ..Kept::new()
        };
        self.set("ar.rsc", rsc);
        self.set("ar.fpsr", fpsr);
    }
}
