//! Ranking the candidates.

use alloc::string::String;
use alloc::vec::Vec;

use super::Head;
use super::judge::{self, Sign, Standing, Tail};
use crate::dialect::{Dialect, Guest};
use crate::era::Era;

/// Something in the stream that speaks for a dialect, or against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether it speaks for the dialect.
    pub speaks_for: bool,
    /// How much: 1 is what chance could do, 3 is what a saver alone does.
    pub weight: u32,
    /// What was seen, for people: `"vcpu[0].num_phys_stacked is 96"`.
    pub text: String,
    /// Says again of a further vcpu what was said of the first.
    pub repeats: bool,
}

/// The answer of a detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The kind of guest.
    pub guest: Guest,
    /// The dialect, or `None` where several fit equally well.
    pub dialect: Option<Dialect>,
    /// All that remain, the likeliest first; among equals released ones, then newest ones first; never
    /// empty.
    pub candidates: Vec<Dialect>,
    /// The eras of the candidates that could have written these bytes, oldest first; never empty. Often
    /// one says as little as another: what an era changed may leave no trace in an image.
    pub eras: Vec<Era>,
    /// Of these the one that the bytes look most like, of the first candidate.
    pub likeliest: Era,
    /// What decided, for people.
    pub evidence: Vec<String>,
    /// The user named the dialect.
    pub given: bool,
}

impl Detection {
    /// The dialect to read on with: the one found, or the first of those that fit. Where several fit
    /// a tail that a saver wrote, their bytes are laid out alike and only meanings differ; a tail that
    /// was made up may fit several whose contexts have different sizes.
    pub fn best(&self) -> Dialect {
        self.dialect.unwrap_or(self.candidates[0])
    }

    /// The era, where a single one remains.
    pub fn era(&self) -> Option<Era> {
        (self.eras.len() == 1).then(|| self.eras[0])
    }

    /// The era to understand the image by: the only one, or the [likeliest](Self::likeliest).
    pub fn best_era(&self) -> Era {
        self.likeliest
    }

    /// Leaves of the eras those that could have written what an image has: for a dialect that was named, and
    /// for a core, whose tails were not looked at. What is a matter of the dialect stays as it is. Gives what
    /// speaks against the likeliest, as a number to order by.
    pub(crate) fn narrow(&mut self, head: Option<&Head>, tail: &Tail<'_>) -> u32 {
        let pool = self.eras.iter().copied().collect();
        let signs = judge::signs(pool, head, self.guest, tail);
        let standings = judge::standings(pool, &signs);
        let left = judge::remaining(&standings);
        let own = |one: &&Standing| one.era.dialect() == self.candidates[0];
        let own: Vec<Standing> = left.iter().filter(own).copied().collect();
        let Some(era) = judge::likeliest(&own).or_else(|| judge::likeliest(&left)) else {
            return 0;
        };
        self.likeliest = era;
        let signs: Vec<&Sign> = signs.iter().collect();
        self.evidence.extend(judge::said(&signs, &standings, era));
        self.eras = left.iter().map(|one| one.era).collect();
        let likeliest = left.iter().find(|one| one.era == era);
        likeliest.map_or(0, Standing::weight)
    }

    /// What the user said instead of a detection.
    pub(crate) fn given(dialect: Dialect, era: Option<Era>, guest: Guest) -> Self {
        Detection {
            guest,
            dialect: Some(dialect),
            candidates: alloc::vec![dialect],
            eras: era.map_or_else(|| Era::of(dialect).collect(), |era| alloc::vec![era]),
            likeliest: era.unwrap_or(Era::usual(dialect)),
            evidence: alloc::vec![String::from("named by the user")],
            given: true,
        }
    }
}

/// How one candidate fared.
#[derive(Clone, Debug)]
pub(super) struct Score {
    pub(super) dialect: Dialect,
    /// Every part of the tail was there.
    pub(super) whole: bool,
    /// The stream, or a device-model record, is known to end or begin where the tail ends.
    pub(super) exact: bool,
    pub(super) evidence: Vec<Evidence>,
    /// How its eras fared, and by what.
    pub(super) standings: Vec<Standing>,
    pub(super) against: Vec<Sign>,
}

