//! Images that crossed eras, made wrongly and rightly by hand: what real hypervisors did with them.

use ia64save_codec::Era as Meaning;
use ia64save_codec::transfer::ports::Errno;
use ia64save_codec::wire::layout_of_context;
use ia64save_corpus::golden;
use ia64save_sim::hypervisor::Death;
use ia64save_sim::{ArchState, Era, Host, Started};

use crate::setting::{in_page, place, put, set, word};

/// A vcpu of a golden image: its context and its privregs page.
struct Vcpu {
    era: Meaning,
    context: Vec<u8>,
    page: Vec<u8>,
}

impl Vcpu {
    fn of(name: &str) -> Self {
        let image = golden(name);
        let truth = &image.truth["vcpus"][0];
        let at = |name: &str| truth[name].as_u64().expect("a number") as usize;
        let bytes = image.bytes();
        Vcpu {
            era: image.era(),
            context: bytes[at("ctx_offset")..][..at("ctx_size")].to_vec(),
            page: bytes[at("privregs_offset")..][..16384].to_vec(),
        }
    }

    fn get(&self, path: &str) -> u64 {
        let place = place(self.era, path).unwrap_or_else(|| panic!("no {path}"));
        word(&self.context, place)
    }

    fn put(&mut self, path: &str, value: u64) {
        let place = place(self.era, path).unwrap_or_else(|| panic!("no {path}"));
        put(&mut self.context, place, value);
    }

    /// The wrong way: every field of the same name as it is.
    fn renamed(&self, to: Meaning) -> Vcpu {
        let mut out = Vcpu {
            era: to,
            context: vec![0; to.dialect().spec().context.size()],
            page: self.page.clone(),
        };
        let layout = layout_of_context(self.era.dialect().spec().context);
        layout.walk(&self.context, &mut |entry| {
            let there = layout_of_context(to.dialect().spec().context).find(entry.path);
            if let Some(there) = there.filter(|there| there.size() >= entry.bytes.len()) {
                out.context[there.offset..][..entry.bytes.len()].copy_from_slice(entry.bytes);
            }
        });
        out
    }

    /// Region registers that mean "none" as later hypervisors want them.
    fn with_regions(mut self) -> Vcpu {
        for index in 0..8 {
            let path = format!("rrs[{index}]");
            let at = in_page(self.era, &path);
            if [0, u64::MAX].contains(&word(&self.page, at)) {
                put(&mut self.page, at, if index < 6 { 0x39 } else { 0x38 });
            }
            let path = format!("regs.rr[{index}]");
            if self.get(&path) == u64::MAX {
                self.put(&path, 0);
            }
        }
        self
    }

    /// The register stack laid out for another place.
    fn laid_out(mut self, voff: u64) -> Vcpu {
        let own = self.get("regs.rbs_voff");
        let bspstore = self.get("regs.ar.bspstore");
        let guest = bspstore >> 3 & 63;
        let words = (self.get("regs.ar.bsp") - bspstore) / 8;
        let registers = words - (guest + words) / 64;
        let slot = |voff: u64, register: u64| register + (voff + register) / 63;
        let rbs = |slot: u64| format!("regs.rbs[{slot}]");
        let taken = slot(own, registers);
        let mut all = Vec::new();
        for register in 0..registers {
            let at = slot(own, register);
            let collection = at + 63 - (own + at) % 64;
            let bits = if collection < taken {
                self.get(&rbs(collection))
            } else {
                self.get("regs.rbs_rnat")
            };
            all.push((self.get(&rbs(at)), bits >> ((own + at) % 64) & 1));
        }
        for at in 0..128 {
            self.put(&rbs(at), 0);
        }
        self.put("regs.rbs_rnat", 0);
        let taken = slot(voff, registers);
        for (register, (value, nat)) in (0..).zip(all) {
            let at = slot(voff, register);
            self.put(&rbs(at), value);
            let collection = at + 63 - (voff + at) % 64;
            let path = if collection < taken {
                rbs(collection)
            } else {
                "regs.rbs_rnat".to_owned()
            };
            let bits = self.get(&path) | nat << ((voff + at) % 64);
            self.put(&path, bits);
        }
        self.put("regs.rbs_voff", voff);
        self
    }

