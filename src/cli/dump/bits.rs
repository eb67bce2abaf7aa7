//! Registers that are sets of bits, taken apart.

use ia64save::document::fields::{BitValue, Bits};
use ia64save::document::keyed::Keyed;
use ia64save::document::word::Hex;
use ia64save_codec::fields::Field;
use ia64save_codec::wire::bits::{self, Register};
use ia64save_codec::wire::{Style, Value};

/// Values above this are shown in hexadecimal.
const SMALL: u64 = 255;

/// The register that a field is.
fn register(field: &Field<'_>) -> Option<&'static Register> {
    if field.style == Style::Pad {
        return None;
    }
    // Registers are named within their structure.
    let mut path = field.path;
    for part in ["checkpoint[", "vcpu[", "hvm_context.records["] {
        if let Some(rest) = path.strip_prefix(part) {
            path = rest.split_once("].")?.1;
            if part.starts_with("hvm") {
                path = path.split_once('.')?.1;
            }
        }
    }
    bits::of(path)
}

/// The words of a field.
fn words<'a>(field: &'a Field<'_>) -> &'a [u64] {
    match &field.value {
        Value::Unsigned(word) => std::slice::from_ref(word),
        Value::List(words) => words,
        _ => &[],
    }
}

/// What is set in a word: `ic, dt, cpl 3`.
fn said(register: &Register, word: u64) -> String {
    let fields = register.fields_of(word).map(|(field, value)| {
        if field.width == 1 {
            field.name.to_owned()
        } else if value > SMALL {
            format!("{} {value:#x}", field.name)
        } else {
            format!("{} {value}", field.name)
        }
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// What is in a field, a line for each word that is not 0; those of an array only where it was asked for by
/// name.
pub fn lines(field: &Field<'_>, whole: bool) -> Vec<String> {
    let (Some(register), words) = (register(field), words(field)) else {
        return Vec::new();
    };
    let several = words.len() > 1;
    if several && !whole {
        return Vec::new();
    }
    let set = words.iter().enumerate().filter(|(_, word)| **word != 0);
    set.filter_map(|(index, word)| {
        let text = said(register, *word);
        (!text.is_empty()).then(|| {
            if several {
                format!("[{index}] {text}")
            } else {
                text
            }
        })
    })
    .collect()
}

/// Every field of a register by name; of several, a list.
pub fn document(field: &Field<'_>) -> Option<Bits> {
    let register = register(field)?;
    let one = |word: &u64| -> Keyed<BitValue> {
        let fields = register.fields.iter().map(|bits| {
            let value = bits.of(*word);
            let value = match u32::try_from(value) {
                Ok(value) if bits.width <= 32 => BitValue::Number(value),
                _ => BitValue::Word(Hex(value)),
            };
            (bits.name, value)
        });
        fields.collect()
    };
    match words(field) {
        [] => None,
        [word] => Some(Bits::One(one(word))),
        words => Some(Bits::Several(words.iter().map(one).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, value: u64) -> Field<'_> {
        Field {
            path,
            offset: 0,
            size: 8,
            value: Value::Unsigned(value),
            style: Style::Hex,
            meaning: "",
            form: None,
        }
    }

    #[test]
    fn registers_are_known_wherever_they_stand() {
        for (path, name) in [
            ("vcpu[0].regs.psr", "psr"),
            ("checkpoint[2].vcpu[0].regs.cfm", "cfm"),
            ("vcpu[0].flags", "flags"),
            (
                "hvm_context.records[9].viosapic.redirtbl[3].bits",
                "redirection",
            ),
            ("hvm_context.records[3].vpd.vpd.vpd_low.ipsr", "psr"),
            ("privregs[0].pta", "pta"),
        ] {
            let found = register(&field(path, 0)).map(|register| register.name);
            assert_eq!(found, Some(name), "{path}");
        }
        for path in [
            "vcpu[0].regs.r[1]",
            "hvm_context.records[9].viosapic.isr",
            "version",
        ] {
            assert_eq!(register(&field(path, 0)), None, "{path}");
        }
    }

    #[test]
    fn what_is_set_is_named() {
        let psr = field("vcpu[0].regs.psr", 0x1013_082a_6010);
        assert_eq!(lines(&psr, false).len(), 1);
        assert!(
            lines(&psr, false)[0].starts_with("mfl, ic, i, "),
            "{:?}",
            lines(&psr, false)
        );
        let cfm = field("vcpu[0].regs.cfm", 0x8000_0000_0000_0389);
        assert_eq!(lines(&cfm, false), ["sof 9, sol 7, v"]);
        let Some(Bits::One(bits)) = document(&cfm) else {
            panic!("one register");
        };
        assert!(bits.0.contains(&("sof".into(), BitValue::Number(9))));
        assert!(lines(&field("vcpu[0].regs.cfm", 0), false).is_empty());
    }
}
