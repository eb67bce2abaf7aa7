//! Generated images as proptest strategies.
//!
//! Shrinking goes to few pages, one vcpu, one pass and the newest release's dialect.

use ia64save_codec::{Dialect, Guest};
use proptest::prelude::*;

use crate::generate::{GeneratedImage, Params, Trailing, generate};

/// Any dialect.
pub fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(&Dialect::ALL[..])
}

/// Either kind of guest.
pub fn guest() -> impl Strategy<Value = Guest> {
    proptest::sample::select(&[Guest::Pv, Guest::Hvm][..])
}

/// Page sizes from the smallest to that of ia64.
pub fn page_size() -> impl Strategy<Value = usize> {
    proptest::sample::select(&[16, 64, 512, 4096, 16384][..])
}

/// What may stand behind a stream.
pub fn trailing() -> impl Strategy<Value = Trailing> {
    prop_oneof![
        2 => Just(Trailing::Nothing),
        1 => (0..200usize).prop_map(Trailing::DeviceModel),
        1 => (1..200usize).prop_map(Trailing::Zeros),
    ]
}

/// Parameters of images of any dialect, with pages of any of the sizes that `page_size` gives.
pub fn params(page_size: impl Strategy<Value = usize>) -> impl Strategy<Value = Params> {
    let kind = (dialect(), guest(), any::<bool>(), any::<u64>());
    let memory = (page_size, 4..12u64, 1..5usize, 1..4usize);
    let vcpus = proptest::collection::vec(0..64u32, 1..4);
    (kind, memory, vcpus, 0..3usize, trailing()).prop_map(
        |(kind, memory, vcpus, rounds, trailing)| {
            let (dialect, guest, identity_record, seed) = kind;
            let (page_size, pages, descriptors, passes) = memory;
            Params {
                dialect,
                guest,
                seed,
                page_size,
                pages,
                descriptors,
                vcpus,
                passes,
                rounds,
                identity_record,
                trailing,
                ..Params::new(dialect, guest)
            }
            .sound()
        },
    )
}

/// Images of any dialect.
pub fn image(page_size: impl Strategy<Value = usize>) -> impl Strategy<Value = GeneratedImage> {
    params(page_size).prop_map(|params| generate(&params))
}
