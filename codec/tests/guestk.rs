//! A kernel that lays memory out as Linux does, in images of real hypervisors, against what the guest
//! itself says: every translation that it tried, the bytes of its processes, its register stacks.

use ia64save_codec::SaveFile;
use ia64save_codec::elf::gregset;
use ia64save_codec::image::Options;
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::{Backward, How, Origin, RegisterStack, View};
use ia64save_codec::wire::vcpu_context::Context;
use ia64save_corpus::{Guestk, guestks};
use serde_json::Value;

/// A hexadecimal text.
fn number(value: &Value) -> u64 {
    let text = value.as_str().expect("a text");
    let digits = text.strip_prefix("0x").expect("0x");
    u64::from_str_radix(digits, 16).expect("a number")
}

/// An address that may be `"none"`.
fn physical(value: &Value) -> Option<u64> {
    (value != "none").then(|| number(value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Looks at every image with its truth.
fn each(mut look: impl FnMut(&Guestk, &Memory<'_>)) {
    let all = guestks();
    assert!(all.len() >= 4);
    for guestk in &all {
        let file = SaveFile::parse(&guestk.bytes(), &Options::default()).expect("an image");
        assert!(file.image.error.is_none(), "{}", guestk.name);
        look(guestk, &Memory::new(&file.image, 0));
    }
}

fn view<'a>(memory: &'a Memory<'a>, vcpu: &Value) -> View<'a> {
    let id = vcpu["vcpu"].as_u64().expect("a number") as u32;
    View::new(memory, 0, id).expect("a view")
}

fn translated(view: &View<'_>, address: u64) -> Option<u64> {
    view.translate(address).ok()?.physical
}

#[test]
fn every_address_that_the_guest_tried_leads_where_it_found_it() {
    each(|guestk, memory| {
        for vcpu in list(&guestk.truth["vcpus"]) {
            let view = view(memory, vcpu);
            let own = list(&guestk.truth["translations"]).iter();
            let own: Vec<_> = own.filter(|one| one["vcpu"] == vcpu["vcpu"]).collect();
            assert!(own.len() >= 60, "{}: {}", guestk.name, own.len());
            for one in own {
                let address = number(&one["va"]);
                let what = format!("{} {one} {:?}", guestk.name, view.translate(address));
                assert_eq!(translated(&view, address), physical(&one["pa"]), "{what}");
                let Ok(to) = view.translate(address) else {
                    continue;
                };
                let kind = one["kind"].as_str().expect("a text");
                let has_page = to.offset.is_some();
                assert_eq!(has_page, !kind.ends_with("-no-ram"), "{what}");
                let how = match kind.trim_end_matches("-no-ram") {
                    "translation-register" => "register",
                    // The first 16 MiB and the granule of the stack are pinned too.
                    "region-7" if to.how.class() == "register" => "register",
                    "region-6" | "region-7" => "one to one",
                    "per-cpu" => "per-cpu",
                    _ => "table",
                };
                assert_eq!(to.how.class(), how, "{what}");
            }
        }
    });
}

#[test]
fn the_directories_are_those_that_the_guest_has() {
    each(|guestk, memory| {
        let tables = &guestk.truth["page_tables"];
        for vcpu in list(&guestk.truth["vcpus"]) {
            let view = view(memory, vcpu);
            let kernel = number(&tables["kernel_pgd_pa"]);
            let at = number(&tables["movl_at"]);
            assert_eq!(view.kernel_directory(), Ok((kernel, Origin::Handler(at))));
            let process = number(&vcpu["registers"]["k"]["7"]);
            assert_eq!(view.process_directory(), Ok((process, Origin::Register)));
            let geometry = view.geometry();
            assert_eq!(
                (geometry.page_log2, geometry.levels, geometry.assumed),
                (14, 3, false)
            );
            // The same by its symbol, which the kernel's translation register maps.
            let symbol = number(&guestk.truth["symbols"]["swapper_pg_dir"]);
            let symbol = translated(&view, symbol).expect("mapped");
            let by_symbol = view.clone().with_kernel_directory(symbol);
            assert_eq!(by_symbol.kernel_directory(), Ok((kernel, Origin::Given)));
            let module = number(&guestk.truth["module"]["core"]);
            let text = guestk.truth["module"]["text_at_core"].as_str();
            let text = text.expect("a text").as_bytes();
            assert_eq!(view.text(module, 4096).expect("mapped"), text);
            assert_eq!(by_symbol.text(module, 4096).expect("mapped"), text);
        }
    });
}

#[test]
fn every_process_is_reached_by_its_own_directory() {
    each(|guestk, memory| {
        let vcpus = list(&guestk.truth["vcpus"]);
        let views = vcpus.iter().map(|vcpu| view(memory, vcpu));
        for view in views {
            let mut tried = 0;
            for process in list(&guestk.truth["processes"]) {
                let Some(directory) = process.get("pgd_pa") else {
                    continue;
                };
                let view = view.clone().with_directory(number(directory));
                for one in list(&process["translations"]) {
                    let found = translated(&view, number(&one["va"]));
                    assert_eq!(found, physical(&one["pa"]), "{} {one}", guestk.name);
                    tried += 1;
                }
                for known in list(&process["memory"]) {
                    let hex = known["bytes"].as_str().expect("a text");
                    let mut bytes = vec![0; hex.len() / 2];
                    view.read(number(&known["va"]), &mut bytes).expect("mapped");
                    let found = bytes
                        .iter()
                        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                    // The counter of a process that runs is at the beginning of its data.
                    assert_eq!(found, hex, "{} {known}", guestk.name);
                }
            }
            assert!(tried >= 60);
        }
    });
}

#[test]
fn what_is_mapped_is_what_translates_and_leads_back() {
    each(|guestk, memory| {
        for vcpu in list(&guestk.truth["vcpus"]) {
            let view = view(memory, vcpu);
            let all: Vec<_> = view.mappings(0..=u64::MAX).collect();
            assert!(all.windows(2).all(|pair| pair[0].last < pair[1].first));
            let backward = Backward::new(&view, true);
            for one in list(&guestk.truth["translations"]) {
                if one["vcpu"] != vcpu["vcpu"] {
                    continue;
                }
                let address = number(&one["va"]);
                let listed = all.iter().find(|m| (m.first..=m.last).contains(&address));
                let listed = listed.map(|m| m.physical + (address - m.first));
                assert_eq!(listed, physical(&one["pa"]), "{} {one}", guestk.name);
                if let Some(physical) = listed {
                    let back = backward.of(physical);
                    assert!(back.iter().any(|(virt, _)| *virt == address), "{one}");
                    for (virt, _) in back {
                        assert_eq!(translated(&view, virt), Some(physical), "{virt:#x}");
                    }
                }
            }
            // Pages of the kernel (one is of a device), then of the process.
            let tables = all.iter().filter(|m| matches!(m.how, How::Table { .. }));
            let pages: u64 = tables.map(|m| (m.last - m.first + 1) / 16384).sum();
            assert_eq!(pages, 9 + 10, "{}", guestk.name);
        }
    });
}

#[test]
fn registers_are_those_that_the_kernel_loaded() {
    each(|guestk, memory| {
        let image = memory.image();
        for (vcpu, expected) in image.checkpoints[0]
            .vcpus
            .iter()
            .zip(list(&guestk.truth["vcpus"]))
        {
            let view = view(memory, expected);
            let registers = &expected["registers"];
            let rr: Vec<_> = list(&registers["rr"])
                .iter()
                .map(number)
                .map(Some)
                .collect();
            assert_eq!(view.registers().rr[..], rr[..]);
            for (name, value) in registers["k"].as_object().expect("registers") {
                let kr = view.registers().kr(name.parse().expect("a number"));
                assert_eq!(kr, Some(number(value)), "k{name}");
            }
            assert_eq!(view.registers().iva, number(&registers["cr_iva"]));
            let level = registers["cpl"].as_u64();
            assert_eq!(Some(u64::from(view.registers().level)), level);
            assert!(!view.is_physical() && view.hidden().is_empty());
            assert!(view.inactive().is_empty());
            let context = Context::parse(vcpu.layout, &vcpu.context.bytes).expect("a context");
            let set = gregset(
                &context,
                image.era().expect("an era"),
                image.guest().unwrap(),
            );
            if let Some(ip) = registers.get("ip") {
                assert_eq!(set[42], number(ip));
            } else {
                let within = list(&registers["ip_within"]);
                assert!((number(&within[0])..number(&within[1])).contains(&set[42]));
            }
            if let Some(task) = registers.get("r13") {
                assert_eq!(set[13], number(task));
            }
        }
    });
}

#[test]
fn register_stacks_are_whole_with_their_nat_bits() {
    each(|guestk, memory| {
        let image = memory.image();
        for (vcpu, expected) in image.checkpoints[0]
            .vcpus
            .iter()
            .zip(list(&guestk.truth["vcpus"]))
        {
            let view = view(memory, expected);
            let stack = view.stack().expect("a stack");
            let context = Context::parse(vcpu.layout, &vcpu.context.bytes).expect("a context");
            let (era, guest) = (image.era().expect("an era"), image.guest().unwrap());
            assert_eq!(
                RegisterStack::of(&context, era, guest).as_ref(),
                Some(stack)
            );
            let truth = &expected["register_stack"];
            let what = format!("{} vcpu {}", guestk.name, expected["vcpu"]);
            assert_eq!(stack.bspstore, number(&truth["bspstore"]), "{what}");
            assert_eq!(stack.bsp, number(&truth["bsp_in_context"]), "{what}");
            assert_eq!(stack.end, number(&truth["bsp_for_debuggers"]), "{what}");
            let slot = stack.end >> 3 & 63;
            let own = number(&truth["rnat_of_last_collection"]);
            assert_eq!(stack.rnat & ((1 << slot) - 1), own, "{what}");
            let set = gregset(&context, era, guest);
            assert_eq!((set[46], set[48]), (stack.end, stack.rnat), "{what}");
            let mut collections = 0;
            for word in list(&truth["words"]) {
                let (address, value) = (number(&word["address"]), number(&word["value"]));
                collections += u64::from(word["kind"] == "nat-collection");
                assert_eq!(stack.word(address), Some(value), "{what} {word}");
                assert_eq!(view.word(address), Ok(value), "{what} {word}");
                // In the image there is what the guest filled it with.
                let physical = translated(&view, address).expect("mapped");
                let page = memory.page(physical / 16384).expect("a page");
                let stale = &page[(physical % 16384) as usize..][..8];
                assert_eq!(stale, [0x5c; 8], "{what} {word}");
            }
            assert!(collections > 0);
        }
    });
}