    fn on(&self, host: &str) -> (Host, Result<u32, Errno>) {
        let host = Host::of(host.parse::<Era>().unwrap());
        let domid = set(&host, &self.context, Some(&self.page));
        (host, domid)
    }

    fn started(&self, host: &str) -> Started {
        let (host, domid) = self.on(host);
        host.first_switch_in(domid.unwrap(), 0).unwrap()
    }

    fn state(&self, host: &str) -> ArchState {
        let (host, domid) = self.on(host);
        host.arch_state(domid.unwrap(), 0).unwrap()
    }
}

fn runs(started: Started) -> ArchState {
    match started {
        Started::Runs(state) => state,
        Started::Dies(death) => panic!("dies: {death:?}"),
    }
}

fn nats(state: &ArchState) -> Vec<u32> {
    (1..32)
        .filter(|register| state.get(&format!("r{register}.nat")) == Some(1))
        .collect()
}

const FLAGS: u64 = 0x1e;

#[test]
fn d8_renamed_for_3_2_is_refused_or_dies() {
    // 96 registers: 97 where the words are counted for the host.
    let mut full = Vcpu::of("realD8a-pv-int").renamed(Meaning::D10C);
    full.put("flags", FLAGS);
    assert_eq!(full.on("xen-3.2").1, Err(Errno::ENOSYS));
    // 90 registers: 91 of them, and a page that cannot be loaded.
    let mut other = Vcpu::of("realD8a-pv").renamed(Meaning::D10C);
    other.put("flags", FLAGS);
    assert!(matches!(
        other.started("xen-3.2"),
        Started::Dies(Death::Region(_))
    ));
    let other = other.with_regions();
    let state = runs(other.started("xen-3.2"));
    assert_eq!(state.get("stacked"), Some(91));
}

#[test]
fn d8_by_its_meaning_runs_on_3_2_with_every_register() {
    for name in [
        "realD8a-pv",
        "realD8a-pv-int",
        "realD8a-pv-leaf",
        "realD8b-pv",
    ] {
        let mut source = Vcpu::of(name);
        source.put("flags", FLAGS);
        let mut there = source.renamed(Meaning::D10C).with_regions().laid_out(0x28);
        there.put("flags", FLAGS);
        let own = source.state("D8a");
        let state = there.state("xen-3.2");
        assert_eq!(own.differences(&state), [], "{name}");
        let after = runs(there.started("xen-3.2"));
        let lost: Vec<_> = state.differences(&after);
        let ec = state.get("ar.ec").unwrap();
        assert_eq!(lost.len(), usize::from(ec != 0), "{lost:?}");
        assert_eq!(after.get("ar.ec"), Some(ec / 2), "{name}");
    }
}

#[test]
fn a_page_without_region_registers_kills_from_d9b_on() {
    let source = Vcpu::of("realD9a-pv");
    for (to, host, dies) in [
        (Meaning::D9A, "D9a", false),
        (Meaning::D9B, "D9b", true),
        (Meaning::D10C, "xen-3.2", true),
        (Meaning::D11B, "xen-3.4", true),
    ] {
        let mut there = source.renamed(to);
        there.put("flags", FLAGS);
        let found = matches!(there.started(host), Started::Dies(Death::Region(_)));
        assert_eq!(found, dies, "{host}");
        assert!(matches!(
            there.with_regions().started(host),
            Started::Runs(_)
        ));
    }
}

#[test]
fn d7c_on_d8a_has_nat_bits_on_the_wrong_registers() {
    let source = Vcpu::of("realD7c-pv");
    assert_eq!(source.get("regs.nats"), 0x14_5430);
    let state = source.state("D8a");
    assert_eq!(nats(&state), [4, 5, 10, 12, 14, 18, 20]);
    // On its own hypervisor none is left.
    assert_eq!(nats(&source.state("D7c")), [0; 0]);
}

