//! A context that is changed field by field.

use ia64save_codec::dialect::ContextLayout;
use ia64save_codec::wire::layout_of_context;

#[derive(Clone)]
pub struct Context {
    pub layout: ContextLayout,
    pub bytes: Vec<u8>,
}

impl Context {
    pub fn new(layout: ContextLayout, bytes: Vec<u8>) -> Self {
        assert_eq!(bytes.len(), layout.size());
        Context { layout, bytes }
    }

    /// The context of a vcpu in a golden image.
    pub fn of(golden: &str, vcpu: usize) -> Self {
        let image = ia64save_corpus::golden(golden);
        let truth = &image.truth["vcpus"][vcpu];
        let number = |name: &str| truth[name].as_u64().expect("a number") as usize;
        let (at, size) = (number("ctx_offset"), number("ctx_size"));
        let bytes = image.bytes()[at..at + size].to_vec();
        Self::new(image.dialect().spec().context, bytes)
    }

    fn place(&self, path: &str) -> (usize, usize) {
        let field = layout_of_context(self.layout).find(path);
        let field = field.unwrap_or_else(|| panic!("no field {path}"));
        (field.offset, field.size().min(8))
    }

    pub fn has(&self, path: &str) -> bool {
        layout_of_context(self.layout).find(path).is_some()
    }

    pub fn get(&self, path: &str) -> u64 {
        let (offset, size) = self.place(path);
        let mut word = [0; 8];
        word[..size].copy_from_slice(&self.bytes[offset..offset + size]);
        u64::from_le_bytes(word)
    }

    pub fn set(&mut self, path: &str, value: u64) {
        let (offset, size) = self.place(path);
        self.bytes[offset..offset + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    pub fn or(&mut self, path: &str, bits: u64) {
        self.set(path, self.get(path) | bits);
    }

    /// The fields in which `other` differs, as the tables write them: `regs.rr[8][1] 0->39`. Of arrays
    /// of structures only the first is looked at.
    pub fn differences(&self, other: &Context) -> Vec<String> {
        let mut out = Vec::new();
        layout_of_context(self.layout).walk(&self.bytes, &mut |entry| {
            let elements = entry.path.split('[').skip(1);
            let first = elements
                .filter_map(|rest| rest.split(']').next())
                .all(|index| index == "0");
            if !first {
                return;
            }
            let size = entry.size / entry.count;
            if size > 8 {
                return;
            }
            for index in 0..entry.count {
                let at = entry.offset + index * size;
                let word = |bytes: &[u8]| {
                    let bytes = &bytes[at..at + size];
                    bytes
                        .iter()
                        .rev()
                        .fold(0_u64, |word, byte| word << 8 | u64::from(*byte))
                };
                let (before, after) = (word(&self.bytes), word(&other.bytes));
                if before != after {
                    let count = if entry.count > 1 {
                        format!("[{}]", entry.count)
                    } else {
                        String::new()
                    };
                    out.push(format!(
                        "{}{count}[{index}] {before:x}->{after:x}",
                        entry.path
                    ));
                }
            }
        });
        out
    }

    /// The same with all floating-point registers, whole, and all translation registers: these behind
    /// the rest, by short names.
    pub fn all_differences(&self, other: &Context) -> Vec<String> {
        let mut plain = self.differences(other);
        plain.retain(|found| !found.starts_with("regs.f["));
        let f = |context: &Context, index: usize| {
            let half = |half| context.get(&format!("regs.f[{index}].u.bits[{half}]"));
            u128::from(half(1)) << 64 | u128::from(half(0))
        };
        let floats = (0..128).filter_map(|index| {
            let (before, after) = (f(self, index), f(other, index));
            (before != after).then(|| format!("regs.f[128][{index}] {before:x}->{after:x}"))
        });
        // They stand behind the control registers.
        let behind = [
            "regs.r[",
            "regs.b[",
            "regs.bank",
            "regs.ip",
            "regs.psr",
            "regs.cfm",
            "regs.pr",
            "regs.nats",
            "regs.bnats",
            "regs.ar",
            "regs.cr",
            "flags",
        ];
        let place = plain
            .iter()
            .position(|found| !behind.iter().any(|name| found.starts_with(name)))
            .unwrap_or(plain.len());
        let tail = plain.split_off(place);
        plain.extend(floats);
        plain.extend(tail);
        for kind in ["itrs", "dtrs"] {
            for index in 0..12 {
                for part in ["pte", "itir", "vadr", "rid"] {
                    let path = format!("regs.tr.{kind}[{index}].{part}");
                    if !self.has(&path) || (index, part) == (0, "pte") {
                        continue;
                    }
                    let (before, after) = (self.get(&path), other.get(&path));
                    if before != after {
                        plain.push(format!("{kind}[{index}].{part} {before:x}->{after:x}"));
                    }
                }
            }
        }
        plain
    }
}
