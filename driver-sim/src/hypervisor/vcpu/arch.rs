//! The registers of a vcpu as its guest sees them, and the moment from which on it does.

use std::collections::BTreeMap;

use ia64save_codec::Guest;
use ia64save_codec::era::{NatsForm, PsrForm, RegionDefaults, StackSet};

use super::get::{Pages, virtual_psr};
use super::kept::Kept;
use super::load::{has_region_id, is_region};
use super::{CONTROL, Frame, Shared, Vcpu, Vpd, psr, stack};
use crate::fields::Fields;
use ia64save_codec::wire::layout_of_mapped_regs;

/// The registers of a vcpu as its guest sees them, whatever the era of the hypervisor below it: two
/// guests whose states are equal cannot tell that they are on different hypervisors.
///
/// By name:
///
/// | name | what |
/// |---|---|
/// | `r1` to `r31`, `r1.nat` to `r31.nat` | general registers of the active bank, and their NaT bits |
/// | `bank.r16` to `bank.r31`, `bank.vnat`, `bank.vbnat` | those of the other bank; the words that have NaT bits of both |
/// | `stacked`, `stacked.0` and up, with `.nat` | how many stacked registers are dirty; they, oldest first |
/// | `f2` to `f127` | floating-point registers, 128 bits |
/// | `b0`, `b6`, `b7`, `ip`, `cfm`, `pr` | as they are; b1 to b5 no hypervisor restored |
/// | `psr` | as the guest sees it: di is always on for a PV guest, and left out; so is sp where the machine's psr was given |
/// | `ar.*` | application registers; the privilege level in `ar.rsc` and `ar.pfs` is 0 where it is that of the kernel |
/// | `cr.*` | control registers |
/// | `kr0`, `rr0`, `dbr0`, `ibr0` to 7 | as they are; a region register that means "none" is its default |
/// | `itr0.pte` and so on, `dtr0.pte` and so on, to 11 | translation registers; the level as in `ar.rsc`; one that holds nothing is 0 |
/// | `callback` | where events enter the guest |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchState {
    registers: BTreeMap<String, u128>,
}

/// A register in which two states differ; `None` where one of them has none of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name, as in [`ArchState`].
    pub register: String,
    /// What it is in the one.
    pub one: Option<u128>,
    /// What it is in the other.
    pub other: Option<u128>,
}

/// What became of a vcpu that was switched in for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It came to its first instruction, with these registers.
    Runs(ArchState),
    /// It did not.
    Dies(Death),
}

/// Why a vcpu did not come to its first instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// A region register of its privregs page cannot be set.
    Region(usize),
    /// More dirty stacked registers are to be loaded than the processor has.
    Stacked(u64),
}

impl ArchState {
    /// A register by its name.
    pub fn get(&self, name: &str) -> Option<u128> {
        self.registers.get(name).copied()
    }

    /// All registers by their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u128)> {
        self.registers
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }

    /// Puts another value into a register, as one who expects a difference.
    pub fn set(&mut self, name: &str, value: u128) {
        self.registers.insert(name.to_owned(), value);
    }

    /// The registers in which another state differs.
    pub fn differences(&self, other: &ArchState) -> Vec<Difference> {
        let mut names: Vec<&String> = self.registers.keys().collect();
        let more = other.registers.keys();
        names.extend(more.filter(|name| !self.registers.contains_key(*name)));
        let differing = names
            .into_iter()
            .filter(|name| self.get(name) != other.get(name));
        differing
            .map(|name| Difference {
                register: name.clone(),
                one: self.get(name),
                other: other.get(name),
            })
            .collect()
    }

    fn put(&mut self, name: impl Into<String>, value: u64) {
        self.registers.insert(name.into(), value.into());
    }
}

