//! A path that leads nowhere: what was meant, or what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ia64save_codec::fields::{self, Selection};

use crate::load::Loaded;

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

/// What is said of a path that leads nowhere.
pub fn said(loaded: &Loaded, path: &str) -> String {
    let all = paths(loaded);
    let mut text = format!("there is no {path}");
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
        let _ = write!(text, "; did you mean {other}?");
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
        format!("{known} has")
    };
    text + "; " + &place + " " + &names
}
