//! The migration, looked at exhaustively within bounds that a test has time for.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ia64save_model::check;
use ia64save_model::migration::{
    Bounds, ENDS, SEEN, States, bounds, holes, planted, shown_holes, told,
};

/// What is violated, as it is printed.
fn fails(bounds: &Bounds, property: &str) -> Option<String> {
    let steps = if property == ENDS {
        check::circle(bounds, |_| {})
    } else {
        let properties = stateright::Model::properties(bounds);
        let name = properties.iter().map(|one| one.name);
        let name = name.into_iter().find(|name| *name == property)?;
        check::first(bounds.clone(), name)
    };
    steps.map(|steps| told(bounds, property, &steps))
}

/// The document that says how many states were looked at.
const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// A number as the document has it: `71,481`.
fn grouped(number: usize) -> String {
    format!("{},{:03}", number / 1000, number % 1000)
}

#[test]
fn the_acknowledged_protocol_keeps_what_it_promises() {
    for bounds in bounds(false) {
        let checked = check::all(bounds.clone(), 2);
        let violated = checked.violated.first();
        let violated = violated.map(|(property, steps)| told(&bounds, property, steps));
        assert!(violated.is_none(), "{}", violated.unwrap_or_default());
        assert_eq!(checked.unseen, [""; 0], "{}", bounds.name);
        // The smooth way alone is not in the table.
        let told = ARCHITECTURE.contains(&grouped(checked.states));
        let small = bounds.faults == 0 && checked.states < 1000;
        assert!(told || small, "{bounds}: {} states", checked.states);
    }
}

#[test]
fn every_path_ends_and_every_state_is_reached() {
    let mut seen = BTreeSet::new();
    let mut states = States::default();
    for bounds in bounds(false) {
        let circle = check::circle(&bounds, |world| {
            let now = SEEN.iter().filter(|(_, is)| is(world));
            seen.extend(now.map(|(name, _)| *name));
            states.see(world);
        });
        assert!(circle.is_none(), "{}", bounds.name);
    }
    for (bounds, _) in holes() {
        check::circle(&bounds, |world| states.see(world));
    }
    let unseen = SEEN.iter().map(|(name, _)| *name);
    let unseen: Vec<_> = unseen.filter(|name| !seen.contains(name)).collect();
    assert_eq!(unseen, [""; 0]);
    // But for what a secret adds; of a source, `Commit` is left within the step that enters it.
    let source = [
        "Answer", "Ask", "Closed", "Closing", "Complete", "Done", "Ended", "Ready", "Request",
        "Running", "Stream",
    ];
    let target = [
        "Answer",
        "Commit",
        "Complete",
        "Done",
        "Frame",
        "FrameLength",
        "Last",
        "Querying",
        "Raw",
        "Ready",
        "Refused",
        "Request",
        "Restoring",
        "Running",
        "Thanks",
    ];
    same(&states.source, &source);
    same(&states.target, &target);
}

fn same(seen: &BTreeSet<String>, expected: &[&str]) {
    let seen: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, expected);
}

#[test]
fn what_is_not_promised_is_found_and_written_down() {
    for (bounds, property) in holes() {
        assert!(fails(&bounds, property).is_some(), "{}", bounds.name);
    }
    let written = include_str!("../holes.txt");
    assert!(
        written == shown_holes(),
        "cargo xtask model --holes > tests/model/holes.txt"
    );
}

/// Without them the same worlds are good: see above.
#[test]
fn a_fault_that_is_planted_is_found() {
    for (bounds, property) in planted() {
        let found = fails(&bounds, property);
        let found = found.unwrap_or_else(|| panic!("{:?}: {property}", bounds.planted));
        assert!(found.lines().count() > 5, "{found}");
    }
}

#[test]
fn a_diagram_says_what_happens_at_which_end() {
    let (bounds, property) = &planted()[0];
    let found = fails(bounds, property).unwrap_or_default();
    let has = |text: &dyn Debug, line: &str| assert!(found.contains(line), "{text:?}: {found}");
    has(&"a word sent", "\ncommit ");
    has(&"a word that arrives", "|-- #0 -->| commit\n");
    has(
        &"an answer",
        "(complete)                                  |<-- #0 --|\n",
    );
    has(&"what became of it", "lets its domain GO ON");
    has(&"and there", "LETS IT RUN");
}
