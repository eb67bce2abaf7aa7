//! Which eras could have written these bytes.
//!
//! Eras of dialects with one layout differ in what stands in the fields alone. What a hypervisor of an
//! era cannot have written, and what it would hardly have, comes from the era's row
//! ([`Era::spec`]): nothing here compares dialects or eras. Two strengths are kept apart:
//!
//! - a *strike*: no saver of the era wrote this. An era with a strike is left out, unless everything else
//!   speaks for it and it has one strike alone: then the doubt is said;
//! - an *odd* sign: possible, but not what one expects. It orders what remains and leaves out nothing.
//!
//! What the heap held in a field that nobody filled may be anything, so its looks are no strike.
//!
//! | file | signs in |
//! |---|---|
//! | `setup` | the domain setup record |
//! | `unset` | what a context has in fields that get-context did not assign |
//! | `registers` | psr, NaT bits, control and region registers |
//! | `stack` | bsp, rbs and what belongs to them |
//! | `privregs` | the page of a PV vcpu; `privregs_pfn` |

mod privregs;
mod registers;
mod setup;
mod stack;
mod unset;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Head;
use crate::dialect::{ContextLayout, Guest};
use crate::era::{Era, Spec};
use crate::grammar::u64_at;

/// What an era with a single strike must be ahead by in everything else to stay.
const DOUBT: u32 = 3;

/// Some of the eras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Eras(u64);

impl Eras {
    pub(crate) fn contains(self, era: Era) -> bool {
        self.0 >> era as u32 & 1 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Oldest first.
    pub(crate) fn iter(self) -> impl Iterator<Item = Era> {
        Era::ALL.into_iter().filter(move |era| self.contains(*era))
    }

    fn of(self, test: impl Fn(Era) -> bool) -> Eras {
        self.iter().filter(|era| test(*era)).collect()
    }

    fn or(self, other: Eras) -> Eras {
        Eras(self.0 | other.0)
    }
}

impl FromIterator<Era> for Eras {
    fn from_iter<I: IntoIterator<Item = Era>>(eras: I) -> Self {
        let bits = eras.into_iter().map(|era| 1 << era as u32);
        Eras(bits.fold(0, |all, bit| all | bit))
    }
}

/// What a tail has that eras are told by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail<'a> {
    pub(crate) vcpus: Vec<VcpuBytes<'a>>,
    /// Bytes of the HVM context.
    pub(crate) hvm_size: Option<u64>,
}

/// One vcpu of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VcpuBytes<'a> {
    pub(crate) id: u32,
    pub(crate) layout: ContextLayout,
    pub(crate) context: &'a [u8],
    pub(crate) privregs: Option<&'a [u8]>,
}

impl VcpuBytes<'_> {
    fn word(&self, offset: usize) -> u64 {
        u64_at(self.context, offset).unwrap_or(0)
    }

    fn page_word(&self, offset: usize) -> Option<u64> {
        u64_at(self.privregs?, offset)
    }
}

/// Something that speaks against eras.
#[derive(Clone, Debug)]
pub(crate) struct Sign {
    /// One sign of a kind counts, however many vcpus have it.
    kind: &'static str,
    pub(crate) text: String,
    strikes: u32,
    odd: u32,
    pub(crate) against: Eras,
}

/// The signs, and the eras that they are about.
pub(crate) struct Judge<'a> {
    pool: Eras,
    guest: Guest,
    tail: &'a Tail<'a>,
    signs: Vec<Sign>,
}

impl Judge<'_> {
    /// No saver of the eras for which `against` holds wrote what was seen.
    fn never(
        &mut self,
        kind: &'static str,
        strikes: u32,
        against: impl Fn(&Spec) -> bool,
        text: impl FnOnce() -> String,
    ) {
        let against = self.pool.of(|era| against(era.spec()));
        self.add(kind, (strikes, 0), against, text);
    }

    /// Those eras could have written it, but one does not expect it of them.
    fn odd(
        &mut self,
        kind: &'static str,
        weight: u32,
        against: impl Fn(&Spec) -> bool,
        text: impl FnOnce() -> String,
    ) {
        let against = self.pool.of(|era| against(era.spec()));
        self.add(kind, (0, weight), against, text);
    }

    fn add(
        &mut self,
        kind: &'static str,
        (strikes, odd): (u32, u32),
        against: Eras,
        text: impl FnOnce() -> String,
    ) {
        if against.is_empty() {
            return;
        }
        if let Some(sign) = self.signs.iter_mut().find(|sign| sign.kind == kind) {
            sign.against = sign.against.or(against);
        } else {
            self.signs.push(Sign {
                kind,
                text: text(),
                strikes,
                odd,
                against,
            });
        }
    }
}

