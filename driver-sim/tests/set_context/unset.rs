//! What get-context leaves to the heap: the fields that the codec's table of eras says, and no other.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::wire::layout_of_context;
use ia64save_sim::{Era, Heap, Host, Machine};

use crate::context::Context;

/// Neither of the two bytes that the heap is filled with.
fn nothing_like_it(context: &mut [u8]) {
    for byte in context.iter_mut() {
        if [0x3c, 0xa5].contains(byte) {
            *byte = 0x11;
        }
    }
}

#[test]
fn what_follows_the_filling_of_the_heap_is_what_the_table_says() {
    for era in Era::all() {
        for guest in [Guest::Pv, Guest::Hvm] {
            if !era.dialect().supports(guest) {
                continue;
            }
            let layout = era.dialect().spec().context;
            let mut given = vec![0; layout.size()];
            nothing_like_it(&mut given);
            Context::new(layout, given.clone()).set("flags", 2);
            let [one, other] = [0x3c, 0xa5].map(|filling| {
                let host = Host::new(Machine {
                    heap: Heap::Filled(filling),
                    ..Machine::new(era)
                });
                let domid = host.create_domain(guest, 1, 64).unwrap();
                host.set_vcpu_context(domid, 0, &given).unwrap();
                host.vcpu_context(domid, 0).unwrap()
            });
            if layout == ContextLayout::A {
                let unset: Vec<usize> =
                    (0..one.len()).filter(|at| one[*at] != other[*at]).collect();
                assert_eq!(unset, (0..16).collect::<Vec<_>>(), "{era}");
                continue;
            }
            layout_of_context(layout).walk(&one, &mut |entry| {
                let size = entry.size / entry.count;
                for index in 0..entry.count {
                    let at = entry.offset + index * size;
                    let differs = one[at..at + size] != other[at..at + size];
                    let path = if entry.count > 1 {
                        format!("{}[{index}]", entry.path)
                    } else {
                        entry.path.to_owned()
                    };
                    // No word of the stack is dirty here.
                    let rbs = path.starts_with("regs.rbs[");
                    let left =
                        era.meaning().leaves_to_heap(guest, &path) || (rbs && !era.spec().cleared);
                    assert_eq!(differs, left, "{era} {guest} {path}");
                }
            });
        }
    }
}

#[test]
fn old_words_are_the_same_in_every_run() {
    let get = |seed| {
        let host = Host::new(Machine {
            heap: Heap::Words(seed),
            ..Machine::new("D4a".parse::<Era>().unwrap())
        });
        let domid = host.create_domain(Guest::Pv, 1, 64).unwrap();
        let given = vec![0; ContextLayout::B2.size()];
        host.set_vcpu_context(domid, 0, &given).unwrap();
        let context = host.vcpu_context(domid, 0).unwrap();
        context.iter().filter(|byte| **byte != 0).count()
    };
    assert_eq!(get(1), get(1));
    assert_ne!(get(1), get(2));
    assert!(get(1) > 1000);
}