#[test]
fn d7c_and_d5_are_refused_where_their_bytes_mean_something_else() {
    let mut there = Vcpu::of("realD7c-pv").renamed(Meaning::D10C);
    assert_eq!(there.get("regs.rr[0]"), u64::MAX);
    there.put("flags", FLAGS);
    there.put("regs.num_phys_stacked", 0);
    assert_eq!(there.on("xen-3.2").1, Err(Errno::EINVAL));
    // 96 registers of D5 take 98 words of its hypervisor; of the guest's own those are 97.
    let mut there = Vcpu::of("realD5-pv").renamed(Meaning::D8A);
    there.put("regs.ar.bsp", there.get("regs.ar.bspstore") + 8 * 98);
    assert_eq!(there.on("D8a").1, Err(Errno::ENOSYS));
}

#[test]
fn three_two_on_three_four_is_right_with_90_and_96_registers_and_wrong_with_17() {
    for (registers, right) in [(90, true), (96, true), (17, false)] {
        let mut source = Vcpu::of("realD10c-pv-leaf");
        let bspstore = source.get("regs.ar.bspstore");
        let place = bspstore >> 3 & 63;
        let words = registers + (place + registers) / 63;
        source.put("regs.ar.bsp", bspstore + 8 * words);
        source.put("regs.rbs_voff", 0x28);
        source.put("flags", FLAGS);
        for register in 0..registers {
            let slot = register + (0x28 + register) / 63;
            source.put(
                &format!("regs.rbs[{slot}]"),
                0x100 + u64::from(register as u32),
            );
        }
        let own = source.state("xen-3.2");
        assert_eq!(own.get("stacked"), Some(u128::from(registers)));
        let stacked = |state: &ArchState| {
            let differences = own.differences(state);
            differences
                .iter()
                .all(|d| !d.register.starts_with("stacked"))
        };
        assert_eq!(stacked(&source.state("xen-3.4")), right, "{registers}");
        let again = source.laid_out(0x34);
        assert!(stacked(&again.state("xen-3.4")), "{registers}");
    }
}

#[test]
fn stacked_registers_of_a_pv_guest_were_lost_up_to_d7c() {
    for (name, host, left) in [
        ("realD2-pv", "D2", Some(91)),
        ("realD3-pv-int", "D3", None),
        ("realD4b-pv-int", "D4b", None),
        ("realD5-pv", "D5", Some(91)),
        ("realD7c-pv", "D7c", Some(89)),
        ("realD7d-pv", "D7d", Some(90)),
    ] {
        let source = Vcpu::of(name);
        let before = source.state(host);
        match (source.started(host), left) {
            (Started::Dies(death), None) => assert_eq!(death, Death::Stacked(97), "{name}"),
            (Started::Runs(state), Some(count)) => {
                assert_eq!(state.get("stacked"), Some(count), "{name}");
                let kept = state.get("stacked.0") == before.get("stacked.0");
                assert_eq!(kept, name == "realD7d-pv", "{name}");
            }
            (started, _) => panic!("{name}: {started:?}"),
        }
    }
}

#[test]
fn lc_and_most_floating_point_registers_came_with_the_rewrite() {
    for (name, host, whole) in [("realD7c-pv", "D7c", false), ("realD7d-pv", "D7d", true)] {
        let state = runs(Vcpu::of(name).started(host));
        for register in ["ar.lc", "f2", "f12", "f127"] {
            assert_eq!(state.get(register) != Some(0), whole, "{name} {register}");
        }
        assert_ne!(state.get("f6"), Some(0));
    }
}

#[test]
fn a_restored_vcpu_runs_on_with_half_its_ec() {
    let source = Vcpu::of("realD8a-pv-int");
    assert_eq!(source.state("D8a").get("ar.ec"), Some(0x2a));
    assert_eq!(runs(source.started("D8a")).get("ar.ec"), Some(0x15));
}
