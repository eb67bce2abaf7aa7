//! Set-context of an HVM vcpu on 3.4, for which no table was recorded: the rules of spec 8 and 15.

use ia64save_codec::Guest;
use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::transfer::ports::Errno;
use ia64save_sim::{Era, GuestSpec, Host};

use crate::context::Context;

const FLAGS: u64 = 0x1e;

fn base() -> Context {
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let spec = GuestSpec {
        firmware: 4,
        ..GuestSpec::new(Guest::Hvm, 64)
    };
    let domid = spec.build(&host).unwrap();
    let mut context = Context::new(ContextLayout::F, host.vcpu_context(domid, 0).unwrap());
    context.set("flags", FLAGS);
    context
}

/// The return code, and what came back other than it went in.
fn set(change: impl FnOnce(&mut Context)) -> (Result<(), Errno>, Vec<String>) {
    let mut given = base();
    change(&mut given);
    let host = Host::of("xen-3.4".parse::<Era>().unwrap());
    let domid = host.create_domain(Guest::Hvm, 1, 64).unwrap();
    let done = host.set_vcpu_context(domid, 0, &given.bytes);
    let back = host
        .vcpu_context(domid, 0)
        .map(|bytes| Context::new(ContextLayout::F, bytes));
    (
        done,
        back.map_or(Vec::new(), |back| {
            let mut found = given.differences(&back);
            found.retain(|found| !found.starts_with("flags"));
            found
        }),
    )
}

#[test]
fn registers_come_back() {
    assert_eq!(set(|_| {}), (Ok(()), vec![]));
    let kept = set(|c| {
        c.set("regs.ar.kr[3]", 0x55);
        c.set("regs.bank[3]", 5);
        c.set("regs.bnats", 0xffff_0000);
        c.set("regs.cr.dcr", 5);
        c.set("regs.cr.tpr", 0x30);
        c.set("regs.dbr[1]", 0xff00_ffff_ffff_ffff);
        c.set("regs.ar.rsc", 0);
    });
    assert_eq!(kept, (Ok(()), vec![]));
}

#[test]
fn some_are_dropped() {
    let psr = set(|c| {
        c.set("regs.psr", 0x10_0802_2010 | 0x2be0_0000_0000);
    });
    assert!(psr.0.is_ok());
    // id 37, da 38, dd 39, ed 43, ia 45 are gone; ss 40 and ri 41 stay.
    assert_eq!(psr.1, ["regs.psr[0] 2bf008022010->31008022010"]);
    // Those that are pending are in the VPD, and get-context does not look there.
    let irr = set(|c| c.set("regs.cr.irr[1]", 0x10000));
    assert_eq!(irr.1, ["regs.cr.irr[4][1] 10000->0"]);
    let others = set(|c| {
        c.set("regs.b[1]", 1);
        c.set("regs.r[0]", 1);
        c.set("regs.cr.iva", 0x20_ffff);
    });
    let names: Vec<&str> = others
        .1
        .iter()
        .map(|d| d.split('[').next().unwrap())
        .collect();
    assert_eq!(names, ["regs.r", "regs.b", "regs.cr.iva"]);
}

#[test]
fn of_region_registers_only_the_id_is_looked_at() {
    let bad = |flags| {
        set(move |c| {
            c.set("flags", flags);
            c.set("regs.rr[2]", 0x39 | 1 << 26);
        })
        .0
    };
    assert_eq!(bad(FLAGS), Err(Errno::EINVAL));
    assert_eq!(bad(FLAGS & !2), Ok(()));
    let odd = set(|c| c.set("regs.rr[2]", 0x1ff));
    assert_eq!(odd, (Ok(()), vec![]));
}

#[test]
fn translations_get_their_region_anew() {
    let (done, found) = set(|c| {
        c.set("regs.tr.itrs[0].pte", 0x000c_0000_0400_0663);
        c.set("regs.tr.itrs[0].rid", 7);
        c.set("regs.tr.dtrs[0].rid", 8);
        c.set("regs.rr[5]", 0x1_2339);
    });
    assert_eq!(done, Ok(()));
    assert_eq!(
        found,
        [
            "regs.tr.itrs[0].pte[0] c000004000663->4000661",
            "regs.tr.itrs[0].rid[0] 7->12300",
            "regs.tr.dtrs[0].rid[0] 8->12300",
        ]
    );
}

#[test]
fn three_bits_of_psr_kill_the_domain_that_asks() {
    for bit in [15, 34, 46] {
        let (done, found) = set(|c| c.or("regs.psr", 1 << bit));
        assert!(done.is_err() && found.is_empty(), "{bit}");
    }
}
