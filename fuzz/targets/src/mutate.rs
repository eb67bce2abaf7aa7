//! A good image with one thing changed.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use ia64save_codec::check::{self, CheckOptions};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Era, Guest};
use ia64save_corpus::read::{self, Part};
use ia64save_generate::defect::{Change, wrong_values};
use ia64save_generate::field::fields;
use ia64save_generate::{GeneratedImage, Params, Trailing, generate};

/// What stands in front of the change is read as it was, and nothing is said of it; all readers agree
/// about the rest, and the rules have something to hold on to.
pub fn mutate(data: &[u8]) {
    let mut recipe = Unstructured::new(data);
    let Ok((made, change)) = params(&mut recipe).and_then(|params| {
        let made = generate(&params);
        let change = change(&mut recipe, &made)?;
        Ok((made, change))
    }) else {
        return;
    };
    let bytes = Bytes::from(change.apply(&made.bytes));
    let options = Options::default()
        .page_size(made.page_size)
        .dialect(Some(made.dialect))
        .guest(Some(made.guest));
    let before = read::whole(options.decoder(0), &made.bytes);
    let after = read::whole(options.decoder(0), &bytes);
    let place = change.offset();
    unchanged(&before.parts, &after.parts, place);
    if let Err(error) = &after.outcome {
        assert!(
            error.offset >= place.min(bytes.len() as u64),
            "{change:?}: {error}"
        );
    }
    if let Change::Truncate { offset } = change
        && offset < made.plan.rounds[0].end
    {
        let error = after
            .outcome
            .as_ref()
            .expect_err("a stream that ends too early");
        assert_eq!(error.offset, offset, "{error}");
    }
    let pieces = read::random_pieces(options.decoder(0), &bytes, made.params.seed);
    assert_eq!(pieces, after);

    // Found out, as in daily use.
    let options = Options::default().page_size(made.page_size);
    let image = Image::parse(&bytes, &options);
    let whole = read::whole(options.decoder(0), &bytes);
    assert_eq!(image.error.as_ref(), whole.outcome.as_ref().err());
    let report = check::run(&image, &CheckOptions::default());
    if let Some(error) = &image.error {
        assert!(report.findings.contains(error), "{error}");
        assert_eq!(report.verdict, check::Verdict::Invalid);
    }
}

/// The parts that end before the change are the same; a run is, as far as it goes.
fn unchanged(before: &[Part], after: &[Part], place: u64) {
    let is_before = |part: &&Part| part.offset + part.bytes.len() as u64 <= place;
    for (index, part) in before.iter().take_while(is_before).enumerate() {
        let end = part.offset + part.bytes.len() as u64;
        match after.get(index) {
            Some(same) if same == part => {}
            // Its number is not among its bytes, or it goes on differently.
            Some(other) if end + 16 > place || other.bytes.starts_with(&part.bytes) => return,
            None if end + 16 > place => return,
            other => panic!("{part:?} became {other:?}, by a change at {place}"),
        }
    }
}

/// Parameters of a sound image.
pub(crate) fn params(recipe: &mut Unstructured<'_>) -> Result<Params> {
    let era = *recipe.choose(&Era::ALL)?;
    let guest = *recipe.choose(&[Guest::Pv, Guest::Hvm])?;
    let trailing = match recipe.int_in_range(0..=3)? {
        0 => Trailing::DeviceModel(recipe.int_in_range(0..=200)?),
        1 => Trailing::Zeros(recipe.int_in_range(1..=200)?),
        _ => Trailing::Nothing,
    };
    let vcpus = (0..recipe.int_in_range(0..=2)?)
        .map(|_| recipe.int_in_range(0..=63))
        .collect::<Result<_>>()?;
    Ok(Params {
        dialect: era.dialect(),
        era,
        heap: None,
        guest,
        // Few seeds: what they decide are contents, and an input is better spent on the change.
        seed: recipe.int_in_range(0..=15)?,
        page_size: *recipe.choose(&[16, 64, 64, 64, 128, 512, 4096, 16384])?,
        pages: recipe.int_in_range(4..=11)?,
        descriptors: recipe.int_in_range(1..=4)?,
        vcpus,
        passes: recipe.int_in_range(1..=3)?,
        rounds: recipe.int_in_range(0..=2)?,
        identity_record: recipe.arbitrary()?,
        trailing,
    }
    .sound())
}

/// One change of an image: mostly a number, sometimes a part.
fn change(recipe: &mut Unstructured<'_>, made: &GeneratedImage) -> Result<Change> {
    let section = recipe.choose(&made.plan.sections)?;
    let (offset, length) = (section.offset, section.size);
    Ok(match recipe.int_in_range(0..=9)? {
        0 => Change::Remove { offset, length },
        1 => Change::Repeat { offset, length },
        2 => Change::Truncate {
            offset: recipe.int_in_range(0..=made.plan.end)?,
        },
        3 => Change::Append {
            offset: made.plan.end,
            bytes: recipe.arbitrary()?,
        },
        _ => {
            let all = fields(made);
            let field = recipe.choose(&all)?.clone();
            let was = field.get(&made.bytes);
            let values = wrong_values(&field, was, made.plan.p2m_size);
            let is = match recipe.int_in_range(0..=values.len())? {
                0 => recipe.arbitrary::<u64>()? & field.max(),
                index => values[index - 1].1,
            };
            Change::Set { field, was, is }
        }
    })
}
