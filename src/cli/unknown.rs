//! A path that leads nowhere: what was meant, or what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ia64save::Loaded;
use ia64save_codec::fields::{self, Selection};

/// How much a path has to be like another to be meant.
const LIKE: f64 = 0.86;
/// Names that are told.
const TOLD: usize = 12;
/// What is visited only where it is named.
const BY_NAME: [&str; 2] = ["pages", "start_info"];

/// Every path and every part of one, as far as they can be told apart.
fn paths(loaded: &Loaded) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = BY_NAME.map(str::to_owned).into();
    let mut take = |path: &str| {
        let parts = path.match_indices(['.', '[']).map(|(at, _)| at);
        for end in parts.chain([path.len()]) {
            if !all.contains(&path[..end]) {
                all.insert(path[..end].to_owned());
            }
        }
        // vcpu[0] is a part of its own, between vcpu and what is below it.
        for (at, _) in path.match_indices(']') {
            if !all.contains(&path[..=at]) {
                all.insert(path[..=at].to_owned());
            }
        }
    };
    loaded.keep_small(|| {
        fields::visit(&loaded.file, &Selection::default(), &mut |field| {
            take(field.path);
        });
    });
    all
}

/// A path with the first index that there is in the place of each `[*]`; up to the last of them, the path as
/// it was and as it is then.
fn first_of_all(path: &str, all: &BTreeSet<String>) -> (String, String, String) {
    const ALL: &str = "[*]";
    let (mut concrete, mut rest) = (String::new(), path);
    let (mut before, mut after) = (String::new(), String::new());
    while let Some((name, behind)) = rest.split_once(ALL) {
        let begin = format!("{concrete}{name}[");
        let index = all.iter().find_map(|other| {
            let (index, _) = other.strip_prefix(&begin)?.split_once(']')?;
            Some(index)
        });
        let Some(index) = index else {
            break;
        };
        concrete = format!("{begin}{index}]");
        rest = behind;
        path[..path.len() - rest.len()].clone_into(&mut before);
        after.clone_from(&concrete);
    }
    (concrete + rest, before, after)
}

/// What is said of a path that leads nowhere.
pub fn said(loaded: &Loaded, path: &str) -> String {
    let all = paths(loaded);
    let mut text = format!("there is no {path}");
    // What is below every vcpu is what is below the first of them.
    let (path, all_of_them, first) = first_of_all(path, &all);
    let path = path.as_str();
    let shown = |name: &str| match name.strip_prefix(&first) {
        Some(rest) if !first.is_empty() => format!("{all_of_them}{rest}"),
        _ => name.to_owned(),
    };
    // As much of it as there is.
    let mut ends = path.match_indices(['.', '[']).map(|(at, _)| at);
    let known = ends.rfind(|end| all.contains(&path[..*end]));
    let known = known.map_or("", |end| &path[..end]);
    let near = all.iter().filter(|other| {
        // Another index is no slip of the finger.
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_digit)
                .collect::<String>()
        };
        digits(other) == digits(path) || !path.contains('[')
    });
    let near = near
        .map(|other| (strsim::jaro_winkler(path, other), other))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, other)| *likeness > LIKE && *other != known);
    if let Some((_, other)) = near {
        let _ = write!(text, "; did you mean {}?", shown(other));
        return text;
    }
    let below: Vec<&str> = all
        .iter()
        .filter_map(|other| {
            let rest = other.strip_prefix(known)?;
            let rest = if known.is_empty() {
                rest
            } else {
                rest.strip_prefix('.')
                    .or(rest.starts_with('[').then_some(rest))?
            };
            let inner = rest.get(1..)?.contains(['.', '[']);
            (!rest.is_empty() && !inner).then_some(rest)
        })
        .collect();
    let more = below.len().saturating_sub(TOLD);
    let mut names = below[..below.len().min(TOLD)].join(", ");
    if more > 0 {
        let _ = write!(names, " and {more} more");
    }
    let place = if known.is_empty() {
        "the image has".to_owned()
    } else {
        format!("{} has", shown(known))
    };
    text + "; " + &place + " " + &names
}
