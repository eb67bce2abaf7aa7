//! The save engine's loop, in every order of events that a test has time for.

use ia64save_model::save;

/// Orders of each of the bounds.
const ORDERS: [u64; 5] = [3829, 6412, 1424, 866, 97];

/// Each of the bounds by itself, side by side.
#[test]
fn what_is_restored_is_what_was_suspended_whatever_happens_meanwhile() {
    std::thread::scope(|scope| {
        let all = save::bounds(false);
        assert_eq!(all.len(), ORDERS.len());
        for (bounds, orders) in all.into_iter().zip(ORDERS) {
            scope.spawn(move || {
                let looked = save::all(&bounds);
                let wrong = looked.wrong.unwrap_or_default();
                assert!(wrong.is_empty(), "{}: {wrong}", bounds.name);
                assert_eq!(
                    looked.runs, orders,
                    "{}: as ARCHITECTURE.md says",
                    bounds.name
                );
                assert_eq!(looked.failed > 0, bounds.faults > 0, "{}", bounds.name);
            });
        }
    });
}

#[test]
fn a_write_that_nobody_records_is_found() {
    let looked = save::all(&save::planted());
    let wrong = looked.wrong.unwrap_or_default();
    assert!(wrong.contains("SomebodyWrites(1)"), "{wrong}");
    assert!(wrong.contains("other contents"), "{wrong}");
}

/// Where this fails, the engine has become better than its bounds say.
#[test]
fn a_page_that_comes_before_the_first_look_may_be_lost() {
    let looked = save::all(&save::hole());
    let wrong = looked.wrong.unwrap_or_default();
    assert!(wrong.contains("other contents"), "{wrong}");
}
