//! Licences: every package that anything of ours is built from, run with or tested with has one
//! that `deny.toml` allows.
//!
//! | file | what lives there |
//! |---|---|
//! | `spdx` | licence expressions |
//! | `policy` | `deny.toml` |
//! | `graph` | who needs whom |
//!
//! An exception whose licence binds the whole program ([`BINDING`]) is of another kind: it may be
//! reached through [`GATE`] alone, and only with a feature that is off by default, so that what we
//! distribute is never under that licence unless somebody asked for it.

mod graph;
mod policy;
mod spdx;

use std::collections::BTreeSet;

use crate::step::{Outcome, cargo, read};
use graph::{Graph, Package};
use policy::Policy;
use spdx::Expression;

/// The one package that may need something with a binding licence, behind an optional feature.
const GATE: &str = "ia64save-xen";
/// Prefixes of licences that bind the program that a package is part of.
const BINDING: [&str; 3] = ["GPL-", "AGPL-", "LGPL-"];

/// Looks at the graph with every feature, and with the default ones.
pub fn check() -> Outcome {
    let policy = std::fs::read_to_string("deny.toml")
        .map_err(|error| error.to_string())
        .and_then(|text| Policy::parse(&text));
    let policy = match policy {
        Ok(policy) => policy,
        Err(error) => return Outcome::Failed(format!("deny.toml: {error}")),
    };
    let metadata = |features: &[&str]| {
        let args = [&["metadata", "--format-version", "1"], features].concat();
        read(&mut cargo(&args)).and_then(|json| Graph::parse(&json))
    };
    match (metadata(&["--all-features"]), metadata(&[])) {
        (Ok(all), Ok(default)) => {
            for unused in unused(&policy, &all) {
                println!("note: no package needs the licence {unused} that deny.toml allows");
            }
            let packages = all.reached(None).len();
            Outcome::of(
                &complaints(&policy, &all, &default),
                format!("{packages} packages"),
            )
        }
        (Err(error), _) | (_, Err(error)) => Outcome::Failed(error),
    }
}

fn complaints(policy: &Policy, all: &Graph, default: &Graph) -> Vec<String> {
    let mut found: Vec<String> = all
        .reached(None)
        .into_iter()
        .filter_map(|package| {
            refusal(package, &|licence| policy.excepts(&package.name, licence))
                .map(|why| format!("{} {}: {why}", package.name, package.version))
        })
        .collect();
    let bound = |package: &&Package| is_bound(policy, package);
    for package in all.reached(Some(GATE)).into_iter().filter(bound) {
        let name = &package.name;
        found.push(format!(
            "{name}: its licence binds; only {GATE} may need it"
        ));
    }
    for package in default.reached(None).into_iter().filter(bound) {
        let name = &package.name;
        found.push(format!(
            "{name}: its licence binds; no default feature may need it"
        ));
    }
    found
}

/// Why a package may not be used.
fn refusal(package: &Package, allowed: &dyn Fn(&str) -> bool) -> Option<String> {
    let Some(text) = &package.licence else {
        return Some("it states no licence".into());
    };
    match Expression::parse(text) {
        Err(error) => Some(format!("its licence \"{text}\" cannot be read: {error}")),
        Ok(expression) if expression.satisfied(allowed) => None,
        Ok(_) => Some(format!("its licence \"{text}\" is not allowed")),
    }
}

/// Whether a package can only be used under a licence that binds.
fn is_bound(policy: &Policy, package: &Package) -> bool {
    let binds = |licence: &str| BINDING.iter().any(|prefix| licence.starts_with(prefix));
    let harmless = |licence: &str| policy.excepts(&package.name, licence) && !binds(licence);
    refusal(package, &harmless).is_some()
        && refusal(package, &|licence| policy.excepts(&package.name, licence)).is_none()
}

/// Allowed licences that no package has.
fn unused<'a>(policy: &'a Policy, graph: &Graph) -> Vec<&'a str> {
    let used: BTreeSet<String> = graph
        .reached(None)
        .iter()
        .filter_map(|package| Expression::parse(package.licence.as_deref()?).ok())
        .flat_map(|expression| {
            let names = expression.licences();
            names.into_iter().map(str::to_string).collect::<Vec<_>>()
        })
        .collect();
    let allowed = policy.allow.iter().map(String::as_str);
    allowed.filter(|name| !used.contains(*name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "xenctrl", allow = ["GPL-3.0-only"] }]
    "#;

    /// A graph of `(name, licence, needs)`; the first are members.
    fn graph(members: usize, packages: &[(&str, &str, &[&str])]) -> Graph {
        let names: Vec<&str> = packages.iter().map(|p| p.0).take(members).collect();
        let listed: Vec<_> = packages
            .iter()
            .map(|p| json!({ "id": p.0, "name": p.0, "version": "1.0.0", "license": p.1 }))
            .collect();
        let nodes: Vec<_> = packages
            .iter()
            .map(|p| {
                let deps: Vec<_> = p.2.iter().map(|need| json!({ "pkg": need })).collect();
                json!({ "id": p.0, "deps": deps })
            })
            .collect();
        let metadata = json!({
            "packages": listed, "workspace_members": names, "resolve": { "nodes": nodes },
        });
        Graph::parse(metadata.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_licence_that_is_not_allowed_is_refused_wherever_it_stands() {
        let policy = Policy::parse(POLICY).unwrap();
        let fine = graph(
            1,
            &[("a", "MIT", &["b"]), ("b", "MIT OR GPL-3.0-only", &[])],
        );
        assert_eq!(complaints(&policy, &fine, &fine), Vec::<String>::new());
        let deep = graph(
            1,
            &[
                ("a", "MIT", &["b"]),
                ("b", "MIT", &["c"]),
                ("c", "Zlib", &[]),
            ],
        );
        assert_eq!(complaints(&policy, &deep, &deep).len(), 1);
        let elsewhere = graph(1, &[("a", "MIT", &[]), ("c", "Zlib", &[])]);
        assert!(complaints(&policy, &elsewhere, &elsewhere).is_empty());
    }

    #[test]
    fn a_binding_licence_stays_behind_the_gate_and_its_feature() {
        let policy = Policy::parse(POLICY).unwrap();
        let off = graph(2, &[("a", "MIT", &[GATE]), (GATE, "MIT", &[])]);
        let xenctrl: (&str, &str, &[&str]) = ("xenctrl", "GPL-3.0-only", &[]);
        let on = graph(
            2,
            &[("a", "MIT", &[GATE]), (GATE, "MIT", &["xenctrl"]), xenctrl],
        );
        assert!(complaints(&policy, &on, &off).is_empty());
        assert_eq!(complaints(&policy, &on, &on).len(), 1);
        let around = graph(1, &[("a", "MIT", &["xenctrl"]), xenctrl]);
        assert_eq!(complaints(&policy, &around, &off).len(), 1);
    }

    #[test]
    fn the_projects_own_policy_can_be_read() {
        let path = crate::files::root().join("deny.toml");
        let policy = Policy::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(policy.allows("MIT") && !policy.allows("GPL-3.0-only"));
    }
}