impl Score {
    /// What speaks for it less what speaks against it.
    fn balance(&self) -> i64 {
        self.evidence
            .iter()
            .map(|e| {
                if e.speaks_for {
                    i64::from(e.weight)
                } else {
                    -i64::from(e.weight)
                }
            })
            .sum()
    }

    fn key(&self) -> (i64, bool, bool) {
        (self.balance(), self.whole, self.exact)
    }

    /// More speaks against it than for it: the bytes are not what the grammar takes them for.
    fn is_absurd(&self) -> bool {
        !self.exact && self.balance() < 0
    }
}

/// The best of the candidates, or `None` where every one of them is absurd.
///
/// First by layout: the candidates whose grammar fits best. What they share they are then told apart by:
/// the eras that could have written what stands there.
pub(super) fn rank(
    mut scores: Vec<Score>,
    guest: Guest,
    mut evidence: Vec<String>,
) -> Option<Detection> {
    scores.sort_by_key(|score| core::cmp::Reverse(score.key()));
    let best = scores.iter().find(|score| !score.is_absurd())?.key();
    let (winners, others): (Vec<&Score>, Vec<&Score>) =
        scores.iter().partition(|score| score.key() == best);
    let all = winners.iter().flat_map(|score| &score.standings).copied();
    let all: Vec<Standing> = all.collect();
    let left = judge::remaining(&all);
    let (candidates, likeliest) = candidates(&winners, &left)?;
    let mut eras: Vec<Era> = left.iter().map(|one| one.era).collect();
    eras.sort_unstable();
    let worth = |e: &&Evidence| !(e.repeats && e.speaks_for);
    let mut seen: Vec<&Evidence> = winners[0].evidence.iter().filter(worth).collect();
    // First what decided: what does not speak for another dialect just as well.
    let shared = |e: &Evidence| {
        others
            .iter()
            .filter(|score| score.evidence.contains(e))
            .count()
    };
    seen.sort_by_key(|e| (shared(e), core::cmp::Reverse(e.weight)));
    let against: Vec<&Sign> = winners.iter().flat_map(|score| &score.against).collect();
    let mut said = judge::said(&against, &all, likeliest);
    said.extend(seen.into_iter().map(|e| {
        let but = if e.speaks_for { "" } else { "although " };
        alloc::format!("{but}{}", e.text)
    }));
    for text in said {
        if !evidence.contains(&text) {
            evidence.push(text);
        }
    }
    let dialect = (candidates.len() == 1).then(|| candidates[0]);
    if dialect.is_none() {
        evidence.push(alloc::format!(
            "nothing in the stream tells {} apart for certain",
            super::names(&candidates)
        ));
    }
    Some(Detection {
        guest,
        dialect,
        candidates,
        eras,
        likeliest,
        evidence,
        given: false,
    })
}

/// The dialects of the eras that are left, the likeliest first, and its likeliest era.
fn candidates(winners: &[&Score], left: &[Standing]) -> Option<(Vec<Dialect>, Era)> {
    let mut candidates: Vec<(u32, Dialect, Era)> = Vec::new();
    for score in winners {
        let of = |one: &&Standing| one.era.dialect() == score.dialect;
        let own: Vec<Standing> = left.iter().filter(of).copied().collect();
        let Some(era) = judge::likeliest(&own) else {
            continue;
        };
        if candidates
            .iter()
            .all(|(_, dialect, _)| *dialect != score.dialect)
        {
            let best = own.iter().find(|one| one.era == era)?;
            candidates.push((best.weight(), score.dialect, era));
        }
    }
    // What comes out equal stays in the order of the candidates.
    candidates.sort_by_key(|(odd, _, _)| *odd);
    let era = candidates.first()?.2;
    let dialects = candidates.into_iter().map(|(_, dialect, _)| dialect);
    Some((dialects.collect(), era))
}
