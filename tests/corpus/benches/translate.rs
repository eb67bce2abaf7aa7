//! Addresses of a guest to places in its image: a million of them, at once and one by one.

use divan::Bencher;
use divan::counter::ItemsCount;
use ia64save_codec::image::{Image, Options};
use ia64save_codec::memory::Memory;
use ia64save_codec::translate::View;
use ia64save_corpus::guestks;

/// Addresses in a go.
const COUNT: usize = 1_000_000;

fn main() {
    divan::main();
}

/// What the guest itself tried, over and over: registers, tables of region 5 and of processes, per-cpu area,
/// one to one; a third leads nowhere.
#[divan::bench(sample_count = 10)]
fn all_kinds(bencher: Bencher<'_, '_>) {
    measure(bencher, |_| true);
}

/// Those that page tables of three levels map.
#[divan::bench(sample_count = 10)]
fn tables(bencher: Bencher<'_, '_>) {
    measure(bencher, |address| address >> 61 < 4);
}

fn measure(bencher: Bencher<'_, '_>, wanted: impl Fn(u64) -> bool) {
    let all = guestks();
    let guestk = all.iter().find(|guestk| guestk.name == "xen34-2vcpu");
    let guestk = guestk.expect("the image");
    let bytes = guestk.bytes();
    let image = Image::parse(&bytes, &Options::default());
    let memory = Memory::new(&image, 0);
    let view = View::new(&memory, 0, 0).expect("vcpu 0");
    let tried = guestk.truth["translations"].as_array().expect("a list");
    let tried = tried.iter().filter(|one| one["vcpu"] == 0);
    let tried = tried.filter_map(|one| {
        let digits = one["va"].as_str()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    });
    let tried: Vec<u64> = tried.filter(|address| wanted(*address)).collect();
    assert!(tried.len() > 10);
    let addresses: Vec<u64> = tried.iter().copied().cycle().take(COUNT).collect();
    bencher.counter(ItemsCount::new(COUNT)).bench(|| {
        let found = addresses.iter().filter_map(|at| view.translate(*at).ok());
        found.filter(|to| to.offset.is_some()).count()
    });
}
