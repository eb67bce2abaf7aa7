//! `spec/findings.md` against the registry of codes.

use alloc::format;
use alloc::vec::Vec;

use crate::code::Code;

const CATALOGUE: &str = include_str!("../../../../spec/findings.md");

#[test]
fn every_code_has_its_section_in_the_catalogue() {
    let sections: Vec<&str> = CATALOGUE.split("\n## `").skip(1).collect();
    let names: Vec<&str> = sections
        .iter()
        .filter_map(|section| section.split_once("`\n"))
        .map(|(name, _)| name)
        .collect();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(
        names, codes,
        "the sections stand in the order of the registry"
    );
    for (code, section) in Code::ALL.iter().zip(sections) {
        let head = format!("Severity: {} · Clause: {}", code.severity(), code.clause());
        let mut parts = section.trim_end().split("\n\n").skip(1);
        let mut next = || parts.next().unwrap_or_default();
        assert_eq!(next(), head, "{code}");
        let meaning = next();
        assert!(!meaning.is_empty() && !meaning.contains(": \n"), "{code}");
        for label in ["Example: ", "Original restore: ", "What to do: "] {
            let part = next();
            assert!(
                part.starts_with(label) && part.len() > label.len(),
                "{code}: {label}"
            );
        }
        assert_eq!(next(), "", "{code} has more");
    }
}