impl Vcpu {
    /// The registers as they stand.
    pub(crate) fn arch_state(&self, frame: Frame<'_>, shared: Option<&Shared>) -> ArchState {
        let mut out = ArchState::default();
        let kept = &self.kept;
        for (name, path) in [
            ("b0", "b[0]"),
            ("b6", "b[6]"),
            ("b7", "b[7]"),
            ("ip", "ip"),
            ("cfm", "cfm"),
            ("pr", "pr"),
            ("ar.unat", "ar.unat"),
            ("ar.rnat", "ar.rnat"),
            ("ar.bspstore", "ar.bspstore"),
            ("ar.csd", "ar.csd"),
            ("ar.ssd", "ar.ssd"),
            ("ar.ccv", "ar.ccv"),
            ("ar.fpsr", "ar.fpsr"),
        ] {
            out.put(name, kept.get(path));
        }
        let nats = NatsForm::Spilled.to_bitmap(kept.eml_unat);
        for register in 1..32 {
            out.put(format!("r{register}"), kept.r[register]);
            out.put(format!("r{register}.nat"), u64::from(nats >> register & 1));
        }
        for register in 2..128 {
            let value = u128::from_le_bytes(kept.f[register]);
            out.set(&format!("f{register}"), value);
        }
        out.put("ar.lc", kept.lc);
        out.put("ar.ec", kept.ec);
        out.put("callback", kept.callback);
        for index in 0..8 {
            out.put(format!("dbr{index}"), kept.dbr[index]);
            out.put(format!("ibr{index}"), kept.ibr[index]);
        }
        let words = kept.dirty_bytes() / 8;
        let voff = frame.machine.rbs_voff;
        let stacked = stack::unpack(&kept.stack, words, kept.stack_rnat, voff);
        out.put("stacked", stacked.len() as u64);
        for (index, (value, nat)) in stacked.into_iter().enumerate() {
            out.put(format!("stacked.{index}"), value);
            out.put(format!("stacked.{index}.nat"), u64::from(nat));
        }
        match (shared, &self.hvm) {
            (_, Some(hvm)) => {
                let vpd = Vpd::of(frame.machine.era, &hvm.vpd);
                self.of_hvm(&mut out, &vpd);
            }
            (Some(shared), None) => self.of_pv(&mut out, frame, shared),
            (None, None) => {}
        }
        out
    }

    fn of_pv(&self, out: &mut ArchState, frame: Frame<'_>, shared: &Shared) {
        let spec = frame.machine.era.spec();
        let kept = &self.kept;
        let pages = Pages::new(frame, shared);
        // A new vcpu had sp set in the machine's psr, wherever that was given: it is not the guest's.
        let own = match spec.psr {
            PsrForm::Machine => !psr::SP,
            PsrForm::Virtual => !0,
        };
        out.put("psr", virtual_psr(spec, kept, &pages) & own);
        out.put("ar.rsc", unraised(kept.get("ar.rsc"), 2, spec.kernel_level));
        out.put(
            "ar.pfs",
            unraised(kept.get("ar.pfs"), 62, spec.kernel_level),
        );
        for (kind, name) in [("itrs", "itr"), ("dtrs", "dtr")] {
            for (index, [pte, itir, vadr, rid]) in kept.translations(kind).iter().enumerate() {
                let pte = unraised(*pte, 7, spec.kernel_level);
                translation(out, &format!("{name}{index}"), [pte, *itir, *vadr, *rid]);
            }
        }
        let page = &pages.privregs;
        for name in CONTROL {
            out.put(format!("cr.{name}"), page.word(name));
        }
        out.put("cr.iva", kept.iva & !0x7fff);
        out.put("cr.dcr", self.dcr(spec, Some(&pages)));
        for name in [
            "precover_ifs",
            "pending_interruption",
            "interrupt_mask_addr",
        ] {
            out.put(name, page.word(name));
        }
        for index in 0..8 {
            out.put(format!("kr{index}"), page.word(&format!("krs[{index}]")));
            let rr = match page.word(&format!("rrs[{index}]")) {
                0 | u64::MAX => RegionDefaults::Valid.value(index),
                rr => rr,
            };
            out.put(format!("rr{index}"), rr);
        }
        let bank = if page.word("banknum") == 0 {
            "vgr"
        } else {
            "vbgr"
        };
        for index in 0..16 {
            let value = page.word(&format!("{bank}[{index}]"));
            out.put(format!("bank.r{}", 16 + index), value);
        }
        out.put("bank.vnat", page.word("vnat"));
        out.put("bank.vbnat", page.word("vbnat"));
        out.put("ar.itc", if spec.itc { pages.itc() } else { 0 });
    }

