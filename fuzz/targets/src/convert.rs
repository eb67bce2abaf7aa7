//! Anything to any dialect.

use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions, Verdict};
use ia64save_codec::convert::{Conversion, ConvertOptions, mean_the_same, plan};
use ia64save_codec::detect::Detection;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Dialect, Error};

use crate::Input;
use crate::usage::Budget;

/// A plan holds the small sections anew, and ranges; never pages.
const PLAN: Budget = Budget {
    bytes: (2 << 20, 64),
    calls: (40_000, 16),
    time: (200_000_000, 40_000),
};

/// What the command line allows. Of smaller pages a memory map takes more than the limits admit.
const SMALLEST_PAGE: usize = 8;

/// The result is of the size that was announced and reads as the dialect asked for. Where the image
/// was sound, so is the result, or what was lost is named.
pub fn convert(data: &[u8]) {
    let Some(input) = Input::of(data) else { return };
    if input.page_size < SMALLEST_PAGE {
        return;
    }
    let bytes = input.bytes();
    let image = Image::parse(&bytes, &input.options());
    let to = Dialect::ALL[usize::from(input.choice & 15) % Dialect::ALL.len()];
    let options = ConvertOptions::to(to).compact(input.choice & 16 != 0);
    let planned = PLAN.spend(bytes.len(), || plan(&image, &options));
    let Ok(conversion) = planned else { return };
    // A list in ranges may name what no input could hold.
    if conversion.size() > 4 * bytes.len() as u64 + (1 << 20) {
        return;
    }
    let out = write(&conversion);
    // A dialect stands for its usual era; one that means something else is another conversion.
    let alike = |found: &Detection| mean_the_same(found.best_era(), options.to, found.guest);
    let same = !options.compact && image.detection.as_ref().is_some_and(alike);
    if same {
        assert_eq!(out, bytes, "nothing was asked for");
        assert!(conversion.losses().is_empty());
    }
    let read_as = Options::default()
        .page_size(input.page_size)
        .era(Some(options.to))
        .guest(image.guest());
    let result = Image::parse(&out, &read_as);
    let end = conversion.size() - result.trailing.as_ref().map_or(0, |t| t.size);
    assert!(
        result.checkpoints.first().is_some_and(|c| c.complete),
        "{:?}",
        result.error
    );
    if let Some(error) = &result.error {
        assert!(error.offset >= end, "{error}");
    }
    if options.compact {
        for checkpoint in &result.checkpoints {
            let pfns = checkpoint.pages.pfns();
            assert!(
                pfns.windows(2).all(|pair| pair[0] < pair[1]),
                "ascending, each once"
            );
        }
    }
    let checked = CheckOptions::default();
    if conversion.losses().is_empty() && check::run(&image, &checked).verdict != Verdict::Invalid {
        let report = check::run(&result, &checked);
        assert!(report.verdict != Verdict::Invalid, "{:?}", report.findings);
    }
    again(&result, options, &out);
}

/// A result is a fixed point.
fn again(result: &Image, options: ConvertOptions, out: &Bytes) {
    if result.error.is_none()
        && let Ok(conversion) = plan(result, &options)
    {
        assert_eq!(write(&conversion), out, "twice is once");
    }
}

fn write(conversion: &Conversion<'_>) -> Bytes {
    let mut out = Vec::new();
    let written = conversion.write(|piece| {
        piece.write_to(&mut out);
        Ok::<(), Error>(())
    });
    assert_eq!(written, Ok(conversion.size()));
    assert_eq!(out.len() as u64, conversion.size());
    out.into()
}
