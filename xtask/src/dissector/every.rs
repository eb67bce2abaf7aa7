//! Made-up images of every dialect: most of them no golden has.

use std::path::Path;

use ia64save_corpus::{GeneratedImage, Params, generate, kinds};

use crate::pcap::Pcap;
use crate::tshark::{self, Stream};

/// Images of each dialect and kind of guest.
const SEEDS: u64 = 3;

/// Dissects them; how many there are, and what is wrong.
pub fn check(path: &Path, segment: usize) -> Result<(usize, Vec<String>), String> {
    let mut pcap = Pcap::new();
    let mut images = Vec::new();
    for (dialect, guest) in kinds() {
        for seed in 0..SEEDS {
            let image = generate(&Params::rich(dialect, guest, seed));
            let mut file = b"LinuxGuestRecord\0\0\0\x08(domain)".to_vec();
            file.extend(&image.bytes[..]);
            pcap.relocation(&file, segment);
            images.push(image);
        }
    }
    pcap.save(path)?;
    let streams = tshark::streams(path, 2)?;
    let mut complaints = Vec::new();
    if streams.len() != images.len() {
        complaints.push(format!(
            "{} of {} made-up images were seen",
            streams.len(),
            images.len()
        ));
    }
    for (image, stream) in images.iter().zip(&streams) {
        let (id, seed) = (image.dialect.id(), image.params.seed);
        let differences = differences(image, stream);
        let said = differences.iter();
        complaints
            .extend(said.map(|text| format!("made-up {id} {}, seed {seed}: {text}", image.guest)));
    }
    Ok((images.len(), complaints))
}

fn differences(image: &GeneratedImage, stream: &Stream) -> Vec<String> {
    let plan = &image.plan;
    let rounds = &plan.rounds;
    let vcpus = plan.vcpus.iter().map(|id| u64::from(*id));
    let vcpus: Vec<u64> = rounds.iter().flat_map(|_| vcpus.clone()).collect();
    let pages = rounds.iter().flat_map(|round| round.pages.iter().copied());
    let pfns = rounds
        .iter()
        .flat_map(|round| round.unallocated.iter().copied());
    let rows = [
        ("p2m_size", vec![plan.p2m_size]),
        ("page.gmfn", pages.collect()),
        ("unallocated.pfn", pfns.collect()),
        ("vcpu.id", vcpus),
    ];
    let mut found = Vec::new();
    for (field, expected) in rows {
        let shown = stream.numbers(field);
        if shown != expected {
            found.push(format!("{field}: {shown:?} is shown, {expected:?} is true"));
        }
    }
    let id = image.dialect.id();
    let shown = stream.texts("dialect");
    if shown.len() != 1 || !shown[0].split(' ').any(|word| word == id) {
        found.push(format!("dialect: {shown:?} is shown, {id} is true"));
    }
    let refused = ["The stream ends", "cannot", "Bytes behind", "No sign"];
    let experts = stream.experts.iter();
    let bad = experts.filter(|text| refused.iter().any(|part| text.contains(part)));
    found.extend(bad.map(|text| format!("an expert says: {text}")));
    found
}