    fn of_hvm(&self, out: &mut ArchState, vpd: &Vpd<&Vec<u8>>) {
        let kept = &self.kept;
        out.put("psr", self.hvm_psr_seen(vpd));
        out.put("ar.rsc", kept.get("ar.rsc"));
        out.put("ar.pfs", kept.get("ar.pfs"));
        for (kind, name) in [("itrs", "itr"), ("dtrs", "dtr")] {
            for (index, entry) in kept.translations(kind).iter().enumerate() {
                translation(out, &format!("{name}{index}"), *entry);
            }
        }
        for name in CONTROL {
            out.put(format!("cr.{name}"), vpd.get(name));
        }
        for index in 0..4 {
            let irr = vpd.get(&format!("irr[{index}]"));
            out.put(format!("cr.irr{index}"), irr);
        }
        for index in 0..8 {
            out.put(format!("kr{index}"), kept.kr[index]);
            let rr = match kept.rr[index] {
                0 => Kept::new().rr[index],
                rr => rr,
            };
            out.put(format!("rr{index}"), rr);
        }
        let bank = if vpd.get("vpsr") & psr::BN == 0 {
            "vgr"
        } else {
            "vbgr"
        };
        for index in 0..16 {
            let value = vpd.get(&format!("{bank}[{index}]"));
            out.put(format!("bank.r{}", 16 + index), value);
        }
        out.put("bank.vnat", vpd.get("vnat"));
        out.put("bank.vbnat", vpd.get("vbnat"));
    }

    /// Switches the vcpu in for the first time after its context was set, as far as its first
    /// instruction. What a guest loses there is lost to the next get-context too.
    pub(crate) fn first_switch_in(
        &mut self,
        frame: Frame<'_>,
        shared: Option<&mut Shared>,
    ) -> Started {
        let spec = frame.machine.era.spec();
        if let (Guest::Pv, Some(shared)) = (frame.guest, shared.as_deref()) {
            if let Some(region) = bad_region(frame, shared) {
                return Started::Dies(Death::Region(region));
            }
            if spec.stack_set != StackSet::Relaid
                && let Err(death) = self.lose_stack(frame)
            {
                return Started::Dies(death);
            }
        }
        // Set puts ec one bit below the place where the processor has it (spec 15.3).
        self.kept.ec >>= 1;
        let mut shared = shared;
        if let Some(shared) = shared.as_deref_mut() {
            let layout = layout_of_mapped_regs(frame.machine.era.mapped_regs());
            let mut page = Fields::new(layout, &mut shared.privregs);
            page.set("hpsr_dfh", 1);
            page.set("hpsr_mfh", 0);
        }
        Started::Runs(self.arch_state(frame, shared.as_deref()))
    }

    /// The dirty registers of a PV vcpu are loaded from below the place where set-context put them.
    /// There the hypervisor has its own record of the vcpu.
    fn lose_stack(&mut self, frame: Frame<'_>) -> Result<(), Death> {
        let (machine, kept) = (frame.machine, &mut self.kept);
        let words = kept.dirty_bytes() / 8;
        let registers = stack::registers_below(machine.rbs_voff, words);
        if registers > machine.stacked_registers {
            return Err(Death::Stacked(registers));
        }
        let slots = stack::slots(machine.rbs_voff, registers);
        kept.loadrs = slots << 19;
        kept.stack = (0..slots).map(|slot| HYPERVISOR + 8 * slot).collect();
        for (slot, word) in kept.stack.iter_mut().enumerate() {
            if (machine.rbs_voff + slot as u64) % 64 == 63 {
                *word = 0;
            }
        }
        kept.stack_rnat = 0;
        Ok(())
    }
}

/// What stands for words of the hypervisor's own memory, in the order of their places.
const HYPERVISOR: u64 = 0xf000_0000_0400_0000;

/// The first region register of a privregs page that cannot be set.
fn bad_region(frame: Frame<'_>, shared: &Shared) -> Option<usize> {
    let layout = layout_of_mapped_regs(frame.machine.era.mapped_regs());
    let page = Fields::new(layout, &shared.privregs);
    let first = usize::from(page.word("metaphysical_mode") != 0);
    (first..8).find(|index| {
        let rr = page.word(&format!("rrs[{index}]"));
        match frame.machine.era.spec().region_defaults {
            RegionDefaults::Valid => !is_region(frame, rr),
            RegionDefaults::Sentinels => rr != u64::MAX && !has_region_id(frame, rr),
        }
    })
}

/// Shows the level of a PV guest's kernel as 0.
fn unraised(word: u64, shift: u32, level: u64) -> u64 {
    if word >> shift & 3 > level {
        word
    } else {
        word & !(3 << shift)
    }
}

fn translation(out: &mut ArchState, name: &str, entry: [u64; 4]) {
    let entry = if entry[0] == 0 { [0; 4] } else { entry };
    for (part, value) in ["pte", "itir", "vadr", "rid"].into_iter().zip(entry) {
        out.put(format!("{name}.{part}"), value);
    }
}
