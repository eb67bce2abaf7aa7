//! Bad images: whatever is wrong with them, a restore ends, and leaves a whole domain or none.

use ia64save_codec::transfer::{Cause, Fate, Restore};
use ia64save_corpus::{Verdict, hostile};
use ia64save_sim::{Era, Host, Machine, Registers, SimTarget};

use crate::setting;

#[test]
fn a_bad_image_leaves_a_whole_domain_or_none() {
    let (mut restored, mut refused) = (0, 0);
    for bad in hostile() {
        let host = Host::new(Machine {
            registers: Registers::Verbatim,
            pages: 1 << 12,
            ..Machine::new(Era::from(bad.dialect()))
        });
        let mut target = SimTarget::create(&host, bad.guest, 8, 1 << 12).unwrap();
        let mut restore = Restore::new(&mut target, setting::options());
        let fed = restore.feed(&bad.bytes(), true);
        let done = restore.finish();
        match &fed {
            Ok(_) => {
                restored += 1;
                assert!(done.is_ok(), "{}", bad.name);
            }
            Err(error) => {
                refused += 1;
                // A good image is refused only where it was given to the wrong tool.
                let misplaced = matches!(error.cause, Cause::OtherGuest { .. });
                let good = bad.verdict == Verdict::Valid;
                assert!(!good || misplaced, "{}: {error}", bad.name);
                assert_eq!(error.fate, Fate::Destroyed, "{}", bad.name);
            }
        }
        drop(target);
        let left = host.leftovers();
        assert_eq!(left.domains, u64::from(fed.is_ok()), "{}", bad.name);
        assert_eq!(
            (left.zombies, left.mapped_pages, left.exposed_p2ms),
            (0, 0, 0)
        );
        if bad.is_truncated() {
            assert!(fed.is_err(), "{}", bad.name);
        }
    }
    assert!(restored > 0 && refused > 0, "{restored}, {refused}");
}
