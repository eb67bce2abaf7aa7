//! `map`: every pfn, and where its page is.

use ia64save_corpus::goldens;

use super::program::{Folder, arg, number, run};

#[test]
fn extents_follow_one_another_and_lead_to_the_pages() {
    let folder = Folder::new();
    for golden in goldens() {
        let bytes = golden.bytes();
        let path = folder.file("image.sav", &bytes);
        let map = run(["map", "--format", "json", arg(&path)]).json();
        let (mut next, mut sent, mut unallocated) = (0, 0, 0);
        for extent in map["extents"].as_array().expect("a list") {
            let number = |key: &str| number(&extent[key]).expect("a number");
            assert_eq!(number("start"), next, "{}", golden.name);
            next += number("length");
            assert_eq!(number("length"), number("num_pages") * 16384);
            if extent["present"] == true {
                sent += number("num_pages");
                let (offset, stride) = (number("offset") as usize, number("stride") as usize);
                for page in 0..number("num_pages") as usize {
                    let at = offset + page * stride;
                    let pfn = u64::from_le_bytes(bytes[at - 8..at].try_into().unwrap());
                    assert_eq!(pfn, number("first_pfn") + page as u64, "{}", golden.name);
                    let zero = bytes[at..at + 16384].iter().all(|byte| *byte == 0);
                    assert_eq!(extent["zero"], zero, "{}", golden.name);
                }
            }
            if extent["unallocated"] == true {
                unallocated += number("num_pages");
            }
        }
        assert_eq!(
            golden.truth["pages"]["num_distinct"], sent,
            "{}",
            golden.name
        );
        assert_eq!(
            golden.truth["unallocated"]["count"], unallocated,
            "{}",
            golden.name
        );
    }
}
