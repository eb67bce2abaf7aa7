//! S-expressions, and the settings of xl.

use ia64save_codec::envelope::{CfgSettings, Config, Kind, MAX_DEPTH, Sxpr};

use crate::usage::Budget;

/// A list of empty lists is what takes most: an item for every two bytes.
const TEXT: Budget = Budget {
    bytes: (64 << 10, 128),
    calls: (200, 16),
    time: (50_000_000, 10_000),
};

/// What reads as an expression is written as one that reads the same; nothing nests deeper than is
/// said; faults lie within the text.
pub fn config(text: &[u8]) {
    let parsed = TEXT.spend(text.len(), || Sxpr::parse(text));
    match &parsed {
        Ok(expression) => {
            assert!(depth(expression) <= MAX_DEPTH);
            let written = expression.to_bytes();
            assert_eq!(Sxpr::parse(&written).as_ref(), Ok(expression));
            assert_eq!(
                Sxpr::parse(&written).map(|again| again.to_bytes()),
                Ok(written.clone())
            );
        }
        Err(error) => {
            assert!(error.offset <= text.len(), "{error:?}");
            assert_eq!(error.to_finding(100).offset, 100 + error.offset as u64);
        }
    }
    let settings = TEXT.spend(text.len(), || CfgSettings::new(text).count());
    assert!(settings <= text.len());
    for setting in CfgSettings::new(text) {
        match setting {
            Ok((key, _)) => assert!(!key.is_empty() && key.is_ascii()),
            Err(error) => assert!(error.offset <= text.len(), "{error:?}"),
        }
    }
    for kind in [Kind::Bare, Kind::Xend, Kind::Xl] {
        let config = TEXT.spend(text.len(), || Config::parse(kind, text));
        if let (Kind::Xend, Ok(config)) = (kind, config) {
            assert_eq!(parsed.as_ref().map(Config::from_sxpr), Ok(config));
        }
    }
}

/// How deep lists nest, without recursion.
fn depth(expression: &Sxpr<'_>) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, level)) = open.pop() {
        if let Some(items) = expression.items() {
            deepest = deepest.max(level);
            open.extend(items.iter().map(|item| (item, level + 1)));
        }
    }
    deepest
}
