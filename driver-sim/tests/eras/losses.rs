//! Which losses a conversion can name a register by.

/// Whether a loss of that path covers a register of that vcpu, spelt as in `ArchState`.
pub fn covers(path: &str, vcpu: u32, register: &str) -> bool {
    let path = match path.split_once("].") {
        Some((front, rest)) if front.starts_with("checkpoint[") => rest,
        _ => path,
    };
    let Some(field) = path.strip_prefix(&format!("vcpu[{vcpu}].")) else {
        return false;
    };
    // A part of the field, or all of it; never another whose name begins alike.
    names(register).iter().any(|name| {
        let rest = field.strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The fields that a register stands in, as losses spell them.
fn names(register: &str) -> Vec<String> {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    if let Some(rest) = register.strip_prefix("stacked") {
        let mut names = vec!["regs.rbs", "regs.ar.bsp", "user_regs.loadrs"];
        if rest.strip_suffix(".nat").is_some() {
            names.push("regs.rbs_rnat");
        }
        return own(&names);
    }
    match register {
        "psr" => return own(&["regs.psr", "user_regs.cr_ipsr"]),
        "ip" => return own(&["regs.ip", "user_regs.cr_iip"]),
        "cfm" => return own(&["regs.cfm", "user_regs.cr_ifs"]),
        "callback" => return own(&["event_callback_ip", "extra_regs.event_callback_ip"]),
        "bank.vnat" | "bank.vbnat" => return own(&["regs.bnats", "regs.nats"]),
        _ => {}
    }
    if register.starts_with("bank.") {
        return own(&["regs.bank"]);
    }
    if let Some((of, "nat")) = register.split_once('.')
        && of.starts_with('r')
    {
        return own(&["regs.nats", "user_regs.eml_unat"]);
    }
    if let Some((group, name)) = register.split_once('.')
        && ["ar", "cr"].contains(&group)
    {
        let of_frame = match group {
            "ar" => format!("user_regs.ar_{name}"),
            _ => format!("extra_regs.{name}"),
        };
        return own(&[&format!("regs.{group}.{name}"), &of_frame]);
    }
    let kind = register.split('.').next().unwrap_or(register);
    let kind = kind.trim_end_matches(|digit: char| digit.is_ascii_digit());
    let index = register[kind.len()..].split('.').next().unwrap_or("");
    match kind {
        "itr" | "dtr" => own(&[
            &format!("regs.tr.{kind}s[{index}]"),
            &format!("extra_regs.{kind}s[{index}]"),
        ]),
        "kr" => own(&[&format!("regs.ar.kr[{index}]"), "regs.ar.kr"]),
        "dbr" | "ibr" | "rr" => own(&[&format!("regs.{kind}[{index}]"), &format!("regs.{kind}")]),
        _ => own(&[
            &format!("regs.{kind}[{index}]"),
            &format!("regs.{register}"),
            &format!("user_regs.{register}"),
        ]),
    }
}

#[test]
fn losses_cover_what_they_name() {
    assert!(covers("vcpu[0].regs.ar.lc", 0, "ar.lc"));
    assert!(!covers("vcpu[1].regs.ar.lc", 0, "ar.lc"));
    assert!(!covers("vcpu[0].regs.ar.lc", 0, "ar.ec"));
    assert!(covers("checkpoint[1].vcpu[0].regs.rbs", 0, "stacked.3.nat"));
    assert!(covers("vcpu[0].regs.nats", 0, "r5.nat"));
    assert!(!covers("vcpu[0].regs.nats", 0, "r5"));
    assert!(covers("vcpu[0].regs.dbr[2]", 0, "dbr2"));
    assert!(covers("vcpu[0].regs.dbr", 0, "dbr2"));
    assert!(covers("vcpu[0].regs.f[12].u.bits", 0, "f12"));
    assert!(covers("vcpu[0].regs.tr.itrs[3]", 0, "itr3.pte"));
    // Names that begin or end alike are others' names.
    assert!(!covers("vcpu[0].regs.cr.lrr1", 0, "r1"));
    assert!(!covers("vcpu[0].regs.r[0]", 0, "rr0"));
    assert!(!covers("vcpu[0].regs.ar.bspstore", 0, "stacked.3"));
    assert!(!covers("vcpu[0].regs.rbs_rnat", 0, "stacked.3"));
    assert!(!covers("vcpu[0].regs.f[1].u.bits", 0, "f12"));
    assert!(!covers("vcpu[0].regs.b[1]", 0, "b0"));
}
