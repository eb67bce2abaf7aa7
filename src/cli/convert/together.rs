//! Fields of which the same is said, in one line.

/// What is said alike of neighbouring elements of an array as one: `vcpu[0].regs.f[12..=127].u.bits`.
pub(super) fn joined<'a>(said: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let mut all = Vec::new();
    let mut rest = said;
    while let [first, ..] = rest {
        let run = 1 + rest
            .windows(2)
            .take_while(|pair| follows(pair[0], pair[1]).is_some())
            .count();
        let path = match follows(*first, *rest.get(1).unwrap_or(first)).filter(|_| run > 1) {
            Some((before, number, after)) => {
                format!("{before}[{number}..={}]{after}", number + run as u64 - 1)
            }
            None => first.0.to_string(),
        };
        all.push((path, first.1));
        rest = &rest[run..];
    }
    all
}

/// What is said alike of fields of one structure, in the place of the first of them:
/// `vcpu[0].regs.cr.iipa, cr.ifs, xr`.
pub(super) fn together(said: Vec<(String, &str)>) -> Vec<(String, &str)> {
    let mut all: Vec<(String, String, &str)> = Vec::new();
    for (path, what) in said {
        let of = structure(&path).to_string();
        match all.iter_mut().find(|one| (&one.0, one.2) == (&of, what)) {
            Some((_, paths, _)) => {
                paths.push_str(", ");
                paths.push_str(&path[of.len()..]);
            }
            None => all.push((of, path, what)),
        }
    }
    all.into_iter()
        .map(|(_, paths, what)| (paths, what))
        .collect()
}

/// `vcpu[0].regs.` of `vcpu[0].regs.ar.lc`.
fn structure(path: &str) -> &str {
    let part = ["regs.", "user_regs.", "extra_regs."]
        .into_iter()
        .find_map(|part| path.find(&format!(".{part}")).map(|at| at + 1 + part.len()));
    let end = part.or_else(|| path.find('.').map(|at| at + 1));
    &path[..end.unwrap_or(0)]
}

/// The path of `a` around its index, where `b` says the same of the next element.
fn follows<'a>(a: (&'a str, &str), b: (&str, &str)) -> Option<(&'a str, u64, &'a str)> {
    a.0.match_indices('[').find_map(|(at, _)| {
        let (before, rest) = (&a.0[..at], &a.0[at + 1..]);
        let (number, after) = rest.split_once(']')?;
        let number: u64 = number.parse().ok()?;
        let next = format!("{before}[{}]{after}", number + 1);
        (next == b.0 && a.1 == b.1).then_some((before, number, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_one_structure_are_told_together() {
        let said = [
            ("vcpu[0].regs.b[1..=5]", "unset"),
            ("vcpu[0].regs.ar.lc", "loaded"),
            ("vcpu[0].regs.cr.iipa", "unset"),
            ("vcpu[0].privregs_pfn", "unset"),
            ("vcpu[1].regs.xr", "unset"),
            ("vcpu[0].regs.xr", "unset"),
            ("image", "unset"),
        ];
        let told = together(said.map(|(path, what)| (path.to_string(), what)).to_vec());
        let told: Vec<_> = told.iter().map(|(path, _)| &path[..]).collect();
        assert_eq!(
            told,
            [
                "vcpu[0].regs.b[1..=5], cr.iipa, xr",
                "vcpu[0].regs.ar.lc",
                "vcpu[0].privregs_pfn",
                "vcpu[1].regs.xr",
                "image",
            ]
        );
    }

    #[test]
    fn neighbours_are_told_together() {
        let losses = [
            ("vcpu[0].ip", "x"),
            ("vcpu[0].f[2].bits", "gone"),
            ("vcpu[0].f[3].bits", "gone"),
            ("vcpu[0].f[4].bits", "gone"),
            ("vcpu[0].f[9].bits", "gone"),
            ("vcpu[1].f[9].bits", "else"),
        ];
        let told: Vec<_> = joined(&losses).into_iter().map(|(path, _)| path).collect();
        assert_eq!(
            told,
            [
                "vcpu[0].ip",
                "vcpu[0].f[2..=4].bits",
                "vcpu[0].f[9].bits",
                "vcpu[1].f[9].bits"
            ]
        );
    }
}
