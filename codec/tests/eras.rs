//! Whose bytes an image's are.

use ia64save_codec::image::{Image, Options};
use ia64save_corpus::goldens;

#[test]
fn look() {
    for golden in goldens() {
        let bytes: bytes::Bytes = golden.bytes().into();
        let image = Image::parse(&bytes, &Options::default());
        let found = image.detection.unwrap();
        let ids: Vec<_> = found.eras.iter().map(|e| e.id()).collect();
        let ok = found.candidates.contains(&golden.dialect());
        let era = found.eras.contains(&golden.era());
        let flag = match (ok && era, found.dialect) { (false, _) => "WRONG", (_, None) => "ambig", _ => "ok" };
        println!("{flag:6} {:34} truth {:6} best {:6} {:?} {:?} {}", golden.name, golden.era().id(), found.best_era().id(), found.candidates, ids, if found.best_era()==golden.era() {""} else {"*"});
        if flag != "ok" { for e in &found.evidence { println!("        {e}"); } }
    }
}
