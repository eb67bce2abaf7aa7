//! Which losses a conversion can name a register by.

/// Whether a loss of that path covers a register of that vcpu, spelt as in `ArchState`.
pub fn covers(path: &str, vcpu: u32, register: &str) -> bool {
    let path = match path.split_once("].") {
        Some((front, rest)) if front.starts_with("checkpoint[") => rest,
        _ => path,
    };
    let Some(rest) = path.strip_prefix(&format!("vcpu[{vcpu}]")) else {
        return path.starts_with("hvm")
            && (path.contains(&format!("[{vcpu}]")) || path.contains("vpd"))
            && names(register).iter().any(|name| path.contains(name));
    };
    names(register).iter().any(|name| rest.contains(name))
}

/// What the paths of the fields contain that a register stands in.
fn names(register: &str) -> Vec<String> {
    let digits = |prefix: &str| register.strip_prefix(prefix).map(str::to_owned);
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    if register == "stacked" || register.starts_with("stacked.") {
        return own(&["rbs", "ar.bsp", "loadrs"]);
    }
    if register
        .split_once('.')
        .is_some_and(|(_, part)| part == "nat")
    {
        return own(&["nats", "unat"]);
    }
    if register.starts_with("bank.") {
        return own(&["bank", "vgr", "vbgr", "bnats", "nat"]);
    }
    if register.starts_with("itr") || register.starts_with("dtr") {
        return own(&[&format!("{}s", &register[..3])]);
    }
    for (prefix, one, other) in [
        ("dbr", "dbr", "dbr"),
        ("ibr", "ibr", "ibr"),
        ("rr", "rr[", "rrs["),
        ("kr", "kr[", "krs["),
    ] {
        if let Some(index) = digits(prefix)
            && index.parse::<u8>().is_ok()
        {
            return own(&[
                &format!("{one}[{index}"),
                &format!("{other}[{index}"),
                &format!("regs.{prefix}"),
                &format!(".{prefix}s"),
            ]);
        }
    }
    if let Some(index) = digits("f")
        && index.parse::<u8>().is_ok()
    {
        return own(&[&format!("regs.f{index}"), &format!(".f[{index}]"), "regs.f"]);
    }
    if register == "psr" {
        return own(&["psr"]);
    }
    if register == "callback" {
        return own(&["event_callback_ip"]);
    }
    if let Some(name) = digits("cr.") {
        return own(&[&format!("cr.{name}"), &format!(".{name}")]);
    }
    if let Some(name) = digits("ar.") {
        return own(&[
            &format!("ar.{name}"),
            &format!("ar_{name}"),
            &format!("{name}_"),
        ]);
    }
    own(&[register])
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
}
