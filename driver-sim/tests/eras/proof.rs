//! Every golden image, converted to every era: restored on a hypervisor of the source's era and, as
//! converted, on one of the target's, the guest has the same registers, or the conversion named what it
//! lost.
//!
//! What the source's guest is held to have is what its own restore gave it, but for what that restore
//! dropped although the image has it (spec 15.3): NaT bits before the rewrite of 2007-10-21, and those
//! of an HVM vcpu that wander. There a conversion may do better than the original did, and does; where
//! the target drops them likewise, nothing is lost that was there.

use bytes::Bytes;
use ia64save_codec::convert::{self, ConvertOptions};
use ia64save_codec::image::{Image, Options};
use ia64save_codec::{Era as Meaning, Guest};
use ia64save_corpus::{Golden, goldens};
use ia64save_sim::hypervisor::Death;
use ia64save_sim::{ArchState, Era, Host, Started};

use crate::losses::covers;
use crate::setting::{last, machine, place, restore, word};

/// Registers that no comparison can hold equal: an interval counter counts on.
const CLOCKS: [&str; 1] = ["ar.itc"];

/// What of one conversion there is to tell.
#[derive(Default)]
struct Found {
    conversions: usize,
    states: usize,
    registers: usize,
    losses: usize,
    refused: Vec<String>,
    unnamed: Vec<String>,
}

/// A vcpu of a restored domain: its id, its context in the image, its registers as they were set, and
/// what became of it.
type Restored = (u32, Vec<u8>, ArchState, Started);

fn parse(bytes: &[u8], era: Meaning, guest: Guest) -> Image {
    let options = Options::default().era(Some(era)).guest(Some(guest));
    Image::parse(&Bytes::copy_from_slice(bytes), &options)
}

fn converted(image: &Image, to: Meaning) -> Result<(Vec<u8>, Vec<String>), String> {
    let options = ConvertOptions::to(to);
    let conversion = convert::plan(image, &options).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let written = conversion.write(|piece: &ia64save_codec::encode::Piece<'_>| {
        piece.write_to(&mut out);
        Ok::<_, ia64save_codec::Error>(())
    });
    written.map_err(|error| error.to_string())?;
    let losses = conversion.losses().iter().map(|loss| loss.path.clone());
    Ok((out, losses.collect()))
}

/// The registers of every vcpu of an image, on a hypervisor of its era, as set and when it runs.
fn states(bytes: &[u8], era: Era, guest: Guest, pages: u64) -> Result<Vec<Restored>, String> {
    let image = parse(bytes, era.meaning(), guest);
    let contexts: Vec<(u32, Vec<u8>)> = last(&image)
        .vcpus
        .iter()
        .map(|vcpu| (vcpu.id, vcpu.context.bytes.to_vec()))
        .collect();
    let first = &contexts.first().ok_or("no vcpus")?.1;
    let host = Host::new(machine(era, first));
    let domid = restore(&host, guest, bytes, pages)?;
    let mut out = Vec::new();
    for (vcpu, context) in contexts {
        let state = host
            .arch_state(domid, vcpu)
            .map_err(|errno| format!("vcpu {vcpu}: {errno}"))?;
        let started = host.first_switch_in(domid, vcpu).unwrap();
        out.push((vcpu, context, state, started));
    }
    Ok(out)
}

/// The NaT bits that an image says, whatever its own restore makes of them.
fn as_the_image_says(state: &mut ArchState, era: Meaning, guest: Guest, context: &[u8]) {
    let nats = place(era, "regs.nats").or_else(|| place(era, "user_regs.eml_unat"));
    let nats = word(context, nats.expect("a word of NaT bits"));
    // Bits that say nothing say that no register is NaT, though the restore of the day took some.
    let bitmap = era.nats(guest).to_bitmap(nats);
    for register in 1..32 {
        let nat = u128::from(bitmap >> register & 1);
        state.set(&format!("r{register}.nat"), nat);
    }
}

fn prove(golden: &Golden, found: &mut Found) {
    let (from, guest) = (golden.era(), golden.guest());
    let bytes = golden.bytes();
    let pages = golden.truth["p2m_size"].as_u64().unwrap();
    let image = parse(&bytes, from, guest);
    let mut before = states(&bytes, Era::from(from), guest, pages)
        .unwrap_or_else(|error| panic!("{}: {error}", golden.name));
    let restored: Vec<ArchState> = before
        .iter()
        .map(|(_, _, state, _)| state.clone())
        .collect();
    for (_, context, state, _) in &mut before {
        as_the_image_says(state, from, guest, context);
    }
    for to in Meaning::ALL {
        if !to.dialect().supports(guest) {
            continue;
        }
        if (to, guest) == (Meaning::D10A, Guest::Hvm) {
            // A restore reads by the dialect, which had three magic pfns for fifteen minutes.
            continue;
        }
        let what = format!("{} ({from}) to {to}", golden.name);
        let (bytes, losses) = match converted(&image, to) {
            Ok(done) => done,
            Err(error) => {
                found.refused.push(format!("{what}: {error}"));
                continue;
            }
        };
        found.conversions += 1;
        found.losses += losses.len();
        let after = match states(&bytes, Era::from(to), guest, pages) {
            Ok(after) => after,
            Err(error) => {
                found.unnamed.push(format!("{what}: not restored: {error}"));
                continue;
            }
        };
        for ((vcpu, _, state, _), own) in before.iter().zip(&restored) {
            let Some((_, _, other, started)) = after.iter().find(|(id, ..)| id == vcpu) else {
                let named = losses
                    .iter()
                    .any(|path| path.starts_with(&format!("vcpu[{vcpu}]")));
                if !named {
                    found.unnamed.push(format!("{what}: vcpu {vcpu} is gone"));
                }
                continue;
            };
            found.states += 1;
            found.registers += state.iter().count();
            for difference in state.differences(other) {
                let register = &difference.register;
                let named = losses.iter().any(|path| covers(path, *vcpu, register))
                    || own.get(register) == difference.other;
                if !named && !CLOCKS.contains(&register.as_str()) {
                    let hex = |value: Option<u128>| {
                        value.map_or("-".to_owned(), |value| format!("{value:x}"))
                    };
                    found.unnamed.push(format!(
                        "{what}: vcpu {vcpu} {register} {} is {}",
                        hex(difference.one),
                        hex(difference.other)
                    ));
                }
            }
            match started {
                // Before the rewrite no restored PV vcpu got its stacked registers back.
                Started::Dies(Death::Stacked(_)) if !to.spec().whole => {}
                Started::Dies(death) => found
                    .unnamed
                    .push(format!("{what}: vcpu {vcpu} dies: {death:?}")),
                Started::Runs(_) => {}
            }
        }
    }
}

#[test]
fn a_guest_keeps_its_registers_or_is_told_which_it_loses() {
    let mut found = Found::default();
    for golden in goldens() {
        prove(&golden, &mut found);
    }
    println!(
        "{} conversions, {} losses named, {} states of {} registers compared, {} refused",
        found.conversions,
        found.losses,
        found.states,
        found.registers,
        found.refused.len()
    );
    for refused in &found.refused {
        println!("refused: {refused}");
    }
    assert!(
        found.unnamed.is_empty(),
        "{} differences that nobody named:\n{}",
        found.unnamed.len(),
        found.unnamed.join("\n")
    );
    assert!(found.conversions > 900 && found.states > found.conversions);
}