/// How an era fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) era: Era,
    pub(crate) strikes: u32,
    pub(crate) odd: u32,
}

impl Standing {
    /// All that speaks against it, as a number to order by.
    pub(crate) fn weight(&self) -> u32 {
        self.strikes * DOUBT + self.odd
    }
}

/// What speaks against the eras of a pool.
pub(crate) fn signs(pool: Eras, head: Option<&Head>, guest: Guest, tail: &Tail<'_>) -> Vec<Sign> {
    let mut judge = Judge {
        pool,
        guest,
        tail,
        signs: Vec::new(),
    };
    if let Some(head) = head {
        setup::signs(&mut judge, head);
    }
    unset::signs(&mut judge);
    for vcpu in &tail.vcpus {
        registers::signs(&mut judge, vcpu);
        stack::signs(&mut judge, vcpu);
        privregs::signs(&mut judge, vcpu);
    }
    stack::num_phys_stacked(&mut judge);
    if let Some(size) = tail.hvm_size {
        setup::hvm_size(&mut judge, size);
    }
    judge.signs
}

/// Adds the signs up.
pub(crate) fn standings(pool: Eras, signs: &[Sign]) -> Vec<Standing> {
    let of = |era: Era| {
        let against = signs.iter().filter(|sign| sign.against.contains(era));
        let sums = against.fold((0, 0), |(strikes, odd), sign| {
            (strikes + sign.strikes, odd + sign.odd)
        });
        Standing {
            era,
            strikes: sums.0,
            odd: sums.1,
        }
    };
    pool.iter().map(of).collect()
}

/// Those that remain: all that have the fewest strikes, none as a rule; and of those with one more, what is
/// far ahead of these otherwise.
pub(crate) fn remaining(standings: &[Standing]) -> Vec<Standing> {
    let fewest = standings.iter().map(|one| one.strikes).min().unwrap_or(0);
    let soundest = standings.iter().filter(|one| one.strikes == fewest);
    let least = soundest.map(|one| one.odd).min().unwrap_or(0);
    let stays = |one: &&Standing| {
        one.strikes == fewest || (one.strikes == fewest + 1 && one.odd + DOUBT <= least)
    };
    standings.iter().filter(stays).copied().collect()
}

/// Of some eras the one that the bytes look most like: that with the fewest odd signs; among these the
/// usual one of its dialect, else one of a release, else the newest.
pub(crate) fn likeliest(standings: &[Standing]) -> Option<Era> {
    let usual = |era: Era| Era::usual(era.dialect()) == era;
    let rest = |era: Era| {
        let released = !era.spec().releases.is_empty();
        (!usual(era), !released, core::cmp::Reverse(era as u32))
    };
    let key = |one: &&Standing| (one.weight(), rest(one.era));
    standings.iter().min_by_key(key).map(|one| one.era)
}

/// What decided, for people: first what left eras out, then what orders the rest, then what speaks against
/// the likeliest. What speaks against every era that was asked tells nothing apart.
pub(crate) fn said(signs: &[&Sign], asked: &[Standing], likeliest: Era) -> Vec<String> {
    let mut all: Vec<(u32, &str, Eras)> = Vec::new();
    for sign in signs {
        let known = all.iter_mut().find(|(_, text, _)| *text == sign.text);
        if let Some((strikes, _, against)) = known {
            *strikes = sign.strikes.max(*strikes);
            *against = against.or(sign.against);
        } else {
            all.push((sign.strikes, &sign.text, sign.against));
        }
    }
    all.retain(|(_, _, against)| !asked.iter().all(|one| against.contains(one.era)));
    all.sort_by_key(|(strikes, _, against)| {
        (against.contains(likeliest), core::cmp::Reverse(*strikes))
    });
    let text = |(_, text, against): &(u32, &str, Eras)| {
        let but = if against.contains(likeliest) {
            "although "
        } else {
            ""
        };
        format!("{but}{text}")
    };
    all.iter().map(text).collect()
}
